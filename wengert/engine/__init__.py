"""Layer 2: ops, the graph, the reverse pass, and the interpreters. Imports no array library."""
