"""The base of all optimizers: parameter groups, hooks, saving and loading.

How a step applies `start` and `update` to the parameters is in `step.py`.
"""

from __future__ import annotations

import functools
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from html import escape
from types import FunctionType
from typing import Any

from ..api import functions as T
from ..base.advice import advise
from ..base.dtypes import float32
from ..base.hints import wanted
from ..base.hooks import RemovableHandle, hooked
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from .foreign import (  # noqa: F401
    _capturable_doc,
    _default_to_fused_or_foreach,
    _differentiable_doc,
    _disable_dynamo_if_unsupported,
    _dispatch_sqrt,
    _foreach_doc,
    _fused_doc,
    _get_capturable_supported_devices,
    _get_scalar_dtype,
    _get_value,
    _maximize_doc,
    _params_doc,
    _stack_if_compiling,
    _to_scalar,
    _use_grad_for_differentiable,
    _view_as_real,
)
from .mistakes import Uncleared, look_at
from .step import Rule, counter_dtype

Params = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
ParamsT = _params_t = Params

Hooks = dict[int, Callable[..., Any]]

_global_pre_hooks: Hooks = OrderedDict()
_global_post_hooks: Hooks = OrderedDict()


class _Required:
    """Marks an option that every group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call hook(optimizer, args, kwargs) before every step of every optimizer.

    The hook may return new (args, kwargs). Returns a handle whose remove() takes it out.
    """
    return hooked(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., None]) -> RemovableHandle:
    """Call hook(optimizer, args, kwargs) after every step of every optimizer; returns a handle."""
    return hooked(_global_post_hooks, hook)


def with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """step, calling the hooks registered for it."""

    @functools.wraps(step)
    def hooked(*args: Any, **kwargs: Any) -> Any:
        self = args[0]
        before, after = self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks
        if before or _global_pre_hooks:
            for hook in [*_global_pre_hooks.values(), *before.values()]:
                changed = hook(self, args, kwargs)
                if changed is not None:
                    if not isinstance(changed, tuple) or len(changed) != 2:
                        raise RuntimeError(
                            f"{step} must return None or a tuple of (new_args, new_kwargs), but "
                            f"got {changed}."
                        )
                    args, kwargs = changed
        result = step(*args, **kwargs)
        if self._uncleared is not None and not self._uncleared.after(self):
            self._uncleared = None
        if after or _global_post_hooks:
            for hook in [*after.values(), *_global_post_hooks.values()]:
                hook(self, args, kwargs)
        return result

    hooked.hooked = True  # type: ignore[attr-defined]
    return hooked


OUTSIDE = {"params", "param_names"}  # of a group, what is no option


def type_name(x: Any) -> str:
    """How error messages call the type of x."""
    if isinstance(x, Tensor):
        return x.type()
    module = getattr(x, "__module__", None)
    name = getattr(x, "__qualname__", None) or type(x).__name__
    return name if module in (None, "builtins") else f"{module}.{name}"


def _placed(p: Any, state: Any) -> Any:
    """A parameter's state; that of a part of a parameter as parts too (torch.distributed)."""
    if not hasattr(p, "as_part"):
        return state
    return {k: p.as_part(v) if isinstance(v, Tensor) else v for k, v in state.items()}


class Optimizer(Rule):
    """Base class of optimizers.

    params: tensors, (name, tensor) pairs, or dicts of options, each with its tensors under
    "params". defaults: the options of groups that do not give their own. Raises TypeError or
    ValueError for parameters that cannot be optimized.

    A new optimizer defines two methods, written with PyTorch's tensor methods:

    - `start(p, **options)` returns the state of one parameter: a dict of tensors like p
      (`self.like(p, 0)`), of None for those that `update` makes itself, and of numbers, whose names
      are listed in `counters`;
    - `update(p, g, state, **options)` changes p in place, and the entries of state in place or by
      assignment. "step", if it is a counter, has already been advanced. Both name the options they
      want.

    With `elementwise = True` an update must treat every element alike, since parameters are
    flattened, cut and joined; with False it gets whole tensors. Instead of the two methods a class
    may define `step`.

    >>> class Signs(torch.optim.Optimizer):
    ...     def start(self, p):
    ...         return {}
    ...     def update(self, p, g, state, *, lr):
    ...         p.sub_(g.sign(), alpha=lr)
    >>> p = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> p.grad = torch.tensor([3.0, -3.0])
    >>> Signs([p], {"lr": 0.5}).step()
    >>> p
    tensor([0.5000, 2.5000], requires_grad=True)
    """

    _optimizer_step_pre_hooks: Hooks
    _optimizer_step_post_hooks: Hooks
    _optimizer_state_dict_pre_hooks: Hooks
    _optimizer_state_dict_post_hooks: Hooks
    _optimizer_load_state_dict_pre_hooks: Hooks
    _optimizer_load_state_dict_post_hooks: Hooks
    _uncleared: Uncleared | None = None  # looks for a forgotten zero_grad in the first steps
    assumed: dict[str, Any] = {}  # options of groups saved before the options existed

    @clear_errors
    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._add_hooks()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or "
                "dicts, but got " + type_name(params)
            )
        if isinstance(getattr(type(params), "parameters", None), FunctionType) and not hasattr(
            params, "__iter__"
        ):
            raise TypeError(
                f"{type(self).__name__}: '{type(params).__name__}' object is not iterable: it is "
                "a module, give its parameters: model.parameters()"
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        found = look_at(params)
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError(f"optimizer got an empty parameter list{found}")
        if wanted("zero_grad"):
            self._uncleared = Uncleared()
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _add_hooks(self) -> None:
        for name in Optimizer.__annotations__:
            if name.endswith("_hooks"):
                self.__dict__.setdefault(name, OrderedDict())
        cls = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = with_hooks(cls.step)  # type: ignore[method-assign]

    def _cuda_graph_capture_health_check(self) -> None:
        """Optimizers written for PyTorch ask it first; no step is captured here."""

    _accelerator_graph_capture_health_check = _cuda_graph_capture_health_check

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients; with set_to_none=False fill them with zeros instead.

        >>> w = torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.SGD([w], lr=0.1)
        >>> w.sum().backward()
        >>> optimizer.zero_grad()
        >>> w.grad is None
        True
        """
        self._uncleared = None
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    if p.grad.grad_fn is not None:
                        p.grad.detach_()
                    else:
                        p.grad.requires_grad_(False)
                    p.grad.zero_()

    # ---- groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own, such as layers unfrozen during training.

        param_group: a dict with "params" and any options. Parameters have any shape. Raises
        TypeError or ValueError for what cannot be optimized, parameters that are in another group,
        and groups of which only some have names.

        >>> w, b = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.SGD([w], lr=0.1)
        >>> optimizer.add_param_group({"params": [b], "lr": 0.01})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.01]
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            given: list[Any] = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors "
                "in sets will change between runs. Please use a list instead."
            )
        else:
            given = list(params)
        names = [x[0] for x in given if isinstance(x, tuple)]
        param_group["params"] = [x[1] if isinstance(x, tuple) else x for x in given]
        if names:
            if len(names) != len(given):
                raise ValueError(
                    "all optimizer params should be with/without names. Some param names are "
                    "missing"
                )
            param_group["param_names"] = names
        for p in param_group["params"]:
            if not isinstance(p, Tensor):
                raise TypeError(
                    "optimizer can only optimize Tensors, but one of the params is " + type_name(p)
                )
            if not self.defaults.get("differentiable") and not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
            param_group.setdefault(name, default)
        new = {id(p) for p in param_group["params"]}
        if len(new) != len(param_group["params"]):
            advise(
                "optimizer contains a parameter group with duplicate parameters; in future, "
                "this will cause an "
                "error; list each parameter once",
            )
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                which = "with" if "param_names" in param_group else "without"
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param "
                    "group "
                    f"{which} names to the optimizer"
                )
            if not new.isdisjoint(map(id, group["params"])):
                raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines += [""] * (i > 0) + [f"Parameter Group {i}"]
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join(lines) + "\n)"

    def _repr_html_(self) -> str:
        cell, name = '<td style="text-align:left">', '<th style="text-align:left">{}</th>'.format
        rows = []
        for i, group in enumerate(self.param_groups):
            n = sum(p.numel() for p in group["params"])
            options = ", ".join(f"{k}={group[k]}" for k in group if k not in OUTSIDE)
            count = f"{n:,} in {len(group['params'])} tensors"
            rows.append(
                f"<tr>{cell}group {i}</td>{cell}{count}</td>{cell}{escape(options)}</td></tr>"
            )
        held = [x for s in self.state.values() for x in s.values() if isinstance(x, Tensor)]
        kept = f"{sum(x.nbytes for x in held):,} bytes of state" if held else "no state yet"
        return (
            f"<b>{type(self).__name__}</b> <span style='color:rgba(128,128,128,.95)'>{kept}</span>"
            f"<table><tr><th></th>{name('parameters')}{name('options')}</tr>{''.join(rows)}</table>"
        )

    # ---- saving

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._add_hooks()
        self.defaults.setdefault("differentiable", False)
        for group in self.param_groups:
            for name, value in self.assumed.items():
                group.setdefault(name, value)
        self._restore_counters()

    def _restore_counters(self) -> None:
        """Make tensors of counters that were saved as numbers, as PyTorch did before 1.12."""
        for group in self.param_groups:
            for p in group["params"]:
                kept = self.state.get(p, {})
                for name in self.counters:
                    if name in kept and not isinstance(kept[name], Tensor):
                        kept[name] = T.tensor(float(kept[name]), dtype=counter_dtype(group))

    def state_dict(self) -> dict[str, Any]:
        """Everything but the parameters: {"state": {number: {...}}, "param_groups": [{...}]}.

        Parameters are replaced by their number, counted over the groups; the tensors are not
        copied.

        >>> w = torch.ones(1, requires_grad=True)
        >>> state = torch.optim.SGD([w], lr=0.1).state_dict()
        >>> optimizer = torch.optim.SGD([w], lr=0.5)
        >>> optimizer.load_state_dict(state)
        >>> optimizer.param_groups[0]["lr"]
        0.1
        """
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        start = 0
        for group in self.param_groups:
            before = set(numbers)  # of one that a group has twice, the last number counts
            numbers |= {
                id(p): i for i, p in enumerate(group["params"], start) if id(p) not in before
            }
            packed = {k: v for k, v in group.items() if k != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
            start += len(packed["params"])
        state = {
            numbers[id(k)] if isinstance(k, Tensor) else k: _placed(k, v)
            for k, v in self.state.items()
        }
        result = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, result)
            if changed is not None:
                result = changed
        return result

    @clear_errors
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what state_dict() returned, for parameters in the same order.

        Tensors are converted to the dtype and device of their parameter. Raises ValueError if the
        groups do not match.

        >>> w = torch.ones(1, requires_grad=True)
        >>> state = torch.optim.SGD([w], lr=0.1).state_dict()
        >>> optimizer = torch.optim.SGD([w], lr=0.5)
        >>> optimizer.load_state_dict(state)
        >>> optimizer.param_groups[0]["lr"]
        0.1
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        groups = self.param_groups
        saved = deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved)}, and the optimizer has {len(groups)}"
            )
        for i, (group, other) in enumerate(zip(groups, saved)):
            if len(group["params"]) != len(other["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size "
                    "of optimizer's "
                    f"group: group {i} has {len(other['params'])} parameters there and "
                    f"{len(group['params'])} here"
                )
        owner = {
            number: (p, other)
            for group, other in zip(groups, saved)
            for number, p in zip(other["params"], group["params"])
        }
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in owner:
                p, group = owner[key]
                state[p] = self._adapt(p, value, group)
            else:
                state[key] = value
        for group, other in zip(groups, saved):
            other["params"] = group["params"]
            if "param_names" in group:
                other.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        # rates that a scheduler had set, which one that is made afterwards would begin anew
        self._loaded_lr = [g["lr"] for g in saved if "initial_lr" in g]
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def _adapt(self, p: Tensor, value: Any, group: dict[str, Any], key: Any = None) -> Any:
        """A loaded state entry of p, its tensors moved to the device and dtype of p."""
        if isinstance(value, Tensor):
            if key == "step":  # counts steps exactly, whatever the dtype of p
                on_device = group.get("capturable") or group.get("fused")
                return value.to(dtype=float32, device=p.device) if on_device else value
            if hasattr(value, "on_part"):
                value = value._local_tensor if self.elementwise else value
            if p.is_floating_point():
                return value.to(dtype=p.dtype, device=p.device)
            return value.to(device=p.device)
        if isinstance(value, dict):
            return {k: self._adapt(p, v, group, k) for k, v in value.items()}
        if isinstance(value, Iterable) and not isinstance(value, str):
            return type(value)(self._adapt(p, v, group) for v in value)  # type: ignore[call-arg]
        return value

    # ---- hooks

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) before each step; it may return new (args, kwargs).

        >>> w = torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.SGD([w], lr=0.1)
        >>> before = optimizer.register_step_pre_hook(lambda *args: print("before"))
        >>> after = optimizer.register_step_post_hook(lambda *args: print("after"))
        >>> optimizer.step()
        before
        after
        """
        return hooked(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) after each step.

        >>> w = torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.SGD([w], lr=0.1)
        >>> before = optimizer.register_step_pre_hook(lambda *args: print("before"))
        >>> after = optimizer.register_step_post_hook(lambda *args: print("after"))
        >>> optimizer.step()
        before
        after
        """
        return hooked(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., None], prepend: bool = False
    ) -> RemovableHandle:
        """Call hook(optimizer) before state_dict() collects; prepend: before earlier hooks.

        >>> optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
        >>> before = optimizer.register_state_dict_pre_hook(lambda optimizer: print("before"))
        >>> after = optimizer.register_state_dict_post_hook(lambda optimizer, state: print("after"))
        >>> list(optimizer.state_dict())
        before
        after
        ['state', 'param_groups']
        """
        return hooked(self._optimizer_state_dict_pre_hooks, hook, first=prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call hook(optimizer, state_dict) after state_dict(); it may return another dict.

        prepend: run before the hooks that are there.

        >>> optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
        >>> before = optimizer.register_state_dict_pre_hook(lambda optimizer: print("before"))
        >>> after = optimizer.register_state_dict_post_hook(lambda optimizer, state: print("after"))
        >>> list(optimizer.state_dict())
        before
        after
        ['state', 'param_groups']
        """
        return hooked(self._optimizer_state_dict_post_hooks, hook, first=prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call hook(optimizer, state_dict) before loading; it may return another dict.

        prepend: run before the hooks that are there.

        >>> optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
        >>> before = optimizer.register_load_state_dict_pre_hook(lambda *args: print("before"))
        >>> after = optimizer.register_load_state_dict_post_hook(lambda *args: print("after"))
        >>> optimizer.load_state_dict(optimizer.state_dict())
        before
        after
        """
        return hooked(self._optimizer_load_state_dict_pre_hooks, hook, first=prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., None], prepend: bool = False
    ) -> RemovableHandle:
        """Call hook(optimizer) after loading.

        prepend: run before the hooks that are there.

        >>> optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
        >>> before = optimizer.register_load_state_dict_pre_hook(lambda *args: print("before"))
        >>> after = optimizer.register_load_state_dict_post_hook(lambda *args: print("after"))
        >>> optimizer.load_state_dict(optimizer.state_dict())
        before
        after
        """
        return hooked(self._optimizer_load_state_dict_post_hooks, hook, first=prepend)
