"""Layer 5: function transforms (torch.func) over the interpreters of the engine."""
