"""Modules that hold others in order or by name: Sequential, ModuleList, ModuleDict, and the same
for parameters.
"""

from __future__ import annotations

import itertools
import operator
from collections import OrderedDict
from collections.abc import (
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    ValuesView,
)  # fmt: skip
from typing import Any, TypeVar, overload

from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from .module import Module, _indented
from .parameter import Parameter, typename

__all__ = [
    "Container", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict",
]  # fmt: skip


Ordered = TypeVar("Ordered", bound="_Ordered")


class Container(Module):
    """Modules by keyword; old form of ModuleDict. Raises TypeError where a keyword argument is no
    module.

    >>> nn.Container(first=nn.ReLU())
    Container(
      (first): ReLU()
    )
    """

    def __init__(self, **kwargs: Module) -> None:
        super().__init__()
        for name, module in kwargs.items():
            self.add_module(name, module)


class _Ordered(Module):
    """What Sequential and ModuleList share: children named by their position."""

    def _key(self, index: Any) -> str:
        """The name of the child at an index, which may be negative."""
        return str(position(index, len(self)))

    _get_abs_string_index = _key  # as subclasses of ModuleList in other libraries know it

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __dir__(self) -> list[str]:
        return [k for k in super().__dir__() if not k.isdigit()]

    def _renumber(self, modules: Iterable[Module]) -> None:
        self._modules = {str(i): m for i, m in enumerate(modules)}

    def append(self, module: Module) -> Any:
        """Add a module at the end; returns self."""
        self.add_module(str(len(self)), module)
        return self

    def pop(self, key: int | slice) -> Any:
        """Take out the module at an index (default for lists: none) and return it."""
        module = self[key]  # type: ignore[index]
        del self[key]
        return module


def position(index: Any, length: int) -> int:
    """A valid index counted from the front; IndexError outside."""
    i = operator.index(index)
    if not -length <= i < length:
        raise IndexError(f"index {i} is out of range of {length} entries")
    return i % length


class Sequential(_Ordered):
    """Modules one after the other: each gets the output of the one before.

    args: modules, or one OrderedDict of name -> module. Inputs have any shape that the first of
    them takes. Raises TypeError where an argument is no module or an index no int; IndexError where
    there is no such module; RuntimeError where input has a shape that does not fit or holds
    integers, booleans or complex numbers.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> net(torch.ones(1, 2)).shape
    torch.Size([1, 3])
    >>> net.insert(0, nn.Flatten()).extend(nn.Sequential(nn.Tanh()))[3]
    Tanh()
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input: Any) -> Tensor:
        for module in self._modules.values():
            input = module(input)  # noqa: A001
        return input

    def _key(self, index: Any) -> str:
        return list(self._modules)[position(index, len(self))]  # children may have any names

    @overload
    def __getitem__(self, index: int) -> Module: ...

    @overload
    def __getitem__(self: Ordered, index: slice) -> Ordered: ...

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._key(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index: Any) -> None:
        keys = list(self._modules)[index] if isinstance(index, slice) else [self._key(index)]
        for key in keys:
            delattr(self, key)
        self._renumber(self._modules.values())

    def insert(self, index: int, module: Module) -> Sequential:
        """Put a module in front of the one at index; returns self. Raises TypeError where index is
        of the wrong type; IndexError where index is out of range; AssertionError where module is of
        the wrong type; RuntimeError where index is a tensor of several numbers.
        """
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        n = len(self)
        if not -n <= index <= n:
            raise IndexError(f"Index out of range: {index} for {n} modules")
        modules = list(self._modules.values())
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def extend(self, sequential: Iterable[Module]) -> Sequential:
        """Add the modules of another Sequential at the end; returns self.

        sequential: the modules to add. Raises TypeError where sequential is of the wrong type.
        """
        for module in list(sequential):
            self.append(module)
        return self

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            raise ValueError(
                "add operator supports only objects of Sequential class, but "
                f"{type(other)} is given."
            )
        return Sequential(*self, *other)

    def __iadd__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            raise ValueError(
                "add operator supports only objects of Sequential class, but "
                f"{type(other)} is given."
            )
        return self.extend(other)

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*self._times(other))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Sequential:
        self._renumber(self._times(other))
        return self

    def _times(self, n: int) -> list[Module]:
        if not isinstance(n, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(n)}")
        if n <= 0:
            raise ValueError(f"Non-positive multiplication factor {n} for {type(self)}")
        return list(self._modules.values()) * n


class ModuleList(_Ordered):
    """A list whose modules are found by parameters() and the like; it has no forward.

    modules: an iterable of modules. Raises TypeError where modules is no iterable of modules, or an
    index no int.

    >>> layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
    >>> len(layers), len(list(layers.parameters()))
    (3, 6)
    >>> layers.insert(0, nn.ReLU()), len(layers.extend([nn.Tanh()]))
    (None, 5)
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    @overload
    def __getitem__(self, index: int) -> Module: ...

    @overload
    def __getitem__(self: Ordered, index: slice) -> Ordered: ...

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self._modules.values())[index])
        return self._modules[self._key(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index: Any) -> None:
        modules = list(self._modules.values())
        del modules[index if isinstance(index, slice) else position(index, len(self))]
        self._renumber(modules)

    def insert(self, index: int, module: Module) -> None:
        """Put a module in front of the one at index. Raises TypeError where index is of the wrong
        type.
        """
        modules = list(self._modules.values())
        modules.insert(index, module)
        self._renumber(modules)

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add modules at the end; returns self. Raises TypeError where modules is of the wrong
        type.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(
                "ModuleList.extend should be called with an iterable, but got "
                + type(modules).__name__
            )
        for module in list(modules):
            self.append(module)
        return self

    def __iadd__(self, modules: Iterable[Module]) -> ModuleList:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        """Equal neighbours are counted instead of listed."""
        if not len(self):
            return f"{self._get_name()}()"
        runs = [(text, len(list(g))) for text, g in itertools.groupby(map(repr, self))]
        lines, start = [], 0
        for text, n in runs:
            label = f"({start}): " if n == 1 else f"({start}-{start + n - 1}): {n} x "
            lines.append(_indented(label + text))
            start += n
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """A dictionary whose modules are found by parameters() and the like; it has no forward.

    modules: a mapping or an iterable of (name, module). Raises TypeError where modules is of the
    wrong type.

    >>> choices = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
    >>> choices["relu"]
    ReLU()
    >>> choices.update({"gelu": nn.GELU()}), list(choices.keys()), len(choices.items())
    (None, ['relu', 'tanh', 'gelu'], 3)
    >>> choices.pop("gelu"), len(choices.values()), choices.clear()
    (GELU(approximate='none'), 2, None)
    """

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Remove the module under key and return it. Raises KeyError where key is of the wrong type
        or key is unknown.
        """
        return self._modules.pop(key)

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Module]:
        """The (name, module) pairs."""
        return self._modules.items()

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Add modules from a mapping or an iterable of pairs, replacing those of equal names.
        Raises TypeError where modules is of the wrong type.
        """
        for key, module in pairs(modules, "ModuleDict"):
            self[key] = module


def pairs(source: Any, name: str) -> Iterator[tuple[Any, Any]]:
    """The (key, value) pairs of a mapping or of an iterable of pairs."""
    if not isinstance(source, Iterable):
        raise TypeError(
            f"{name}.update should be called with an iterable of key/value pairs, but got "
            + type(source).__name__
        )
    if isinstance(source, (Mapping, ModuleDict, ParameterDict)):
        yield from source.items()
        return
    for i, pair in enumerate(source):
        if not isinstance(pair, Iterable):
            raise TypeError(
                f"{name} update sequence element #{i} should be Iterable; is {type(pair).__name__}"
            )
        pair = tuple(pair)
        if len(pair) != 2:
            raise ValueError(
                f"{name} update sequence element #{i} has length {len(pair)}; 2 is required"
            )
        yield pair


def _described(key: Any, value: Any, kind: Callable[[Any], Any]) -> str:
    """One entry in the repr of a container; kind says what to call a tensor's type."""
    if not isinstance(value, Tensor):
        return f"  ({key}): Object of type: {type(value).__name__}"
    word = "Parameter" if isinstance(value, Parameter) else "Tensor"
    size = "x".join(str(n) for n in value.size())
    where = "" if value.device.type == "cpu" else f" ({value.device})"
    return f"  ({key}): {word} containing: [{kind(value)} of size {size}{where}]"


class ParameterList(Module):
    """A list whose parameters are found by parameters(); tensors become parameters.

    values: an iterable; what is no tensor is kept but not a parameter. Tensors have any shape.
    Raises TypeError where values is no iterable, RuntimeError where one holds integers or booleans.

    >>> weights = nn.ParameterList([torch.ones(2), torch.zeros(3)])
    >>> [p.shape for p in weights]
    [torch.Size([2]), torch.Size([3])]
    >>> len(weights.append(torch.ones(1)).extend([torch.ones(1)]))
    4
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            out = type(self)()
            for i in range(*index.indices(len(self))):
                out.append(self[i])
            return out
        return getattr(self, str(position(index, len(self))))

    def __setitem__(self, index: int, value: Any) -> None:
        if isinstance(value, Tensor) and not isinstance(value, Parameter):
            value = Parameter(value)
        setattr(self, str(position(index, len(self))), value)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    def __iadd__(self, values: Iterable[Any]) -> ParameterList:
        return self.extend(values)

    def __dir__(self) -> list[str]:
        return [k for k in super().__dir__() if not k.isdigit()]

    def append(self, value: Any) -> ParameterList:
        """Add a value at the end; returns self. Raises RuntimeError where value holds integers or
        booleans.
        """
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Add values at the end; returns self.

        Raises TypeError where values is of the wrong type.
        """
        if isinstance(values, Tensor) or not isinstance(values, Iterable):
            raise TypeError(
                f"ParameterList.extend should be called with an iterable, but got "
                f"{type(values).__name__}"
            )
        for value in values:
            self.append(value)
        return self

    def extra_repr(self) -> str:
        return "\n".join(_described(i, v, lambda t: t.dtype) for i, v in enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dictionary whose parameters are found by parameters(); tensors become parameters.

    parameters: a mapping, an iterable of (name, value), or names alone in a ParameterDict.

    Tensors have any shape. Raises TypeError where parameters is of the wrong type.

    >>> p = nn.ParameterDict({"left": torch.ones(2)})
    >>> p["left"].requires_grad
    True
    >>> p.update({"right": torch.ones(1)}), list(p.keys()), len(list(p.items()))
    (None, ['left', 'right'], 2)
    >>> p.get("up"), len(list(p.values())), p.copy().popitem()[0], p.setdefault("left").shape
    (None, 2, 'right', torch.Size([2]))
    >>> p.pop("right").shape, p.clear(), p.fromkeys(["a"], 1.0)["a"]
    (torch.Size([1]), None, 1.0)
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def _attribute(self, key: Any) -> str:
        if not isinstance(key, str):
            raise TypeError(
                f"a key of ParameterDict must be a string, got {key!r} ({type(key).__name__}): use "
                "str(key)"
            )
        return key

    def __getitem__(self, key: str) -> Any:
        return getattr(self, self._attribute(key))

    def __setitem__(self, key: str, value: Any) -> None:
        self._attribute(key)
        self._keys[key] = None
        if isinstance(value, Tensor) and not isinstance(value, Parameter):
            value = Parameter(value)
        setattr(self, key, value)

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, self._attribute(key))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """A dictionary with the same parameters."""
        return ParameterDict(OrderedDict((k, self[k]) for k in self._keys))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """self[key], which is default from now on if there was none.

        Raises TypeError where key is of the wrong type.
        """
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove everything."""
        for key in list(self._keys):
            del self[key]

    @clear_errors
    def pop(self, key: str) -> Any:
        """Remove the value under key and return it.

        Raises TypeError where key is of the wrong type; AttributeError where key is unknown.
        """
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the (key, value) that came last."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """self[key], or default."""
        return self[key] if key in self else default  # noqa: SIM401

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new dictionary with default under all keys.

        Raises TypeError where keys is of the wrong type.
        """
        return ParameterDict((k, default) for k in keys)

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """The (name, value) pairs."""
        return ((k, self[k]) for k in self._keys)

    def values(self) -> Iterable[Any]:
        """The values."""
        return (self[k] for k in self._keys)

    def update(self, parameters: Any) -> None:
        """Add values from a mapping or an iterable of pairs, replacing those of equal names.

        Raises TypeError where parameters is of the wrong type.
        """
        if isinstance(parameters, (OrderedDict, ParameterDict)) or not isinstance(
            parameters, Mapping
        ):
            found = pairs(parameters, "ParametersDict")
        else:
            found = iter(sorted(parameters.items()))  # plain dictionaries by name, as in PyTorch
        for key, value in found:
            self[key] = value

    def extra_repr(self) -> str:
        return "\n".join(_described(k, v, typename) for k, v in self.items())

    def __call__(self, input: Any) -> Any:
        raise RuntimeError("ParameterDict should not be called.")

    def __or__(self, other: ParameterDict) -> ParameterDict:
        both = self.copy()
        both.update(other)
        return both

    def __ror__(self, other: ParameterDict) -> ParameterDict:
        both = other.copy()
        both.update(self)
        return both

    def __ior__(self, other: ParameterDict) -> ParameterDict:
        self.update(other)
        return self
