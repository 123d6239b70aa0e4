"""Machine code serves calls in these tests, whatever the others run with."""

import os

import pytest

from wengert import native_calls


@pytest.fixture(autouse=True)
def served():
    before = os.environ["WENGERT_NATIVE"]
    os.environ["WENGERT_NATIVE"] = "1"
    try:
        if not native_calls.start(wait=True):
            pytest.skip(native_calls.State.said)
    finally:
        os.environ["WENGERT_NATIVE"] = before
    native_calls.serve()
    yield
    if before == "0":
        native_calls.stop()
