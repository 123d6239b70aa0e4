"""Selective checkpoints: which results a checkpoint keeps instead of computing them again.

In the first run implementations are wrapped so that the results of chosen operations are put
aside; in the second run these are handed out instead of being computed.
"""

from __future__ import annotations

import enum
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from ..api.generator import get_rng_state, set_rng_state
from ..base import source
from ..engine.node import tick
from ..engine.op import Op
from ..engine.op_modes import Mode
from ..engine.tensor import Tensor, wrap
from ..engine.views import changed_since
from ..ops.aten import OpOverload, OpOverloadPacket, operator, operator_of

__all__ = [
    "SAC_IGNORED_OPS", "CheckpointPolicy", "SelectiveCheckpointContext",
    "create_selective_checkpoint_contexts",
]  # fmt: skip


class CheckpointPolicy(enum.Enum):
    """What is done with the result of an operation. MUST and PREFER differ only for compilers;
    offloading keeps the result, on the CPU already.
    """

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


SAVING = {
    CheckpointPolicy.MUST_SAVE, CheckpointPolicy.PREFER_SAVE, CheckpointPolicy.MUST_CPU_OFFLOAD,
    CheckpointPolicy.PREFER_CPU_OFFLOAD, True,
}  # fmt: skip
SAC_IGNORED_OPS = {operator("detach").default}  # policies are not asked about these


class SelectiveCheckpointContext:
    """What a policy is told beside the operation: is_recompute, and op_output, its result.

    >>> SelectiveCheckpointContext(is_recompute=False).is_recompute
    False
    """

    def __init__(self, *, is_recompute: bool, op_output: Any = None) -> None:
        self.is_recompute, self.op_output = is_recompute, op_output


class _Kept:
    """The results that one checkpointed call has put aside: operation -> in order of calls."""

    def __init__(self, policy: Callable[..., Any], mutable: bool) -> None:
        self.policy, self.mutable = policy, mutable
        self.results: dict[str, deque[Any]] = defaultdict(deque)
        self.used = False

    def first(self, op: Op, f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Run an operation, and keep its result if the policy says so."""
        result = f(*args, **kwargs)
        named = operator_of(op, args)
        if named in SAC_IGNORED_OPS:
            return result
        shown = [wrap(x) if hasattr(x, "dtype") and hasattr(x, "shape") else x for x in args]
        output = wrap(result) if hasattr(result, "dtype") else None
        context = SelectiveCheckpointContext(is_recompute=False, op_output=output)
        keep = self.policy(context, named, *shown, **kwargs) in SAVING
        self.results[op.name].append((result, tick()) if keep else None)
        return result

    def again(self, op: Op, f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """What was kept of an operation, or its result computed again."""
        if operator_of(op, args) in SAC_IGNORED_OPS or not self.results[op.name]:
            return f(*args, **kwargs)
        kept = self.results[op.name].popleft()
        if kept is None:
            return f(*args, **kwargs)
        result, when = kept
        for a in result if type(result) is tuple else (result,):
            if not self.mutable and hasattr(a, "dtype") and changed_since(a, when):
                raise RuntimeError(
                    "Tensor cached during selective activation checkpoint has been mutated: the "
                    f"result of {op.name} was changed in place. Use the out-of-place form, have "
                    "the policy recompute it, or pass allow_cache_entry_mutation=True"
                )
        return result


class _Watching(Mode):
    """The context of the first or of the second run, in the thread that enters it."""

    def __init__(self, kept: _Kept, second: bool) -> None:
        self.kept, self.second = kept, second

    def implementation(self, op: Op, f: Callable[..., Any]) -> Callable[..., Any]:
        """An implementation whose results are kept, or given back."""
        run = self.kept.again if self.second else self.kept.first

        def watched(*args: Any, **kwargs: Any) -> Any:
            return run(op, f, args, kwargs)

        return watched

    def __enter__(self) -> None:
        if self.second:
            if self.kept.used:
                raise RuntimeError(
                    "Trying to backward an extra time. You are only allowed to backward once on "
                    "any region computed under selective activation checkpoint: what it kept is "
                    "gone; compute the region again."
                )
            self.kept.used = True
        super().__enter__()

    def __exit__(self, *exc: object) -> None:
        super().__exit__()
        if self.second:
            self.kept.results.clear()


class Log(Mode):
    """Within it, operations of this thread are listed: operator, shapes, line."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def implementation(self, op: Op, f: Callable[..., Any]) -> Callable[..., Any]:
        """An implementation that is listed each time it runs."""

        def listed(*args: Any, **kwargs: Any) -> Any:
            shapes = [str(list(x.shape)) for x in args if hasattr(x, "shape")]
            place = source.describe(*source.here(2))
            self.lines.append(f"{operator_of(op, args)}({', '.join(shapes)})  {place}")
            return f(*args, **kwargs)

        return listed


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Callable[..., Any] | Sequence[OpOverloadPacket | OpOverload],
    allow_cache_entry_mutation: bool = False,
) -> tuple[AbstractContextManager, AbstractContextManager]:
    """The contexts for checkpoint(context_fn=...) that keep the results of some operations.

    Args:
        policy_fn_or_list: policy(context, operator, *args) returning a CheckpointPolicy, or a list
            of the operators whose results are kept, such as torch.ops.aten.mm.default.
        allow_cache_entry_mutation: do not complain about kept results that were changed in place.

    Raises TypeError for other policies, ValueError for lists of other things, and in the backward
    pass RuntimeError if a region is gone through twice.

    >>> def keep():
    ...     return create_selective_checkpoint_contexts([torch.ops.aten.mm.default])
    >>> w, x = torch.ones(2, 2, requires_grad=True), torch.ones(2, 2)
    >>> y = torch.utils.checkpoint.checkpoint(
    ...     lambda x: (x @ w).tanh(), x, use_reentrant=False, context_fn=keep)
    >>> y.sum().backward()  # computes tanh again, but not x @ w
    """
    if isinstance(policy_fn_or_list, list):
        for x in policy_fn_or_list:
            if not isinstance(x, (OpOverloadPacket, OpOverload)):
                raise ValueError(
                    f"Expected operators in the list but got {x!r} of type {type(x).__name__}: "
                    "name them as torch.ops.aten.mm.default"
                )
        chosen = {x.word for x in policy_fn_or_list}

        def policy(context: Any, op: OpOverload, *args: Any, **kwargs: Any) -> CheckpointPolicy:
            if op.word in chosen:
                return CheckpointPolicy.MUST_SAVE
            return CheckpointPolicy.PREFER_RECOMPUTE

    elif callable(policy_fn_or_list):
        policy = policy_fn_or_list
    else:
        raise TypeError(
            "policy_fn_or_list must be either a function or a list of ops, not "
            f"{type(policy_fn_or_list).__name__}"
        )
    kept = _Kept(policy, allow_cache_entry_mutation)
    return _Watching(kept, False), _Watching(kept, True)


class DefaultDeviceType:
    """The kind of device that checkpoint assumes where no tensor tells; kept, without effect.

    >>> DefaultDeviceType.get_device_type()
    'cuda'
    >>> DefaultDeviceType.set_device_type("cuda")
    """

    _default_device_type = "cuda"

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        """Keep another kind."""
        DefaultDeviceType._default_device_type = device

    @staticmethod
    def get_device_type() -> str:
        """The kind that was kept."""
        return DefaultDeviceType._default_device_type


def set_device_states(devices: Any, states: Any, *, device_type: str | None = None) -> None:
    """Give the generators of devices their states; all draw from the CPU's.

    device_type: accepted.

    Raises TypeError where states is of the wrong type.

    >>> set_device_states([], [])
    """
    for state in states:
        set_rng_state(state)


def get_device_states(*args: Any) -> tuple[list[int], list[Any]]:
    """(devices, states of their generators) of the tensors among args.

    Tensors have any shape.

    >>> get_device_states(torch.ones(2))
    ([], [])
    """
    numbers = {t.get_device() for t in args if isinstance(t, Tensor) and t.device.type == "cuda"}
    devices = sorted(numbers)
    return devices, [get_rng_state() for _ in devices]
