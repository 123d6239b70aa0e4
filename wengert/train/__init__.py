"""Training without writing the loop: the network for tables, callbacks, and a bar of progress.

Here: what needs wengert only. The scikit-learn estimators are in `estimator.py`, which imports
scikit-learn and is reached as `wengert.sklearn`.
"""

from __future__ import annotations

from .callback import Callback
from .callbacks import Checkpoint, EarlyStopping, LRSchedule, ProgressBar, TensorBoard
from .mlp import MLP
from .nonfinite import NonFiniteWarning
from .progress import progress

__all__ = [
    "MLP", "Callback", "Checkpoint", "EarlyStopping", "LRSchedule", "NonFiniteWarning",
    "ProgressBar", "TensorBoard", "progress",
]  # fmt: skip
