"""Collectives on 2 and 4 processes: the checks are in collectives_program.py."""

import socket
from pathlib import Path

import pytest
from launching import launch

PROGRAM = Path(__file__).with_name("collectives_program.py")


@pytest.mark.parametrize("ranks", [2, 4])
def test_every_collective(ranks):
    with socket.socket() as s:
        s.bind(("", 0))
        port = s.getsockname()[1]
    outcome = launch(ranks, PROGRAM, port)
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("all well") == ranks
