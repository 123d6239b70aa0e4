"""torch.cuda.random: re-exports."""
