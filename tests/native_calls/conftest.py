import pytest

from wengert import native_calls
from wengert.arrays.lookup import PER_DEVICE


@pytest.fixture(autouse=True)
def served(quick_collector):
    if not native_calls.start(wait=True):
        pytest.skip(native_calls.State.said)
    native_calls.serve()
    kept = set(PER_DEVICE)  # with arrays of several devices the texts run the pass
    PER_DEVICE.clear()
    yield
    PER_DEVICE.update(kept)
