"""Products of matrices, factorisations, solving, properties of matrices."""
