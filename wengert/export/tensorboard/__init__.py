"""Event files for TensorBoard, through the writer of the `tensorboard` package.

`writer.py` has SummaryWriter, `summary.py` what one event holds, `pictures.py` arrays as images,
`embedding.py` the files of the projector, `graph.py` the graph of a module.
"""

from .writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "SummaryWriter"]
