"""Which modules FullyShardedDataParallel wraps by itself: auto_wrap_policy."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from ...engine.error_context import clear_errors
from ...nn.module import Module

__all__ = [
    "CustomPolicy", "ModuleWrapPolicy", "always_wrap_policy", "chosen", "enable_wrap",
    "lambda_auto_wrap_policy", "size_based_auto_wrap_policy", "transformer_auto_wrap_policy",
    "wrap",
]  # fmt: skip

SMALL = 100_000_000  # parameters from which a module is wrapped, unless said otherwise


def always_wrap_policy(*args: Any, **kwargs: Any) -> bool:
    """Wrap every module.

    >>> always_wrap_policy(nn.Linear(2, 3), recurse=False, nonwrapped_numel=9)
    True
    """
    return True


def size_based_auto_wrap_policy(
    module: Module, recurse: bool, nonwrapped_numel: int, min_num_params: int = SMALL,
    force_leaf_modules: Any = None, exclude_wrap_modules: Any = None,
) -> bool:  # fmt: skip
    """Wrap modules with at least min_num_params parameters that are not in a wrapped one.

    module: the module. recurse: the modules inside, too. nonwrapped_numel: how many parameters of
    the module are not wrapped yet. force_leaf_modules: classes that are not gone into.
    exclude_wrap_modules: classes that are not wrapped.

    Raises TypeError where nonwrapped_numel or min_num_params is of the wrong type; RuntimeError
    where nonwrapped_numel or min_num_params is a tensor of several numbers.

    >>> size_based_auto_wrap_policy(nn.Linear(2, 3), False, 9, min_num_params=5)
    True
    """
    large = nonwrapped_numel >= min_num_params
    if recurse:
        return large
    return large and not isinstance(module, tuple(exclude_wrap_modules or ()))


def transformer_auto_wrap_policy(
    module: Module, recurse: bool, nonwrapped_numel: int, transformer_layer_cls: Iterable[type]
) -> bool:
    """Wrap modules of given classes, the layers of a transformer.

    module: the module. recurse: the modules inside, too. nonwrapped_numel: how many parameters of
    the module are not wrapped yet. transformer_layer_cls: the classes.

    Raises TypeError where transformer_layer_cls is of the wrong type.

    >>> transformer_auto_wrap_policy(nn.Linear(2, 3), False, 9, {nn.Linear})
    True
    """
    return recurse or isinstance(module, tuple(transformer_layer_cls))


def lambda_auto_wrap_policy(
    module: Module, recurse: bool, nonwrapped_numel: int, lambda_fn: Callable[[Module], bool]
) -> bool:
    """Wrap modules for which a function says so.

    module: the module. recurse: the modules inside, too. nonwrapped_numel: how many parameters of
    the module are not wrapped yet. lambda_fn: a function of a module.

    Raises TypeError where lambda_fn cannot be called.

    >>> lambda_auto_wrap_policy(nn.Linear(2, 3), False, 9, lambda module: True)
    True
    """
    return recurse or lambda_fn(module)


class ModuleWrapPolicy:
    """Wrap modules of given classes.

    module_classes: classes of modules.

    Raises TypeError where module_classes is of the wrong type.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> [name for _, name, _ in chosen(net, ModuleWrapPolicy({nn.ReLU}))]
    ['1']
    """

    def __init__(self, module_classes: Iterable[type]) -> None:
        self.classes = tuple(module_classes)

    def __call__(self, module: Module, recurse: bool, *args: Any, **kwargs: Any) -> bool:
        return recurse or isinstance(module, self.classes)


class CustomPolicy:
    """Wrap modules for which a function gives True, or options of their own.

    lambda_fn: a function of a module.

    Raises TypeError where lambda_fn cannot be called.

    >>> policy = CustomPolicy(lambda module: isinstance(module, nn.Linear))
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> [name for _, name, _ in chosen(net, policy)]
    ['0']
    """

    def __init__(self, lambda_fn: Callable[[Module], Any]) -> None:
        self.lambda_fn = lambda_fn

    def __call__(self, module: Module, recurse: bool, *args: Any, **kwargs: Any) -> Any:
        return recurse or self.lambda_fn(module)


@clear_errors
def chosen(module: Module, policy: Any) -> list[tuple[Module, str, Module]]:
    """(parent, name, module) of the modules to wrap, the innermost first; not the module itself.

    policy: which modules to wrap.

    Raises TypeError where policy is of the wrong type.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> [name for _, name, _ in chosen(net, ModuleWrapPolicy({nn.Linear}))]
    ['0']
    """
    if policy is None:
        return []
    if isinstance(policy, (set, frozenset)):
        policy = ModuleWrapPolicy(policy)
    wrapped: dict[int, tuple[Module, str, Module]] = {}

    def walk(parent: Module) -> int:
        """Wrap below a module; gives how many parameters were wrapped."""
        inside = 0
        for name, child in parent._modules.items():
            if child is None or id(child) in wrapped:
                continue
            count = sum(p.numel() for p in child.parameters())
            if not call(policy, child, True, count):
                continue
            below = walk(child)
            if call(policy, child, False, count - below):
                wrapped[id(child)] = (parent, name, child)
                below = count
            inside += below
        return inside

    walk(module)
    return list(wrapped.values())


def call(policy: Any, module: Module, recurse: bool, count: int) -> Any:
    """Ask a policy, whose arguments people give by position or by name."""
    if isinstance(policy, (functools.partial, ModuleWrapPolicy, CustomPolicy)) or callable(policy):
        return policy(module=module, recurse=recurse, nonwrapped_numel=count)
    raise TypeError(f"auto_wrap_policy must be callable or a set of classes, not {type(policy)}")


class enable_wrap:
    """Inside of the block, wrap() wraps with the given class and options.

    wrapper_cls: the class that wraps.

    >>> with enable_wrap(wrapper_cls=nn.Sequential):
    ...     net = wrap(nn.Linear(2, 3))
    >>> type(net).__name__
    'Sequential'
    """

    current: list[enable_wrap] = []

    def __init__(self, *, wrapper_cls: Any, **wrapper_kwargs: Any) -> None:
        self.wrapper_cls, self.wrapper_kwargs = wrapper_cls, wrapper_kwargs

    def __enter__(self) -> None:
        enable_wrap.current.append(self)

    def __exit__(self, *error: Any) -> None:
        enable_wrap.current.pop()


def wrap(module: Module, **wrap_overrides: Any) -> Module:
    """The module wrapped as enable_wrap says, or the module itself outside of its block.

    Raises TypeError where module is of the wrong type.

    >>> with enable_wrap(wrapper_cls=nn.Sequential):
    ...     net = wrap(nn.Linear(2, 3))
    >>> type(net).__name__
    'Sequential'
    """
    if not enable_wrap.current:
        return module
    now = enable_wrap.current[-1]
    wrapped: Module = now.wrapper_cls(module, **{**now.wrapper_kwargs, **wrap_overrides})
    return wrapped
