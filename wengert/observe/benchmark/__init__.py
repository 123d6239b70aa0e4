"""Timing of statements, what comes out of it, tables that compare, and random inputs for it."""
