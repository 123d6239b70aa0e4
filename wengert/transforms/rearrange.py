"""rearrange: a tensor's dimensions named, moved, split and merged by a pattern of words."""

from __future__ import annotations

import math
import re
from typing import Any

from ..api import functions as T
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor

__all__ = ["rearrange"]


def groups_of(text: str) -> list[Any]:
    """The dimensions of one side of a pattern, each a list of names, or "..." for several."""
    found: list[Any] = []
    inside: list[str] | None = None
    for word in re.findall(r"\(|\)|\.\.\.|\w+|\S", text):
        if word == "(":
            if inside is not None:
                raise ValueError(f"rearrange: brackets within brackets in {text!r}")
            inside = []
        elif word == ")":
            if inside is None:
                raise ValueError(f"rearrange: a bracket is closed that is not open in {text!r}")
            found.append(inside)
            inside = None
        elif word == "..." or word.isidentifier() or word == "1":
            if inside is not None:
                inside.append(word)
            else:
                found.append("..." if word == "..." else [word])
        else:
            raise ValueError(f"rearrange: {word!r} is no name of a dimension in {text!r}")
    if inside is not None:
        raise ValueError(f"rearrange: a bracket is not closed in {text!r}")
    return found


def spelled_out(groups: list[Any], dots: list[str]) -> list[list[str]]:
    """Groups with a name for each dimension that "..." stands for."""
    found: list[list[str]] = []
    for g in groups:
        if g == "...":
            found += [[d] for d in dots]
        else:
            found.append([n for name in g for n in (dots if name == "..." else [name])])
    return found


@clear_errors
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Tensor:
    """A tensor with its dimensions as a pattern says: "b c (h w) -> b (h c) w".

    tensor: or a list of tensors, which are stacked in front. axes_lengths: sizes of names inside
    of brackets on the left, all but one of a bracket. ValueError for a pattern that does not fit.

    tensor has any shape with as many dims as the pattern has names or brackets. Raises TypeError
    where tensor is no tensor or pattern or h is of the wrong type; RuntimeError where h is
    negative, 0 or a tensor of several numbers.

    >>> from wengert.func import rearrange
    >>> rearrange(torch.ones(2, 6), "b (h w) -> h b w", h=2).shape
    torch.Size([2, 2, 3])
    """
    x = T.stack(list(tensor), 0) if isinstance(tensor, (list, tuple)) else tensor
    left, arrow, right = pattern.partition("->")
    if not arrow:
        raise ValueError(f"rearrange: a pattern has one arrow '->', got {pattern!r}")
    before, after = groups_of(left), groups_of(right)
    extra = x.dim() - sum(g != "..." for g in before)
    if extra < 0 or extra and "..." not in before:
        raise ValueError(f"rearrange: {pattern!r} does not fit a tensor of shape {tuple(x.shape)}")
    dots = [f"...{i}" for i in range(extra)]
    before, after = spelled_out(before, dots), spelled_out(after, dots)
    sizes: dict[str, int] = dict(axes_lengths)
    shape: list[int] = []
    order: list[str] = []
    for group, size in zip(before, x.shape):
        names = [n for n in group if n != "1"]
        open_ = [n for n in names if n not in sizes or len(names) == 1]
        known = math.prod([sizes[n] for n in names if n not in open_])
        if len(open_) > 1 or (not open_ and known != size) or (open_ and size % known):
            raise ValueError(
                f"rearrange: a dimension of size {size} is not {' * '.join(group) or '1'} with "
                f"{axes_lengths}: give the size of all but one name"
            )
        for n in open_:
            if sizes.setdefault(n, size // known) != size // known:
                raise ValueError(f"rearrange: {n} is {sizes[n]} and {size // known}")
        order += names
        shape += [sizes[n] for n in names]
    wanted = [n for g in after for n in g if n != "1"]
    if sorted(wanted) != sorted(order):
        raise ValueError(f"rearrange: both sides of {pattern!r} must have the same names")
    moved: Tensor = x.reshape(shape).permute([order.index(n) for n in wanted])
    return moved.reshape([math.prod([sizes[n] for n in g if n != "1"]) for g in after])
