"""Machine code made while a program runs: compiler, lanes, formulas, threads."""
