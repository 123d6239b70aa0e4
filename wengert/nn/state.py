"""state_dict and load_state_dict: PyTorch's names, report and hooks: checkpoints move both ways.

Writing and reading files is in `io/`; what a module's parameters and buffers are is in `module.py`.
"""

from __future__ import annotations

import functools
import itertools
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from ..api import exchange
from ..base import conversion
from ..base.modes import no_grad
from ..engine.tensor import Tensor
from .hooks import RemovableHandle, add
from .parameter import Parameter, is_lazy

__all__ = ["Stateful", "consume_prefix_in_state_dict_if_present"]

_EXTRA = "_extra_state"


def _tied(module: Any) -> list[list[tuple[Any, str]]]:
    """The (module, name) of each parameter that has more than one."""
    found: dict[int, list[tuple[Any, str]]] = {}
    for m in module.modules():
        for name, p in m._parameters.items():
            if p is not None:
                found.setdefault(id(p), []).append((m, name))
    return [places for places in found.values() if len(places) > 1]


def _tie_again(places: list[tuple[Any, str]]) -> None:
    """Make one parameter of several with equal values."""
    first, *others = [m._parameters[name] for m, name in places]
    if all(o is not None and o.dtype is first.dtype and o.equal(first) for o in others):
        for m, name in places:
            m._parameters[name] = first


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What load_state_dict returns."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class Stateful:
    """The part of Module that gives out its state and takes it back."""

    _version = 1
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: OrderedDict[int, Any]
    _state_dict_pre_hooks: OrderedDict[int, Any]
    _load_state_dict_pre_hooks: OrderedDict[int, Any]
    _load_state_dict_post_hooks: OrderedDict[int, Any]

    def get_extra_state(self) -> Any:
        """What state_dict() is to hold besides tensors; define set_extra_state with it."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called: "
            "state_dict() calls it only on modules that define it."
        )

    def set_extra_state(self, state: Any) -> None:
        """Take back what get_extra_state gave."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called: "
            "load_state_dict() calls it only on modules that define it."
        )

    # ---- giving

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Name -> tensor of all parameters and persistent buffers, sharing their storage.

        destination: a mapping to fill. prefix: put before every name. keep_vars: the parameters
        themselves instead of detached tensors.

        >>> list(nn.Linear(2, 3).state_dict())
        ['weight', 'bias']
        """
        if args:  # the old positional form
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in self._state_dict_hooks.values():
            result = hook(self, destination, prefix, metadata)
            if not getattr(hook, "_from_public_api", False):
                if result is not None:
                    destination = result
            elif result is not None:
                raise RuntimeError("state_dict post-hook must return None")
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put this module's own state, without its children's, into destination."""
        for name, t in self._own_state():
            destination[prefix + name] = t if keep_vars else t.detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + _EXTRA] = self.get_extra_state()

    def _own_state(self) -> list[tuple[str, Any]]:
        """Parameters and persistent buffers of this module itself."""
        skipped = self._non_persistent_buffers_set
        own = itertools.chain(
            self._parameters.items(), (i for i in self._buffers.items() if i[0] not in skipped)
        )
        return [(name, t) for name, t in own if t is not None]

    # ---- taking

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy the tensors of state_dict into this module's parameters and buffers, by name.

        strict: raise RuntimeError with a report if names are missing or left over. assign: take
        the tensors themselves instead of copying; parameters that were one and get equal values
        stay one. Returns (missing_keys, unexpected_keys).

        >>> a, b = nn.Linear(2, 3), nn.Linear(2, 3)
        >>> a.load_state_dict(b.state_dict())
        <All keys matched successfully>
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        metadata = getattr(state_dict, "_metadata", None)
        state = OrderedDict(state_dict)
        if metadata is not None:
            state._metadata = metadata  # type: ignore[attr-defined]

        def load(module: Any, mine: Any, prefix: str = "") -> None:
            local = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local["assign_to_params_buffers"] = assign
            module._load_from_state_dict(mine, prefix, local, True, missing, unexpected, errors)
            below: dict[str, dict[str, Any]] = {}
            for key, value in mine.items():
                below.setdefault(key[len(prefix) :].partition(".")[0], {})[key] = value
            for name, child in module._modules.items():
                if child is not None:
                    load(child, below.get(name, {}), f"{prefix}{name}.")
            keys = _IncompatibleKeys(missing, unexpected)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, keys) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not "
                        "expected to return new values, if incompatible_keys need to be modified, "
                        "it should be done inplace."
                    )

        tied = _tied(self) if assign else []
        load(self, state)
        for places in tied:
            _tie_again(places)
        if strict:
            report = [
                f"{what} key(s) in state_dict: {_quoted(keys)}. "
                for what, keys in (("Missing", missing), ("Unexpected", unexpected))
                if keys
            ]
            errors[:0] = report
        if errors:
            name = type(self).__name__
            listed = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {name}:\n\t{listed}")
        return _IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool,
        missing_keys: list[str], unexpected_keys: list[str], error_msgs: list[str],
    ) -> None:  # fmt: skip
        """Take this module's own state, without its children's, from state_dict."""
        report = (missing_keys, unexpected_keys, error_msgs)
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, *report)
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, t in self._own_state():
            key = prefix + name
            if key in state_dict:
                problem = _load_one(self, name, key, t, state_dict[key], assign)
                if problem:
                    error_msgs.append(problem)
            elif strict:
                missing_keys.append(key)
        extra = prefix + _EXTRA
        if type(self).set_extra_state is not Stateful.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            known = {name for name, _ in self._own_state()}
            for key in state_dict:
                if key.startswith(prefix) and key != extra:
                    first, dot, _ = key[len(prefix) :].partition(".")
                    if first not in (self._modules if dot else known):
                        unexpected_keys.append(key)

    # ---- hooks

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call hook(module, prefix, keep_vars) before state_dict() collects."""
        return add(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call hook(module, state_dict, prefix, local_metadata) once state_dict() has collected."""
        hook._from_public_api = True  # type: ignore[attr-defined]
        return add(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """As register_state_dict_post_hook, but a result replaces the state dict."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was "
                "previously registered via register_state_dict_post_hook"
            )
        return add(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call hook(module, state_dict, prefix, metadata, strict, missing, unexpected, errors)."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        """As the public one; without the module as first argument unless with_module."""
        called = functools.partial(hook, self) if with_module else hook
        return add(self._load_state_dict_pre_hooks, called)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call hook(module, incompatible_keys) after loading; it may change the keys in place."""
        return add(self._load_state_dict_post_hooks, hook)


def _quoted(keys: list[str]) -> str:
    return ", ".join([f'"{k}"' for k in keys])


def _load_one(module: Any, name: str, key: str, own: Any, new: Any, assign: bool) -> str | None:
    """Put new where own is, in module; returns what was wrong, or None."""
    if not isinstance(new, Tensor):
        return (
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
            f"object from checkpoint but received {type(new)}"
        )
    lazy = is_lazy(own)
    if lazy and is_lazy(new) and not assign:
        return None  # neither has a shape yet
    if not lazy and own.dim() == 0 and tuple(new.shape) == (1,):
        new = new[0]  # scalars had one dimension before PyTorch 0.4
    if not lazy and tuple(new.shape) != tuple(own.shape):
        return (
            f"size mismatch for {key}: copying a param with shape {new.shape} from checkpoint, "
            f"the shape in current model is {own.shape}."
        )
    try:
        with no_grad():
            if conversion.get_swap_module_params_on_conversion():
                new = own.module_load(new, assign=assign)
                if isinstance(own, Parameter):
                    new = Parameter(new, requires_grad=own.requires_grad)
                exchange.swap_tensors(own, new)
            elif assign:
                if isinstance(own, Parameter):
                    if not isinstance(new, Parameter):
                        new = Parameter(new, requires_grad=own.requires_grad)
                    else:
                        new.requires_grad_(own.requires_grad)
                setattr(module, name, new)
            else:
                own.copy_(new)
    except Exception as e:
        return (
            f'While copying the parameter named "{key}", whose dimensions in the model are '
            f"{own.size()} and whose dimensions in the checkpoint are {new.size()}, an exception "
            f"occurred : {e.args}."
        )
    return None


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Take a prefix such as 'module.' off the names of a state dict, in place.

    >>> state = {"module.weight": 1, "bias": 2}
    >>> nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    >>> state
    {'bias': 2, 'weight': 1}
    """
    for key in [k for k in state_dict if k.startswith(prefix)]:
        state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    if metadata is None:
        return
    for key in list(metadata):
        if key == prefix.removesuffix(".") or key.startswith(prefix):
            metadata[key[len(prefix) :]] = metadata.pop(key)
