"""Kernels that NumPy arrays are given to: `@job` makes one of a function that writes its text.

Here is the convention: a kernel finds its arguments in a table, and the number of its chunk, of its
thread and of its step beside it. Arrays are checked before their addresses go into the table: the
type that the kernel declares, C order, and writeable where it writes. How long they must be is for
the caller to know, who made them.

    @job("x: T*, y: out T*, n: i64")
    def double(k, word):
        x, y, n = k.table()
        ...

    double("float")(chunks, x, y, len(x))      # machine code made at the first call, or from disk
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from . import calling, compiler, threads, workers
from .compiler import Target
from .lanes import Function, Module, Pointer, Value

DTYPES = {
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
    "i64": np.dtype(np.int64),
    "i32": np.dtype(np.int32),
    "i8": np.dtype(np.bool_),
}
WORDS = {
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
}  # the types that kernels compute in


class Job(Function):
    """The function `run` of a module: what a thread does for one chunk."""

    def __init__(self, module: Module, entries: list[tuple[str, str]]) -> None:
        given = [("table", "i64*"), ("chunk", "i64"), ("thread", "i64"), ("step", "i64")]
        super().__init__(module, "run", given)
        self.entries = entries

    @property
    def chunk(self) -> Value:
        return self.args["chunk"]

    @property
    def thread(self) -> Value:
        return self.args["thread"]

    @property
    def step(self) -> Value:
        return self.args["step"]

    def table(self) -> list[Any]:
        """The arguments, in order."""
        out: list[Any] = []
        for i, (_, kind) in enumerate(self.entries):
            if kind.endswith("*"):
                name = self.args["table"].at(i).name
                out.append(Pointer(self, self.new(f"load ptr, ptr {name}, align 8"), kind[:-1]))
            elif kind == "i64":
                out.append(self.args["table"].load(i))
            else:
                v = self.args["table"].cast("double").load(i)
                out.append(v if kind == "double" else v.to(kind))
        return out


class Kernel:
    """Machine code of a job, for some parameters."""

    def __init__(self, name: str, address: int, entries: list[tuple[str, str]]) -> None:
        self.name, self.address = name, address
        self.entries = entries
        self._arrays: list[tuple[int, Any, str]] = [
            (i, DTYPES[kind[:-1]], how)
            for i, (kind, how) in enumerate(entries)
            if kind.endswith("*")
        ]
        codes = ["d" if kind in ("float", "double") else "q" for kind, _ in entries]
        self._pack = struct.Struct("".join(codes)).pack
        self._workers = w = workers.workers()
        kinds = {"i64": 0, "float": 1, "double": 1}
        flags = {"out": calling.C_ORDER | calling.ALIGNED | calling.WRITEABLE}
        flags |= {"any": calling.ALIGNED, "": calling.C_ORDER | calling.ALIGNED}
        given = [(kinds.get(kind, 2), DTYPES.get(kind[:-1]), flags[how]) for kind, how in entries]
        self.quick = calling.launcher(name, w.address, w.shared, address, given)

    def __call__(self, chunks: int, *args: Any, most: int = workers.MOST, steps: int = 1) -> None:
        """Run the chunks. most: threads that the arguments have room for."""
        if self.quick is not None and chunks < workers.CHUNKS:
            share = most if chunks == 1 else min(threads.count(), most)
            if chunks > 1 and share > self._workers.made:
                self._workers.grow(share)
            if self.quick(chunks, steps, share, *args) is None:
                return
        values = list(args)
        for i, dtype, how in self._arrays:
            a = values[i]
            if a.dtype is not dtype or not _suits(a, how):
                self._refuse(i, a)
            values[i] = a.__array_interface__["data"][0]
        table = self._pack(*values)
        self._workers.run(self.address, table, chunks, min(threads.count(), most), steps)

    def _refuse(self, i: int, a: Any) -> None:
        kind, how = self.entries[i]
        if a.dtype == DTYPES[kind[:-1]] and _suits(a, how):
            return  # another object for the same dtype
        raise ValueError(
            f"kernel {self.name}, argument {i}: needs an aligned C-contiguous array of "
            f"{DTYPES[kind[:-1]]}{' that may be written' if how == 'out' else ''}, not {a.dtype} "
            f"of shape {a.shape} with strides {a.strides}"
        )


def _suits(a: Any, how: str) -> bool:
    flags = a.flags
    if how == "out":
        return flags.carray
    return flags.aligned and (flags.c_contiguous or how == "any")


def job(spec: str) -> Callable[[Callable[..., None]], Maker]:
    """Make a kernel of a function (job, *parameters) that writes its text.

    spec: the table, as "name: type, ...": `i64`, `float` or `double` for numbers; `float*` and the
    like for arrays, `out float*` for those that are written, `any float*` for those whose strides
    the caller knows. T stands for the first parameter, K for the second.
    """

    def decorate(write: Callable[..., None]) -> Maker:
        return Maker(write, spec)

    return decorate


class Maker:
    """Gives the kernel for some parameters, which it keeps."""

    def __init__(self, write: Callable[..., None], spec: str) -> None:
        self.write, self.spec = write, spec
        self.name, self.__doc__ = write.__name__, write.__doc__
        self.made: dict[tuple[Any, ...], Kernel] = {}

    @functools.cached_property
    def entries(self) -> list[tuple[str, str, str]]:
        """The table's entries: name, type, how they are used."""
        found = []
        for part in self.spec.split(","):
            name, _, kind = [p.strip() for p in part.partition(":")]
            how, _, kind = kind.rpartition(" ")
            found.append((name, kind, how))
        return found

    def __call__(self, *params: Any) -> Kernel:
        """The kernel for this machine."""
        found = self.made.get(params)
        if found is None:
            target = compiler.target()
            if target is None:
                raise RuntimeError("kernels need llvmlite")
            found = self.made[params] = self.build(target, *params)
        return found

    def build(self, target: Target, *params: Any) -> Kernel:
        """The kernel for a processor, which this machine has to be able to run."""
        key = self.write.__module__, self.name, params
        (address,) = compiler.load(target, key, lambda: self.text(target, *params), ["run"])
        kinds = [(kind, how) for _, kind, how in self._typed(params)]
        return Kernel(self.name, address, kinds)

    def _typed(self, params: tuple[Any, ...]) -> list[tuple[str, str, str]]:
        def typed(kind: str) -> str:
            for letter, param in zip("TK", params):
                kind = kind.replace(letter, param) if letter in kind else kind
            return kind

        return [(n, typed(kind), how) for n, kind, how in self.entries]

    def text(self, target: Target, *params: Any) -> str:
        """The text of the kernel for a processor."""
        module = Module(target)
        j = Job(module, [(n, kind) for n, kind, _ in self._typed(params)])
        self.write(j, *params)
        module.functions.append(j)
        return module.text()
