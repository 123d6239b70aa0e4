"""Parameters computed from others: a module on a tensor's way from its stored to its used form.

Ready-made ones are in `parametrizations.py`.
"""

from __future__ import annotations

import contextlib
import copy
import types
from collections.abc import Iterator, Sequence
from typing import Any

from ...base.modes import no_grad
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ..containers import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

__all__ = [
    "cached", "ParametrizationList", "register_parametrization", "is_parametrized",
    "remove_parametrizations", "type_before_parametrizations",
    "transfer_parametrizations_and_params",
]  # fmt: skip

_cache: dict[tuple[int, str], Tensor] = {}
_cache_users = 0


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """Within it, each parametrized tensor is computed once.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    >>> with nn.utils.parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    global _cache_users
    _cache_users += 1
    try:
        yield
    finally:
        _cache_users -= 1
        if not _cache_users:
            _cache.clear()


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _kind(value: Any) -> str:
    return type(value).__name__


def _same_form(what: str, new: Tensor, old: Tensor) -> None:
    """ValueError unless new has dtype and shape of old."""
    for fact in ("dtype", "shape"):
        if getattr(new, fact) != getattr(old, fact):
            raise ValueError(
                f"{what} may not change the {fact} of the tensor, unless the `unsafe` flag is "
                f"enabled: {getattr(old, fact)} became {getattr(new, fact)}"
            )


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, first to last, and its stored form.

    The stored form is `original`, or original0, original1... where right_inverse gives several.

    unsafe: do not check what the parametrization returns.

    right_inverse raises ValueError for a value of another dtype.

    >>> class Doubled(nn.Module):
    ...     def forward(self, x):
    ...         return 2 * x
    ...     def right_inverse(self, x):
    ...         return x / 2
    >>> layer = nn.Linear(2, 1)
    >>> layer = nn.utils.parametrize.register_parametrization(layer, "weight", Doubled())
    >>> found = layer.parametrizations.weight
    >>> found.right_inverse(torch.ones(1, 2))
    >>> found.original, layer.weight
    (Parameter containing:
    tensor([[0.5000, 0.5000]], requires_grad=True), tensor([[1., 1.]], grad_fn=<MulBackward0>))
    """

    def __init__(self, modules: Sequence[Module], original: Any, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        before = original.detach().clone()
        new: Any = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with contextlib.suppress(NotImplementedError):
                        new = module.right_inverse(new)
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {_kind(new)}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            for fact in ("dtype", "device"):
                if getattr(original, fact) != getattr(new, fact):
                    raise ValueError(
                        f"When `right_inverse` outputs one tensor, it may not change the {fact}: "
                        f"{getattr(original, fact)} became {getattr(new, fact)}"
                    )
            original.data = new.detach()  # type: ignore[union-attr]
            _register(self, "original", original)
        else:
            for i, part in enumerate(new):
                if not isinstance(part, Tensor):
                    raise ValueError(
                        "'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                        f"tuple...). Got element {i} of the sequence with type {_kind(part)}."
                    )
                if isinstance(original, Parameter):
                    part = Parameter(part, original.requires_grad)
                part.requires_grad_(original.requires_grad)
                _register(self, f"original{i}", part)
        if not unsafe:
            out = self()
            if not isinstance(out, Tensor):
                raise ValueError(f"A parametrization must return a tensor. Got {_kind(out)}.")
            _same_form("Registering a parametrization", out, before)

    def right_inverse(self, value: Any) -> None:
        """Store what gives value after the parametrizations.

        value has any shape that the last of them gives. Raises ValueError where value holds complex
        numbers.
        """
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {_kind(module)} does not implement right_inverse."
                    )
                value = module.right_inverse(value)
        if self.is_tensor:
            if not isinstance(value, Tensor):
                raise ValueError(f"`right_inverse` should return a tensor. Got {_kind(value)}")
            values, names = [value], ["original"]
        else:
            if not isinstance(value, Sequence) or len(value) != self.ntensors:
                got = len(value) if isinstance(value, Sequence) else _kind(value)
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors of length "
                    f"{self.ntensors}. Got {got}."
                )
            values, names = list(value), [f"original{i}" for i in range(self.ntensors)]
        for name, v in zip(names, values):
            stored = getattr(self, name)
            if stored.dtype != v.dtype:
                raise ValueError(
                    f"The tensor returned by `right_inverse` has dtype {v.dtype}, but `{name}` has "
                    f"dtype {stored.dtype}"
                )
            stored.data = v.detach()

    def forward(self) -> Any:
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        first, *others = self
        x = first(*[getattr(self, name) for name in names])
        for module in others:
            x = module(x)
        return x


def _inject_class(module: Any) -> None:
    """Give the module a class of its own, where properties can stand."""
    cls = type(module)

    def deepcopy(self: Any, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            replica = memo[id(self)] = object.__new__(type(self))
            replica.__dict__ = copy.deepcopy(self.__dict__, memo)
        return memo[id(self)]

    def getstate(self: Any) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(): save "
            "that, and parametrize the new module before loading it"
        )

    body: dict[str, Any] = {"__getstate__": getstate}
    if not hasattr(cls, "__deepcopy__"):
        body["__deepcopy__"] = deepcopy
    module.__class__ = types.new_class(
        f"Parametrized{cls.__name__}", (cls,), exec_body=lambda ns: ns.update(body)
    )


def _inject_property(module: Any, name: str) -> None:
    """Let module.name be computed, and writing to it go through right_inverse."""

    def get(self: Any) -> Any:
        compute = self.parametrizations[name]
        if not _cache_users:
            return compute()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = compute()
        return _cache[key]

    def put(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(get, put))


@clear_errors
def register_parametrization(
    module: Any, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Any:
    """Let module.tensor_name be parametrization(stored tensor) from now on; returns module.

    A method right_inverse of the parametrization says what to store for the present value. More
    of them come one behind the other. unsafe: shape and dtype may change, nothing is checked.
    ValueError if the module has no parameter or buffer of the name.

    Raises TypeError where module or parametrization is of the wrong type.

    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = nn.Linear(3, 3)
    >>> _ = nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    >>> torch.equal(layer.weight, layer.weight.T)
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_next(module, tensor_name, parametrization)
        module.parametrizations[tensor_name].append(parametrization)
        module.parametrizations[tensor_name].unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        made = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _inject_class(module)
            module.parametrizations = ModuleDict()
        _inject_property(module, tensor_name)
        module.parametrizations[tensor_name] = made
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def _check_next(module: Any, name: str, parametrization: Any) -> None:
    """ValueError unless a further parametrization keeps the form, and its inverse too."""
    now = getattr(module, name)
    out = parametrization(now)
    if not isinstance(out, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {_kind(out)}.")
    _same_form("Registering a parametrization", out, now)
    if hasattr(parametrization, "right_inverse"):
        try:
            back = parametrization.right_inverse(out)
        except NotImplementedError:
            return
        if not isinstance(back, Tensor):
            raise ValueError(
                f"parametrization.right_inverse must return a tensor. Got: {_kind(back)}"
            )
        _same_form("parametrization.right_inverse", back, now)


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Whether the module, or one tensor of it, is parametrized.

    tensor_name: the parameter's name.

    >>> torch.nn.utils.parametrize.is_parametrized(nn.Linear(2, 1))
    False
    """
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Take all parametrizations of a tensor away; returns module.

    leave_parametrized: the tensor stays as it was computed; else as it was stored, which needs
    one stored tensor (ValueError).

    tensor_name: the parameter's name.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    >>> nn.utils.parametrize.remove_parametrizations(layer, "weight")
    Linear(in_features=2, out_features=2, bias=True)
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    held = module.parametrizations[tensor_name]
    if held.is_tensor:
        original = held.original
        if leave_parametrized:
            with no_grad():
                original.data = getattr(module, tensor_name).detach()
    elif leave_parametrized:
        t = getattr(module, tensor_name)
        original = Parameter(t.detach()) if t.requires_grad else t
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Any) -> type:
    """The module's class without its parametrizations.

    >>> torch.nn.utils.parametrize.type_before_parametrizations(nn.Linear(2, 1)).__name__
    'Linear'
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


@clear_errors
def transfer_parametrizations_and_params(
    from_module: Any, to_module: Any, tensor_name: str | None = None
) -> Any:
    """Give to_module the parametrizations and stored tensors of from_module; returns it.

    tensor_name: the parameter's name.

    Raises TypeError where to_module is of the wrong type.

    >>> a, b = nn.Linear(2, 1), nn.Linear(2, 1)
    >>> a = nn.utils.parametrizations.weight_norm(a)
    >>> b = nn.utils.parametrize.transfer_parametrizations_and_params(a, b)
    >>> torch.equal(a.weight, b.weight)
    True
    """
    if is_parametrized(from_module):
        names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
        for name in names:
            source = from_module.parametrizations[name]
            if not hasattr(to_module, name):
                setattr(to_module, name, Parameter(getattr(from_module, name)))
            for parametrization in source:
                register_parametrization(to_module, name, parametrization)
            target = to_module.parametrizations[name]
            for stored in source._parameters.keys() | source._buffers.keys():
                setattr(target, stored, getattr(source, stored))
    return to_module
