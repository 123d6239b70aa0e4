"""Machine code made while a program runs, where llvmlite is installed.

Here: the compiler as those see it who write IR themselves, and `Code`, a function that is compiled
once it pays. Not here: what is compiled (`row_gather.py` beside this file,
`arrays/random_kernels.py`, and the optimizers' formulas).

Everything works without: each caller has a way of its own with NumPy, to the same numbers.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

from ..base.uninterrupted import uninterrupted
from . import calling, compiler
from .compiler import Target

COST = 5e6  # ns lost without it: part of what the compiler costs, as more calls will follow


class Host:
    """The compiler for this machine, made at first use; `make` gives None where there is none."""

    made: list[Host | None] = []
    lock = threading.RLock()

    def __init__(self, target: Target) -> None:
        self.target, self.bytes = target, target.bytes
        enabled = [f[1:] for f in target.features.split(",") if f.startswith("+")]
        self.features = dict.fromkeys(enabled, True)

    @classmethod
    def make(cls) -> Host | None:
        if not cls.made:
            target = compiler.target()
            with cls.lock:
                if not cls.made:
                    cls.made.append(None if target is None else cls(target))
        return cls.made[0]

    def knows(self, name: str) -> bool:
        """Whether code finds a C function of this name."""
        return compiler.has_symbol(name)

    def fuses(self) -> bool:
        """Whether the processor multiplies and adds with one rounding."""
        return self.target.arm or self.features.get("fma", False)

    def address(self, code: str) -> int:
        """Where the function `run` of some IR is in memory."""
        return self.named(code, lambda: code)

    def named(self, key: object, text: Callable[[], str]) -> int:
        """The same of IR that is written only if it is not on disk; key: as for `compiler.load`."""
        return compiler.load(self.target, key, text, ["run"])[0]

    def function(self, code: str, types: str) -> Callable[..., None]:
        """The function `run` of some IR, for Python to call; types: see `Code`."""
        if calling.fits():
            both = code + calling.wrapper(types)
            where = compiler.load(self.target, both, lambda: both, ["call"])[0]
            return calling.function("kernel", where)
        prototype = ctypes.PYFUNCTYPE if "o" in types else ctypes.CFUNCTYPE
        return prototype(None, *[KINDS[t] for t in types])(self.address(code))


KINDS: dict[str, Any] = {
    "p": ctypes.c_void_p,
    "i": ctypes.c_int64,
    "d": ctypes.c_double,
    "o": ctypes.py_object,
}


class Paid:
    """Something in machine code that is made when the calls without it have lost enough."""

    made, lost, run = False, 0.0, None  # whether it was tried; ns; what is called
    least: float = COST  # ns lost at which it is made

    def ready(self, saving: float) -> Any:
        """What is called, for a call that it would make some nanoseconds shorter, or None."""
        if not self.made:
            self.lost += saving
            if self.lost >= self.least:
                self.compile()
        return self.run

    def compile(self) -> Any:
        """The same now, or None where there is no compiler."""
        return uninterrupted(self._compile)

    def _compile(self) -> Any:
        with Host.lock:
            if not self.made:
                host = Host.make()
                if host is not None:
                    self.run = self._build(host)
                self.made = True
        return self.run

    def _build(self, host: Host) -> Any:
        raise NotImplementedError


class Code(Paid):
    """A function in machine code, compiled when the calls so far would have paid for it.

    text: its IR, given the compiler; None where it cannot be had. types: of its arguments, "p" for
    an address, "i" for an integer, "d" for a float, "o" for a Python object, for whose sake the
    function runs under the interpreter's lock.
    """

    def __init__(self, text: Callable[[Host], str | None], types: str) -> None:
        self.text, self.types = text, types

    def _build(self, host: Host) -> Callable[..., None] | None:
        text = self.text(host)
        return None if text is None else host.function(text, self.types)


def address(a: Any) -> int:
    """Where an array is in memory."""
    return a.__array_interface__["data"][0]
