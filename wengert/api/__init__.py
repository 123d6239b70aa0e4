"""Layer 4: the Tensor people see: methods, operators, indexing, printing, interop."""
