"""torch.cuda.streams: re-exports."""
