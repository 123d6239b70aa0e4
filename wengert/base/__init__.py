"""Dtypes, devices, modes, errors, trees. Knows nothing about arrays."""
