"""Calls at the edges against what PyTorch recorded, without PyTorch; and, where it is installed,
a part of the record against PyTorch itself.
"""

from __future__ import annotations

from typing import Any

import pytest
from ops.edge_cases import outcome, table

import wengert

CASES = table()


@pytest.mark.parametrize("call", CASES)
def test_call(call: str) -> None:
    assert outcome(wengert, call) == CASES[call]


def test_record_is_what_pytorch_gives(torch: Any) -> None:
    for call in list(CASES)[::7]:
        assert outcome(torch, call) == CASES[call]
