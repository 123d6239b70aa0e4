"""torchaudio.datasets: data sets whose files are there; nothing is downloaded."""

from .commands import SPEECHCOMMANDS, YESNO

__all__ = ["SPEECHCOMMANDS", "YESNO"]
