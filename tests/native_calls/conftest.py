"""Machine code for calls is off unless it is asked for, and so are its tests: a mistake in it would
take the whole process along. WENGERT_NATIVE=1 pytest tests/native_calls
"""

import os

import pytest

from wengert import native_calls


@pytest.fixture(autouse=True)
def served():
    if os.environ.get("WENGERT_NATIVE") != "1":
        pytest.skip("machine code for calls is off: WENGERT_NATIVE=1 pytest tests/native_calls")
    if not native_calls.start(wait=True):
        pytest.skip(native_calls.State.said)
    native_calls.serve()
