"""Hooks of modules: registering them, on one or on all, and the call of a module that has some.

A module without hooks never comes here: `Module.__call__` looks at five dictionaries and goes on.
Hooks of the state dict are in `state.py`, those of tensors and graph nodes in the engine.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from ..api import functions as T
from ..autodiff.function import Function
from ..base.advice import advise
from ..base.hooks import RemovableHandle
from ..engine.tensor import Tensor

__all__ = ["RemovableHandle", "Hookable", "GLOBAL", "call_with_hooks"]

Hook = Callable[..., Any]
M = TypeVar("M")


class HookTables:
    """The hooks that apply to every module."""

    def __init__(self) -> None:
        self.forward_pre: OrderedDict[int, Hook] = OrderedDict()
        self.forward: OrderedDict[int, Hook] = OrderedDict()
        self.forward_kwargs: OrderedDict[int, bool] = OrderedDict()
        self.forward_always: OrderedDict[int, bool] = OrderedDict()
        self.backward_pre: OrderedDict[int, Hook] = OrderedDict()
        self.backward: OrderedDict[int, Hook] = OrderedDict()
        self.backward_is_full: bool | None = None
        # called when a module, parameter or buffer is registered anywhere
        self.module: OrderedDict[int, Hook] = OrderedDict()
        self.parameter: OrderedDict[int, Hook] = OrderedDict()
        self.buffer: OrderedDict[int, Hook] = OrderedDict()
        self.calls: tuple[Any, ...] = (
            self.forward_pre, self.forward, self.backward_pre, self.backward,
        )  # fmt: skip


GLOBAL = HookTables()


def add(table: Any, hook: Hook, *, first: bool = False, marks: tuple[Any, ...] = ()) -> Any:
    """Enter hook in table, and its id in the tables of marks."""
    handle = RemovableHandle(table, extra_dict=list(marks))
    table[handle.id] = hook
    for mark in marks:
        mark[handle.id] = True
    if first:
        table.move_to_end(handle.id, last=False)
    return handle


class Hookable:
    """The part of Module that registers hooks."""

    _forward_hooks: OrderedDict[int, Hook]
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks_always_called: OrderedDict[int, bool]
    _forward_pre_hooks: OrderedDict[int, Hook]
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]
    _backward_hooks: OrderedDict[int, Hook]
    _backward_pre_hooks: OrderedDict[int, Hook]
    _is_full_backward_hook: bool | None

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call hook(module, args) before forward; what it returns, if anything, replaces args.

        with_kwargs: hook(module, args, kwargs) -> None or (args, kwargs). prepend: before others.
        """
        marks = (self._forward_pre_hooks_with_kwargs,) if with_kwargs else ()
        return add(self._forward_pre_hooks, hook, first=prepend, marks=marks)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:  # fmt: skip
        """Call hook(module, args, output) after forward; a result replaces the output.

        with_kwargs: hook(module, args, kwargs, output). always_call: also when forward raises.

        >>> seen = []
        >>> layer = nn.Linear(2, 3)
        >>> handle = layer.register_forward_hook(lambda m, args, out: seen.append(out.shape))
        >>> _ = layer(torch.ones(1, 2))
        >>> seen
        [torch.Size([1, 3])]
        """
        marks: tuple[Any, ...] = (self._forward_hooks_with_kwargs,) if with_kwargs else ()
        if always_call:
            marks = (*marks, self._forward_hooks_always_called)
        return add(self._forward_hooks, hook, first=prepend, marks=marks)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call hook(module, grad_output) before the module's backward; a result replaces it."""
        return add(self._backward_pre_hooks, hook, first=prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call hook(module, grad_input, grad_output) once the inputs' gradients are there.

        A result replaces grad_input. Raises RuntimeError on a module with old-style hooks.
        """
        self._choose_backward_style(full=True)
        return add(self._backward_hooks, hook, first=prepend)

    def register_backward_hook(self, hook: Hook) -> RemovableHandle:
        """Old form of register_full_backward_hook: sees the last operation's gradients only."""
        self._choose_backward_style(full=False)
        return add(self._backward_hooks, hook)

    def _choose_backward_style(self, full: bool) -> None:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single "
                "Module. Please use only one of them."
            )
        self._is_full_backward_hook = full

    def _get_backward_hooks(self) -> tuple[list[Hook], list[Hook]]:
        """(full, old-style) backward hooks, the global ones first."""
        full: list[Hook] = []
        old: list[Hook] = []
        (full if GLOBAL.backward_is_full else old).extend(GLOBAL.backward.values())
        (full if self._is_full_backward_hook else old).extend(self._backward_hooks.values())
        return full, old

    def _get_backward_pre_hooks(self) -> list[Hook]:
        return [*GLOBAL.backward_pre.values(), *self._backward_pre_hooks.values()]


def call_with_hooks(module: Any, forward: Hook, args: Any, kwargs: dict[str, Any]) -> Any:
    """forward(*args, **kwargs) with all hooks of module around it."""
    called: set[int] = set()
    try:
        return _call(module, forward, args, kwargs, called)
    except Exception:
        for key, hook in [*GLOBAL.forward.items(), *module._forward_hooks.items()]:
            if key in called:
                continue
            if key not in GLOBAL.forward_always and key not in module._forward_hooks_always_called:
                continue
            try:  # the error of forward is the one to report
                _after(module, key, hook, args, kwargs, None)
            except Exception as e:
                advise(
                    "module forward hook with ``always_call=True`` raised an exception that was "
                    f"silenced as another error was raised in forward: {e}",
                )
        raise


def _call(module: Any, forward: Hook, args: Any, kwargs: Any, called: set[int]) -> Any:
    full, old, pre = [], [], []
    if module._backward_pre_hooks or GLOBAL.backward_pre:
        pre = module._get_backward_pre_hooks()
    if module._backward_hooks or GLOBAL.backward:
        full, old = module._get_backward_hooks()
    for key, hook in [*GLOBAL.forward_pre.items(), *module._forward_pre_hooks.items()]:
        if key in module._forward_pre_hooks_with_kwargs:
            result = hook(module, args, kwargs)
            if result is not None:
                if not (isinstance(result, tuple) and len(result) == 2):
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {result}."
                    )
                args, kwargs = result
        else:
            result = hook(module, args)
            if result is not None:
                args = result if isinstance(result, tuple) else (result,)
    border = BackwardHook(module, full, pre) if full or pre else None
    if border:
        args = border.setup_input_hook(args)
    result = forward(*args, **kwargs)
    for key, hook in [*GLOBAL.forward.items(), *module._forward_hooks.items()]:
        called.add(key)
        replaced = _after(module, key, hook, args, kwargs, result)
        if replaced is not None:
            result = replaced
    if border:
        if not isinstance(result, (Tensor, tuple)):
            advise(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(result)}",
            )
        result = border.setup_output_hook(result)
    if old:
        _attach_old_style(module, old, result)
    return result


def _after(module: Any, key: int, hook: Hook, args: Any, kwargs: Any, result: Any) -> Any:
    if key in module._forward_hooks_with_kwargs or key in GLOBAL.forward_kwargs:
        return hook(module, args, kwargs, result)
    return hook(module, args, result)


def _attach_old_style(module: Any, hooks: list[Hook], result: Any) -> None:
    """Hooks on the node that made the first tensor in result."""
    while not isinstance(result, Tensor):
        if isinstance(result, dict):
            result = next((v for v in result.values() if isinstance(v, Tensor)), None)
        else:
            result = result[0] if isinstance(result, (tuple, list)) and result else None
        if result is None:
            return
    if result.grad_fn is not None:
        for hook in hooks:
            result.grad_fn.register_hook(functools.partial(hook, module))


class BackwardHookFunction(Function):
    """The identity on several tensors at once: its backward sees all their gradients together."""

    @staticmethod
    def forward(ctx: Any, seen: Hook, outputs: bool, *tensors: Tensor) -> Any:
        ctx.seen = seen
        if outputs:  # hooks are told which of them got no gradient
            ctx.set_materialize_grads(False)
        ctx.kinds = [(t.shape, t.dtype, t.device) for t in tensors]
        passed = tuple([t.view_as(t) for t in tensors])
        plain = [p for p, needed in zip(passed, ctx.needs_input_grad[2:]) if not needed]
        ctx.mark_non_differentiable(*plain)
        return passed

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        passed = zip(ctx.seen(grads), ctx.kinds)
        made = [T.zeros(s, dtype=d, device=v) if g is None else g for g, (s, d, v) in passed]
        return (None, None, *made)


class BackwardHook:
    """Stands around one call of a module, and runs its backward hooks in time.

    The inputs pass one border, the outputs another; a border's backward sees all gradients that
    cross it. The user's hooks run at the inputs' border, with what the outputs' border has seen.
    """

    def __init__(self, module: Any, user_hooks: list[Hook], user_pre_hooks: list[Hook]) -> None:
        self.module, self.user_hooks, self.user_pre_hooks = module, user_hooks, user_pre_hooks
        self.grad_outputs: Any = None
        self.inputs: list[int] | None = None  # positions of the tensors among the arguments
        self.n_inputs = self.n_outputs = -1

    def setup_input_hook(self, args: Any) -> Any:
        """The arguments, those that are tensors seen through a border."""
        places, tensors = self._tensors(args)
        self.n_inputs = len(args)
        if not any(t.requires_grad for t in tensors):
            return args
        self.inputs = places

        def seen(grads: Any) -> Any:
            grad_input = self._spread(places, grads, self.n_inputs)
            if self.grad_outputs is None:  # the outputs' gradients never came: nothing to tell
                return grads
            grad_input = self._run_hooks(grad_input)
            self.grad_outputs = None
            return [grad_input[i] for i in places]

        return self._through(seen, False, args, places, tensors)

    def setup_output_hook(self, result: Any) -> Any:
        """The outputs, those that are tensors seen through a border."""
        args = result if isinstance(result, tuple) else (result,)
        places, tensors = self._tensors(args)
        self.n_outputs = len(args)
        if not any(t.requires_grad for t in tensors):
            return result

        def seen(grads: Any) -> Any:
            grad_output = self._spread(places, grads, self.n_outputs)
            for hook in self.user_pre_hooks:
                replaced = hook(self.module, grad_output)
                if replaced is not None:
                    grad_output = self._checked(replaced, grad_output)
            self.grad_outputs = grad_output
            if self.inputs is None:  # no input takes a gradient: there is nothing to wait for
                if self.user_hooks:
                    advise(
                        "Full backward hook is firing when gradients are computed with respect to"
                        " module outputs since no inputs require gradients. See"
                        " https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
                        "#torch.nn.Module.register_full_backward_hook for more details."
                    )
                replaced = self._run_hooks(tuple([None] * self.n_inputs))
                if any(g is not None for g in replaced):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should "
                        "always return None or None for all gradients."
                    )
                self.grad_outputs = None
            return [grad_output[i] for i in places]

        passed = self._through(seen, True, args, places, tensors)
        return passed if isinstance(result, tuple) else passed[0]

    def _run_hooks(self, grad_input: Any) -> Any:
        for hook in self.user_hooks:
            replaced = hook(self.module, grad_input, self.grad_outputs)
            if replaced is not None:
                grad_input = self._checked(replaced, grad_input)
        return grad_input

    @staticmethod
    def _tensors(args: Any) -> tuple[list[int], list[Tensor]]:
        found = [(i, a) for i, a in enumerate(args) if isinstance(a, Tensor)]
        return [i for i, _ in found], [a for _, a in found]

    @staticmethod
    def _spread(places: list[int], values: Any, n: int) -> tuple[Any, ...]:
        out: list[Any] = [None] * n
        for i, v in zip(places, values):
            out[i] = v
        return tuple(out)

    @staticmethod
    def _through(
        seen: Hook, outputs: bool, args: Any, places: list[int], tensors: list[Tensor]
    ) -> Any:
        passed = list(args)
        for i, t in zip(places, BackwardHookFunction.apply(seen, outputs, *tensors)):
            passed[i] = t
        if isinstance(args, tuple) and hasattr(args, "_fields"):
            return type(args)(*passed)  # a named tuple stays one
        return type(args)(passed) if isinstance(args, tuple) else tuple(passed)

    @staticmethod
    def _checked(new: Any, old: Any) -> Any:
        if isinstance(new, Tensor) or len(new) != len(old):  # a tensor is no tuple of one
            raise RuntimeError(
                f"Backward hook returned an invalid number of grad_input, got {len(new)}, but "
                f"expected {len(old)}: write (gradient,) for one"
            )
        return tuple(new)


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call hook(module, args) before the forward of every module."""
    return add(GLOBAL.forward_pre, hook)


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call hook(module, args, output) after the forward of every module."""
    marks: tuple[Any, ...] = (GLOBAL.forward_kwargs,) if with_kwargs else ()
    return add(
        GLOBAL.forward, hook, marks=(*marks, GLOBAL.forward_always) if always_call else marks
    )


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call hook(module, grad_output) before the backward of every module."""
    return add(GLOBAL.backward_pre, hook)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Call hook(module, grad_input, grad_output) in the backward of every module."""
    return _global_backward(hook, full=True)


def register_module_backward_hook(hook: Hook) -> RemovableHandle:
    """Old form of register_module_full_backward_hook."""
    return _global_backward(hook, full=False)


def _global_backward(hook: Hook, full: bool) -> RemovableHandle:
    if GLOBAL.backward_is_full is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module "
            "hook. Please use only one of them."
        )
    GLOBAL.backward_is_full = full
    return add(GLOBAL.backward, hook)


def register_module_module_registration_hook(hook: Hook) -> RemovableHandle:
    """Call hook(module, name, submodule) at each registration; a result replaces submodule."""
    return add(GLOBAL.module, hook)


def register_module_parameter_registration_hook(hook: Hook) -> RemovableHandle:
    """Call hook(module, name, param) at each registration; a result replaces param."""
    return add(GLOBAL.parameter, hook)


def register_module_buffer_registration_hook(hook: Hook) -> RemovableHandle:
    """Call hook(module, name, buffer) at each registration; a result replaces buffer."""
    return add(GLOBAL.buffer, hook)


def registered(table: Any, module: Any, name: str, value: Any) -> Any:
    """value after the registration hooks in table."""
    for hook in table.values():
        replaced = hook(module, name, value)
        if replaced is not None:
            value = replaced
    return value
