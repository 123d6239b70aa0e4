"""Kernels of thread blocks: one text that becomes PTX for a GPU, and machine code in which the same
threads run here, one after the other between barriers.

A kernel is a Python function that writes what one thread does, in the language of `lanes.py`, with
`thread`, `block`, memory that a block shares, barriers, and sums over a block. On this machine each
thread is a coroutine of LLVM's, which a barrier suspends (`OnHost`). Not here: the kernels
(`gpu_kernels.py`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import compiler
from .compiler import Target
from .lanes import Function, Module, Param
from .values import SIZES, Pointer, Value

__all__ = ["Kernel", "OnHost", "Threads", "ptx"]

WARP = 32
EXCHANGE = (
    8192  # bytes before a block's memory, through which the threads of a warp see values here
)
TRIPLE = "nvptx64-nvidia-cuda"


class Kernel(NamedTuple):
    """A kernel: its name, parameters, threads of a block (whole warps), and what a thread does."""

    name: str
    params: Sequence[Param]
    width: int
    body: Callable[..., None]  # (threads, *arguments)


class Threads(Function):
    """A kernel while it is being written, as one of a block's threads sees it."""

    def __init__(self, module: Module, kernel: Kernel) -> None:
        super().__init__(module, kernel.name, kernel.params)
        self.width, self.shared_bytes = kernel.width, 0
        self.gpu = module.target.triple == TRIPLE
        if self.gpu:
            self.thread, self.block_index = self._register("tid.x"), self._register("ctaid.x")
        else:
            self.suspend()  # a thread starts when it is first resumed
            self.thread = Value(self, "%thread", "i64")
            self.block_index = Value(self, "%block", "i64")
        kernel.body(self, *self.args.values())

    def _register(self, name: str) -> Value:
        f = f"@llvm.nvvm.read.ptx.sreg.{name}"
        self.module.declare(f"declare i32 {f}()")
        return Value(self, self.new(f"call i32 {f}()"), "i32").cast("zext", "i64")

    def shared(self, count: int, word: str = "float") -> Pointer:
        """Room for some numbers that all threads of a block see."""
        at = self.shared_bytes
        self.shared_bytes += -(-count * SIZES[word] // 16) * 16
        if self.gpu:
            name = f"@{self.name}_{at}"
            self.module.tables[name] = (
                f"{name} = internal addrspace(3) global [{count} x {word}] poison, align 16"
            )
            return Pointer(self, f"addrspacecast (ptr addrspace(3) {name} to ptr)", word)
        return Pointer(self, self.new(f"getelementptr i8, ptr %shared, i64 {at}"), word)

    def barrier(self) -> None:
        """Wait for all threads of the block."""
        if self.gpu:
            self.module.declare("declare void @llvm.nvvm.barrier0()")
            self.line("call void @llvm.nvvm.barrier0()")
        else:
            self.suspend()

    def suspend(self) -> None:
        state, on = self.new("call i8 @llvm.coro.suspend(token none, i1 false)"), self._label("on")
        self.line(f"switch i8 {state}, label %suspended [i8 0, label %{on} i8 1, label %cleanup]")
        self._open(on)

    def exchanged(self, v: Value, mask: int) -> Value:
        """The value of thread ^ mask, within a warp; all its threads have to be here."""
        if self.gpu:
            f = f"@llvm.nvvm.shfl.sync.bfly.{'f32' if v.real else 'i32'}"
            self.module.declare(f"declare {v.word} {f}(i32, {v.word}, i32, i32)")
            text = f"call {v.word} {f}(i32 -1, {v}, i32 {mask}, i32 31)"
            return Value(self, self.new(text), v.word)
        room = f"getelementptr i8, ptr %shared, i64 -{EXCHANGE}"
        place = Pointer(self, self.new(room), v.word)
        place.store(v, self.thread)
        self.suspend()
        found = place.load(self.thread ^ mask)
        self.suspend()
        return found

    def together(self, v: Value, join: Callable[[Value, Value], Value]) -> Value:
        """What join makes of the values of all threads of the block, for each of them; in an order
        that does not change.
        """
        for mask in (16, 8, 4, 2, 1):
            v = join(v, self.exchanged(v, mask))
        if self.width == WARP:
            return v
        room = self.shared(self.width // WARP, v.word)
        self.when((self.thread % WARP).equals(0), lambda: room.store(v, self.thread // WARP))
        self.barrier()
        total = room.load(0)
        for i in range(1, self.width // WARP):
            total = join(total, room.load(i))
        return total

    def total(self, v: Value) -> Value:
        """The sum over the block."""
        return self.together(v, lambda a, b: a + b)

    def greatest(self, v: Value) -> Value:
        """The greatest value of the block; nan if there is one."""
        return self.together(v, lambda a, b: (a < b).choose(b, b.isnan().choose(b, a)))

    def text(self) -> str:
        params = ", ".join(f"{'ptr' if t.endswith('*') else t} %{n}" for n, t in self.params)
        body = "\n".join([*self.places, *self.lines])
        if self.gpu:
            head = f"define ptx_kernel void @{self.name}({params}) #0"
            return f"{head} {{\nentry:\n{body}\n  ret void\n}}\n"
        given = f"{params}, i64 %block, i64 %thread, ptr %shared"
        return f"define ptr @{self.name}({given}) presplitcoroutine {{\n{START}{body}\n{END}}}\n"


START = """entry:
  %id = call token @llvm.coro.id(i32 0, ptr null, ptr null, ptr null)
  %size = call i64 @llvm.coro.size.i64()
  %memory = call ptr @malloc(i64 %size)
  %handle = call ptr @llvm.coro.begin(token %id, ptr %memory)
"""
END = """  %end = call i8 @llvm.coro.suspend(token none, i1 true)
  switch i8 %end, label %suspended [i8 1, label %cleanup]
cleanup:
  %kept = call ptr @llvm.coro.free(token %id, ptr %handle)
  call void @free(ptr %kept)
  br label %suspended
suspended:
  call void @llvm.coro.end(ptr %handle, i1 false, token none)
  ret ptr %handle
"""
COROUTINES = """declare token @llvm.coro.id(i32, ptr, ptr, ptr)
declare i64 @llvm.coro.size.i64()
declare ptr @malloc(i64)
declare void @free(ptr)
declare ptr @llvm.coro.begin(token, ptr)
declare ptr @llvm.coro.free(token, ptr)
declare i8 @llvm.coro.suspend(token, i1)
declare void @llvm.coro.end(ptr, i1, token)
declare void @llvm.coro.resume(ptr)
declare void @llvm.coro.destroy(ptr)
declare i1 @llvm.coro.done(ptr)
define i8 @go_on(ptr %h) {
  call void @llvm.coro.resume(ptr %h)
  %done = call i1 @llvm.coro.done(ptr %h)
  %is = zext i1 %done to i8
  ret i8 %is
}
define void @give_back(ptr %h) {
  call void @llvm.coro.destroy(ptr %h)
  ret void
}
"""


def written(kernel: Kernel, target: Target) -> tuple[str, Threads]:
    """LLVM's text of a kernel, and what wrote it."""
    module = Module(target)
    threads = Threads(module, kernel)
    module.functions.append(threads)
    text = module.text()
    if threads.gpu:
        return text, threads
    first, rest = text.split("\n", 1)
    return f"{first}\n{COROUTINES}{rest}", threads


def ptx(kernel: Kernel, chip: str = "sm_80") -> str:
    """The kernel as PTX for an NVIDIA GPU: sm_80 and later run it."""
    text, _ = written(kernel, Target(TRIPLE, chip, "", 4, 0))
    text = text.replace('"prefer-vector-width"="32" "min-legal-vector-width"="32"', "")
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(TRIPLE).create_target_machine(cpu=chip, opt=3)
    return str(machine.emit_assembly(optimized(text, machine)))


def optimized(text: str, machine: Any) -> Any:
    """A module of LLVM's after its passes, of which coroutines need some."""
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(text)
    module.verify()
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(2))
    passes.getModulePassManager().run(module, passes)
    return module


_kept: list[Any] = []  # an engine owns its target machine: code lives as long as this process


class OnHost:
    """A kernel whose threads run here, block by block. RuntimeError without a compiler."""

    def __init__(self, kernel: Kernel) -> None:
        import llvmlite.binding as llvm

        target = compiler.target()
        if target is None:
            raise RuntimeError("there is no compiler for this machine: install llvmlite")
        text, self.threads = written(kernel, target)
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine(opt=2, jit=True)
        engine = llvm.create_mcjit_compiler(optimized(text, machine), machine)
        engine.finalize_object()
        _kept.append(engine)
        self.kernel = kernel
        kinds = {"float": ctypes.c_float, "double": ctypes.c_double, "i32": ctypes.c_int32,
                 "i64": ctypes.c_int64}  # fmt: skip
        takes: list[Any] = [kinds.get(t, ctypes.c_void_p) for _, t in kernel.params]
        more = [ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
        at = engine.get_function_address
        self.make = ctypes.CFUNCTYPE(ctypes.c_void_p, *takes, *more)(at(kernel.name))
        self.go_on = ctypes.CFUNCTYPE(ctypes.c_uint8, ctypes.c_void_p)(at("go_on"))
        self.give_back = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(at("give_back"))

    def run(self, blocks: int, *args: Any, backwards: bool = False) -> int:
        """Run some blocks on NumPy arrays and numbers; returns how many barriers a block passed.

        backwards: the last thread of a block goes first. RuntimeError if some threads of a block
        reach a barrier that others do not.
        """
        shared = np.empty((EXCHANGE + self.threads.shared_bytes) // 4 + 16, np.float32)
        given = [a.ctypes.data if isinstance(a, np.ndarray) else a for a in args]
        rounds = 0
        for block in range(blocks):
            shared.fill(np.nan)  # nobody has written there
            at = shared.ctypes.data + EXCHANGE
            order = range(self.kernel.width)
            threads = [self.make(*given, block, t, at) for t in order]
            turns = threads[::-1] if backwards else threads
            try:
                rounds = 0
                while True:
                    rounds += 1
                    ended = sum([self.go_on(h) for h in turns])
                    if ended == len(threads):
                        break
                    if ended:
                        raise RuntimeError(
                            f"{self.kernel.name}: {len(threads) - ended} of {len(threads)} threads "
                            f"of block {block} wait at barrier {rounds}, which the others have "
                            "not reached"
                        )
            finally:
                for h in threads:
                    self.give_back(h)
        return rounds - 1
