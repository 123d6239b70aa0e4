"""Ops that read and write at places: indexing, gather and scatter, masks, search."""
