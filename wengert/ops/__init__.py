"""Layer 3: every op, defined once in the file of its topic: forward, rules, kind, docstring."""
