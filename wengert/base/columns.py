"""Data frames by their columns: which of them hold no numbers, and which lack some.

Nothing of pandas is imported: a frame is what has columns and their dtypes.
"""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np

__all__ = ["gaps", "strangers"]


def strangers(frame: Any) -> str:
    """What to say of the columns of a frame that hold something else than numbers; "" if none do,
    and for what is no frame.
    """
    kinds = getattr(frame, "dtypes", None)
    if kinds is None or not hasattr(frame, "columns"):
        return ""
    wrong = []
    for name, d in zip(frame.columns, kinds):
        if getattr(d, "kind", "O") in "biuf":
            continue
        for v in frame[name]:
            if not isinstance(v, (Number, np.bool_)) and not missing(v):
                wrong.append(f"{name!r} ({getattr(d, 'name', d)}, such as {v!r})")
                break
    if not wrong:
        return ""
    column, hold = ("column", "holds") if len(wrong) == 1 else ("columns", "hold")
    return (
        f"the {column} {', '.join(wrong)} of the data frame {hold} no numbers: encode text and "
        "categories with sklearn's OneHotEncoder or pandas.get_dummies, dates as numbers, or "
        "leave the column out"
    )


def missing(v: Any) -> bool:
    """Whether an element stands for nothing: None, NaN, a date that is none, pandas.NA."""
    try:
        return v is None or bool(v != v)
    except TypeError:  # pandas.NA answers with itself
        return True
    except ValueError:  # an array
        return False


def gaps(frame: Any) -> str:
    """What to say of the columns of a frame that lack numbers; "" if none do."""
    if not hasattr(frame, "columns") or not hasattr(frame, "isna"):
        return ""
    counts = {name: int(n) for name, n in frame.isna().sum().items() if n}
    if not counts:
        return ""
    column = "column" if len(counts) == 1 else "columns"
    missing = ", ".join(f"{name!r} ({n} of {len(frame)})" for name, n in counts.items())
    return (
        f"Input X contains NaN, in the {column} {missing} of the data frame: fill them with "
        "sklearn's SimpleImputer or frame.fillna, or leave the rows out with frame.dropna"
    )
