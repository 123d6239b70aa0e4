"""Devices and dtypes of modules: to(), cuda(), double() and the like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ..api import exchange
from ..api import functions as T
from ..base import conversion, dtypes
from ..base.advice import advise
from ..base.devices import device as Device
from ..base.dtypes import dtype as DType
from ..base.modes import no_grad
from ..engine.tensor import Tensor
from .parameter import Parameter, is_lazy

__all__ = ["Movable"]

Self = TypeVar("Self", bound="Movable")


class Movable:
    """The part of Module that moves parameters and buffers, in place."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    children: Callable[[], Iterator[Any]]

    def _apply(self: Self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace the data of every parameter and buffer by fn of it."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for name, p in self._parameters.items():
            if p is not None:
                with no_grad():
                    grad = p.grad
                    if grad is not None:
                        grad = fn(grad.data).requires_grad_(grad.requires_grad)
                    if conversion.get_swap_module_params_on_conversion():
                        exchange.swap_tensors(p, Parameter(fn(p), p.requires_grad))
                    elif conversion.get_overwrite_module_params_on_conversion():
                        p = self._parameters[name] = Parameter(fn(p.data), p.requires_grad)
                    else:
                        p.data = fn(p.data)
                    p.grad = grad
        for name, b in self._buffers.items():
            if is_lazy(b):
                b.data = fn(b.data)
            elif b is not None:
                self._buffers[name] = fn(b)
        return self

    def to(self: Self, *args: Any, **kwargs: Any) -> Self:
        """Move parameters and buffers, in place: to(device), to(dtype), to(tensor), or both.

        A dtype changes floating point and complex tensors only; TypeError for any other dtype.

        >>> nn.Linear(1, 1).to(torch.float64).weight.dtype
        torch.float64
        """
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                f"dtype={dtype}"
            )
        if dtype is not None and dtype.is_complex:
            advise(
                "Complex modules are a new feature under active development whose design may "
                "change, and some modules might not work as expected when using complex tensors "
                "as parameters or buffers.",
            )

        def convert(t: Tensor) -> Tensor:
            wanted = dtype if t.is_floating_point() or t.is_complex() else None
            if memory_format is not None and t.dim() in (4, 5):
                return t.to(device, wanted, non_blocking, memory_format=memory_format)
            return t.to(device, wanted, non_blocking)

        return self._apply(convert)

    def to_empty(self: Self, *, device: Any, recurse: bool = True) -> Self:
        """Move parameters and buffers to a device without their contents."""
        return self._apply(lambda t: T.empty_like(t, device=device), recurse=recurse)

    def cpu(self: Self) -> Self:
        """Move all parameters and buffers to the CPU."""
        return self._apply(lambda t: t.cpu())

    def cuda(self: Self, device: Any = None) -> Self:
        """Move all parameters and buffers to the GPU."""
        return self._apply(lambda t: t.cuda(device))

    def type(self: Self, dst_type: Any) -> Self:
        """Cast all parameters and buffers."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self: Self) -> Self:
        """Cast floating point parameters and buffers to float32."""
        return self._cast(dtypes.float32)

    def double(self: Self) -> Self:
        """Cast floating point parameters and buffers to float64."""
        return self._cast(dtypes.float64)

    def half(self: Self) -> Self:
        """Cast floating point parameters and buffers to float16."""
        return self._cast(dtypes.float16)

    def bfloat16(self: Self) -> Self:
        """Cast floating point parameters and buffers to bfloat16."""
        return self._cast(dtypes.bfloat16)

    def _cast(self: Self, dtype: Any) -> Self:
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def share_memory(self: Self) -> Self:
        """Move all parameters and buffers to memory that processes share."""
        module: Any = self
        for t in [*module.parameters(), *module.buffers()]:  # what shares their memory comes along
            t.share_memory_()
            if t.is_leaf and t.grad is not None:
                t.grad.share_memory_()
        return self


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """(device, dtype, non_blocking, memory_format) from the forms of to()."""
    memory_format = kwargs.pop("memory_format", None)
    if args and isinstance(args[0], Tensor) or "tensor" in kwargs:
        like, *rest = args if args else (kwargs.pop("tensor"),)
        found: dict[str, Any] = {"device": like.device, "dtype": like.dtype}
        names = ["non_blocking", "copy"]
    elif args and isinstance(args[0], DType):
        (dtype, *rest), found, names = args, {}, ["non_blocking", "copy"]
        found["dtype"] = dtype
    else:
        rest, found, names = list(args), {}, ["device", "dtype", "non_blocking", "copy"]
    if len(rest) > len(names):
        raise TypeError(f"to() takes at most {len(names)} arguments after these, got {len(rest)}")
    found.update(zip(names, rest))
    unknown = set(kwargs) - {"device", "dtype", "non_blocking", "copy"}
    if unknown:
        raise TypeError(f"to() got an unexpected keyword argument '{sorted(unknown)[0]}'")
    found.update(kwargs)
    device = found.get("device")
    if device is not None and not isinstance(device, Device):
        device = Device(device)
    return device, found.get("dtype"), bool(found.get("non_blocking", False)), memory_format
