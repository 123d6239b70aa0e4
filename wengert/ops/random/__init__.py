"""Random tensors: made, filled in place, drawn from distributions."""
