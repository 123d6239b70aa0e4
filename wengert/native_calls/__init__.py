"""Machine code for calls, where llvmlite is there: what happens in a call, over the C interfaces of
CPython and NumPy, with no C compiler and no extension module.

The readable definition of a call stays the Python text (`engine/entry.py`), which is what this
falls back to, what it is compared with, and all that there is elsewhere. One piece of machine code
serves a family of ops; what it knows of an op is a record (`plans.py`). What is not plain, and all
mistakes, it leaves to the text, before it has any effect.

It runs on those versions of CPython, and on those systems, on which the tests ran with it (TRIED,
SYSTEMS), unless WENGERT_NATIVE=0 is set. It is read from the cache, or made by a thread, when a
program has run a while; texts serve until then.
"""

from __future__ import annotations

import atexit
import builtins
import ctypes
import os
import platform
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from ..base import warmup
from ..base.uninterrupted import start as start_thread

TRIED = ((3, 11),)  # versions of CPython on which the tests ran with it
SYSTEMS = (("linux", "x86_64"),)
PAUSE = 0.02  # seconds


class State:
    """What became of the machine code; `said` tells it to people."""

    code: Any = None
    said = "not loaded yet"
    thread: threading.Thread | None = None
    waiting = ending = False  # for a mode to end; the process
    lock = threading.Lock()


def refusal() -> str:
    """Why there can be no machine code here; "" if there can."""
    if os.environ.get("WENGERT_NATIVE", "1") == "0":
        return "off: WENGERT_NATIVE is 0"
    if platform.python_implementation() != "CPython" or sys.version_info[:2] not in TRIED:
        return f"off: not tried on {platform.python_implementation()} {platform.python_version()}"
    if getattr(sys, "abiflags", "") or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return "off: not tried on this kind of build"
    if (sys.platform, platform.machine()) not in SYSTEMS or sys.maxsize < 1 << 40:
        return f"off: not tried on {sys.platform}, {platform.machine()}"
    return ""


def start(wait: bool = False) -> bool:
    """Load the machine code, or make it in a thread; whether it serves calls now. wait: until it
    does, or cannot yet for a mode that is on.
    """
    warmup.over()  # operators are what they will be, without what counts their calls
    with State.lock:
        if State.code is not None:
            return True
        if State.thread is None:
            said = refusal()
            if said:
                State.said = said
                return False
            State.thread = threading.Thread(target=load, name="wengert native calls", daemon=True)
            start_thread(State.thread)
            atexit.register(end)
    while wait and State.thread.is_alive() and not State.waiting:
        State.thread.join(PAUSE)
    return State.code is not None


def end() -> None:
    """The process ends: not inside of the compiler, and without giving machine code back, which
    finalizers and threads call until the very end.
    """
    State.ending = True
    early = "llvmlite.binding" not in sys.modules  # else it heard itself that the process ends
    if State.thread is not None:
        State.thread.join()
    if getattr(sys, "last_type", None) is KeyboardInterrupt:
        # a process that Ctrl-C ends says so by its status, unless text was run since: by the thread
        run = ctypes.pythonapi.PyRun_String
        run.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.py_object, ctypes.py_object]
        run.restype = ctypes.py_object
        with suppress(KeyboardInterrupt):
            run(b"raise KeyboardInterrupt", 257, {"__builtins__": builtins}, {})
    if early and (compiler := sys.modules.get("wengert.kernels.compiler")) is not None:
        compiler.keep_for_good()


def load() -> None:
    """Get the code, try it, and put it in front of the texts; leave all as it was if that fails."""
    if State.ending:
        return
    from .loading import loaded

    def wait() -> None:
        State.said, State.waiting = "not yet: a mode is asked for all that is computed", True
        if State.ending:
            raise RuntimeError("the process ends")
        time.sleep(PAUSE)
        State.waiting = False

    try:
        code = loaded(wait)
    except Exception as e:  # whatever it is: calls go on without
        State.said = f"off: {type(e).__name__}: {e}"
        return
    if code is None:
        State.said = "off: llvmlite is not installed, or knows nothing of this processor"
        return
    State.code, State.said = code, "on"


def stop() -> None:
    """Have texts serve all calls again; for tests. The code stays loaded."""
    if State.code is not None:
        State.code.leave()


def serve() -> None:
    """Undo stop()."""
    if State.code is not None:
        State.code.enter()


__all__ = ["SYSTEMS", "TRIED", "State", "refusal", "serve", "start", "stop"]
