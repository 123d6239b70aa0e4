"""torch.utils.tensorboard.writer: re-exports."""

from ...export.tensorboard.writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "SummaryWriter"]
