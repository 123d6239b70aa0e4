"""What every test relies on: one thread per process, one Hypothesis profile, PyTorch if there.

Tests run side by side, one process per core, so a library must not take all cores for itself.
"""

import gc
import os
import sys

# Without files of bytecode each program that tests start would compile the whole package, and each
# run all tests.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

settings.register_profile("wengert", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("wengert")


# All tests run with machine code for calls where there can be any, with WENGERT_NATIVE=0 without.
from wengert import native_calls  # noqa: E402

native_calls.start(wait=True)


def pytest_collection_finish(session):
    leave_alone()


def leave_alone():
    """What is there by now stays: the collector need not look at it again and again, which took
    most of the time of tests that ask for it.
    """
    gc.unfreeze()  # of what was left alone before, what nobody has any more goes
    gc.collect()
    gc.freeze()


@pytest.fixture
def each_count():
    """Goes through numbers of threads; the one from before is back after the test."""
    from wengert.kernels import threads

    before = threads.count()

    def each(*counts):
        for n in counts or (1, 2, 3):
            threads.set_count(n)
            yield n

    yield each
    threads.set_count(before)


@pytest.fixture(scope="module")
def quick_collector():
    """For modules whose tests ask for the collector often, after thousands of other tests."""
    leave_alone()


@pytest.fixture
def texts():
    """Python's texts serve all calls, whatever the tests run with."""
    native_calls.start(wait=True)  # else the machine code may come meanwhile
    native_calls.stop()
    yield
    native_calls.serve()


@pytest.fixture
def torch():
    """PyTorch, to compare with; a test that asks for it is skipped where it is not installed."""
    return pytest.importorskip("torch")


@pytest.fixture
def keep_rng():
    """Gives wengert's default generator back as it was."""
    import wengert

    state = wengert.get_rng_state()
    yield
    wengert.set_rng_state(state)


@pytest.fixture(autouse=True)
def switches():
    """Gives the thread's switches back as they were, whatever a test or an example has left."""
    from wengert.base import dtypes, modes

    state, default = modes.state, dtypes.get_default_dtype()
    names = ("default_device", "inference", "levels", "open", "top", "vmap", "capture")
    kept, grad = {name: getattr(state, name) for name in names}, state.grad
    yield
    modes.record(grad)
    for name, value in kept.items():
        if getattr(state, name) is not value:
            setattr(state, name, value)
    dtypes.set_default_dtype(default)
