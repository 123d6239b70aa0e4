"""Layer 0: dtypes, devices, modes, errors, trees. Knows nothing about arrays."""
