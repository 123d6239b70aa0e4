"""What is public, for tests that walk it."""

import warnings

import pytest


@pytest.fixture(scope="module")
def found():
    from contracts.test_documented import everything

    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(everything(torch))
