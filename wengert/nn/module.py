"""Module: the base class of everything with parameters, and the walks over a tree of modules.

Hooks are in `hooks.py`, state dicts in `state.py`, moves in `device_moves.py`, the wording of
errors in `error_path.py`; layers have files of their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from ..base.aliases import NamedInit
from ..engine import native
from ..engine.tensor import Tensor
from .device_moves import Movable
from .error_path import as_modules, blame
from .hooks import (
    GLOBAL,
    Hookable,
    call_with_hooks,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
    registered,
)
from .parameter import Buffer, Parameter, typename
from .state import Stateful, _IncompatibleKeys

__all__ = [
    "Module", "_IncompatibleKeys", "register_module_backward_hook",
    "register_module_buffer_registration_hook", "register_module_forward_hook",
    "register_module_forward_pre_hook", "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook", "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]  # fmt: skip

Self = TypeVar("Self", bound="Module")
P = ParamSpec("P")
R = TypeVar("R", covariant=True)
_PRE, _POST, _BPRE, _BPOST = GLOBAL.calls

if TYPE_CHECKING:

    class Forward(Protocol[P, R]):
        """What can be called: a call takes and gives what its forward says."""

        def forward(self, *args: P.args, **kwargs: P.kwargs) -> R: ...


class Module(Stateful, Hookable, Movable, NamedInit):
    """Base class of networks and layers: define `__init__` and `forward`.

    Parameters, buffers and modules that become attributes are found by parameters(), state_dict(),
    to() and the like. Raises TypeError for arguments.

    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc = nn.Linear(2, 1)
    ...     def forward(self, x):
    ...         return self.fc(x).relu()
    >>> Net()(torch.ones(3, 2)).shape
    torch.Size([3, 1])
    >>> net = Net()
    >>> net.add_module("tail", nn.ReLU()), net.register_module("more", None)
    (None, None)
    >>> net.register_parameter("scale", nn.Parameter(torch.ones(1)))
    >>> [name for name, _ in net.named_parameters()], len(list(net.buffers()))
    (['scale', 'fc.weight', 'fc.bias'], 0)
    >>> len(list(net.children())), [name for name, _ in net.named_children()]
    (2, ['fc', 'tail'])
    >>> len(list(net.modules())), len(list(net.named_buffers()))
    (3, 0)
    >>> net.set_submodule("tail", nn.Tanh()), net.get_parameter("scale").shape
    (None, torch.Size([1]))
    >>> net.apply(lambda m: None).eval().train().requires_grad_(False).zero_grad()
    >>> net.compile(), nn.BatchNorm1d(2).get_buffer("running_mean")
    (None, tensor([0., 0.]))
    """

    dump_patches = False
    call_super_init = False
    training: bool
    _compiled_call_impl: Callable[..., Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init and (args or kwargs):
            what = f"an unexpected keyword argument '{next(iter(kwargs))}'" if kwargs else (
                f"{len(args) + 1} positional arguments where 1 was expected"
            )  # fmt: skip
            raise TypeError(f"{type(self).__name__}.__init__() got {what}")
        self.__dict__.update(
            training=True, _parameters={}, _buffers={}, _non_persistent_buffers_set=set(),
            _backward_pre_hooks=OrderedDict(), _backward_hooks=OrderedDict(),
            _is_full_backward_hook=None, _forward_hooks=OrderedDict(),
            _forward_hooks_with_kwargs=OrderedDict(), _forward_hooks_always_called=OrderedDict(),
            _forward_pre_hooks=OrderedDict(), _forward_pre_hooks_with_kwargs=OrderedDict(),
            _state_dict_hooks=OrderedDict(), _state_dict_pre_hooks=OrderedDict(),
            _load_state_dict_pre_hooks=OrderedDict(), _load_state_dict_post_hooks=OrderedDict(),
            _modules={},
        )  # fmt: skip
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__module__.startswith("wengert."):
            for name, f in list(vars(cls).items()):  # PyTorch's functions are no methods there
                if type(f) is FunctionType and hasattr(f, "declared"):
                    setattr(cls, name, staticmethod(f))
        if native.new_class is not None:
            native.new_class(cls)

    # ---- calling

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    if TYPE_CHECKING:

        def __call__(self: Forward[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...

    else:

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            try:
                if (
                    self._forward_hooks or self._forward_pre_hooks or self._backward_hooks
                    or self._backward_pre_hooks or _POST or _PRE or _BPOST or _BPRE
                    or self._compiled_call_impl is not None
                ):  # fmt: skip
                    forward = self._compiled_call_impl or self.forward
                    return call_with_hooks(self, forward, args, kwargs)
                return self.forward(*args, **kwargs)
            except Exception as error:
                blame(error, self, args)
                raise

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        return Module.__call__(self, *args, **kwargs)

    def _input_problem(self, *args: Any) -> str | None:
        """What is wrong with an input that forward refused, as in 'its dtype must be int64'."""
        return None

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile this module's forward in place; arguments as for torch.compile."""
        from ..compiler import compile as compiled

        self._compiled_call_impl = compiled(self.forward, *args, **kwargs)

    _as_compiled: Callable[..., Module]  # set by optimized.py

    # ---- attributes

    def __getattr__(self, name: str) -> Any:
        d = self.__dict__
        if "_parameters" in d:
            table = d["_parameters"]
            if name in table:
                return table[name]
            table = d["_modules"]
            if name in table:
                return table[name]
            table = d["_buffers"]
            if name in table:
                return table[name]
        told = f"'{type(self).__name__}' object has no attribute '{name}'"
        raise AttributeError(told, name=name, obj=self)  # with them Python suggests a name

    def __setattr__(self, name: str, value: Any) -> None:
        d = self.__dict__
        if isinstance(value, Tensor) and isinstance(value, Parameter):
            if "_parameters" not in d:
                raise AttributeError(
                    "cannot assign parameters before Module.__init__() call: call "
                    "super().__init__() first"
                )
            _forget(self, name, "_buffers", "_modules")
            self.register_parameter(name, value)
        elif name in d.get("_parameters", ()):
            if value is not None:
                raise TypeError(_refused(value, "parameter", name, "torch.nn.Parameter or None"))
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            if "_modules" not in d:
                raise AttributeError(
                    "cannot assign module before Module.__init__() call: call super().__init__() "
                    "first"
                )
            _forget(self, name, "_parameters", "_buffers")
            d["_modules"][name] = registered(GLOBAL.module, self, name, value)
        elif name in d.get("_modules", ()):
            if value is not None:
                raise TypeError(_refused(value, "child module", name, "torch.nn.Module or None"))
            d["_modules"][name] = registered(GLOBAL.module, self, name, value)
        elif (
            isinstance(value, Tensor) and isinstance(value, Buffer) or name in d.get("_buffers", ())
        ):
            self._set_buffer(name, value)
        else:
            super().__setattr__(name, value)

    def _set_buffer(self, name: str, value: Any) -> None:
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(
                _refused(value, "buffer", name, "torch.nn.Buffer, torch.Tensor or None")
            )
        if name in self._buffers:
            self._buffers[name] = registered(GLOBAL.buffer, self, name, value)
        else:
            _forget(self, name, "_parameters", "_modules")
            self.register_buffer(name, value, getattr(value, "persistent", True))
        if isinstance(value, Buffer):
            keep = self._non_persistent_buffers_set
            keep.discard(name) if value.persistent else keep.add(name)

    def __delattr__(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        own = [*self._parameters, *self._modules, *self._buffers]
        names = {*dir(type(self)), *self.__dict__, *own}
        return sorted(n for n in names if not n[0].isdigit())  # `0` cannot be written as attribute

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("_compiled_call_impl", None)  # native code does not travel
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in (
            "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs", "_forward_hooks_with_kwargs",
            "_forward_hooks_always_called", "_state_dict_hooks", "_state_dict_pre_hooks",
            "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks", "_backward_pre_hooks",
        ):  # fmt: skip
            self.__dict__.setdefault(name, OrderedDict())  # files older than the hook
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        self.__dict__.setdefault("_is_full_backward_hook", None)

    # ---- registering

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under a name; None keeps the name without a parameter.

        param: a Parameter, or None. Raises TypeError where param is no parameter, KeyError where
        name has a dot or is taken.
        """
        if "_parameters" not in self.__dict__:
            raise AttributeError(
                "cannot assign parameter before Module.__init__() call: call super().__init__() "
                "first"
            )
        _check_name(self, "parameter", name, self._parameters)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' "
                    "(torch.nn.Parameter or None required): wrap it in torch.nn.Parameter"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must "
                    f"be created explicitly. To express '{name}' as a function of another Tensor, "
                    "compute the value in the forward() method."
                )
            param = registered(GLOBAL.parameter, self, name, param)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not trained; None keeps the name.

        persistent: whether state_dict() holds it. tensor: of any shape. Raises TypeError where name
        is of the wrong type or tensor is no tensor.

        >>> m = nn.Module()
        >>> m.register_buffer("mean", torch.zeros(2))
        >>> m.mean
        tensor([0., 0.])
        """
        if "_buffers" not in self.__dict__:
            raise AttributeError(
                "cannot assign buffer before Module.__init__() call: call super().__init__() first"
            )
        _check_name(self, "buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or "
                "None required)"
            )
        self._buffers[name] = registered(GLOBAL.buffer, self, name, tensor)
        kept = self._non_persistent_buffers_set
        kept.discard(name) if persistent else kept.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child under a name, which may be one that attributes cannot have.

        module: the module. Raises TypeError where module is no module, KeyError where name has a
        dot or is taken.
        """
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass{as_modules(module)}")
        _check_name(self, "module", name, self._modules)
        self._modules[name] = registered(GLOBAL.module, self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """Another name of add_module.

        module: the module. Raises TypeError where module is no module, KeyError where name has a
        dot or is taken.
        """
        self.add_module(name, module)

    # ---- walking

    def children(self) -> Iterator[Module]:
        """The modules directly below this one, each once."""
        for _, module in self.named_children():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the modules directly below this one."""
        seen: set[Any] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it, each once.

        remove_duplicate: give each module or parameter once.
        """
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """(path, module) of this module and all below it.

        prefix: goes before the names. remove_duplicate: give each module or parameter once. memo:
        modules to leave out.

        >>> [name for name, _ in nn.Sequential(nn.ReLU()).named_modules()]
        ['', '0']
        """
        memo = set() if memo is None else memo
        if self not in memo:
            if remove_duplicate:
                memo.add(self)
            yield prefix, self
            for name, module in self._modules.items():
                if module is not None:
                    path = f"{prefix}.{name}" if prefix else name
                    yield from module.named_modules(memo, path, remove_duplicate)

    def _named_members(
        self, get_members_fn: Callable[[Any], Any], prefix: str = "", recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:  # fmt: skip
        seen: set[Any] = set()
        every = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        for path, module in every if recurse else [(prefix, self)]:
            for name, member in get_members_fn(module):
                if member is None or member in seen:
                    continue
                if remove_duplicate:
                    seen.add(member)
                yield f"{path}.{name}" if path else name, member

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and, with recurse, of all below it; each once.

        >>> sum(p.numel() for p in nn.Linear(2, 3).parameters())
        9
        """
        for _, p in self.named_parameters(recurse=recurse):
            yield p

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter) of this module and, with recurse, of all below it.

        prefix: goes before the names. remove_duplicate: give each module or parameter once.
        """
        members = lambda m: m._parameters.items()
        return self._named_members(members, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and, with recurse, of all below it; each once."""
        for _, b in self.named_buffers(recurse=recurse):
            yield b

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(path, buffer) of this module and, with recurse, of all below it.

        prefix: goes before the names. remove_duplicate: give each module or parameter once.
        """
        return self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path; AttributeError if there is none.

        target: a path such as "0.weight".

        >>> nn.Sequential(nn.ReLU()).get_submodule("0")
        ReLU()
        """
        module: Any = self
        for step in target.split(".") if target else []:
            if not hasattr(module, step):
                raise AttributeError(f"{module._get_name()} has no attribute `{step}`")
            module = getattr(module, step)
            if not isinstance(module, Module):
                raise AttributeError(f"`{step}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put module at a dotted path; strict: only where there is one already.

        target: a path such as "0.weight". Raises ValueError where target is empty, AttributeError
        where the path does not exist.
        """
        if not target:
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        above, _, name = target.rpartition(".")
        parent = self.get_submodule(above)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path; AttributeError if there is none.

        target: a path such as "0.weight".
        """
        return self._member(target, lambda v: isinstance(v, Parameter), "nn.Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path; AttributeError if there is none.

        target: a path such as "0.weight".
        """
        path, _, name = target.rpartition(".")
        held = self.get_submodule(path)._buffers
        return self._member(target, lambda v: held.get(name) is v, "buffer")

    def _member(self, target: str, check: Callable[[Any], bool], kind: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        found = getattr(module, name)
        if not check(found):
            raise AttributeError(f"`{name}` is not an {kind}" if kind[0] == "n" else
                                 f"`{name}` is not a {kind}")  # fmt: skip
        return found

    def apply(self: Self, fn: Callable[[Module], Any]) -> Self:
        """Call fn on every module below this one, then on this one; returns it. Raises TypeError
        where fn cannot be called.
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # ---- modes

    def train(self: Self, mode: bool = True) -> Self:
        """Turn training behaviour (dropout, batch statistics) on or off, here and below.

        mode: whether training is on. Raises ValueError where mode is no bool.
        """
        if not isinstance(mode, bool):
            raise ValueError(f"training mode is expected to be boolean, got {mode!r}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: Self) -> Self:
        """The same as train(False)."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Train the parameters, or freeze them.

        requires_grad: whether gradients are recorded. Raises TypeError where requires_grad is no
        bool.
        """
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; set_to_none=False fills them with zeros."""
        for p in self.parameters():
            if p.grad is not None:
                if set_to_none:
                    p.grad = None
                else:
                    p.grad = p.grad.detach().zero_()

    # ---- printing

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the brackets when the module is printed."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({k}): {_indented(repr(m))}" for k, m in self._modules.items()]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({lines[0]})"
        if not lines and not children:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"

    def _repr_html_(self) -> str:
        from .display import module_html

        return module_html(self)

    def _replicate_for_data_parallel(self) -> Module:
        """A copy whose tables are its own, for one device of several."""
        replica = type(self).__new__(type(self))
        replica.__dict__ = self.__dict__.copy()
        replica._parameters = {}
        replica._buffers = self._buffers.copy()
        replica._modules = self._modules.copy()
        replica._is_replica = True
        return replica


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _addindent(s_: str, numSpaces: int) -> str:
    """All lines of a text but the first indented; libraries that print modules use it."""
    return s_.replace("\n", "\n" + " " * numSpaces)


def _forget(module: Module, name: str, *tables: str) -> None:
    """Take name out of the module's dictionary and these tables: it is about to mean another."""
    d = module.__dict__
    d.pop(name, None)
    for table in tables:
        d[table].pop(name, None)
    d["_non_persistent_buffers_set"].discard(name)


def _refused(value: Any, what: str, name: str, wanted: str) -> str:
    return (
        f"cannot assign '{typename(value)}' as {what} '{name}' ({wanted} expected): assign "
        "one, or delete the attribute first"
    )


def _check_name(module: Module, what: str, name: Any, table: dict[str, Any]) -> None:
    """Raise unless name can be used for a new member."""
    if not isinstance(name, str):
        raise TypeError(f"{what} name should be a string. Got {typename(name)}")
    if hasattr(module, name) and name not in table:
        raise KeyError(f"attribute '{name}' already exists")
    if "." in name:
        raise KeyError(f'{what} name can\'t contain ".", got: {name}')
    if name == "":
        raise KeyError(f'{what} name can\'t be empty string ""')
