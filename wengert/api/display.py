"""How tensors look in notebooks: a table of numbers with shape and dtype, and a small heat map of a
matrix. Colours and PNG files are made here; text is `printing.py`'s.
"""

from __future__ import annotations

import base64
import html
import math
import struct
import zlib
from typing import Any

import numpy as np

from ..base import dtypes
from ..engine.tensor import Tensor

__all__ = ["coloured", "host", "img", "png", "tensor_html"]

ROWS, COLUMNS = 8, 10  # that a table shows
LARGEST = 256  # pixels of a side of a heat map's picture
# a scale from blue over white to red for numbers of both signs, and one from dark to light
SIGNED = np.array([[33, 102, 172], [247, 247, 247], [178, 24, 43]], np.float64)
POSITIVE = np.array([[68, 1, 84], [33, 145, 140], [253, 231, 37]], np.float64)


def host(t: Tensor) -> np.ndarray | None:
    """The elements as NumPy has them; None where there are none to show."""
    try:
        t = t.detach().resolve_conj()
        if dtypes.as_dtype(t._a.dtype) is dtypes.bfloat16:
            t = t.float()
        a = t.cpu().numpy()
    except (RuntimeError, TypeError, NotImplementedError, AttributeError):
        return None
    return a if isinstance(a, np.ndarray) else None


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of (height, width, 3) bytes."""
    h, w = pixels.shape[:2]
    rows = np.zeros((h, 1 + 3 * w), np.uint8)  # each row begins with its filter, none
    rows[:, 1:] = pixels.reshape(h, 3 * w)

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows.tobytes(), 6))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def coloured(a: np.ndarray) -> np.ndarray:
    """(h, w) numbers as (h, w, 3) bytes: blue to red around zero if there are both signs, else dark
    to light; NaN and infinity in magenta.
    """
    a = a.astype(np.float64)
    fine = np.isfinite(a)
    known = a[fine]
    low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
    if low < 0 < high:
        most = max(-low, high)
        low, high, scale = -most, most, SIGNED
    else:
        scale = POSITIVE
    share = (np.where(fine, a, low) - low) / ((high - low) or 1.0) * 2
    at = np.clip(share.astype(int), 0, 1)
    part = (share - at)[..., None]
    colours = scale[at] * (1 - part) + scale[at + 1] * part
    colours[~fine] = (255, 0, 255)
    return np.rint(colours).astype(np.uint8)


def thinned(a: np.ndarray) -> np.ndarray:
    """A matrix of at most LARGEST rows and columns, taken evenly."""
    for axis in (0, 1):
        if a.shape[axis] > LARGEST:
            at = np.linspace(0, a.shape[axis] - 1, LARGEST).astype(int)
            a = a.take(at, axis)
    return a


def img(pixels: np.ndarray, width: int, text: str = "") -> str:
    """An <img> that carries its picture, without smoothing."""
    data = base64.b64encode(png(pixels)).decode("ascii")
    style = f"width:{width}px;max-width:100%;image-rendering:pixelated"
    style += ";border:1px solid rgba(128,128,128,.4)"
    return f'<img src="data:image/png;base64,{data}" style="{style}" alt="{html.escape(text)}">'


def number(x: Any) -> str:
    """An element for a table."""
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    if isinstance(x, (complex, np.complexfloating)):
        return f"{complex(x):.3g}"
    return f"{x:.4g}" if isinstance(x, (float, np.floating)) else str(x)


def few(n: int, most: int) -> list[int | None]:
    """Which of n rows are shown; None: those between."""
    if n <= most:
        return list(range(n))
    head = most // 2
    return [*range(head), None, *range(n - (most - head - 1), n)]


def table(a: np.ndarray) -> str:
    """A matrix as a table, its middle left out if it is large. A vector has no names of rows, and
    a number no table.
    """
    font = "font:12px/1.5 ui-monospace,Menlo,Consolas,monospace"
    if a.ndim == 0:
        return f'<div style="margin:4px 6px;{font}">{number(a[()])}</div>'
    soft = 'style="color:rgba(128,128,128,.9);font-weight:400;text-align:right;padding:0 6px"'
    cell = '<td style="text-align:right;white-space:nowrap;padding:0 6px">'
    named = a.ndim == 2

    def row(name: object, cells: str) -> str:
        return f"<tr>{f'<th {soft}>{name}</th>' if named else ''}{cells}</tr>"

    a = a.reshape(-1, a.shape[-1])
    rows, columns = few(a.shape[0], ROWS), few(a.shape[1], COLUMNS)
    out = [row("", "".join(f"<th {soft}>{'…' if j is None else j}</th>" for j in columns))]
    for i in rows:
        if i is None:
            out.append(row("⋮", f"{cell}⋮</td>" * len(columns)))
            continue
        cells = [f"{cell}{'…' if j is None else number(a[i, j])}</td>" for j in columns]
        out.append(row(i, "".join(cells)))
    return f'<table style="margin:4px 0;{font}">{"".join(out)}</table>'


def facts(t: Tensor) -> str:
    """Shape, dtype and what else is worth a line."""
    shape = " × ".join(map(str, t.shape)) or "scalar"
    told = [type(t).__name__, shape, str(t.dtype).removeprefix("torch.")]
    if str(t.device) != "cpu":
        told.append(str(t.device))
    if t.grad_fn is not None:
        told.append(t.grad_fn.name())
    elif t.requires_grad:
        told.append("requires grad")
    return " · ".join(told)


def summary(a: np.ndarray) -> str:
    """Range and mean of many numbers."""
    if a.size < 2 or a.dtype.kind not in "iuf":
        return ""
    real = a[np.isfinite(a)] if a.dtype.kind == "f" else a
    odd = a.size - real.size
    told = f"{odd} not finite" if odd else ""
    if real.size:
        mean = float(real.mean(dtype=np.float64))
        told = f"{number(real.min())} to {number(real.max())}, mean {mean:.4g}" + (
            f", {told}" if told else ""
        )
    return told


def tensor_html(t: Tensor) -> str | None:
    """A tensor for a notebook; None where its text says all there is."""
    if t.is_sparse or t.is_nested:
        return None
    a = host(t)
    head = html.escape(facts(t))
    if a is None or not a.size:
        return f"<div style='font:12px monospace'>{head}, no elements</div>"
    note = summary(a)
    soft = "color:rgba(128,128,128,.95);font:12px ui-sans-serif,system-ui,sans-serif"
    top = f'<div style="{soft}">{head}{" · " + html.escape(note) if note else ""}</div>'
    if a.ndim < 2:
        body = table(a)
    else:
        index = ", ".join(["0"] * (a.ndim - 2))
        first = a.reshape(-1, *a.shape[-2:])[0]
        body = table(first)
        if a.ndim > 2:
            body = (
                f'<div style="{soft}">[{index}] of {math.prod(a.shape[:-2])} matrices</div>{body}'
            )
        if first.dtype.kind in "biuf" and min(first.shape) > 1 and (first != first[0, 0]).any():
            width = int(min(160, max(48, first.shape[1] * 8)))
            body += img(coloured(thinned(first)), width, "heat map")
        body = f'<div style="display:flex;gap:16px;align-items:center;flex-wrap:wrap">{body}</div>'
    return f"<div style='overflow-x:auto'>{top}{body}</div>"
