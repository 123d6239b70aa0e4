"""What happens to a job when one rank fails: who is named, the exit code, how soon, what is left.

Each case is a launch on two processes with a deadline of one second.
"""

from pathlib import Path

import pytest
from launching import alive, launch

PROGRAM = Path(__file__).with_name("faults_program.py")

# case -> exit code, what the output has to say
CASES = {
    "kill": (137, ["rank 1", "SIGKILL"]),
    "raise": (1, ["ValueError: broken batch", "rank 1", "exit code 1"]),
    "exit3": (3, ["rank 1", "exit code 3"]),
    "exit0": (1, ["all_reduce(float32[4096], SUM)", "ranks that have not called it: [1]"]),
    "stop": (1, ["is not complete after 1.0 s", "ranks that have not called it: [1]"]),
    "hang": (1, ["is not complete after 1.0 s", "ranks that have not called it: [1]"]),
    "order": (1, ["all_reduce(float32[4096], SUM)", "barrier()"]),
    "shape": (1, ["float32[4096]", "float32[7]"]),
    "object": (1, ["all_reduce", "all_gather_object"]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_named_and_ends_the_job(case):
    mark = f"fault-{case}"
    outcome = launch(2, PROGRAM, case, mark)
    code, words = CASES[case]
    assert outcome.code == code, outcome.output
    for word in words:
        assert word in outcome.output, outcome.output
    assert not alive(mark)


def test_ctrl_c_ends_all_ranks():
    outcome = launch(2, PROGRAM, "none", "fault-interrupt", interrupt="ready")
    assert outcome.code == 130, outcome.output
    assert "KeyboardInterrupt" in outcome.output
    assert not alive("fault-interrupt")
