"""Layer 1: machine code made while a program runs: compiler, lanes, formulas, threads."""
