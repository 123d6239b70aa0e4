"""scikit-learn estimators, re-exported from `train/estimator.py`."""

from __future__ import annotations

try:
    from .train.estimator import Classifier, Regressor
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "sklearn":
        raise
    raise ModuleNotFoundError(
        "wengert.sklearn needs scikit-learn: pip install 'wengert[sklearn]'", name="sklearn"
    ) from None

__all__ = ["Classifier", "Regressor"]
