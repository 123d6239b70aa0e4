"""The Tensor people see: methods, operators, indexing, printing, interop."""
