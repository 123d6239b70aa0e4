"""Questions about tensors that are answered without computing on their elements, and
comparisons to one bool.
"""

from __future__ import annotations

from ..arrays.lookup import HOST, HOSTED, NS
from ..base import dtypes
from ..base.size import Size
from ..declare.binding import only_tensors, stood_in
from ..declare.registry import public
from ..engine.promotion import common_dtype
from ..engine.tensor import Tensor, wrap


@public("is_tensor(any obj) -> bool", method=False, foreign=False)
def is_tensor(obj):
    """Whether obj is a Tensor.

    >>> torch.is_tensor(torch.tensor([1]))
    True
    """
    return isinstance(obj, Tensor)


@public("is_storage(any obj) -> bool", method=False, foreign=False)
def is_storage(obj):
    """Whether obj is a storage.

    >>> torch.is_storage(torch.ones(2).untyped_storage())
    True
    """
    return type(obj).__name__.endswith("Storage")


@public("numel(Tensor input) -> int")
def numel(input):
    """The number of elements."""
    return int(input._a.size)


@public("is_floating_point(Tensor input) -> bool")
def is_floating_point(input):
    """Whether the dtype is floating.

    >>> torch.is_floating_point(torch.tensor([1.]))
    True
    """
    return input.dtype.is_floating_point


@public("is_complex(Tensor input) -> bool")
def is_complex(input):
    """Whether the dtype is complex.

    >>> torch.is_complex(torch.tensor([1j]))
    True
    """
    return input.dtype.is_complex


@public("is_signed(Tensor input) -> bool")
def is_signed(input):
    """Whether the dtype has negative numbers.

    >>> torch.is_signed(torch.tensor([1], dtype=torch.uint8))
    False
    """
    return input.dtype.is_signed


@public("is_inference(Tensor input) -> bool")
def is_inference(input):
    """Whether the tensor was made in inference mode.

    >>> torch.ones(2).is_inference()
    False
    """
    return input._x is not None and input._x.inference


@public("Tensor.is_pinned(Tensor self, Device? device=None) -> bool")
def is_pinned(self, device=None):
    """Whether the tensor lies in memory of the CPU that a GPU copies from by itself.

    >>> torch.ones(2).is_pinned()
    False
    """
    a = self._a
    if getattr(a, "base", None) is None:
        return False  # it has memory of its own
    from ..arrays import pinned

    return pinned.is_pinned(a)


@public("Tensor.pin_memory(Tensor self, Device? device=None)")
def pin_memory(self, device=None):
    """A copy in memory that a GPU copies from by itself; the tensor itself if it is there already.

    Raises RuntimeError without a GPU, and for tensors that are not on the CPU.

    >>> torch.ones(2, device="meta").pin_memory()
    Traceback (most recent call last):
        ...
    RuntimeError: ...
    """
    if is_pinned(self):
        return self
    xp = NS[type(self._a)]
    if not xp.has(HOST):
        raise RuntimeError(
            f"cannot pin '{self.type()}': only dense CPU tensors can be pinned, this one is on "
            f"{self.device}"
        )
    from ..arrays import pinned

    return wrap(pinned.copy(self._a))


@public("Tensor.get_device(Tensor self) -> int")
def get_device(self):
    """The number of the tensor's device; -1 on the CPU.

    >>> torch.ones(2).get_device()
    -1
    """
    return -1 if self.device.type == "cpu" else self.device.index or 0


@public("is_nonzero(Tensor input) -> bool")
def is_nonzero(input):
    """Whether the only element is not zero.

    Raises RuntimeError where there is not exactly one.

    >>> torch.is_nonzero(torch.tensor([3.]))
    True
    """
    if input._a.size != 1:
        raise RuntimeError(
            "bool value of Tensor with more than one value is ambiguous"
            if input._a.size
            else "Boolean value of Tensor with no values is ambiguous"
        )
    return bool(input.item())


@public("is_same_size(Tensor input, Tensor other) -> bool")
def is_same_size(input, other):
    """Whether both have one shape.

    >>> torch.ones(2, 3).is_same_size(torch.zeros(2, 3))
    True
    """
    return tuple(input._a.shape) == tuple(other._a.shape)


@public(
    "result_type(Tensor tensor, Tensor|Scalar other) -> ScalarType",
    "result_type(Scalar scalar, Tensor tensor) -> ScalarType",
    "result_type(Scalar scalar1, Scalar scalar2) -> ScalarType",
    method=False,
)
def result_type(tensor1, tensor2):
    """The dtype that an operation on both gives.

    >>> torch.result_type(torch.tensor([1]), 2.5)
    torch.float32
    """
    return common_dtype(tensor1, tensor2)


@public("broadcast_shapes(*any shapes) -> Size", method=False, foreign=False)
def broadcast_shapes(*shapes):
    """The shape that tensors of these shapes broadcast to; RuntimeError where there is none.

    >>> torch.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    first = shapes[0] if shapes else None
    if (
        isinstance(first, tuple)
        and shapes.count(first) == len(shapes)
        and min(first, default=0) >= 0
    ):
        return Size(first)
    sizes = []
    for s in shapes:
        if not isinstance(s, (int, tuple, list)):
            raise RuntimeError(
                "Input shapes should be of type ints, a tuple of ints, or a list of ints, got"
                f" {s!r} in broadcast_shapes()"
            )
        sizes.append((s,) if isinstance(s, int) else tuple(s))
    nd = max(map(len, sizes), default=0)
    out = [1] * nd
    for s in sizes:
        for i, n in enumerate(reversed(s), 1):
            if n < 0:
                raise ValueError(
                    f"Attempting to broadcast a dimension with negative length! (a size of {n})"
                )
            if n != 1:
                if out[-i] not in (1, n):
                    raise RuntimeError(
                        "Shape mismatch: objects cannot be broadcast to a single shape: "
                        f"{' and '.join(str(list(x)) for x in sizes)}"
                    )
                out[-i] = n
    return Size(out)


@public("broadcast_tensors(*any tensors) -> Tensor[]", method=False, foreign=False)
def broadcast_tensors(*tensors):
    """The tensors expanded to their common shape; RuntimeError where there is none.

    >>> a, b = torch.broadcast_tensors(torch.ones(2, 1), torch.ones(3))
    >>> b.shape
    torch.Size([2, 3])
    """
    try:
        only_tensors(tensors)
    except TypeError:
        return stood_in("broadcast_tensors", tensors)
    try:
        shape = broadcast_shapes(*[t._a.shape for t in tensors])
    except RuntimeError:
        raise RuntimeError(
            "The size of tensors must match at non-singleton dimensions to be broadcast: got "
            f"{' and '.join(str(list(t.shape)) for t in tensors)}"
        ) from None
    return tuple([t if t._a.shape == shape else t.expand(shape) for t in tensors])


@public("equal(Tensor input, Tensor other) -> bool")
def equal(input, other):
    """Whether both have the same shape and the same elements.

    >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
    True
    """
    if not isinstance(other, Tensor):
        raise TypeError(
            f"equal(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}"
        )
    a, b = input._a, other._a
    if type(a) is type(b) and a.dtype is b.dtype and NS[type(a)].has(HOST):
        if a.shape != b.shape or not a.size:
            return a.shape == b.shape
        same = a == b
        return bool(same.item(same.argmin()) if a.ndim else same)  # argmin stops at the first
    if tuple(a.shape) != tuple(b.shape):
        return False
    return bool((input.detach() == other.detach()).all().item()) if input._a.size else True


@public(
    "isclose(Tensor input, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False)"
)
def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Where |input - other| <= atol + rtol * |other|.

    >>> torch.isclose(torch.tensor([1., 2.]), torch.tensor([1., 2.1]))
    tensor([ True, False])
    """
    if input._a.dtype is not other._a.dtype and input.dtype is not other.dtype:
        raise RuntimeError(f"{input.dtype} did not match {other.dtype}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not value >= 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}")
    x = input if input._n is None else input.detach()
    y = other if other._n is None else other.detach()
    same = x == y
    if equal_nan and x.dtype.is_inexact:
        same = same | (x.isnan() & y.isnan())
    if rtol == 0 and atol == 0:
        return same
    if not x.dtype.is_inexact:
        x, y = x.to(dtypes.float64), y.to(dtypes.float64)
    near = (x - y).abs() <= atol + (rtol * y).abs()
    finite = (x - y).abs().isfinite()
    return same | (near & finite)


@public(
    "allclose(Tensor input, Tensor other, float rtol=1e-05, float atol=1e-08, "
    "bool equal_nan=False) -> bool"
)
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements are close: see isclose.

    >>> torch.allclose(torch.tensor([1.]), torch.tensor([1. + 1e-9]))
    True
    """
    close = isclose(input, other, rtol, atol, equal_nan)
    return bool(close._a.all() if type(close._a) in HOSTED else close.all().item())
