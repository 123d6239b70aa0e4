"""What save() and load() take as planner: which parts of a state are written and asked for."""

from __future__ import annotations

__all__ = ["DefaultLoadPlanner", "DefaultSavePlanner", "LoadPlanner", "SavePlanner"]


class SavePlanner:
    """How a state is written: each rank its parts, which leaves nothing to plan.

    >>> isinstance(DefaultSavePlanner(), SavePlanner)
    True
    """


class DefaultSavePlanner(SavePlanner):
    """The usual plan. Keys are always flat, and what ranks have alike is always written once.

    flatten_state_dict: accepted. flatten_sharded_tensors: accepted. dedup_replicated_tensors:
    accepted. dedup_save_to_lowest_rank: accepted. enable_plan_caching: accepted.

    >>> isinstance(DefaultSavePlanner(), SavePlanner)
    True
    """

    def __init__(
        self,
        flatten_state_dict: bool = True,
        flatten_sharded_tensors: bool = True,
        dedup_replicated_tensors: bool | None = None,
        dedup_save_to_lowest_rank: bool = False,
        enable_plan_caching: bool = False,
    ) -> None:
        self.flatten_state_dict = flatten_state_dict


class LoadPlanner:
    """How a state is read.

    >>> isinstance(DefaultLoadPlanner(), LoadPlanner)
    True
    """

    allow_partial_load = False


class DefaultLoadPlanner(LoadPlanner):
    """The usual plan; allow_partial_load: what the checkpoint lacks stays as it is here.

    flatten_state_dict: accepted. flatten_sharded_tensors: accepted.

    >>> from wengert.distributed import checkpoint
    >>> saved = checkpoint.save({"w": torch.ones(2)}, checkpoint_id="saved")
    >>> state = {"w": torch.zeros(2), "b": torch.zeros(1)}
    >>> planner = DefaultLoadPlanner(allow_partial_load=True)
    >>> checkpoint.load(state, checkpoint_id="saved", planner=planner)
    >>> state["w"], state["b"]
    (tensor([1., 1.]), tensor([0.]))
    """

    def __init__(
        self,
        flatten_state_dict: bool = True,
        flatten_sharded_tensors: bool = True,
        allow_partial_load: bool = False,
    ) -> None:
        self.flatten_state_dict = flatten_state_dict
        self.allow_partial_load = allow_partial_load
