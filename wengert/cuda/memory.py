"""torch.cuda.memory: re-exports."""
