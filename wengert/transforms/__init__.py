"""Function transforms (torch.func) over the interpreters of the engine."""
