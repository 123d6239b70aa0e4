"""Facts and conveniences of torch that are no ops: where a tensor is, the module of a device."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from ..base.devices import device as _device
from ..base.modes import _Switch
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from .accelerator_api import current_accelerator

__all__ = [
    "as_sparse_gradcheck", "check_sparse_tensor_invariants", "debug_unwrap",
    "enforce_grad_layout_policy", "get_device", "get_device_module", "is_masked_tensor",
    "set_multithreading_enabled",
]  # fmt: skip

# What PyTorch says it was built with, in words that scripts ask.
has_lapack = has_spectral = True
has_cudnn = has_mkl = has_mkldnn = has_mps = has_openmp = False


def __getattr__(name: str) -> bool:
    """has_cuda: asked for by few, and it takes a look through all of the path."""
    if name == "has_cuda":
        return find_spec("cupy") is not None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@clear_errors
def get_device(input: Tensor) -> int:
    """The number of a tensor's CUDA device; -1 for the CPU.

    input: a tensor.

    The tensor has any shape. Raises TypeError where input is no tensor.

    >>> torch.get_device(torch.ones(1))
    -1
    """
    number: int = input.get_device()
    return number


def get_device_module(device: Any = None) -> Any:
    """torch.cuda or torch.cpu, by a device (default: the accelerator, or the CPU).

    Raises RuntimeError where device is unknown; TypeError where device is of the wrong type.

    >>> torch.get_device_module("cpu").__name__.endswith("cpu")
    True
    """
    import importlib

    kind = (current_accelerator() or _device("cpu")) if device is None else _device(device)
    if kind.type not in ("cpu", "cuda"):
        raise RuntimeError(f"Invalid device module {device!r}: cpu or cuda")
    module = f"wengert.{kind.type}"
    return sys.modules.get(module) or importlib.import_module(module)


class set_multithreading_enabled(_Switch):
    """Whether the reverse pass uses several threads; accepted: it runs in the caller's.

    mode: on or off.

    >>> with torch.autograd.set_multithreading_enabled(False) as nothing:
    ...     print("as it is")
    as it is
    """

    def __init__(self, mode: bool) -> None:
        self.mode = mode

    def __enter__(self) -> None: ...

    def clone(self) -> set_multithreading_enabled:
        """The same setting once more.

        >>> torch.autograd.set_multithreading_enabled(True).clone().mode
        True
        """
        return set_multithreading_enabled(self.mode)


class enforce_grad_layout_policy(set_multithreading_enabled):
    """Whether gradients get the strides of their parameters; accepted: they have NumPy's.

    enable: whether.

    >>> policy = torch.autograd.enforce_grad_layout_policy(True)
    """

    def __init__(self, enable: bool = True) -> None:
        super().__init__(enable)


class check_sparse_tensor_invariants(_Switch):
    """Whether indices of sparse tensors are checked; they always are, whatever is said here."""

    asked = False

    def __init__(self, enable: bool = True) -> None:
        self.mode = enable
        self.before: list[bool] = []

    @staticmethod
    def is_enabled() -> bool:
        """Whether checks were asked for."""
        return check_sparse_tensor_invariants.asked

    @staticmethod
    def enable() -> None:
        """Ask for checks."""
        check_sparse_tensor_invariants.asked = True

    @staticmethod
    def disable() -> None:
        """Ask for no checks; they are made all the same."""
        check_sparse_tensor_invariants.asked = False

    def __enter__(self) -> None:
        self.before.append(self.is_enabled())
        check_sparse_tensor_invariants.asked = self.mode

    def __exit__(self, *error: object) -> None:
        check_sparse_tensor_invariants.asked = self.before.pop()

    def clone(self) -> check_sparse_tensor_invariants:
        return check_sparse_tensor_invariants(self.mode)


def as_sparse_gradcheck(gradcheck: Callable[..., Any]) -> Callable[..., Any]:
    """gradcheck for functions of sparse tensors: what is checked is the gradient of their values,
    with masked=True of those that they store, else of all elements.
    """

    def check(func: Callable[..., Any], inputs: Any, masked: bool = False, **options: Any) -> Any:
        given = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
        forms = [
            stored(x, masked) if isinstance(x, Tensor) and x.layout.name != "strided" else None
            for x in given
        ]
        values = [
            x if form is None else form[1].detach().requires_grad_(x.requires_grad)
            for form, x in zip(forms, given)
        ]

        def of_values(*args: Any) -> Any:
            out = func(*[a if f is None else f[2](f[0], a) for f, a in zip(forms, args)])
            outs = out if isinstance(out, (tuple, list)) else (out,)
            made = tuple([o.to_dense() if o.layout.name != "strided" else o for o in outs])
            return made if isinstance(out, (tuple, list)) else made[0]

        return gradcheck(of_values, tuple(values), **options)

    return check


def stored(x: Any, masked: bool) -> tuple[Tensor, Tensor, Callable[..., Any]]:
    """(indices, values, what makes a tensor in the layout of x of both); unless masked, of all."""
    from ..ops.sparse.creation import sparse_coo_tensor

    coo = x.detach() if x.layout.name == "sparse_coo" else x.detach().to_sparse_coo()
    size, n = tuple(x.shape), coo.sparse_dim()
    if masked:
        indices, values, sorted_ = coo._indices(), coo._values(), coo.is_coalesced()
    else:
        indices = coo._values().new_ones(size[:n]).nonzero().t()
        values, sorted_ = coo.to_dense().reshape(-1, *size[n:]), True

    def made(indices: Tensor, values: Tensor) -> Any:
        s = sparse_coo_tensor(indices, values, size, is_coalesced=sorted_)
        return s if x.layout is coo.layout else s.to_sparse(layout=x.layout)

    return indices, values, made


def is_masked_tensor(obj: Any, /) -> bool:
    """Whether obj is a MaskedTensor."""
    module = sys.modules.get("wengert.api.masked_tensor")  # without it there are none
    return module is not None and isinstance(obj, module.MaskedTensor)


@clear_errors
def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """The tensor inside of one that a function transform wraps; others as they are.

    recurse: all wrappings, or one.

    The tensor has any shape. Raises TypeError where tensor is no tensor.

    >>> torch.func.debug_unwrap(torch.ones(2))
    tensor([1., 1.])
    """
    from ..engine.interp import Interp
    from ..engine.tensor import wrap

    a = tensor._a
    while isinstance(a, Interp):
        inner = a.content
        a = inner._a if isinstance(inner, Tensor) else inner
        if not recurse:
            break
    return tensor if a is tensor._a else wrap(a)
