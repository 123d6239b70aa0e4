"""Small calls at the edges (ties, nan, infinities, zero sizes, odd indices and numbers) and what
PyTorch gives for each: tests/golden/edge_cases.txt has a call and its printed result, in two lines.

Here: how a call is run and read. `tools/record_operators.py` writes the results anew.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

TABLE = Path(__file__).parent.parent / "golden" / "edge_cases.txt"


def names(T: Any) -> dict[str, Any]:
    """What the calls may use: T (torch), F, t (tensor), G (value and gradients), dtypes, np."""

    def grads(f: Any, *values: Any) -> tuple[Any, ...]:
        floats = [isinstance(v, (list, float)) for v in values]
        xs = [T.tensor(v, requires_grad=True) if a else v for v, a in zip(values, floats)]
        y = f(*xs)
        leaves = [x for x, a in zip(xs, floats) if a]
        return (y.detach(), *T.autograd.grad(y.sum(), leaves, allow_unused=True))

    def written(x: Any, key: Any, value: Any) -> Any:
        x[key] = value
        return x

    return {
        "T": T, "F": T.nn.functional, "t": T.tensor, "G": grads, "written": written, "np": np,
        "h": T.float16, "c": T.complex64, "inf": float("inf"), "nan": float("nan"),
    }  # fmt: skip


def builtin(error: BaseException) -> type:
    """The builtin type of an error, which both libraries share."""
    return next(c for c in type(error).__mro__ if c.__module__ == "builtins")


def outcome(T: Any, call: str) -> str:
    """A call's result as it is printed, in one line; the name of the error instead of one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = str(eval(call, names(T)))
        except Exception as error:
            return builtin(error).__name__
    return " ".join(text.replace("wengert", "torch").split())


def table() -> dict[str, str]:
    """call -> its recorded result."""
    lines = TABLE.read_text("utf-8").splitlines()
    return dict(zip(lines[::2], [line.strip() for line in lines[1::2]]))


def record(T: Any) -> None:
    """Write the results of all calls anew."""
    TABLE.write_text("".join(f"{call}\n    {outcome(T, call)}\n" for call in table()), "utf-8")
