"""Optimizers and modules whose parts are dealt to ranks: the checks are in sharding_program.py."""

from pathlib import Path

import pytest
from launching import launch

PROGRAM = Path(__file__).with_name("sharding_program.py")


@pytest.mark.parametrize("ranks", [2, 4])
def test_against_the_whole(ranks):
    outcome = launch(ranks, PROGRAM)
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("all well") == ranks


@pytest.mark.parametrize("ranks", [2, 3])
def test_parameters_dealt_to_ranks(ranks, tmp_path):
    outcome = launch(ranks, PROGRAM.with_name("fsdp_program.py"), tmp_path, limit=180)
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("all well") == ranks


@pytest.mark.parametrize("ranks", [2, 3])
def test_operations_mean_the_whole(ranks):
    outcome = launch(ranks, PROGRAM.with_name("dtensor_program.py"), limit=180)
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("all well") == ranks


def test_parameters_cut_by_layers_and_dealt_to_ranks():
    outcome = launch(4, PROGRAM.with_name("fsdp_tp_program.py"), limit=180)
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("all well") == 4


def test_a_checkpoint_is_read_by_other_ranks_and_survives_writers_that_fail(tmp_path):
    program = PROGRAM.with_name("checkpoint_program.py")
    for ranks, what in (
        (3, "write"),
        (2, "read"),
        (2, "fail"),
        (1, "read"),
        (2, "kill"),
        (2, "read"),
    ):
        outcome = launch(ranks, program, what, tmp_path, limit=120)
        if what == "kill":
            assert outcome.code != 0 and "rank 1" in outcome.output, outcome.output
        else:
            assert outcome.code == 0, (what, outcome.output)
            assert outcome.output.count("all well") == ranks


def test_a_checkpoint_without_ranks(tmp_path):
    import wengert as torch
    from wengert.distributed import checkpoint as dcp

    state = {"a": torch.arange(6.0).view(2, 3), "b": {"c": "word", "d": [1, 2]}}
    dcp.save(state, checkpoint_id=tmp_path / "x")
    found = {"a": torch.zeros(2, 3), "b": {"c": "", "d": None}}
    dcp.load(found, checkpoint_id=tmp_path / "x")
    assert torch.equal(found["a"], state["a"]) and found["b"] == state["b"]
    names = {p.name for p in (tmp_path / "x").iterdir()}
    dcp.save({"a": torch.ones(2, 3)}, checkpoint_id=tmp_path / "x")  # takes the old one's place
    assert len(names) == 2 == len(list((tmp_path / "x").iterdir()))
    with pytest.raises(dcp.CheckpointException, match="has no 'b/c'"):
        dcp.load(found, checkpoint_id=tmp_path / "x")
    with pytest.raises(dcp.CheckpointException, match="has no checkpoint"):
        dcp.load(found, checkpoint_id=tmp_path)
    (tmp_path / "x" / ".metadata").write_text("{")
    with pytest.raises(dcp.CheckpointException, match="is not a manifest"):
        dcp.load(found, checkpoint_id=tmp_path / "x")
    assert dcp.async_save(state, checkpoint_id=tmp_path / "y").result()["version"] == 1
    with pytest.raises(NotImplementedError, match="flatten_optimizer_state_dict"):
        dcp.state_dict.StateDictOptions(flatten_optimizer_state_dict=True)
    with pytest.raises(ValueError, match="give checkpoint_id"):
        dcp.save({})


@pytest.mark.parametrize("ranks", [2, 3])
def test_a_pipeline_of_stages(ranks):
    outcome = launch(ranks, PROGRAM.with_name("pipeline_program.py"), limit=180)
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("all well") == ranks
