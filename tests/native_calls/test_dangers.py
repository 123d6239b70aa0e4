"""What could go wrong where machine code works on the interpreter's own structures."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import wengert as torch
from wengert import native_calls
from wengert.engine.op import OPS
from wengert.engine.op_modes import Mode
from wengert.native_calls import stand_ins

from . import calls
from .faults import failing

OBJECTS = [None, True, False, torch.Tensor, np.ndarray, np.dtype("float32"), 0, 1, 2, ()]


def compiled(recorded):
    names = calls.operands(recorded)
    every = calls.FAMILIES + calls.PASSES * recorded
    return names, {c: eval(f"lambda: {c}", names) for c in every}


def watched(names):
    """Objects whose counts must come back."""
    found = [*OBJECTS, *[op.node for op in OPS.values() if "node" in op.__dict__]]
    for t in names.values():
        if isinstance(t, torch.Tensor):
            found += [t, t._a, t._n]
    return found


def moved(objects, before, more=0):
    after = [sys.getrefcount(o) for o in objects]
    found = [(str(o)[:40], b - a) for o, a, b in zip(objects, before, after) if abs(b - a) > more]
    return (
        [x for x in found if x[0] not in ("0", "1", "2", "None", "True", "False", "()")]
        if (more == 0)
        else found
    )


def clean(names, collect=True):
    for t in names.values():
        if isinstance(t, torch.Tensor):
            t._x = None
            if t.is_leaf:
                t.grad = None
    if collect:
        gc.collect()


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("call", calls.FAMILIES)
def test_each_allocation_may_fail(call, recorded):
    """The result is right or MemoryError is raised, and nothing leaks."""
    names = calls.operands(recorded)
    f = eval(f"lambda: {call}", names)
    for _ in range(9):  # until it is a program, if it can be
        f()
    want = [a.copy() for a in calls.arrays(f())]
    gc.collect()  # what other tests left
    with stand_ins.LOCK:  # so that nothing is learned meanwhile
        fail_at_each(f, names, lambda got: all(map(np.array_equal, calls.arrays(got), want)))


def fail_at_each(f, names, right):
    """Let each allocation of f fail in turn. right: whether what it returns nevertheless is."""
    for k in range(1, 300):
        for _ in range(2):  # another way through it may be taken, and made, for the first time
            clean(names, False)
            objects = watched(names)
            before = [sys.getrefcount(o) for o in objects]
            got, done = None, False
            with failing(k) as fired:
                try:
                    got = f()
                    done = True
                except (MemoryError, RuntimeError):  # as the function says it
                    pass
                there = fired()
            assert not done or right(got)
            del got
            clean(names, False)
            if moved(objects, before):
                gc.collect()
            if not moved(objects, before):
                break
        else:
            raise AssertionError(k, moved(objects, before))
        if not there:
            return
    raise AssertionError("no end of allocations")


@pytest.mark.parametrize("call", calls.PASSES)
def test_each_allocation_of_a_pass_may_fail(call):
    names = calls.operands(True)
    f = eval(f"lambda: {call}", names)
    f(), f()
    want = {k: t.grad.tolist() for k, t in names.items() if getattr(t, "grad", None) is not None}
    clean(names)
    f()
    want = {k: names[k].grad._a.copy() for k in want}
    clean(names)
    fail_at_each(
        f,
        names,
        lambda _: all(np.array_equal(names[k]._n.grad._a, g) for k, g in want.items()),
    )


@pytest.mark.parametrize("recorded", [True, False])
def test_counts_and_memory_stay(recorded):
    names, functions = compiled(recorded)

    def run(n):
        for f in functions.values():
            for _ in range(n):
                f()
        clean(names)

    run(50)
    objects = watched(names)
    before, there = [sys.getrefcount(o) for o in objects], len(gc.get_objects())
    run(300)
    assert not moved(objects, before, 12)
    assert len(gc.get_objects()) - there < 50


def test_exceptions_from_signal_handlers_arrive():
    class Stop(Exception):
        pass

    rung, end = [0], [0.0]

    def ring(*args):
        if time.monotonic() < end[0]:  # one that comes later has left what is tried
            rung[0] += 1
            raise Stop

    names, functions = compiled(True)
    for f in functions.values():
        f()
    clean(names)
    objects = watched(names)
    for _ in range(4):  # texts made meanwhile refer to constants too; a leak shows in every round
        before = [sys.getrefcount(o) for o in objects]
        kept, hits = signal.signal(signal.SIGALRM, ring), 0
        rung[0], end[0] = 0, time.monotonic() + 0.8
        try:
            while time.monotonic() < end[0]:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.0007 + hits % 7 * 1e-4)
                    while time.monotonic() < end[0]:
                        for f in functions.values():
                            f()
                except Stop:
                    hits += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, kept)
        # one that arrives in a collector's or a weak reference's callback is lost, as all of
        # Python is
        assert hits > 20 and rung[0] - hits <= hits // 50
        assert torch.is_grad_enabled()
        clean(names)
        if not moved(objects, before, 12):
            return
    assert not moved(objects, before, 12)


def test_threads_record_each_for_itself():
    x = torch.ones(4, requires_grad=True)
    wrong = []

    def work(off):
        y = torch.ones(4, requires_grad=True)
        for i in range(1500):
            if off and i % 3 == 0:
                with torch.no_grad():
                    if (x * y).requires_grad or x.exp().requires_grad or x.sum().requires_grad:
                        wrong.append(i)
                    with torch.enable_grad():
                        if not (x * y).requires_grad:
                            wrong.append(i)
            elif not ((x * y).requires_grad and x.exp().requires_grad and x.sum(0).requires_grad):
                wrong.append(i)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        threads = [threading.Thread(target=work, args=(k % 2,)) for k in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
    finally:
        sys.setswitchinterval(interval)
    assert not wrong


def test_finalizers_that_take_arrays_away():
    class Taker:
        def __init__(self, t):
            self.t, self.me = t, self

        def __del__(self):
            self.t._a = np.ones(3, "float32")
            self.t._n = None

    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(500):
            t = torch.ones(3, requires_grad=True)
            Taker(t)
            assert (t * t, t.exp(), t.sum(), -t, 2 - t)[0]._a.tolist() == [1, 1, 1]
    finally:
        gc.set_threshold(*threshold)


def test_cycles_are_collected_and_attributes_kept():
    import weakref

    x = torch.ones(3, requires_grad=True)
    y = x * x
    y.me, y.note = y, "kept"
    assert y.note == "kept" and gc.is_tracked(y) and gc.is_tracked(y._n)
    r, n = weakref.ref(y), weakref.ref(y._n)
    del y
    gc.collect()
    assert r() is None and n() is None


def test_subclasses_that_stand_in_are_asked():
    asked = []

    class Mine(torch.Tensor):
        @classmethod
        def __torch_function__(cls, f, types, args=(), kwargs=None):
            asked.append(f.__name__)
            return super().__torch_function__(f, types, args, kwargs or {})

    x = torch.ones(3)
    m = x.as_subclass(Mine)
    asked.clear()
    assert type(m * x) is type(x * m) is type(2 * m) is type(-m) is type(m.exp()) is Mine
    assert asked == ["mul", "mul", "mul", "neg", "exp"]
    del m, Mine
    gc.collect()


def test_modes_see_operators():
    seen = []

    class Seeing(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, f, types, args=(), kwargs=None):
            seen.append(torch.overrides.resolve_name(f))
            return f(*args, **(kwargs or {}))

    x = torch.ones(3)
    gc.unfreeze()
    gc.collect()  # classes of other tests, for which operators would stay Python's
    with Seeing():
        x * x, x + 1, x.exp(), x > 0
    assert [name.rpartition(".")[2] for name in seen] == ["mul", "add", "exp", "gt"]
    assert type(torch.Tensor.__mul__) is type(int.__mul__), "somebody stands in for operators"

    class Watching(Mode):
        def implementation(self, op, f):
            seen.append(op.name)
            return f

    seen.clear()
    with Watching():
        x * x, x.exp(), x.sum()
    assert seen == ["mul", "exp", "sum_all"]


def test_patches_win(monkeypatch):
    x = torch.ones(3)
    monkeypatch.setattr(torch.Tensor, "__mul__", lambda a, b: "patched")
    monkeypatch.setattr(torch.Tensor, "exp", lambda a: "patched")
    assert x * x == "patched" and x.exp() == "patched" and isinstance(2 * x, torch.Tensor)
    native_calls.stop()
    native_calls.serve()
    assert x * x == "patched"


def test_subclasses_may_define_operators():
    class Loud(torch.Tensor):
        __torch_function__ = torch._C._disabled_torch_function_impl

        def __rmul__(self, other):
            return "right"

        def __add__(self, other):
            return "left"

    x = torch.ones(3)
    m = x.as_subclass(Loud)
    assert x * m == "right" and m + x == "left" and type(x + m) is type(m * x) is torch.Tensor


def test_other_types_have_their_turn():
    class Other:
        def __rmul__(self, t):
            return "theirs"

        def __gt__(self, t):
            return "greater"

        __radd__ = __rsub__ = __rtruediv__ = __rpow__ = __rmul__

    x, o = torch.ones(3), Other()
    assert x * o == x + o == x - o == x / o == x**o == "theirs" and (x < o) == "greater"
    with pytest.raises(TypeError):
        x * object()


PROGRAM = """
import atexit, gc, os, sys, threading
import wengert as torch
from wengert import native_calls
assert native_calls.start(wait=True)
x = torch.ones(3, requires_grad=True)
class Late:
    def __del__(self, collect=gc.collect):
        (x * x, x.exp(), 2 - x, x.sum(), x.shape, x[0], x.max(0))
        collect()  # looks at functions, whose definitions must still be there
late = Late()
late.me = late
atexit.register(lambda: x * x)
def spin():
    y = torch.ones(3, requires_grad=True)
    while True:
        (y * y, y.exp(), y.sum())
for _ in range(2):
    threading.Thread(target=spin, daemon=True).start()
pid = os.fork() if hasattr(os, "fork") else None
if pid == 0:
    (x * x).sum()
    os._exit(0)
if pid:
    assert os.waitpid(pid, 0)[1] == 0
keep = sys.modules["late"] = late
print("done")
"""


def test_exit_with_finalizers_threads_and_forks():
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", PROGRAM],
            capture_output=True, text=True, env={**os.environ, "WENGERT_NATIVE": "1"},
        )  # fmt: skip
        assert done.returncode == 0 and "done" in done.stdout, done.stderr


def passes(program):
    """Run a program, which machine code may serve, to its end."""
    env = {**os.environ, "WENGERT_NATIVE": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


def test_made_in_a_thread_once_a_program_has_run_a_while():
    program = (
        "import sys, time, wengert as torch\n"
        "x = torch.ones(3)\n"
        "assert 'wengert.native_calls' not in sys.modules\n"
        "for _ in range(300): x * x\n"
        "from wengert import native_calls\n"
        "native_calls.State.thread.join()\n"
        "assert native_calls.State.said == 'on', native_calls.State.said\n"
        "assert type(torch.Tensor.__mul__) is type(int.__mul__)\n"
    )
    passes(program)


def test_a_process_that_ends_at_once_says_nothing(tmp_path):
    """While the machine code is made for the first time, and while it is read."""
    program = "import wengert as torch\nx = torch.ones(3)\nfor _ in range(300): x * x\n"
    tmp_path.chmod(0o700)
    env = {**os.environ, "WENGERT_NATIVE": "1", "WENGERT_CACHE_DIR": str(tmp_path)}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", program],
            capture_output=True, text=True, env=env,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.glob("*.o"))


def test_loaded_once_a_mode_has_ended():
    """While a mode is asked for every op, a trial finds nothing plain: it comes later."""
    program = (
        "import wengert as torch\n"
        "from wengert import native_calls\n"
        "from wengert.engine.op_modes import Mode\n"
        "class Every(Mode):\n"
        "  def run(self, op, operands, static, proceed): return proceed(operands, static)\n"
        "with Every():\n"
        "  assert not native_calls.start(wait=True)\n"
        "  assert native_calls.State.said.startswith('not yet'), native_calls.State.said\n"
        "native_calls.State.thread.join()\n"
        "assert native_calls.State.said == 'on', native_calls.State.said\n"
    )
    passes(program)
