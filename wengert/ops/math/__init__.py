"""Ops on each element: arithmetic, comparisons, rounding, complex and special functions."""
