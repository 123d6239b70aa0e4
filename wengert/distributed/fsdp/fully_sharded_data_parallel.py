"""FullyShardedDataParallel: a module wrapped so that its parameters are dealt to the ranks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from ...base.aliases import alias
from ...base.modes import no_grad
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn.module import Module
from ...nn.utils.clip_grad import clip_grad_norm_
from ..checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from ..collectives import broadcast
from ..device_mesh import DeviceMesh
from ..process_group import pick
from .fully_shard import FSDPModule, fully_shard, units_of, whole_parameters
from .unit import MixedPrecisionPolicy
from .wrap import chosen

__all__ = [
    "BackwardPrefetch", "CPUOffload", "FullOptimStateDictConfig", "FullStateDictConfig",
    "FullyShardedDataParallel", "LocalStateDictConfig", "MixedPrecision", "OptimStateDictConfig",
    "ShardedOptimStateDictConfig", "ShardedStateDictConfig", "ShardingStrategy", "StateDictConfig",
    "StateDictType",
]  # fmt: skip


class ShardingStrategy(Enum):
    """What is dealt to the ranks. Only FULL_SHARD and NO_SHARD differ here."""

    FULL_SHARD = auto()
    SHARD_GRAD_OP = auto()
    NO_SHARD = auto()
    HYBRID_SHARD = auto()
    _HYBRID_SHARD_ZERO2 = auto()


class BackwardPrefetch(Enum):
    """Accepted: nothing is gathered ahead."""

    BACKWARD_PRE = auto()
    BACKWARD_POST = auto()


class StateDictType(Enum):
    """What state_dict() gives: whole tensors, or each rank's parts."""

    FULL_STATE_DICT = auto()
    LOCAL_STATE_DICT = auto()
    SHARDED_STATE_DICT = auto()


@dataclass
class StateDictConfig:
    """offload_to_cpu is accepted: tensors are on the CPU.

    >>> dist.fsdp.ShardedStateDictConfig(offload_to_cpu=True).offload_to_cpu
    True
    """

    offload_to_cpu: bool = False


@dataclass
class FullStateDictConfig(StateDictConfig):
    """rank0_only: the other ranks get an empty dict.

    >>> FullStateDictConfig(rank0_only=True).rank0_only
    True
    """

    rank0_only: bool = False


class LocalStateDictConfig(StateDictConfig):
    """Each rank's parts.

    >>> dist.fsdp.ShardedStateDictConfig(offload_to_cpu=True).offload_to_cpu
    True
    """


class ShardedStateDictConfig(StateDictConfig):
    """Each rank's parts.

    >>> dist.fsdp.ShardedStateDictConfig(offload_to_cpu=True).offload_to_cpu
    True
    """


class OptimStateDictConfig(StateDictConfig):
    """The same for optimizers.

    >>> dist.fsdp.ShardedStateDictConfig(offload_to_cpu=True).offload_to_cpu
    True
    """


@dataclass
class FullOptimStateDictConfig(OptimStateDictConfig):
    """rank0_only: the other ranks get an empty dict.

    >>> FullOptimStateDictConfig(rank0_only=True).rank0_only
    True
    """

    rank0_only: bool = False


class ShardedOptimStateDictConfig(OptimStateDictConfig):
    """Each rank's parts.

    >>> dist.fsdp.ShardedStateDictConfig(offload_to_cpu=True).offload_to_cpu
    True
    """


@dataclass
class CPUOffload:
    """Accepted: parts lie on the CPU.

    offload_params: accepted.

    >>> CPUOffload(offload_params=True).offload_params
    True
    """

    offload_params: bool = False


@dataclass(frozen=True)
class MixedPrecision:
    """Dtypes of gathered parameters, of gradients on their way, and of buffers.

    param_dtype: of gathered parameters; None: as they are. reduce_dtype: of gradients on their way;
    None: as they are. buffer_dtype: of buffers; None: as they are. keep_low_precision_grads:
    accepted. cast_forward_inputs: convert inputs to param_dtype. cast_root_forward_inputs: the same
    for the outermost module.

    >>> MixedPrecision(param_dtype=torch.bfloat16).param_dtype
    torch.bfloat16
    """

    param_dtype: Any = None
    reduce_dtype: Any = None
    buffer_dtype: Any = None
    keep_low_precision_grads: bool = False
    cast_forward_inputs: bool = False
    cast_root_forward_inputs: bool = True


class FullyShardedDataParallel(Module):
    """A module whose parameters, gradients and optimizer states are dealt to the ranks.

    Make the optimizer of its parameters after wrapping. Parameters keep their own shapes but for
    their rows (use_orig_params=True is the only way).

    Args:
        module: what to wrap.
        process_group: the ranks; all by default.
        auto_wrap_policy: which modules inside are units of their own; see `wrap.py`.
        mixed_precision: dtypes, a MixedPrecision.
        ignored_modules, ignored_states: what stays as it is.
        sync_module_states: take the parameters and buffers of rank 0.
        device_mesh: instead of process_group.
        sharding_strategy, cpu_offload, backward_prefetch, param_init_fn, device_id,
            forward_prefetch, limit_all_gathers, use_orig_params: accepted.

    Zhao et al., PyTorch FSDP: experiences on scaling fully sharded data parallel, 2023.

    Raises ValueError before init_process_group; RuntimeError where an argument has a shape that
    does not fit or holds integers, booleans or complex numbers.

    >>> FSDP = dist.fsdp.FullyShardedDataParallel
    >>> net = FSDP(nn.Linear(2, 1))
    >>> with net.no_sync():
    ...     net(torch.ones(4, 2)).sum().backward()
    >>> net(torch.ones(4, 2)).sum().backward()
    >>> net.clip_grad_norm_(1.0)
    tensor(13.8564)
    >>> [name for name, _ in net.named_parameters()]
    ['weight', 'bias']
    >>> len(FSDP.fsdp_modules(net))
    1
    >>> with FSDP.summon_full_params(net):
    ...     print(net.weight.shape)
    torch.Size([1, 2])
    >>> with FSDP.state_dict_type(net, dist.fsdp.StateDictType.FULL_STATE_DICT):
    ...     print(list(net.state_dict()))
    ['weight', 'bias']
    >>> FSDP.set_state_dict_type(net, dist.fsdp.StateDictType.SHARDED_STATE_DICT)
    """

    def __init__(
        self, module: Module, process_group: Any = None, sharding_strategy: Any = None,
        cpu_offload: Any = None, auto_wrap_policy: Any = None, backward_prefetch: Any = None,
        mixed_precision: MixedPrecision | None = None, ignored_modules: Any = None,
        param_init_fn: Any = None, device_id: Any = None, sync_module_states: bool = False,
        forward_prefetch: bool = False, limit_all_gathers: bool = True,
        use_orig_params: bool = False, ignored_states: Any = None,
        device_mesh: DeviceMesh | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        group = pick(process_group[0] if isinstance(process_group, tuple) else process_group)
        mesh = device_mesh or DeviceMesh("cpu", list(group.ranks), _groups=[group])
        if sync_module_states:
            with no_grad():
                for t in (*module.parameters(), *module.buffers()):
                    broadcast(t.detach(), group=group, group_src=0)
        policy = MixedPrecisionPolicy()
        if mixed_precision is not None:
            policy = MixedPrecisionPolicy(
                mixed_precision.param_dtype, mixed_precision.reduce_dtype, None,
                mixed_precision.cast_forward_inputs or mixed_precision.cast_root_forward_inputs,
            )  # fmt: skip
            if mixed_precision.buffer_dtype is not None:
                for inner in module.modules():
                    for name, b in inner._buffers.items():
                        if b is not None and b.is_floating_point():
                            inner._buffers[name] = b.to(mixed_precision.buffer_dtype)
        ignored = {p for m in ignored_modules or () for p in m.parameters()}
        for thing in ignored_states or ():
            ignored.update(thing.parameters() if isinstance(thing, Module) else [thing])
        options: dict[str, Any] = {
            "mesh": mesh, "mp_policy": policy, "ignored_params": ignored,
            "reshard_after_forward": sharding_strategy is not ShardingStrategy.SHARD_GRAD_OP,
        }  # fmt: skip
        for _, _, inner in chosen(module, auto_wrap_policy):
            if not isinstance(inner, FSDPModule):
                fully_shard(inner, **options)
        self.module = module if isinstance(module, FSDPModule) else fully_shard(module, **options)
        self.process_group = group
        self._state_dict_type: tuple[StateDictType, Any, Any] = (
            StateDictType.FULL_STATE_DICT, FullStateDictConfig(), FullOptimStateDictConfig()
        )  # fmt: skip

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "module":
                raise
            return getattr(self.module, name)

    def named_parameters(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, Any]]:
        """Parameters under the names that they have in the wrapped module."""
        return self.module.named_parameters(*args, **kwargs)

    def clip_grad_norm_(self, max_norm: float, norm_type: float = 2.0) -> Any:
        """Scale the gradients so that their norm over all ranks is at most max_norm.

        norm_type: the order of the norm.

        Raises ValueError where max_norm is of the wrong type.
        """
        return clip_grad_norm_(self.parameters(), max_norm, norm_type)

    @contextlib.contextmanager
    def no_sync(self) -> Iterator[None]:
        """Inside of the block gradients add up on each rank, unreduced."""
        units = units_of(self.module)
        before = [u.sync for u in units]
        for u in units:
            u.sync = False
        try:
            yield
        finally:
            for u, sync in zip(units, before):
                u.sync = sync

    @staticmethod
    @contextlib.contextmanager
    def summon_full_params(
        module: Module, recurse: bool = True, writeback: bool = True, rank0_only: bool = False,
        offload_to_cpu: bool = False, with_grads: bool = False,
    ) -> Iterator[None]:  # fmt: skip
        """Whole parameters inside of the block; each rank keeps changes to its rows.

        recurse: the modules inside, too. writeback: keep what was written into whole parameters.
        rank0_only: only rank 0 sees whole parameters. offload_to_cpu: whole parameters on the CPU.
        with_grads: gradients, too.
        """
        with whole_parameters([module]):
            yield

    @staticmethod
    @contextlib.contextmanager
    def state_dict_type(
        module: Module, state_dict_type: StateDictType, state_dict_config: Any = None,
        optim_state_dict_config: Any = None,
    ) -> Iterator[None]:  # fmt: skip
        """What state_dict() of the wrapped modules gives inside of the block.

        state_dict_type: a StateDictType. state_dict_config: its options. optim_state_dict_config:
        its options for optimizers.
        """
        wrapped = FullyShardedDataParallel.fsdp_modules(module)
        before = [m._state_dict_type for m in wrapped]
        FullyShardedDataParallel.set_state_dict_type(
            module, state_dict_type, state_dict_config, optim_state_dict_config
        )
        try:
            yield
        finally:
            for m, kept in zip(wrapped, before):
                m._state_dict_type = kept

    @staticmethod
    @clear_errors
    def set_state_dict_type(
        module: Module, state_dict_type: StateDictType, state_dict_config: Any = None,
        optim_state_dict_config: Any = None,
    ) -> None:  # fmt: skip
        """The same, for good.

        state_dict_type: a StateDictType. state_dict_config: its options. optim_state_dict_config:
        its options for optimizers.
        """
        for m in FullyShardedDataParallel.fsdp_modules(module):
            m._state_dict_type = (
                state_dict_type, state_dict_config or FullStateDictConfig(),
                optim_state_dict_config or FullOptimStateDictConfig(),
            )  # fmt: skip

    @staticmethod
    @clear_errors
    def fsdp_modules(module: Module, root_only: bool = False) -> list[FullyShardedDataParallel]:
        """The wrapped modules in a module.

        root_only: only the outermost ones.


        """
        found = [m for m in module.modules() if isinstance(m, FullyShardedDataParallel)]
        return found[:1] if root_only else found

    def _options(self) -> StateDictOptions:
        kind, config, _ = self._state_dict_type
        full = kind is StateDictType.FULL_STATE_DICT
        only = "on rank 0" if getattr(config, "rank0_only", False) else False
        return StateDictOptions(full_state_dict=full, cpu_offload=only)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The wrapped module's state, under its names; whole tensors unless state_dict_type says
        otherwise. All ranks call this together.
        """
        options = self._options()
        found = get_model_state_dict(self.module, options=options)
        if options.full_state_dict and getattr(self._state_dict_type[1], "offload_to_cpu", False):
            found = {k: t.cpu() if isinstance(t, Tensor) else t for k, t in found.items()}
        return found

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Take each rank's rows of a state."""
        options = self._options()
        options.strict = strict
        return set_model_state_dict(self.module, state_dict, options=options)

    @staticmethod
    @clear_errors
    def optim_state_dict(
        model: Module, optim: Any, optim_state_dict: Any = None, group: Any = None
    ) -> dict[str, Any]:
        """An optimizer's state with parameters by name.

        optim: the optimizer. optim_state_dict: a state by names. group: the ranks that take part;
        None: all. model: the module.

        >>> FSDP = dist.fsdp.FullyShardedDataParallel
        >>> net = FSDP(nn.Linear(2, 1))
        >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> state = FSDP.optim_state_dict(net, optimizer)
        >>> state["param_groups"][0]["params"]
        ['weight', 'bias']
        >>> optimizer.load_state_dict(FSDP.optim_state_dict_to_load(net, optimizer, state))
        """
        wrapped: Any = FullyShardedDataParallel.fsdp_modules(model)[0]
        return get_optimizer_state_dict(wrapped.module, optim, options=wrapped._options())

    _states: Any = optim_state_dict  # the static method itself
    full_optim_state_dict = staticmethod(alias(_states.__func__, "full_optim_state_dict"))
    del _states

    @staticmethod
    @clear_errors
    def optim_state_dict_to_load(
        model: Module, optim: Any, optim_state_dict: dict[str, Any], *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """A state by names as optim.load_state_dict takes it, with this rank's rows.

        optim_state_dict: a state by names. model: the module.

        Raises TypeError where optim_state_dict is of the wrong type.

        >>> FSDP = dist.fsdp.FullyShardedDataParallel
        >>> net = FSDP(nn.Linear(2, 1))
        >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> state = FSDP.optim_state_dict(net, optimizer)
        >>> state["param_groups"][0]["params"]
        ['weight', 'bias']
        >>> optimizer.load_state_dict(FSDP.optim_state_dict_to_load(net, optimizer, state))
        """
        from ..checkpoint.state_dict import optimizer_state_to_load

        wrapped: Any = FullyShardedDataParallel.fsdp_modules(model)[0]
        return optimizer_state_to_load(wrapped.module, optim, optim_state_dict, wrapped._options())

    @staticmethod
    def set_optim_state_dict(model: Module, optim: Any, optim_state_dict: dict[str, Any]) -> None:
        """Continue an optimizer from a state by names."""
        wrapped: Any = FullyShardedDataParallel.fsdp_modules(model)[0]
        set_optimizer_state_dict(
            wrapped.module, optim, optim_state_dict, options=wrapped._options()
        )
