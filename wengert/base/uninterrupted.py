"""Work that Ctrl-C must not tear apart.

Python runs signal handlers in the main thread only, between any two of its instructions, so what a
library's constructor has half made may be left as it is. Work that runs in another thread is always
finished. Where work is pure Python, it is enough to publish its result in one step at the end.
"""

from __future__ import annotations

import _imp
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def start(thread: threading.Thread) -> None:
    """thread.start(), which waits for a sign of the thread: a second exception of a handler of
    signals leaves Python's condition there without its lock. What is raised is that exception then.
    """
    try:
        thread.start()
    except RuntimeError as e:
        if e.__context__ is None:
            raise  # the interpreter is about to end
        raise e.__context__ from None


def uninterrupted(f: Callable[..., T], *args: Any) -> T:
    """f(*args), finished even if a signal's handler raises meanwhile; that is raised here.

    Called from the main thread, f runs in another one: it must not need a lock that the caller
    holds. For work of milliseconds: a thread is started for it.
    """
    if threading.current_thread() is not threading.main_thread():
        return f(*args)
    result: list[T] = []
    error: list[BaseException] = []

    def work() -> None:
        try:
            result.append(f(*args))
        except BaseException as e:
            error.append(e)

    with suppress(RuntimeError):  # an interrupted import may have left this thread with the lock
        while _imp.lock_held():  # of all imports, which is never held while others' code runs
            _imp.release_lock()
    thread = threading.Thread(target=work, name="wengert uninterrupted")
    try:
        start(thread)
    except RuntimeError:  # the interpreter is about to end
        return f(*args)
    thread.join()
    if error:
        raise error[0]
    return result[0]
