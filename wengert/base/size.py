"""torch.Size: the shape of a tensor."""

from __future__ import annotations

import math
from typing import Any, SupportsIndex, overload

item: Any = tuple.__getitem__


class Size(tuple[int, ...]):
    """A tuple of ints that prints as `torch.Size([2, 3])`.

    values: ints.

    Raises TypeError where values is of the wrong type.

    >>> torch.ones(2, 3).size(), torch.Size([2, 3]).numel()
    (torch.Size([2, 3]), 6)
    """

    __slots__ = ()

    def __new__(cls, values: Any = ()) -> Size:
        t = tuple.__new__(cls, values)
        for i, v in enumerate(t):
            if type(v) is not int:
                try:
                    t = tuple.__new__(cls, [x.__index__() for x in t])
                except (AttributeError, TypeError):
                    raise TypeError(
                        f"torch.Size() takes an iterable of 'int' (item {i} is"
                        f" '{type(v).__name__}')"
                    ) from None
                break
        return t

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    @overload
    def __getitem__(self, i: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, i: slice) -> Size: ...
    def __getitem__(self, i: Any) -> Any:
        if type(i) is int:
            return item(self, i)
        return Size(item(self, i)) if isinstance(i, slice) else item(self, i)

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, tuple):
            raise TypeError(
                f"can only concatenate tuple (not {type(other).__name__}) to torch.Size: write"
                " size + tuple(other)"
            )
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: Any) -> Any:
        if not isinstance(other, tuple):
            return NotImplemented
        return Size(tuple.__add__(other, self))

    def __mul__(self, n: Any) -> Any:
        return Size(tuple.__mul__(self, n))

    __rmul__ = __mul__

    def __reduce__(self) -> Any:
        return Size, (tuple(self),)


class Known(dict[tuple[int, ...], Size]):
    """The Size of a tuple of ints: found sooner than made. Of thousands none is kept."""

    def __missing__(self, shape: tuple[int, ...]) -> Size:
        if len(self) >= 4096:
            self.clear()
        made = self[shape] = Size(shape)
        return made


KNOWN = Known()
