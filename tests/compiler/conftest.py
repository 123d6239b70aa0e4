"""These tests are about compiled calls, of however little."""

import pytest

from wengert.compiler import worth


@pytest.fixture(autouse=True)
def everything_is_worth_it(monkeypatch):
    monkeypatch.setattr(worth, "CALL", -1.0)
    monkeypatch.setattr(worth, "RECORDED", -1.0)
