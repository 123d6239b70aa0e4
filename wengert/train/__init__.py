"""Training without writing the loop: the network for tables, and callbacks.

Here: what needs wengert only. The scikit-learn estimators are in `estimator.py`, which imports
scikit-learn and is reached as `wengert.sklearn`.
"""

from __future__ import annotations

from .callback import Callback
from .mlp import MLP

__all__ = ["MLP", "Callback"]
