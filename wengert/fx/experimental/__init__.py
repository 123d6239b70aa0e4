"""torch.fx.experimental: rewriting whole modules."""
