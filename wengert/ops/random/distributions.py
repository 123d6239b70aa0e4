"""Draws with parameters per element: normal, bernoulli, multinomial, poisson, binomial, gamma.

What lives here: those functions, their checks and their ops. What does not: rand, randint and the
like (`rand.py`), filling in place (`fill.py`), the numbers (`arrays/random_stream.py`,
`arrays/rejection_sampling.py`).

Where PyTorch's results require grad, these do, with a gradient of zero; gamma and Dirichlet numbers
have true gradients.
"""

from __future__ import annotations

from typing import Any

from ...arrays import random_fill as streams
from ...arrays.lookup import NS, RANK, VALUES, namespace
from ...base import dtypes
from ...base.modes import no_grad, state
from ...declare.registry import public
from ...engine import views
from ...engine.kinds import opaque
from ...engine.op import op
from ...engine.tensor import Tensor
from ..creation.filled import finish, space
from .fill import (  # fmt: skip
    LIKE,
    bernoulli_with,
    check_floating,
    check_probabilities,
    check_probability,
    check_spread,
    check_tensor,
    default_stream,
    integer,
    number,
    random_op,
    refill,
    stream_of,
    varied,
)
from .rand import dtype_for, made, resized, shape_of


@random_op("NormalBackward3")
def normal_of(xp, mean, std, stream=None, dtype=None):
    """Normal numbers for means and stds (arrays or numbers), in the dtype of the first array."""
    found = mean if hasattr(mean, "dtype") else std
    return streams.normals(xp, stream or default_stream(xp.device_of(found)), mean, std, dtype)


@public(
    "normal(Tensor mean, float std=1, *, Generator? generator=None, out)",
    "normal(Tensor|float mean, Tensor std, *, Generator? generator=None, out)",
    "normal(float mean, float std, int[] size, *, Generator? generator=None, out, options)",
    method=False,
    out="apart",
)
def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers of given means and standard deviations.

    Args:
        mean, std: tensors that broadcast together, or numbers. RuntimeError if a std is negative.
        size: the shape, if both are numbers.
        generator, out, dtype, device, requires_grad: as in `rand`; dtype and device only with size.

    The result requires grad if mean or std do, but with gradients of zero: for others write
    mean + std * torch.randn_like(mean).

    >>> torch.normal(torch.tensor([1.0, 5.0]), 0.0)
    tensor([1., 5.])
    """
    numbers = not isinstance(mean, Tensor) and not isinstance(std, Tensor)
    if size is not None or numbers:
        if size is None:
            raise TypeError(
                "normal() received an invalid combination of arguments: two numbers need a size"
            )
        mean, std = number(mean, "normal", "mean"), number(std, "normal", "std")
        check_spread(std, "normal")
        shape = shape_of((), size, "normal")
        d = dtype_for(dtype, out, dtypes.get_default_dtype, "normal")
        check_floating(d, "normal")
        return made(
            "normal", "normal", shape, (mean, std), generator, out, d, device, requires_grad
        )
    if isinstance(std, Tensor):
        if std.dtype.is_complex:
            raise RuntimeError("normal expects standard deviation to be non-complex")
        known = not RANK.get(type(std._a)) and NS[type(std._a)].has(VALUES)
        if known and std._a.size and not float(std._a.min()) >= 0.0:
            raise RuntimeError("normal expects all elements of std >= 0.0")
    else:
        std = number(std, "normal", "std")
        check_spread(std, "normal")
    if not isinstance(mean, Tensor):
        mean = number(mean, "normal", "mean")
    first = mean if isinstance(mean, Tensor) else std
    check_floating(first.dtype, "normal")
    if isinstance(mean, Tensor) and isinstance(std, Tensor):
        _check_shapes(tuple(mean._a.shape), tuple(std._a.shape), "normal")
    stream = stream_of(generator, first.device, "normal")
    if out is None:
        return normal_of.entry(varied(mean, "normal"), varied(std, "normal"), stream)
    check_floating(check_tensor(out, "normal", "out").dtype, "normal")
    if state.grad and any(isinstance(t, Tensor) and t._n is not None for t in (mean, std, out)):
        raise _no_out("normal")
    drawn = normal_of.entry(mean, std, stream, out._a.dtype)
    resized("normal", tuple(drawn._a.shape), out, told=True)
    views.store(out, drawn._a)
    return out


def _check_shapes(a: tuple[int, ...], b: tuple[int, ...], name: str) -> None:
    """Refuse shapes that do not broadcast together."""
    for i, (m, n) in enumerate(zip(reversed(a), reversed(b))):
        if m != n and m != 1 and n != 1:
            raise RuntimeError(
                f"{name}: The size of tensor a ({m}) must match the size of tensor b ({n}) at "
                f"non-singleton dimension {max(len(a), len(b)) - 1 - i}: the shapes are {list(a)} "
                f"and {list(b)}"
            )


def _no_out(name: str) -> RuntimeError:
    return RuntimeError(
        f"{name}(): functions with out=... arguments don't support automatic differentiation, but "
        "one of the arguments requires grad: leave out= away"
    )


@public(
    "bernoulli(Tensor input, *, Generator? generator=None, out)",
    "bernoulli(Tensor input, float p, *, Generator? generator=None)",
    out="apart",
)
def bernoulli(
    input: Tensor, p: Any = None, *, generator: Any = None, out: Tensor | None = None
) -> Tensor:
    """Ones with the probabilities in input, else zeros; or all with one probability p.

    Args:
        input: floating, of probabilities; RuntimeError if one lies outside of [0, 1].
        p: a number instead of them.
        generator: source of randomness; the default generator if None.
        out: a tensor to write to.

    >>> torch.bernoulli(torch.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    check_tensor(input, "bernoulli")
    if p is not None:
        p = number(p, "bernoulli", "p")
        check_probability(p)
        target = out if out is not None else _empty(input)
        resized("bernoulli", tuple(input._a.shape), target)
        if RANK.get(type(input._a)) or state.vmap and out is None:
            return LIKE["bernoulli"].entry(
                varied(input, "bernoulli"), (p,), stream_of(generator, input.device, "bernoulli")
            )
        return refill(target, "bernoulli", "bernoulli", generator, p)
    check_probabilities(input, "bernoulli")
    stream = stream_of(generator, input.device, "bernoulli")
    if out is None:
        return bernoulli_with.entry(varied(input, "bernoulli"), stream)
    if state.grad and (input._n is not None or out._n is not None):
        raise _no_out("bernoulli")
    resized("bernoulli", tuple(input._a.shape), out)
    views.store(out, bernoulli_with.entry(varied(input, "bernoulli"), stream)._a)
    return out


def _empty(t: Tensor) -> Tensor:
    """A contiguous tensor like t."""
    return finish(space(t.device).empty(tuple(t._a.shape), t._a.dtype), False)


@random_op("NotImplemented")
def multinomial_of(xp, x, samples=1, replacement=False, stream=None):
    """Indices drawn with the weights x (classes) or (rows, classes)."""
    return streams.chosen(xp, stream or default_stream(xp.device_of(x)), x, samples, replacement)


@public(
    "multinomial(Tensor input, int num_samples, bool replacement=False, *, "
    "Generator? generator=None, out)",
    out="exact",
)
def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """Indices of classes, drawn with the weights in input.

    Args:
        input: (classes) or (rows, classes), floating and non-negative; they need not add up to one.
        num_samples: how many for each row. Without replacement, not more than classes.
        replacement: whether a class may be drawn again.
        generator: source of randomness; the default generator if None.
        out: an int64 tensor to write to.

    Returns int64 (num_samples) or (rows, num_samples). RuntimeError for other shapes or weights.

    >>> torch.multinomial(torch.tensor([0.0, 3.0, 0.0]), 2, replacement=True)
    tensor([1, 1])
    """
    check_tensor(input, "multinomial")
    num_samples = integer(num_samples, "multinomial", "num_samples")
    shape = tuple(input._a.shape)
    if not 1 <= len(shape) <= 2:
        raise RuntimeError(
            f"multinomial: prob_dist must be 1 or 2 dim, got the shape {list(shape)}"
        )
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {input.dtype}"
        )
    if out is not None and out.dtype is not dtypes.int64:
        raise RuntimeError(f"multinomial expects Long tensor out, got: {out.dtype}")
    if num_samples <= 0:
        raise RuntimeError(f"multinomial: cannot sample n_sample <= 0 samples, got {num_samples}")
    if not replacement and num_samples > shape[-1]:
        raise RuntimeError(
            "multinomial: cannot sample n_sample > prob_dist.size(-1) samples without replacement: "
            f"{num_samples} of {shape[-1]} classes"
        )
    if shape[-1] > 2**24:
        raise RuntimeError(f"multinomial: number of categories cannot exceed 2^24, got {shape[-1]}")
    if not RANK.get(type(input._a)):
        _check_weights(input)
    stream = stream_of(generator, input.device, "multinomial")
    with no_grad():
        drawn = multinomial_of.entry(varied(input, "multinomial"), num_samples, replacement, stream)
    if out is None:
        return drawn
    resized("multinomial", tuple(drawn._a.shape), out)
    views.store(out, drawn._a)
    return out


def _check_weights(t: Tensor) -> None:
    a = t._a
    if not NS[type(a)].has(VALUES) or (not a.size and a.shape[-1]):
        return
    if not a.size:
        raise RuntimeError(
            "multinomial: there are no categories to draw from: the last dimension is 0"
        )
    xp = namespace(a)
    largest = xp.amax(a, -1, False)
    bounds = xp.amin(a, None, False), xp.amax(largest, None, False)
    low, high = (float(xp.to_host(x)) for x in bounds)
    if not (low >= 0 and high < float("inf")):
        raise RuntimeError(
            "multinomial: probability tensor contains either `inf`, `nan` or element < 0: the "
            f"weights go from {low:g} to {high:g}"
        )
    if not float(xp.to_host(xp.amin(largest, None, False))) > 0:
        raise RuntimeError(
            "multinomial: invalid multinomial distribution (sum of probabilities <= 0)"
        )


@random_op("PoissonBackward0")
def poisson_of(xp, x, stream=None):
    """Poisson counts with the rates x."""
    return streams.sampled(xp, "poisson", stream or default_stream(xp.device_of(x)), x)


@public("poisson(Tensor input, Generator? generator=None)", method=False)
def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Poisson counts, in the shape and dtype of their rates.

    Args:
        input: the rates, floating; RuntimeError if one is negative.
        generator: source of randomness; the default generator if None.

    >>> torch.poisson(torch.zeros(2))
    tensor([0., 0.])
    """
    check_floating(check_tensor(input, "poisson").dtype, "poisson", complex_too=False)
    return poisson_of.entry(varied(input, "poisson"), stream_of(generator, input.device, "poisson"))


@random_op("NotImplemented")
def binomial_of(xp, x, y, stream=None):
    """Numbers of successes in x trials of probability y."""
    return streams.sampled(xp, "binomial", stream or default_stream(xp.device_of(x)), x, y)


@public("binomial(Tensor count, Tensor prob, Generator? generator=None)", method=False)
def binomial(count: Tensor, prob: Tensor, generator: Any = None) -> Tensor:
    """Numbers of successes, for numbers of trials and probabilities that broadcast together.

    Args:
        count, prob: floating and of one dtype. ValueError or RuntimeError if not.
        generator: source of randomness; the default generator if None.

    >>> torch.binomial(torch.tensor([5.0, 5.0]), torch.tensor([0.0, 1.0]))
    tensor([0., 5.])
    """
    for argument, t in (("count", count), ("prob", prob)):
        check_tensor(t, "binomial", argument)
        if not t.dtype.is_floating_point:
            raise ValueError(
                f"binomial only supports floating-point dtypes for {argument}, got: {t.dtype}"
            )
    if count.dtype is not prob.dtype:
        raise RuntimeError(f"binomial: Found dtype {prob.dtype} but expected {count.dtype}")
    _check_shapes(tuple(count._a.shape), tuple(prob._a.shape), "binomial")
    return binomial_of.entry(
        varied(count, "binomial"),
        varied(prob, "binomial"),
        stream_of(generator, count.device, "binomial"),
    )


@op(opaque, types="any", node="StandardGammaBackward0")
def standard_gamma(xp, x, stream=None):
    """Gamma numbers with the shape parameters x."""
    return streams.sampled(xp, "gamma", stream or default_stream(xp.device_of(x)), x)


standard_gamma.vjp(x=lambda xp, g, x, out: g * xp.standard_gamma_grad(x, out))


@op(opaque, types="any")
def standard_gamma_grad(xp, x, y):
    """The derivatives of gamma numbers y in their shape parameters x, at a fixed quantile."""
    return streams.with_parameters(xp, "gamma_grad", x, y)


@op(opaque, types="any")
def sample_dirichlet(xp, x, stream=None):
    """Points of the simplex with the concentrations x along the last dimension."""
    return streams.sampled(xp, "dirichlet", stream or default_stream(xp.device_of(x)), x)


def _dirichlet_vjp(xp: Any, g: Any, x: Any, out: Any) -> Any:
    total = xp.expand(xp.sum(x, -1, True), tuple(x.shape))
    each = xp.dirichlet_grad(out, x, total)
    return each * (g - xp.sum(out * g, -1, True))


sample_dirichlet.vjp(x=_dirichlet_vjp)


@op(opaque, types="any")
def dirichlet_grad(xp, x, y, z):
    """Derivatives of shares x in their concentrations y, over 1 - x; z is the sum of those."""
    return streams.with_parameters(xp, "dirichlet_grad", x, y, z)


def _positive(input: Any, name: str, generator: Any) -> Any:
    check_floating(check_tensor(input, name).dtype, name, complex_too=False)
    return stream_of(generator, input.device, name)


@public("_standard_gamma(Tensor input, Generator? generator=None)", method=False)
def standard_gamma_of(input: Tensor, generator: Any = None) -> Tensor:
    """Gamma numbers of scale 1, differentiable in their shape parameters.

    >>> bool((torch._standard_gamma(torch.ones(3)) > 0).all())
    True
    """
    return standard_gamma.entry(input, _positive(input, "_standard_gamma", generator))


@public("_sample_dirichlet(Tensor input, Generator? generator=None)", method=False)
def sample_dirichlet_of(input: Tensor, generator: Any = None) -> Tensor:
    """Points of the simplex, differentiable in the concentrations along the last dimension.

    >>> torch._sample_dirichlet(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    return sample_dirichlet.entry(input, _positive(input, "_sample_dirichlet", generator))
