"""The version that programs compare: PyTorch's, whose behaviour this is, and behind `+` our own."""

from __future__ import annotations

import re
from typing import Any

OWN = "0.1.0"  # of this package; the same stands in pyproject.toml
REFERENCE = "2.13.0"  # the PyTorch that behaviour is compared with


class TorchVersion(str):
    """A version as text that compares by number: with text, tuples of numbers and the like.

    >>> TorchVersion("2.13.0+cpu") >= "2.9", TorchVersion("2.13.0") < (2, 14)
    (True, True)
    """

    __slots__ = ()

    def _compare(self, other: Any, otherwise: Any) -> int:
        theirs = numbers(other)
        if theirs is None:
            return otherwise
        mine = numbers(self)
        assert mine is not None
        width = max(len(mine[0]), len(theirs[0]))
        a, b = ((*n, *(0,) * (width - len(n))) for n, _, _ in (mine, theirs))
        if a != b:
            return -1 if a < b else 1
        return (mine[1:] > theirs[1:]) - (mine[1:] < theirs[1:])

    def __lt__(self, other: Any) -> Any:
        c = self._compare(other, NotImplemented)
        return c if c is NotImplemented else c < 0

    def __le__(self, other: Any) -> Any:
        c = self._compare(other, NotImplemented)
        return c if c is NotImplemented else c <= 0

    def __gt__(self, other: Any) -> Any:
        c = self._compare(other, NotImplemented)
        return c if c is NotImplemented else c > 0

    def __ge__(self, other: Any) -> Any:
        c = self._compare(other, NotImplemented)
        return c if c is NotImplemented else c >= 0

    def __eq__(self, other: object) -> Any:
        c = self._compare(other, None)
        return c == 0

    def __ne__(self, other: object) -> Any:
        return not self == other

    __hash__ = str.__hash__


def numbers(version: Any) -> tuple[tuple[int, ...], int, str] | None:
    """The numbers of a version; 0 or, before a release (2.13.0a0, 2.13.0.dev1), -1; and what
    stands behind a +. None for what is no version.
    """
    if isinstance(version, (tuple, list)):
        version = ".".join([str(part) for part in version])
    found = re.match(r"v?(\d+(?:\.\d+)*)(\.?(?:a|b|rc|dev|alpha|beta)\d*)?", str(version))
    if found is None:
        return None
    local = str(version).partition("+")[2]
    return tuple([int(part) for part in found[1].split(".")]), -1 if found[2] else 0, local


__version__ = TorchVersion(f"{REFERENCE}+wengert.{OWN}")

WHEELS = {"cupy": ("cupy", "cupy-cuda12x", "cupy-cuda13x")}


def installed(package: str) -> str:
    """The installed version of a package, or a word that says why there is none.

    >>> installed("no-such-package")
    'not installed'
    """
    from importlib import metadata

    for name in WHEELS.get(package, (package,)):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "from its source tree" if package == "wengert" else "not installed"
