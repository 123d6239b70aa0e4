"""Convolutions of 1 to 3 spatial dimensions and their transposes.

`conv`, `conv_input` and `conv_weight` are three views of one trilinear form, so that each one's
derivatives are the other two and every order of derivative exists. Here are also the checks of
their arguments. The kernels are in `arrays/conv.py`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ...arrays.windows import Geometry
from ...declare.lines import line
from ...declare.registry import public
from ...engine import op_modes
from ...engine.kinds import bilinear
from ...engine.op import primitive
from ...engine.tensor import Tensor
from ..math.arithmetic import add_op as add
from ..node_facts import CONV, CONV_TRANSPOSED
from ..shape.unfold import check_tensor, per_dimension
from ..shape.views import reshape_op

Ints = tuple[int, ...]
SAID = {
    "int64": "long int", "uint8": "unsigned char", "int8": "signed char", "int16": "short",
    "int32": "int", "float32": "float", "float64": "double", "float16": "c10::Half",
    "bfloat16": "c10::BFloat16", "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}  # fmt: skip
IMAGES = {"types": "same", "node": "ConvolutionBackward0", "channels_last": (4, 5)}

# ------------------------------------------------------------------------------------- the ops


@primitive(bilinear, optional="bias", told=CONV, **IMAGES)
def conv(xp, x, w, bias=None, geometry=None):
    """Correlation of x (N, C, *spatial) with w (O, C/groups, *kernel), plus bias (O,)."""


@primitive(bilinear, told=CONV_TRANSPOSED, **IMAGES)
def conv_input(xp, y, w, x_shape=(), geometry=None):
    """The adjoint of conv in x: a transposed convolution of y (N, O, *out)."""


@primitive(bilinear, types="same", channels_last=(4, 5))
def conv_weight(xp, x, y, w_shape=(), geometry=None):
    """The adjoint of conv in w: the correlation of x with y (N, O, *out) at every tap."""


def _bias(xp, g):
    flat = xp.reshape(g, (*tuple(g.shape)[:2], -1)) if g.size else g
    return xp.sum(xp.sum(flat, 2), 0) if g.size else xp.sum(g, (0, *range(2, g.ndim)))


conv.vjp(
    x=lambda xp, g, w, x_shape, geometry: xp.conv_input(g, w, tuple(x_shape), geometry),
    w=lambda xp, g, x, w_shape, geometry: xp.conv_weight(x, g, tuple(w_shape), geometry),
    bias=_bias,
)
conv_input.vjp(
    y=lambda xp, g, w, geometry: xp.conv(g, w, None, geometry),
    w=lambda xp, g, y, w_shape, geometry: xp.conv_weight(g, y, tuple(w_shape), geometry),
)
conv_weight.vjp(
    x=lambda xp, g, y, x_shape, geometry: xp.conv_input(y, g, tuple(x_shape), geometry),
    y=lambda xp, g, x, geometry: xp.conv(x, g, None, geometry),
)


# ------------------------------------------------------------------------------------- batches
# A batch is folded into the images where the weights are shared, else into the groups.


def _into_images(xp: Any, a: Any) -> Any:
    """(batch, N, ...) as (batch * N, ...)."""
    return xp.reshape(a, (a.shape[0] * a.shape[1], *tuple(a.shape)[2:]))


def _into_channels(xp: Any, a: Any, size: int, batched: bool) -> Any:
    """(batch, N, C, ...), or (N, C, ...) repeated, as (N, batch * C, ...)."""
    shape = tuple(a.shape)
    if batched:
        n, c, rest = shape[1], shape[2], shape[3:]
        return xp.reshape(xp.transpose(a, 0, 1), (n, size * c, *rest))
    n, c, rest = shape[0], shape[1], shape[2:]
    wide = xp.expand(xp.reshape(a, (n, 1, c, *rest)), (n, size, c, *rest))
    return xp.reshape(wide, (n, size * c, *rest))


def _from_channels(xp: Any, a: Any, size: int) -> Any:
    """(N, batch * C, ...) as (batch, N, C, ...)."""
    n, c, *rest = tuple(a.shape)
    return xp.transpose(xp.reshape(a, (n, size, c // size, *rest)), 0, 1)


def _grouped(geometry: Geometry, size: int) -> Geometry:
    return geometry._replace(groups=geometry.groups * size)


def _conv_batch(xp, size, flags, x, w, bias, geometry):
    alone = bias if bias is not None and not flags[1] and not flags[2] else None
    if not flags[1]:
        out = (
            xp.conv(_into_images(xp, x), w, alone, geometry)
            if flags[0]
            else xp.conv(x, w, None, geometry)
        )
        shape = (size if flags[0] else 1, -1, *tuple(out.shape)[1:])
        out = xp.reshape(out, shape)
    elif not flags[0] and geometry.groups == 1:
        out = _from_channels(xp, xp.conv(x, _into_images(xp, w), None, geometry), size)
    else:
        images = _into_channels(xp, x, size, flags[0])
        out = xp.conv(images, _into_images(xp, w), None, _grouped(geometry, size))
        out = _from_channels(xp, out, size)
    if bias is None or alone is not None:
        return out
    ones = (1,) * (out.ndim - 3)
    return out + xp.reshape(bias, (size if flags[2] else 1, 1, -1, *ones))


def _conv_input_batch(xp, size, flags, y, w, x_shape, geometry):
    if not flags[1]:
        flat = _into_images(xp, y)
        out = xp.conv_input(flat, w, (flat.shape[0], *x_shape[1:]), geometry)
        return xp.reshape(out, (size, *x_shape))
    wide = (x_shape[0], size * x_shape[1], *x_shape[2:])
    images = _into_channels(xp, y, size, flags[0])
    out = xp.conv_input(images, _into_images(xp, w), wide, _grouped(geometry, size))
    return _from_channels(xp, out, size)


def _conv_weight_batch(xp, size, flags, x, y, w_shape, geometry):
    images = _into_channels(xp, x, size, flags[0])
    grads = _into_channels(xp, y, size, flags[1])
    wide = (size * w_shape[0], *w_shape[1:])
    out = xp.conv_weight(images, grads, wide, _grouped(geometry, size))
    return xp.reshape(out, (size, *w_shape))


conv.batch(_conv_batch)
conv_input.batch(_conv_input_batch)
conv_weight.batch(_conv_weight_batch)


# ------------------------------------------------------------------------------------- arguments


def _numbers(name: str, argument: str, value: Any, rank: int) -> Ints:
    items = per_dimension(name, argument, value, rank, exact=False)
    if len(items) != rank:
        raise RuntimeError(
            f"{name}: expected {argument} to be a single integer value or a list of {rank} values "
            f"to match the convolution dimensions, but got {argument}={list(items)}"
        )
    return items


@lru_cache(maxsize=512)
def _geometry(
    name: str, rank: int, stride: Any, padding: Any, dilation: Any, groups: int, kernel: Ints
) -> Geometry:
    """The geometry of these arguments, once checked."""
    stride = _numbers(name, "stride", stride, rank)
    dilation = _numbers(name, "dilation", dilation, rank)
    if groups <= 0:
        raise RuntimeError(f"{name}: non-positive groups is not supported, got groups={groups}")
    if min(stride) <= 0:
        raise RuntimeError(f"{name}: non-positive stride is not supported, got {stride}")
    if min(dilation) <= 0:
        raise RuntimeError(f"{name}: dilation should be greater than zero, got {dilation}")
    if isinstance(padding, str):
        if padding == "valid":
            pairs = ((0, 0),) * rank
        elif padding == "same":
            if max(stride) > 1:
                raise RuntimeError(
                    f"{name}: padding='same' is not supported for strided convolutions, "
                    f"got stride={stride}"
                )
            total = [d * (k - 1) for d, k in zip(dilation, kernel)]
            pairs = tuple((t // 2, t - t // 2) for t in total)
        else:
            raise RuntimeError(
                f"{name}: Invalid padding string: {padding!r}; use 'valid', 'same' or numbers"
            )
    else:
        numbers = _numbers(name, "padding", padding, rank)
        if min(numbers) < 0:
            raise RuntimeError(f"{name}: negative padding is not supported, got {numbers}")
        pairs = tuple((p, p) for p in numbers)
    return Geometry(stride, pairs, dilation, groups)


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_shapes(
    name: str, x: Ints, w: Ints, bias: Ints | None, rank: int, groups: int, transposed: bool
) -> None:
    """What PyTorch refuses about the shapes of a batched call."""
    k = rank + 2
    if len(w) < 3:
        raise RuntimeError(
            f"{name}: weight should have at least three dimensions, but has shape {list(w)}"
        )
    if len(x) != len(w) or len(w) != k:
        raise RuntimeError(
            f"{name}: Expected {len(w)}-dimensional input for {len(w)}-dimensional weight "
            f"{list(w)}, but got {len(x)}-dimensional input of size {list(x)} instead"
        )
    if 0 in w[2:] and 0 not in x[:2]:
        raise RuntimeError(f"{name}: kernel size should be greater than zero: weight is {list(w)}")
    if 0 not in x[:2] and (0 in x[2:] or transposed and not w[1]):
        raise RuntimeError(
            f"{name}: Only zero batch or zero channel inputs are supported, but got input shape: "
            f"{list(x)}"
        )
    if w[0] < groups:
        raise RuntimeError(
            f"{name}: Given groups={groups}, expected weight to be at least {groups} at dimension "
            f"0, but got weight of size {list(w)} instead"
        )
    if w[0] % groups:
        raise RuntimeError(
            f"{name}: Given groups={groups}, expected weight to be divisible by {groups} at "
            f"dimension 0, but got weight of size {list(w)} instead"
        )
    channels = w[0] if transposed else w[1] * groups
    if x[1] != channels:
        kind = "transposed=1, " if transposed else ""
        raise RuntimeError(
            f"{name}: Given {kind}groups={groups}, weight of size {list(w)}, expected input"
            f"{list(x)} to have {channels} channels, but got {x[1]} channels instead"
        )
    out = w[1] * groups if transposed else w[0]
    if bias is not None and bias != (out,):
        raise RuntimeError(
            f"{name}: Given {'transposed=1, ' if transposed else ''}weight of size {list(w)}, "
            f"expected bias to be 1-dimensional with {out} elements, but got bias of size "
            f"{list(bias)} instead"
        )


def _check_types(name: str, input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    d = input._a.dtype
    if weight._a.dtype is d and (bias is None or bias._a.dtype is d):
        return
    if op_modes.runner(conv):  # such as autocast, which brings them together
        return
    a = input.dtype
    for what, t in (("bias", bias), ("weight", weight)):
        if t is not None and t.dtype is not a:
            raise RuntimeError(
                f"{name}: Input type ({SAID.get(a.name, a.name)}) and {what} type "
                f"({SAID.get(t.dtype.name, t.dtype.name)}) should be the same: convert one with "
                ".to(dtype)"
            )


def _is_batched(name: str, shape: Ints, rank: int) -> bool:
    if len(shape) not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got "
            f"input of size: {list(shape)}"
        )
    return len(shape) == rank + 2


def _check_tensors(name: str, input: Any, weight: Any, bias: Any) -> None:
    if not isinstance(input, Tensor) or not isinstance(weight, Tensor):
        check_tensor(name, input)
        check_tensor(name, weight, "weight")
    if bias is not None and not isinstance(bias, Tensor):
        check_tensor(name, bias, "bias")


# ------------------------------------------------------------------------------------- convolution


@lru_cache(maxsize=512)
def _forward(
    name: str,
    rank: int,
    x: Ints,
    w: Ints,
    bias: Ints | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> tuple[Geometry, bool]:
    """The geometry of a call with these shapes, and whether the input is a batch; or the error."""
    batched = _is_batched(name, x, rank)
    geometry = _geometry(name, rank, stride, padding, dilation, groups, w[2:])
    _check_shapes(name, x if batched else (1, *x), w, bias, rank, groups, False)
    sizes = [n + lo + hi for n, (lo, hi) in zip(x[-rank:], geometry.padding)]
    reach = [d * (k - 1) + 1 for d, k in zip(geometry.dilation, w[2:])]
    if any(n < r for n, r in zip(sizes, reach)):
        raise RuntimeError(
            f"{name}: Calculated padded input size per channel: ({' x '.join(map(str, sizes))}). "
            f"Kernel size: ({' x '.join(map(str, reach))}). Kernel size can't be greater than "
            "actual input size"
        )
    return geometry, batched


def _convolve(
    name: str,
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    _check_tensors(name, input, weight, bias)
    b = None if bias is None else tuple(bias._a.shape)
    shapes = (tuple(input._a.shape), tuple(weight._a.shape), b)
    arguments = (_hashable(stride), _hashable(padding), _hashable(dilation))
    geometry, batched = _forward(name, rank, *shapes, *arguments, groups)
    _check_types(name, input, weight, bias)
    x = input if batched else input.unsqueeze(0)
    out = conv.entry(x, weight, bias, geometry)
    if shapes[1][1] == 0:  # from no channels come none, as in PyTorch
        out = out.narrow(1, 0, 0)
    return out if batched else out.squeeze(0)


def _line(rank: int) -> Any:
    """The line of convNd of a batch: sizes given as ints or tuples."""
    shapes = "a0.shape, a1.shape, None if a2 is None else a2.shape"
    return line(
        conv,
        facts=f"plan('conv{rank}d', {rank}, {shapes}, stride, padding, dilation, groups)",
        using={"plan": _forward},
        let={"geometry": "facts[0]"},
        when="facts[1] and a1.shape[1]",
    )


@public(
    "conv1d(Tensor input, Tensor weight, Tensor? bias=None, int[1] stride=1, "
    "int[1]|str padding=0, int[1] dilation=1, int groups=1)",
    method=False,
    aliases=("nn.functional.conv1d",),
    lines=(_line(1),),
)
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """1-dimensional convolution.

    input: (N, C, L) or (C, L); weight: (O, C / groups, k); bias: (O,) or None. padding is a number,
    'valid' or 'same'. RuntimeError where shapes or dtypes do not fit.

    >>> torch.conv1d(torch.ones(1, 1, 4), torch.ones(1, 1, 2))
    tensor([[[2., 2., 2.]]])
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@public(
    "conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, "
    "int[2]|str padding=0, int[2] dilation=1, int groups=1)",
    method=False,
    aliases=("nn.functional.conv2d",),
    lines=(_line(2),),
)
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """2-dimensional convolution.

    input: (N, C, H, W) or (C, H, W); weight: (O, C / groups, kH, kW); bias: (O,) or None. padding
    is a number, a pair, 'valid' or 'same'. RuntimeError where shapes or dtypes do not fit.

    >>> torch.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)).shape
    torch.Size([1, 1, 2, 2])
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@public(
    "conv3d(Tensor input, Tensor weight, Tensor? bias=None, int[3] stride=1, "
    "int[3]|str padding=0, int[3] dilation=1, int groups=1)",
    method=False,
    aliases=("nn.functional.conv3d",),
    lines=(_line(3),),
)
def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """3-dimensional convolution.

    input: (N, C, D, H, W) or (C, D, H, W); weight: (O, C / groups, kD, kH, kW); bias: (O,) or None.
    padding is a number, a triple, 'valid' or 'same'. RuntimeError where shapes or dtypes do not
    fit.

    >>> torch.conv3d(torch.ones(1, 1, 2, 2, 2), torch.ones(1, 1, 2, 2, 2))
    tensor([[[[[8.]]]]])
    """
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


# ------------------------------------------------------------------------------------- transposed


def _transposed(
    name: str,
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    _check_tensors(name, input, weight, bias)
    _check_types(name, input, weight, None)
    if isinstance(padding, str):
        raise TypeError(f"{name}(): padding must be an int or ints, not {padding!r}")
    a, w = tuple(input._a.shape), tuple(weight._a.shape)
    b = None if bias is None else tuple(bias._a.shape)
    arguments = (_hashable(stride), _hashable(padding), _hashable(output_padding))
    geometry, shape, batched = _back(name, rank, a, w, b, *arguments, groups, _hashable(dilation))
    x = input if batched else input.unsqueeze(0)
    out = conv_input.entry(x, weight, shape, geometry)
    if bias is not None:
        bias = bias if bias.dtype is out.dtype else bias.to(out.dtype)
        out = add.entry(out, reshape_op.entry(bias, (-1, *(1,) * rank)))
    return out if batched else out.squeeze(0)


@lru_cache(maxsize=512)
def _back(
    name: str,
    rank: int,
    a: Ints,
    w: Ints,
    b: Ints | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> tuple[Geometry, Ints, bool]:
    """The geometry of the convolution whose adjoint a transposed one is, the result's shape, and
    whether the input is a batch; or the error.
    """
    batched = _is_batched(name, a, rank)
    geometry = _geometry(name, rank, stride, padding, dilation, groups, w[2:])
    extra = _numbers(name, "output_padding", output_padding, rank)
    if min(extra) < 0:
        raise RuntimeError(f"{name}: negative output_padding is not supported, got {extra}")
    _check_shapes(name, a if batched else (1, *a), w, b, rank, groups, True)
    nothing = 0 in (a if batched else (1, *a))[:2]
    for e, s, d in zip(extra, geometry.stride, geometry.dilation):
        if e >= s and e >= d and not nothing:
            raise RuntimeError(
                f"{name}: output padding must be smaller than either stride or dilation, but got "
                f"output_padding={extra}, stride={geometry.stride}, dilation={geometry.dilation}"
            )
    size = tuple(
        (n - 1) * s - lo - hi + d * (k - 1) + e + 1
        for n, s, (lo, hi), d, k, e in zip(a[-rank:], *geometry[:3], w[2:], extra)
    )
    if min(size) < (not nothing):
        raise RuntimeError(
            f"{name}: Given input size per channel: {tuple(a[-rank:])}. Calculated output size per "
            f"channel: {size}. Output size is too small"
        )
    # without the padding that only output_padding accounts for, conv of the result has n windows
    # again
    pairs = tuple((lo, hi - e) for (lo, hi), e in zip(geometry.padding, extra))
    geometry = geometry._replace(padding=pairs)
    return geometry, (a[0] if batched else 1, w[1] * groups, *size), batched


def _transposed_line(rank: int) -> Any:
    """The line of conv_transposeNd of a batch without bias: sizes given as ints or tuples."""
    given = "None, stride, padding, output_padding, groups, dilation"
    return line(
        conv_input,
        operands=("input", "weight"),
        given="bias is None",
        facts=f"plan('conv_transpose{rank}d', {rank}, a0.shape, a1.shape, {given})",
        using={"plan": _back},
        let={"geometry": "facts[0]", "x_shape": "facts[1]"},
        when="facts[2]",
    )


@public(
    "conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, int[1] stride=1, "
    "int[1] padding=0, int[1] output_padding=0, int groups=1, int[1] dilation=1)",
    method=False,
    aliases=("nn.functional.conv_transpose1d",),
    lines=(_transposed_line(1),),
)
def conv_transpose1d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Transposed 1-dimensional convolution: the gradient of conv1d in its input.

    input: (N, C, L) or (C, L); weight: (C, O / groups, k); bias: (O,) or None.

    >>> torch.conv_transpose1d(torch.ones(1, 1, 2), torch.ones(1, 1, 2))
    tensor([[[1., 2., 1.]]])
    """
    arguments = (bias, stride, padding, output_padding, groups, dilation)
    return _transposed("conv_transpose1d", 1, input, weight, *arguments)


@public(
    "conv_transpose2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, "
    "int[2] padding=0, int[2] output_padding=0, int groups=1, int[2] dilation=1)",
    method=False,
    aliases=("nn.functional.conv_transpose2d",),
    lines=(_transposed_line(2),),
)
def conv_transpose2d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Transposed 2-dimensional convolution: the gradient of conv2d in its input.

    input: (N, C, H, W) or (C, H, W); weight: (C, O / groups, kH, kW); bias: (O,) or None.

    >>> torch.conv_transpose2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2), stride=2).shape
    torch.Size([1, 1, 4, 4])
    """
    arguments = (bias, stride, padding, output_padding, groups, dilation)
    return _transposed("conv_transpose2d", 2, input, weight, *arguments)


@public(
    "conv_transpose3d(Tensor input, Tensor weight, Tensor? bias=None, int[3] stride=1, "
    "int[3] padding=0, int[3] output_padding=0, int groups=1, int[3] dilation=1)",
    method=False,
    aliases=("nn.functional.conv_transpose3d",),
    lines=(_transposed_line(3),),
)
def conv_transpose3d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Transposed 3-dimensional convolution: the gradient of conv3d in its input.

    input: (N, C, D, H, W) or (C, D, H, W); weight: (C, O / groups, kD, kH, kW); bias: (O,) or None.

    >>> torch.conv_transpose3d(torch.ones(1, 1, 1, 1, 1), torch.ones(1, 2, 2, 2, 2)).shape
    torch.Size([1, 2, 2, 2, 2])
    """
    arguments = (bias, stride, padding, output_padding, groups, dilation)
    return _transposed("conv_transpose3d", 3, input, weight, *arguments)


@public(
    "convolution(Tensor input, Tensor weight, Tensor? bias, int[] stride, "
    "int[] padding, int[] dilation, bool transposed, int[] output_padding, int groups)",
    method=False,
)
def convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """Any of conv1d to conv3d and their transposes, by the number of dimensions of weight.

    >>> x, w = torch.ones(1, 1, 3), torch.ones(1, 1, 2)
    >>> torch.convolution(x, w, None, [1], [0], [1], False, [0], 1)
    tensor([[[2., 2.]]])
    """
    check_tensor("convolution", input)
    check_tensor("convolution", weight, "weight")
    rank = weight._a.ndim - 2
    if not transposed:
        arguments = (stride, padding, dilation, groups)
        return _convolve("convolution", rank, input, weight, bias, *arguments)
    rest = (stride, padding, output_padding, groups, dilation)
    return _transposed("convolution", rank, input, weight, bias, *rest)


@public(
    "conv_tbc(Tensor input, Tensor weight, Tensor bias, int pad=0)",
    method=False,
    aliases=("nn.functional.conv_tbc",),
    whole=True,
)
def conv_tbc(input, weight, bias, pad=0):
    """1-dimensional convolution of (time, batch, channels) with weight (k, C, O) and bias (O,).

    >>> torch.conv_tbc(torch.ones(3, 1, 2), torch.ones(2, 2, 4), torch.zeros(4)).shape
    torch.Size([2, 1, 4])
    """
    _check_tensors("conv_tbc", input, weight, bias)
    if input._a.ndim != 3 or weight._a.ndim != 3 or bias._a.ndim != 1:
        raise RuntimeError(
            "conv_tbc: Input must have 3 dims: time, batch, in_channel, and weight 3 dims: "
            f"kernel_width, in_channels, out_channels; got {list(input.shape)} and "
            f"{list(weight.shape)}, bias {list(bias.shape)}"
        )
    out = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return out.permute(2, 0, 1)
