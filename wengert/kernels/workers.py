"""Native threads that share the chunks of a kernel.

`run` calls a kernel for each number below some count, on the calling thread and on workers.
Workers grab the next chunk when they are free, so that a busy machine slows things gracefully; a
call waits only for chunks that were taken, never for a worker. Idle workers look for work for a
moment, then sleep. What a chunk computes depends on its number alone, so results do not depend on
timing.

One call at a time has the workers: others, from other Python threads, do their chunks alone. After
a fork the child makes workers of its own.

A kernel is a C function (table, chunk, thread, step). thread is below the number of threads given
to `run`, and no two chunks at work at the same time see the same.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from typing import Any

from ..base.uninterrupted import uninterrupted
from . import compiler, threads
from .compiler import Target

MOST = 64  # threads
CHUNKS = 1 << 24  # fewer than this fit into the counter
SPIN = 4000  # looks for work before a worker sleeps: about 0.1 ms
_P, _I = ctypes.c_void_p, ctypes.c_int64

# The words of the shared memory:
#   0 counter: tag << 32 | threads << 24 | chunks left    8 chunks done    16 whether in use
#   24 kernel, 25 table, 26 chunks, 27 step
#   32 + 8 t, for worker t: whether asleep, its lock, t, address of the shared memory
_TEXT = """
declare i32 @wengert_lock(ptr, i32)
declare void @wengert_unlock(ptr)
declare i32 @wengert_yield()
PAUSE_DECLARED

define void @work(ptr %rt, i64 %tid) #0 {
entry:
  %pc = getelementptr i64, ptr %rt, i64 0
  %pd = getelementptr i64, ptr %rt, i64 8
  %pf = getelementptr i64, ptr %rt, i64 24
  %pa = getelementptr i64, ptr %rt, i64 25
  %pn = getelementptr i64, ptr %rt, i64 26
  %ps = getelementptr i64, ptr %rt, i64 27
  br label %top
top:
LOOK v
  br i1 %v.go, label %take, label %out
take:
  %v1 = sub i64 %v, 1
  %x = cmpxchg ptr %pc, i64 %v, i64 %v1 seq_cst seq_cst
  %ok = extractvalue { i64, i1 } %x, 1
  br i1 %ok, label %do, label %top
do:
  %f = load ptr, ptr %pf, align 8
  %a = load ptr, ptr %pa, align 8
  %n = load i64, ptr %pn, align 8
  %s = load i64, ptr %ps, align 8
  %chunk = sub i64 %n, %v.left
  call void %f(ptr %a, i64 %chunk, i64 %tid, i64 %s)
  %d = atomicrmw add ptr %pd, i64 1 release
  br label %top
out:
  ret void
}

define void @worker(ptr %slot) #0 {
entry:
  %plock = getelementptr i64, ptr %slot, i64 1
  %ptid = getelementptr i64, ptr %slot, i64 2
  %prt = getelementptr i64, ptr %slot, i64 3
  %lock = load ptr, ptr %plock, align 8
  %tid = load i64, ptr %ptid, align 8
  %rt = load ptr, ptr %prt, align 8
  br label %look
look:
  %c = phi i32 [ 0, %entry ], [ %c1, %pause ], [ 0, %work ], [ 0, %sleep ], [ 0, %cancel ]
LOOK v
  br i1 %v.go, label %work, label %none
work:
  call void @work(ptr %rt, i64 %tid)
  br label %look
none:
  %c1 = add i32 %c, 1
  %tired = icmp ugt i32 %c1, SPIN
  br i1 %tired, label %park, label %pause
pause:
  PAUSE
  br label %look
park:
  store atomic i64 1, ptr %slot seq_cst, align 8
LOOK w
  br i1 %w.go, label %cancel, label %sleep
cancel:
  %x = cmpxchg ptr %slot, i64 1, i64 0 seq_cst seq_cst
  %mine = extractvalue { i64, i1 } %x, 1
  br i1 %mine, label %look, label %sleep
sleep:
  %r = call i32 @wengert_lock(ptr %lock, i32 1)
  br label %look
}

define void @run(ptr %rt, ptr %f, ptr %a, i64 %n, i64 %steps, i64 %asked) #0 {
entry:
  %within = icmp slt i64 %asked, MOST
  %limit = select i1 %within, i64 %asked, i64 MOST
  %pd = getelementptr i64, ptr %rt, i64 8
  %pb = getelementptr i64, ptr %rt, i64 16
  %pf = getelementptr i64, ptr %rt, i64 24
  %pa = getelementptr i64, ptr %rt, i64 25
  %pn = getelementptr i64, ptr %rt, i64 26
  %ps = getelementptr i64, ptr %rt, i64 27
  %fewer = icmp slt i64 %n, %limit
  %helpers = select i1 %fewer, i64 %n, i64 %limit
  %alone = icmp slt i64 %helpers, 2
  br i1 %alone, label %serial, label %grab
grab:
  %x = cmpxchg ptr %pb, i64 0, i64 1 seq_cst seq_cst
  %free = extractvalue { i64, i1 } %x, 1
  br i1 %free, label %step, label %serial

step:
  %s = phi i64 [ 0, %grab ], [ %s1, %next ]
  %more = icmp slt i64 %s, %steps
  br i1 %more, label %publish, label %leave
publish:
  store ptr %f, ptr %pf, align 8
  store ptr %a, ptr %pa, align 8
  store i64 %n, ptr %pn, align 8
  store i64 %s, ptr %ps, align 8
  store atomic i64 0, ptr %pd monotonic, align 8
  %old = load atomic i64, ptr %rt monotonic, align 8
  %tag = lshr i64 %old, 32
  %tag1 = add i64 %tag, 1
  %tag2 = shl i64 %tag1, 32
  %lim = shl i64 %limit, 24
  %low = or i64 %lim, %n
  %new = or i64 %tag2, %low
  store atomic i64 %new, ptr %rt seq_cst, align 8
  br label %wakes
wakes:
  %t = phi i64 [ 1, %publish ], [ %t1, %awake ]
  %any = icmp slt i64 %t, %helpers
  br i1 %any, label %check, label %mine
check:
  %o = mul i64 %t, 8
  %o2 = add i64 %o, 32
  %slot = getelementptr i64, ptr %rt, i64 %o2
  %t1 = add i64 %t, 1
  %asleep = load atomic i64, ptr %slot seq_cst, align 8
  %is = icmp eq i64 %asleep, 1
  br i1 %is, label %wake, label %awake
wake:
  %y = cmpxchg ptr %slot, i64 1, i64 0 seq_cst seq_cst
  %won = extractvalue { i64, i1 } %y, 1
  br i1 %won, label %unlock, label %awake
unlock:
  %plock = getelementptr i64, ptr %slot, i64 1
  %lock = load ptr, ptr %plock, align 8
  call void @wengert_unlock(ptr %lock)
  br label %awake
awake:
  br label %wakes
mine:
  call void @work(ptr %rt, i64 0)
  br label %wait
wait:
  %c = phi i32 [ 0, %mine ], [ %c1, %waited ]
  %d = load atomic i64, ptr %pd acquire, align 8
  %ready = icmp uge i64 %d, %n
  br i1 %ready, label %next, label %still
still:
  %c1 = add i32 %c, 1
  %long = icmp ugt i32 %c1, SPIN
  br i1 %long, label %yield, label %rest
yield:
  %r = call i32 @wengert_yield()
  br label %waited
rest:
  PAUSE
  br label %waited
waited:
  br label %wait
next:
  %s1 = add i64 %s, 1
  br label %step
leave:
  store atomic i64 0, ptr %pb seq_cst, align 8
  ret void

serial:
  br label %sstep
sstep:
  %q = phi i64 [ 0, %serial ], [ %q1, %snext ]
  %smore = icmp slt i64 %q, %steps
  br i1 %smore, label %chunks, label %end
chunks:
  %k = phi i64 [ 0, %sstep ], [ %k1, %one ]
  %kmore = icmp slt i64 %k, %n
  br i1 %kmore, label %one, label %snext
one:
  call void %f(ptr %a, i64 %k, i64 0, i64 %q)
  %k1 = add i64 %k, 1
  br label %chunks
snext:
  %q1 = add i64 %q, 1
  br label %sstep
end:
  ret void
}
attributes #0 = { nounwind "no-builtins" }
"""


# LOOK v: the counter, the chunks that are left, and whether this thread may take one.
_LOOK = """\
  %v = load atomic i64, ptr %rt seq_cst, align 8
  %v.left = and i64 %v, 16777215
  %v.some = icmp ne i64 %v.left, 0
  %v.24 = lshr i64 %v, 24
  %v.limit = and i64 %v.24, 255
  %v.may = icmp ult i64 %tid, %v.limit
  %v.go = and i1 %v.some, %v.may"""
_TEXT = _TEXT.replace("LOOK v", _LOOK).replace("LOOK w", _LOOK.replace("%v", "%w"))


def _text(target: Target) -> str:
    if target.x86:
        declared, pause = "declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"
    else:
        declared = "declare void @llvm.aarch64.hint(i32)"
        pause = "call void @llvm.aarch64.hint(i32 1)"
    text = _TEXT.replace("PAUSE_DECLARED", declared).replace("PAUSE", pause)
    return f'target triple = "{target.triple}"\n' + text.replace("SPIN", str(SPIN)).replace(
        "MOST", str(MOST)
    )


def _symbols() -> None:
    api = ctypes.pythonapi
    compiler.define_symbol("wengert_lock", api.PyThread_acquire_lock)
    compiler.define_symbol("wengert_unlock", api.PyThread_release_lock)
    if os.name == "nt":
        give_way = ctypes.WinDLL("kernel32").SwitchToThread  # type: ignore[attr-defined]
    else:
        give_way = ctypes.CDLL(None).sched_yield
    compiler.define_symbol("wengert_yield", give_way)


class Workers:
    """The workers of this process, and the memory that they share."""

    def __init__(self) -> None:
        host = compiler.target()
        if host is None:
            raise RuntimeError("native threads need llvmlite")
        _symbols()
        threads.leave_blas_alone()
        names = ("worker", "run")
        self._worker, self.address = compiler.load(
            host, ("workers", SPIN, MOST), lambda: _text(host), names
        )
        words = (32 + 8 * MOST + 16) * 8
        self._memory = ctypes.create_string_buffer(words)
        self._lock = threading.Lock()
        self.shared = (ctypes.addressof(self._memory) + 127) & -128
        self._words = (_I * (words // 8 - 16)).from_address(self.shared)
        self.made = 1  # threads, this one included
        threads.on_change.append(self.grow)
        threads.FACTS[:] = [self.shared, self.address, min(threads.count(), MOST)]
        self._run = ctypes.CFUNCTYPE(None, _P, _P, _P, _I, _I, _I)(self.address)
        self._start = ctypes.PYFUNCTYPE(ctypes.c_ulong, _P, _P)(
            ("PyThread_start_new_thread", ctypes.pythonapi)
        )
        self._allocate = ctypes.PYFUNCTYPE(_P)(("PyThread_allocate_lock", ctypes.pythonapi))
        self._acquire = ctypes.PYFUNCTYPE(ctypes.c_int, _P, ctypes.c_int)(
            ("PyThread_acquire_lock", ctypes.pythonapi)
        )

    def run(self, kernel: int, table: Any, chunks: int, threads: int, steps: int = 1) -> None:
        """Call the kernel for each chunk, on some threads; all of it once for each step.

        table: the address (or the bytes) that the kernel is given.
        """
        if chunks >= CHUNKS:
            raise ValueError(f"{chunks} chunks are too many: at most {CHUNKS - 1}")
        if threads > self.made and chunks > 1:
            self.grow(threads)
        self._run(self.shared, kernel, table, chunks, steps, threads)

    def ready(self) -> int:
        """The address of `threads.FACTS`, with the workers that it promises."""
        self.grow(threads.count())
        return ctypes.addressof(threads.FACTS)

    def grow(self, threads: int) -> None:
        if self.made < min(threads, MOST):
            uninterrupted(self._start_threads, threads)

    def _start_threads(self, threads: int) -> None:
        with self._lock:
            while self.made < min(threads, MOST):
                lock = self._allocate()
                if not lock:
                    return
                self._acquire(lock, 0)  # a worker that sleeps waits for its release
                at, t = 32 + 8 * self.made, self.made
                self._words[at : at + 4] = [0, lock, t, self.shared]
                failed = ctypes.c_ulong(-1).value
                if self._start(self._worker, self.shared + 8 * at) == failed:
                    return  # no more threads to be had: the others do the work
                self.made += 1

    def forget(self) -> None:
        """In a child: none of the parent's workers is here, and no call is under way."""
        self._lock = threading.Lock()
        ctypes.memset(self.shared, 0, (32 + 8 * MOST) * 8)
        self.made = 1


_made: list[Workers] = []
_making = threading.Lock()


def workers() -> Workers:
    """The workers of this process."""
    if not _made:
        uninterrupted(_make)
    return _made[0]


def _make() -> None:
    with _making:
        if not _made:
            _made.append(Workers())


def _after_fork() -> None:
    global _making
    _making = threading.Lock()
    for w in _made:
        w.forget()


if hasattr(os, "register_at_fork"):
    with contextlib.suppress(RuntimeError):
        os.register_at_fork(after_in_child=_after_fork)
