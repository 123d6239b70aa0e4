"""Sparse tensors: the class, making them, functions on them."""
