"""Complex tensors from and to real ones: parts, angles, conjugates, views.

A conjugate is computed at once; there are no tensors that are conjugated lazily.
"""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...base.advice import advise
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import elementwise, linear, movement
from ...engine.op import op, primitive
from ...engine.out_argument import write_out
from ...engine.tensor import Tensor
from ..linalg.matrix import check_tensor, leading
from .unary import conj as conj_op


@primitive(linear, types="same", node="ComplexBackward0")
def join_parts(xp, x, y):
    """x + iy."""


join_parts.vjp(complex=True, x=lambda xp, g: xp.real(g), y=lambda xp, g: xp.imag(g))


def _join_parts(xp: Any, size: int, flags: Any, x: Any, y: Any) -> Any:
    nd = max(a.ndim - f for a, f in zip((x, y), flags))

    def aligned(a: Any, f: bool) -> Any:
        s = tuple(a.shape)
        return xp.reshape(a, (s[0], *(1,) * (nd - len(s) + 1), *s[1:])) if f else a

    return xp.join_parts(aligned(x, flags[0]), aligned(y, flags[1]))


join_parts.batch(_join_parts)


@public(
    "complex(Tensor real, Tensor imag, *, out)",
    method=False,
    out="exact",
    lines=(line(join_parts, floating=True),),
)
def complex(real, imag, *, out=None):
    """real + i * imag, of float16, float32 or float64 tensors of one dtype.

    >>> torch.complex(torch.tensor([1.]), torch.tensor([2.]))
    tensor([1.+2.j])
    """
    for t, what in ((real, "real"), (imag, "imag")):
        check_tensor("complex", t, what)
    if real.dtype is not imag.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {_name(real)} but got scalar type {_name(imag)} for "
            "second argument"
        )
    if real.dtype.name not in ("float16", "float32", "float64"):
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {_name(real)} and "
            f"{_name(imag)}"
        )
    result = join_parts.entry(real, imag)
    if out is None:
        return result
    if out.dtype is not result.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {_name(result)} but got scalar type {_name(out)} for "
            "argument 'out'"
        )
    return write_out("complex", result, out, "exact")


def _name(t: Tensor) -> str:
    return {
        "float32": "Float",
        "float64": "Double",
        "int64": "Long",
        "int32": "Int",
        "float16": "Half",
        "bfloat16": "BFloat16",
        "bool": "Bool",
        "complex32": "ComplexHalf",
        "complex64": "ComplexFloat",
        "complex128": "ComplexDouble",
    }.get(t.dtype.name, t.dtype.name.capitalize())


@op(elementwise, name="polar", types="same")
def polar_op(xp, x, y):
    """x times (cos(y) + i sin(y))."""
    return xp.join_parts(x * xp.cos(y), x * xp.sin(y))


@public(
    "polar(Tensor abs, Tensor angle, *, out)",
    method=False,
    whole=True,
    out="exact",
    lines=(line(polar_op, floating=True),),
)
def polar(abs, angle):
    """The complex numbers of absolute value abs and an angle.

    >>> torch.polar(torch.tensor([2.]), torch.tensor([0.]))
    tensor([2.+0.j])
    """
    for t, what in ((abs, "abs"), (angle, "angle")):
        check_tensor("polar", t, what)
    if abs.dtype is not angle.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {_name(abs)} but got scalar type {_name(angle)} for "
            "second argument"
        )
    if abs.dtype.name not in ("float32", "float64"):
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {_name(abs)} and "
            f"{_name(angle)}"
        )
    return polar_op.entry(abs, angle)


def _polar_length(xp: Any, g: Any, x: Any, out: Any) -> Any:
    return xp.real(xp.conj(g) * xp.sgn(out))


def _polar_angle(xp: Any, g: Any, out: Any) -> Any:
    return xp.real(xp.conj(g) * out * 1j)


polar_op.vjp(complex=True, x=_polar_length, y=_polar_angle)


# ---- parts, as views


@op(movement, view=True, node="RealBackward0")
def real_view(xp, x):
    """The real parts, in place."""
    return xp.real(x)


@op(movement, view=True, node="ImagBackward0")
def imag_view(xp, x):
    """The imaginary parts, in place."""
    return xp.imag(x)


real_view.vjp(complex=True, x=lambda g: g)
imag_view.vjp(complex=True, x=lambda g: g * 1j)


@primitive(movement, view=True, node="ViewAsRealBackward0")
def parts_view(xp, x):
    """Real and imaginary parts in a last dimension, in place."""


@primitive(movement, view=True, node="ViewAsComplexBackward0")
def complex_view(xp, x):
    """Complex numbers of the pairs in the last dimension, in place."""


parts_view.vjp(complex=True, x=lambda xp, g: xp.complex_view(g))
complex_view.vjp(complex=True, x=lambda xp, g: xp.parts_view(g))
for _op in (real_view, imag_view, parts_view, complex_view):
    leading(_op, 0)


@public("real(Tensor input)", method=False)
def real(input):
    """The real parts: a view of complex tensors; real tensors themselves.

    >>> torch.real(torch.tensor([1 + 2j]))
    tensor([1.])
    """
    check_tensor("real", input, "input")
    return real_view.entry(input) if input.dtype.is_complex else input


@public("imag(Tensor input)", method=False)
def imag(input):
    """The imaginary parts of a complex tensor: a view.

    >>> torch.imag(torch.tensor([1 + 2j]))
    tensor([2.])
    """
    check_tensor("imag", input, "input")
    if not input.dtype.is_complex:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return imag_view.entry(input)


@public("view_as_real(Tensor input)", method=False)
def view_as_real(input):
    """A complex tensor as pairs of real and imaginary parts (*, 2): a view.

    >>> torch.view_as_real(torch.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """
    if not input.dtype.is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return parts_view.entry(input)


@public("view_as_complex(Tensor input)", method=False, whole=True)
def view_as_complex(input):
    """Pairs (*, 2) of float16, float32 or float64 as a complex tensor: a view.

    >>> torch.view_as_complex(torch.tensor([[1., 2.]]))
    tensor([1.+2.j])
    """
    if input.dtype.name not in ("float16", "float32", "float64"):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a "
            "tensor of scalar type: "
            f"{_name(input)}"
        )
    if input._a.ndim == 0:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if input._a.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if hasattr(input._a, "strides") and input._a.size:
        steps = [n // input._a.dtype.itemsize for n in input._a.strides]
        if steps[-1] != 1:
            raise RuntimeError("Tensor must have a last dimension with stride 1")
        if any(n % 2 for n, size in zip(steps[:-1], input._a.shape) if size > 1):
            raise RuntimeError(
                "Tensor must have a stride divisible by 2 for all but last dimension"
            )
    return complex_view.entry(input)


# ---- conjugates, angles


@public("conj(Tensor input)")
def conj(input):
    """The complex conjugates; real tensors themselves.

    >>> torch.conj_physical(torch.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    check_tensor("conj", input, "input")
    return conj_op.entry(input) if input.dtype.is_complex else input


@public("conj_physical(Tensor input, *, out)", inplace="function", out="exact apart")
def conj_physical(input):
    """The complex conjugates in new memory; real tensors themselves.

    >>> torch.conj_physical(torch.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return conj(input)


@public("resolve_conj(Tensor input)")
def resolve_conj(input):
    """input: conjugates are never pending.

    >>> torch.tensor([1j]).conj().resolve_conj()
    tensor([0.-1.j])
    """
    return input


@public("resolve_neg(Tensor input)")
def resolve_neg(input):
    """input: negations are never pending.

    >>> torch.tensor([1j]).conj().imag.resolve_neg()
    tensor([-1.])
    """
    return input


@public("is_conj(Tensor input) -> bool")
def is_conj(input):
    """Whether a conjugation is pending: never.

    >>> torch.ones(2).is_conj()
    False
    """
    return False


@public("is_neg(Tensor input) -> bool")
def is_neg(input):
    """Whether a negation is pending: never.

    >>> torch.ones(2).is_neg()
    False
    """
    return False


@primitive(elementwise, public="angle(Tensor input, *, out)", types="float")
def angle(xp, x):
    """The angles of complex numbers; of real ones 0 or pi.

    >>> torch.angle(torch.tensor([1j, -1 + 0j]))
    tensor([1.5708, 3.1416])
    """


def _angle(xp: Any, g: Any, x: Any) -> Any:
    if not dtypes.as_dtype(x.dtype).is_complex:
        return xp.zeros_like(g)
    zero = xp.eq(x, 0)
    re, im = xp.real(x), xp.imag(x)
    size = re * re + im * im
    return xp.where(zero, xp.zeros_like(x), x * 1j * (g / xp.where(zero, xp.ones_like(size), size)))


angle.vjp(complex=True, x=_angle)


@op(elementwise, types="any", name="isreal")
def real_everywhere(xp, x):
    """True everywhere: the elements of a real array are."""
    return xp.ones(tuple(x.shape), dtypes.bool.np)


@public("isreal(Tensor input)", lines=(line(real_everywhere, floating=True),))
def isreal(input):
    """Where the imaginary part is 0.

    >>> torch.isreal(torch.tensor([1 + 0j, 1j]))
    tensor([ True, False])
    """
    return (
        input.imag == 0
        if input.dtype.is_complex
        else input.new_ones(tuple(input.shape), dtype=dtypes.bool)
    )


@public("adjoint(Tensor input)")
def adjoint(input):
    """The last two dimensions swapped and conjugated.

    Raises RuntimeError where there is one dimension only.

    >>> torch.tensor([[1j, 2], [3, 4]]).adjoint().shape
    torch.Size([2, 2])
    """
    if input._a.ndim == 0:
        advise("adjoint() is deprecated on 0-D tensors. Consider using x.conj().")
        return conj(input) if input.dtype.is_complex else input.permute(())
    if input._a.ndim < 2:
        raise RuntimeError(
            "tensor.adjoint() is only supported on matrices or batches of matrices. Got "
            f"{input._a.ndim}-D tensor."
        )
    r = input.transpose(-2, -1)
    return conj(r) if input.dtype.is_complex else r
