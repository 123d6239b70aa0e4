"""Remote calls, references, gradients through calls: the checks are in rpc_program.py."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from launching import environment, launch

from wengert.distributed.agent import free_port

PROGRAM = Path(__file__).with_name("rpc_program.py")


def test_calls_references_and_gradients_over_three_processes():
    outcome = launch(3, PROGRAM, "work")
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("all well") == 3


def test_a_killed_process_is_named_and_the_others_do_not_wait_for_it():
    # without wengertrun, which would end the others at once
    where = {"MASTER_PORT": str(free_port()), "WORLD_SIZE": "3"}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "wengert", "run", str(PROGRAM), "kill"],
            env=environment(MASTER_ADDR="localhost", RANK=str(r), **where), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for r in range(3)
    ]  # fmt: skip
    try:
        outputs = [p.communicate(timeout=120)[0] for p in started]
    finally:
        for p in started:
            p.kill()
    assert [p.returncode for p in started] == [1, 1, -signal.SIGKILL], outputs
    assert "named" in outputs[0], outputs[0]
    assert "rpc.shutdown: WorkerInfo(id=2, name=w2) has ended before it" in outputs[0]
    assert "all well" not in outputs[1]


def test_one_process_and_what_is_refused():
    import wengert as torch

    rpc = torch.distributed.rpc
    with pytest.raises(RuntimeError, match="has not been initialized"):
        rpc.rpc_sync("one", max, (1, 2))
    largest = rpc.api._require_initialized(max)
    with pytest.raises(RuntimeError, match="has not been initialized"):
        largest(1, 2)
    with pytest.raises(ValueError, match=r"write \.cpu\(\) before"):
        rpc.TensorPipeRpcBackendOptions(device_maps={"one": {0: 1}})
    options = rpc.TensorPipeRpcBackendOptions(init_method="tcp://localhost:0", rpc_timeout=5)
    rpc.init_rpc("one", rank=0, world_size=1, rpc_backend_options=options)
    try:
        with pytest.raises(RuntimeError, match="already initialized"):
            rpc.init_rpc("one", rank=0, world_size=1, rpc_backend_options=options)
        assert rpc.rpc_sync("one", max, (1, 2)) == 2 == largest(1, 2)
        ref = rpc.RRef([1])
        assert repr(ref).startswith("OwnerRRef(GloballyUniqueId(created_on=0, local_id=")
        with pytest.raises(RuntimeError, match="on sim:0: write"):
            rpc.rpc_sync("one", id, (torch.ones(1, device="sim:0"),))
    finally:
        rpc.shutdown()
    rpc.shutdown()  # once more does nothing


def test_a_reference_that_is_kept_is_not_taken_for_one_of_a_later_session():
    from wengert.distributed import rpc

    kept = []
    for value in (1, 2):
        options = rpc.TensorPipeRpcBackendOptions(init_method="tcp://localhost:0")
        rpc.init_rpc("one", rank=0, world_size=1, rpc_backend_options=options)
        kept.append(rpc.RRef(value))
        assert kept[-1].local_value() == value
        rpc.shutdown()
