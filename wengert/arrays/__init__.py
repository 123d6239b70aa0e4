"""Layer 1: one vocabulary of array functions, several libraries behind it."""
