import pytest

from wengert import native_calls


@pytest.fixture(autouse=True)
def served():
    if not native_calls.start(wait=True):
        pytest.skip(native_calls.State.said)
    native_calls.serve()
