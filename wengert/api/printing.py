"""How tensors look when printed: `repr(t)`, `str(t)`, `format(t)` and `set_printoptions`.

The text is PyTorch's, byte for byte. Everything up to `describe` works on NumPy arrays and knows
nothing about tensors. How modules, sizes and dtypes print lives with those types.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..arrays.lookup import RANK
from ..base import dtypes
from ..engine.tensor import Tensor, wrap
from . import functions as T

__all__ = [
    "describe",
    "format_array",
    "get_printoptions",
    "printoptions",
    "set_printoptions",
    "tensor_repr",
]


class PrintOptions(NamedTuple):
    """What `set_printoptions` sets. `sci_mode=None` decides from the values."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: float = 80
    sci_mode: bool | None = None


PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}

_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: float | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed, for the whole process.

    Args:
        precision: digits after the point (4).
        threshold: tensors with more elements than this are shortened (1000).
        edgeitems: how many elements a shortened tensor keeps at either end of each dimension (3).
        linewidth: characters in a line (80).
        profile: "default", "short" or "full" (never shortened); other names are ignored, the other
            arguments override it.
        sci_mode: True or False to force or forbid scientific notation, None to look at the values.
            Every call sets it: leaving it out goes back to None.

    >>> import numpy as np
    >>> set_printoptions(precision=2)
    >>> format_array(np.array([0.125, 2.0]))
    '[0.12, 2.00]'
    >>> set_printoptions(profile="default")
    """
    global _options
    changes = dict(PROFILES.get(profile, {})) if profile is not None else {}
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    changes.update({name: value for name, value in given.items() if value is not None})
    _options = _options._replace(**changes, sci_mode=sci_mode)


def get_printoptions() -> dict[str, Any]:
    """The print options in force, by name.

    >>> get_printoptions()["precision"]
    4
    """
    return _options._asdict()


class _InForce:
    """The print options in force, as attributes that may be set."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_options, name)

    def __setattr__(self, name: str, value: Any) -> None:
        set_printoptions(**{"sci_mode": _options.sci_mode, name: value})


PRINT_OPTS = _InForce()


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Print options for the length of a `with` block; takes `set_printoptions`' arguments.

    >>> import numpy as np
    >>> with printoptions(sci_mode=True):
    ...     format_array(np.array([1.5]))
    '[1.5000e+00]'
    """
    global _options
    before = _options
    # An option that the block does not name keeps its value, sci_mode included.
    set_printoptions(**{"sci_mode": before.sci_mode, **options})
    try:
        yield
    finally:
        _options = before


# --- numbers to cells of equal width -----------------------------------------------------------


def _float_cells(values: list[float], options: PrintOptions) -> tuple[list[str], int]:
    """One string per value, padded on the left, and the width that lines are measured by.

    Zeros, infinities and nans have no say in notation or width; an array of nothing else counts as
    one character wide.
    """
    # v - v is 0 for finite values only.
    magnitudes = [abs(v) for v in values if v and v - v == 0.0]
    whole = True
    scientific = False
    if magnitudes:
        whole = all(map(float.is_integer, magnitudes))
        largest, smallest = max(magnitudes), min(magnitudes)
        scientific = largest / smallest > 1000.0 or largest > 1e8
        if not whole:
            scientific = scientific or smallest < 1e-4
        if options.sci_mode is not None:
            scientific = options.sci_mode

    if scientific:
        template = f"%.{options.precision}e"
        cells = [template % v for v in values]
    elif whole:
        cells = [f"{v:.0f}." if v - v == 0.0 else f"{v:.0f}" for v in values]
    else:
        template = f"%.{options.precision}f"
        cells = [template % v for v in values]

    if not magnitudes:
        return cells, 1
    if len(magnitudes) == len(values):
        width = max(map(len, cells))
    else:
        width = max(len(c) for c, v in zip(cells, values, strict=True) if v and v - v == 0.0)
    return [c.rjust(width) for c in cells], width


def _cells(a: Any, options: PrintOptions) -> tuple[list[str], int]:
    """One string per element in row-major order, and the width that lines are measured by."""
    if a.dtype == dtypes.complex32.np:
        a = a.astype("complex64")
    kind = a.dtype.kind
    flat = a.reshape(-1)
    if kind == "f":
        return _float_cells(flat.tolist(), options)
    if kind in "iu" or kind == "b":
        cells = [str(v) for v in flat.tolist()]
        width = max(map(len, cells))
        return [c.rjust(width) for c in cells], width
    if kind == "c":
        real, real_width = _float_cells(flat.real.tolist(), options)
        imag, imag_width = _float_cells(flat.imag.tolist(), options)
        stripped = map(str.lstrip, imag)
        cells = [
            f"{r}{i}j" if i[0] == "-" else f"{r}+{i}j" for r, i in zip(real, stripped, strict=True)
        ]
        # PyTorch counts only one of the characters "+" and "j": its lines run a little long.
        return cells, real_width + imag_width + 1
    # bfloat16 and the float8 types: NumPy calls them void. All their values are float32 values.
    return _float_cells(flat.astype("float32").tolist(), options)


# --- cells to nested brackets ------------------------------------------------------------------


def _nest(cells: list[str], dims: Sequence[int], edge: int, indent: int, per_line: float) -> str:
    """Brackets around `cells`.

    A size of -1 in `dims` is a shortened dimension: `edge` items are left at either end.
    """
    short = dims[0] < 0
    if len(dims) == 1:
        row = [*cells[:edge], " ...", *cells[edge:]] if short else cells
        if len(row) <= per_line:
            return "[" + ", ".join(row) + "]"
        width = int(per_line)
        lines = [", ".join(row[i : i + width]) for i in range(0, len(row), width)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    count = 2 * edge if short else dims[0]
    step = len(cells) // count
    parts = [
        _nest(cells[i : i + step], dims[1:], edge, indent + 1, per_line)
        for i in range(0, len(cells), step)
    ]
    if short:
        parts.insert(edge, "...")
    return "[" + ("," + "\n" * (len(dims) - 1) + " " * (indent + 1)).join(parts) + "]"


def format_array(a: Any, indent: int = 0, options: PrintOptions | None = None) -> str:
    """The nested brackets of an array, as they stand inside `tensor(...)`.

    Args:
        a: an array of any shape, NumPy's or another library's.
        indent: how many characters stand before it on its first line.
        options: how to print; those of `set_printoptions` if None.

    >>> import numpy as np
    >>> print(format_array(np.eye(2)))
    [[1., 0.],
     [0., 1.]]
    """
    options = options or _options
    if not a.size:
        return "[]"
    edge = options.edgeitems
    dims = list(a.shape)
    if a.size > options.threshold and dims:
        if edge == 0:
            return "[...]"
        dims = [-1 if size > 2 * edge else size for size in dims]
        a = _edges(a, [dim for dim, size in enumerate(dims) if size < 0], edge)
    if type(a) is not np.ndarray:
        a = wrap(a).to("cpu")._a
    cells, width = _cells(a, options)
    if not dims:
        return cells[0]
    # Each cell is followed by a comma and a space.
    per_line = max(1, (options.linewidth - indent - len(dims) + 1) // (width + 2))
    return _nest(cells, dims, edge, indent, per_line)


def values_of(t: Tensor, indent: int) -> str:
    """The nested brackets of a tensor's values."""
    return format_array(t._a, indent)


def _edges(a: Any, dims: Sequence[int], edge: int) -> Any:
    """The first and last `edge` items of `a` along each of `dims`, on the device where they are."""
    for dim in dims:
        before = (slice(None),) * dim
        if type(a) is np.ndarray:
            key: Any = (*before, [*range(edge), *range(-edge, 0)])
            a = a[key]
        else:
            t = wrap(a)
            a = T.cat([t[(*before, slice(edge))], t[(*before, slice(-edge, None))]], dim)._a
    return a


def describe(contents: str, notes: Sequence[str], opening: str = "tensor(") -> str:
    """`opening`, the contents and then the notes ("dtype=..."), wrapped at the line width.

    >>> describe("[1., 2.]", ["requires_grad=True"])
    'tensor([1., 2.], requires_grad=True)'
    """
    return with_notes(opening + contents, notes, len(opening), False)


def with_notes(text: str, notes: Sequence[str], indent: int, force_newline: bool) -> str:
    """A text and notes behind it, wrapped at the line width, with a bracket at the end.

    indent: of further lines. force_newline: begin one for the first note.
    """
    # PyTorch leaves room for two characters more than there are.
    column = len(text) - text.rfind("\n") + 1
    for note in notes:
        if force_newline or column + len(note) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + note
            column, force_newline = indent + len(note), False
        else:
            text += ", " + note
            column += len(note) + 2
    return text + ")"


# --- tensors -----------------------------------------------------------------------------------


def tensor_repr(t: Tensor, *, tensor_contents: str | None = None, name: str | None = None) -> str:
    """What repr(t) gives.

    Args:
        tensor_contents: shown instead of the values.
        name: the word before the bracket; None is "tensor", or the class for users' subclasses.

    >>> from wengert.api.interop import from_numpy
    >>> tensor_repr(from_numpy(np.arange(3)), name="weights")
    'weights([0, 1, 2])'
    """
    a = t._a
    if RANK.get(type(a), 0):
        return _wrapped(t, tensor_contents) if hasattr(a, "facts") else _interpreted(a)
    if name is None:
        # Parameter is ours, and says itself that it is one.
        ours = type(t).__module__.startswith(("torch", "wengert"))
        name = "tensor" if ours else type(t).__name__
    opening = name + "("
    device = t.device
    notes = []
    if device.type != "cpu":
        notes.append(f"device='{device}'")
    kept: tuple[str, ...] = (
        "int64",
        "bool",
        "complex128" if _default() == "float64" else "complex64",
    )
    if device.type == "meta":
        contents = "..."
        notes.append(f"size={tuple(a.shape)}")
        kept = ()
    elif a.size:
        contents = format_array(a, len(opening)) if tensor_contents is None else ""
        if _options.edgeitems == 0:
            notes.append(f"size={tuple(a.shape)}")
    else:
        contents = "[]"
        kept = ()
        if a.ndim != 1:
            notes.append(f"size={tuple(a.shape)}")
    element = dtypes.BY_NP[a.dtype].name
    if element != _default() and element not in kept:
        notes.append(f"dtype=torch.{element}")
    if t._n is not None:
        fn = t.grad_fn
        notes.append("requires_grad=True" if fn is None else f"grad_fn=<{fn.name()}>")
    return describe(contents if tensor_contents is None else tensor_contents, notes, opening)


def _default() -> str:
    return dtypes.get_default_dtype().name


def _wrapped(t: Any, contents: str | None) -> str:
    """A tensor of a class that sees operators; contents: what the class shows of it."""
    notes = [] if t.device.type == "cpu" else [f"device='{t.device}'"]
    if contents is None:
        notes.append(f"size={tuple(t._a.shape)}")
    element = dtypes.BY_NP[t._a.dtype].name
    if element not in (_default(), "int64", "bool"):
        notes.append(f"dtype=torch.{element}")
    if t._n is not None:
        fn = t.grad_fn
        notes.append("requires_grad=True" if fn is None else f"grad_fn=<{fn.name()}>")
    return (
        ", ".join([f"{type(t).__name__}({'...' if contents is None else contents}", *notes]) + ")"
    )


def _interpreted(a: Any) -> str:
    """A value inside a function transform: what it holds, indented."""
    inner = a.content if isinstance(a.content, Tensor) else wrap(a.content)
    text = tensor_repr(inner).replace("\n", "\n    ")
    batch = ", bdim=0" if type(a).__name__ == "Batched" else ""
    return f"{type(a).__name__}Tensor(lvl={a.level}{batch}, value=\n    {text}\n)"


def _format(t: Tensor, spec: str) -> str:
    """What format(t, spec) gives: a tensor without dimensions formats as its number."""
    if type(t) is Tensor and not t._a.ndim and t.device.type != "meta":
        return format(t.item(), spec)
    return object.__format__(t, spec)


def notebook_html(t: Tensor) -> str | None:
    """A tensor as notebooks show it (display.py)."""
    from .display import tensor_html

    return tensor_html(t)


if "IPython" in sys.modules:
    from .ipython import load_ipython_extension

    load_ipython_extension(sys.modules["IPython"].get_ipython())

Tensor._repr_html_ = notebook_html  # type: ignore[attr-defined]
Tensor.__repr__ = tensor_repr  # type: ignore[method-assign,assignment]
Tensor.__format__ = _format  # type: ignore[method-assign,assignment]
