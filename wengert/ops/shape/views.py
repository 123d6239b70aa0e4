"""Views and rearrangements: reshape, expand, permute, transpose, squeeze and the like."""

from __future__ import annotations

import functools
import math
from typing import Any

from ...base.formats import ORDERS, preserve_format, refuse_rank
from ...declare.binding import ABSENT
from ...declare.fast_paths import short
from ...declare.lines import line
from ...declare.registry import declare, public
from ...engine.backward import unbroadcast
from ...engine.kinds import movement
from ...engine.op import op, primitive
from ..batching import same_way
from ..dims import sizes_of, wrap_dim, wrap_dims


@primitive(movement, view=True, by_memory=True, node="ViewBackward0", name="view")
def view_op(xp, x, shape=()):
    """x with another shape over the same memory."""


view_op.vjp(x=lambda xp, g, x_shape: xp.reshape(g, x_shape))


def _batched_shape(static, ndim, size):
    return {**static, "shape": (size, *static["shape"])}


view_op.batch_static(_batched_shape)


@primitive(movement, view="perhaps", node="ViewBackward0", name="reshape")
def reshape_op(xp, x, shape=()):
    """x with another shape: a view where possible."""


reshape_op.vjp(x=lambda xp, g, x_shape: xp.reshape(g, x_shape)).batch_static(_batched_shape)


@primitive(movement, view=True, name="expand")
def expand_op(xp, x, shape=()):
    """x repeated along dimensions of size 1, without a copy."""


def _expand(xp, g, x_shape):
    return unbroadcast(xp, g, tuple(x_shape))


def _expand_batch(xp, size, flags, x, shape):
    s = tuple(x.shape)
    ones = (1,) * (len(shape) - len(s) + 1)
    return xp.expand(xp.reshape(x, (size, *ones, *s[1:])), (size, *shape))


expand_op.vjp(x=_expand).batch(_expand_batch)


@primitive(movement, view=True, name="permute")
def permute_op(xp, x, dims=()):
    """x with its dimensions in another order."""


def _permute(xp, g, dims):
    n = len(dims)
    places = [d % n for d in dims]
    return xp.permute(g, tuple([places.index(i) for i in range(n)]))


permute_op.vjp(x=_permute)
permute_op.batch_static(
    lambda static, ndim, size: {**static, "dims": (0, *[d % ndim + 1 for d in static["dims"]])}
)


@primitive(movement, view=True, name="transpose")
def transpose_op(xp, x, dim0=-2, dim1=-1):
    """x with two dimensions swapped."""


transpose_op.vjp(x=lambda xp, g, dim0, dim1: xp.transpose(g, dim0, dim1))
transpose_op.batch_static(
    lambda static, ndim, size: (
        {name: d % ndim + 1 for name, d in static.items()} if ndim else NotImplemented
    )
)


@primitive(movement, view=True, name="t")
def t_op(xp, x):
    """The transpose of a matrix; vectors as they are."""


t_op.vjp(x=lambda xp, g: xp.t(g))
t_op.batch(lambda xp, size, flags, x: xp.transpose(x, 1, 2) if x.ndim == 3 else x)


@op(movement, view=True, name="movedim", node="PermuteBackward0")
def movedim_op(xp, x, source=0, destination=0):
    """x with dimensions moved to other places."""
    return xp.permute(x, moved(x.ndim, source, destination))


movedim_op.vjp(x=lambda xp, g, source, destination: xp.movedim(g, destination, source))


def _movedim_batch(xp, size, flags, x, source, destination):
    n = x.ndim - 1
    return xp.permute(x, (0, *[d + 1 for d in moved(n, source, destination)]))


movedim_op.batch(_movedim_batch)


@functools.lru_cache(512)
def moved(ndim: int, source: Any, destination: Any) -> tuple[int, ...]:
    """The order of dimensions after a movedim."""
    source = (source,) if isinstance(source, int) else source
    destination = (destination,) if isinstance(destination, int) else destination
    if len(source) == 1:
        order = [*range(ndim)]
        if order:
            order.insert(destination[0] % ndim, order.pop(source[0]))
        return tuple(order)
    src = wrap_dims(source, ndim, "movedim")
    dst = wrap_dims(destination, ndim, "movedim")
    rest = iter([d for d in range(ndim) if d not in src])
    return tuple([src[dst.index(i)] if i in dst else next(rest) for i in range(ndim)])


@primitive(movement, view=True, name="squeeze")
def squeeze_op(xp, x, dims=()):
    """x without some dimensions of size 1."""


squeeze_op.vjp(x=lambda xp, g, x_shape: xp.reshape(g, x_shape))
squeeze_op.batch(lambda xp, size, flags, x, dims: xp.squeeze(x, tuple([d + 1 for d in dims])))


@primitive(movement, view=True, name="unsqueeze")
def unsqueeze_op(xp, x, dim=0):
    """x with a dimension of size 1 put in."""


unsqueeze_op.vjp(x=lambda xp, g, x_shape: xp.reshape(g, x_shape))
unsqueeze_op.batch(lambda xp, size, flags, x, dim: xp.unsqueeze(x, dim + 1 if dim >= 0 else dim))


@primitive(movement, node="CloneBackward0", keeps_order=True)
def copy(xp, x):
    """A copy, whose dimensions lie in memory in the order in which those of x do."""


copy.vjp(x=lambda g: g).batch(same_way("copy"))


@primitive(movement, node="CloneBackward0", name="contiguous")
def contiguous_op(xp, x):
    """x, copied unless its memory is in order."""


contiguous_op.vjp(x=lambda g: g).batch(same_way("contiguous"))


@primitive(movement, node="CloneBackward0", keeps_order=True)
def reordered(xp, x, dims=()):
    """A copy of x whose dimensions lie in memory in the order dims, the outermost first."""


reordered.vjp(x=lambda g: g)
reordered.batch_static(
    lambda static, ndim, size: {**static, "dims": (0, *[d + 1 for d in static["dims"]])}
)


@primitive(movement, name="write_view", keeps_order=True)
def write_view(xp, base, value, chain=()):
    """A copy of base in which the view that chain takes holds value."""


def _write_base(xp, g, chain):
    return xp.write_view(g, xp.zeros_like(viewed(xp, g, chain)), chain=chain)


write_view.vjp(base=_write_base, value=lambda xp, g, chain: viewed(xp, g, chain))


def viewed(xp: Any, x: Any, chain: Any) -> Any:
    """The view of x that a chain of view ops takes."""
    for o, static in chain:
        if o.by_memory:  # x may be laid out in another way
            x = xp.contiguous(x)
        x = getattr(xp, o.name)(x, *static)
    return x


def inferred(shape: tuple[int, ...], n: int, name: str) -> tuple[int, ...]:
    """shape with its -1 replaced, checked against the number of elements."""
    known = 1
    hole = -1
    for i, s in enumerate(shape):
        if s == -1:
            if hole >= 0:
                raise RuntimeError("only one dimension can be inferred")
            hole = i
        elif s < 0:
            raise RuntimeError(f"invalid shape dimension {s}")
        else:
            known *= s
    if hole >= 0:
        if known == 0:
            if n == 0:
                raise RuntimeError(
                    f"cannot reshape tensor of 0 elements into shape {list(shape)} because the"
                    " unspecified dimension size -1 can be any value and is ambiguous"
                )
        elif n % known == 0:
            return (*shape[:hole], n // known, *shape[hole + 1 :])
    elif known == n:
        return shape
    raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {n}")


@public(
    "Tensor.view(Tensor self, int[] size)",
    "Tensor.view(Tensor self, ScalarType dtype)",
    lines=(line(view_op, when="min(shape) > -2"), None),
)
def view(self, *shape, dtype=None):
    """The same memory with another shape (one size may be -1), or read as another dtype.

    >>> torch.arange(4).view(2, -1)
    tensor([[0, 1],
            [2, 3]])
    """
    if dtype is not None or (
        len(shape) == 1
        and not isinstance(shape[0], (tuple, list))
        and not hasattr(shape[0], "__index__")
    ):
        from ..creation.tensor import view_dtype

        return view_dtype(self, dtype or shape[0])
    shape = sizes_of(shape, "view")
    return view_op.entry(self, inferred(shape, self._a.size, "view"))


@public(
    "reshape(Tensor input, int[] shape)",
    lines=(line(reshape_op, when="min(shape) > -2"),),
)
def reshape(input, *shape):
    """The elements in another shape (one size may be -1); a view where possible.

    >>> torch.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return reshape_op.entry(input, inferred(sizes_of(shape, "reshape"), input._a.size, "reshape"))


@public(
    "flatten(Tensor input, int start_dim=0, int end_dim=-1)",
    lines=(
        line(
            reshape_op,
            let={"shape": "(*a0.shape[:start_dim], -1)"},
            when="end_dim == -1 and 0 <= start_dim < a0.ndim - 1",
        ),
    ),
)
def flatten(input, start_dim=0, end_dim=-1):
    """Dimensions start_dim to end_dim joined into one.

    >>> torch.flatten(torch.ones(2, 3, 4), start_dim=1).shape
    torch.Size([2, 12])
    """
    if start_dim == 0 and end_dim == -1 and input._a.ndim > 1:
        return reshape_op.entry(input, (input._a.size,))
    nd = input._a.ndim
    a, b = wrap_dim(start_dim, nd, "flatten"), wrap_dim(end_dim, nd, "flatten")
    if nd == 0:
        return reshape_op.entry(input, (1,))
    if a > b:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if a == b:
        return input
    s = input._a.shape
    return reshape_op.entry(input, (*s[:a], math.prod(s[a : b + 1]), *s[b + 1 :]))


@public("Tensor.expand(Tensor self, int[] size, *, bool implicit=False)", lines=(line(expand_op),))
def expand(self, *size, implicit=False):
    """Dimensions of size 1 repeated to a larger size, without a copy; -1 keeps a size.

    >>> torch.tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    size = sizes_of(size, "expand")
    s = tuple(self._a.shape)
    if len(size) < len(s):
        raise RuntimeError(
            f"expand({list(s)}, size={list(size)}): the number of sizes provided ({len(size)}) must"
            f" be greater or equal to the number of dimensions in the tensor ({len(s)})"
        )
    extra = len(size) - len(s)
    out = []
    for i, n in enumerate(size):
        have = s[i - extra] if i >= extra else 1
        if n == -1:
            if i < extra:
                raise RuntimeError(
                    "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing"
                    f" dimension {i}"
                )
            n = have
        elif n != have and have != 1:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at"
                f" non-singleton dimension {i}.  Target sizes: {list(size)}.  Tensor sizes:"
                f" {list(s)}"
            )
        elif n < 0:
            raise RuntimeError(f"expand(): invalid size {n} at dimension {i}")
        out.append(n)
    return expand_op.entry(self, tuple(out))


@public("broadcast_to(Tensor input, int[] size)", lines=(line(expand_op),))
def broadcast_to(input, size):
    """input expanded to a shape.

    >>> torch.broadcast_to(torch.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return expand(input, *size)


@public(
    "Tensor.expand_as(Tensor self, Tensor other)",
    lines=(line(expand_op, let={"shape": "other._a.shape"}),),
)
def expand_as(self, other):
    """self expanded to the shape of other.

    >>> torch.tensor([[1], [2]]).expand_as(torch.ones(2, 2))
    tensor([[1, 1],
            [2, 2]])
    """
    return expand(self, *other.shape)


@public(
    "Tensor.view_as(Tensor self, Tensor other)",
    lines=(line(view_op, let={"shape": "other._a.shape"}),),
)
def view_as(self, other):
    """self viewed with the shape of other.

    >>> torch.arange(4).view_as(torch.ones(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return view(self, *other.shape)


@public(
    "Tensor.reshape_as(Tensor self, Tensor other)",
    lines=(line(reshape_op, let={"shape": "other._a.shape"}),),
)
def reshape_as(self, other):
    """self reshaped to the shape of other.

    >>> torch.arange(4).reshape_as(torch.ones(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return reshape(self, *other.shape)


@public("permute(Tensor input, int[] dims)", lines=(line(permute_op),))
def permute(input, *dims):
    """The dimensions in another order (a view).

    >>> torch.permute(torch.ones(2, 3, 4), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """
    dims = sizes_of(dims, "permute")
    nd = input._a.ndim
    if len(dims) != nd:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the"
            f" length of the desired ordering of dimensions i.e. input.dim() = {nd} is not equal to"
            f" len(dims) = {len(dims)}"
        )
    return permute_op.entry(input, wrap_dims(dims, nd, "permute"))


@public(
    "transpose(Tensor input, int dim0, int dim1)",
    inplace="view",
    aliases=("swapdims",),
    lines=(line(transpose_op),),
)
def transpose(input, dim0, dim1):
    """Two dimensions swapped (a view)."""
    nd = input._a.ndim
    a, b = wrap_dim(dim0, nd, "transpose"), wrap_dim(dim1, nd, "transpose")
    return transpose_op.entry(input, a, b) if nd else permute_op.entry(input, ())


declare(transpose, ("swapaxes(Tensor input, int axis0, int axis1)",), inplace="view")


@public("t(Tensor input)", inplace="view", lines=(line(t_op, when="a0.ndim < 3"),))
def t(input):
    """The transpose of a tensor of at most 2 dimensions.

    Raises RuntimeError where there are more.

    >>> torch.t(torch.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    if input._a.ndim > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {input._a.ndim}D"
        )
    return t_op.entry(input)


@public(
    "movedim(Tensor input, int source, int destination)",
    "movedim(Tensor input, int[] source, int[] destination)",
    aliases=("moveaxis",),
    lines=(
        line(
            movedim_op,
            least=1,
            let={"source": "(places[source],)", "destination": "(places[destination],)"},
        ),
    ),
)
def movedim(input, source, destination):
    """Dimensions moved from source to destination (ints or tuples).

    >>> torch.movedim(torch.ones(2, 3, 4), 0, 2).shape
    torch.Size([3, 4, 2])
    """
    s = (source,) if isinstance(source, int) else tuple(source)
    d = (destination,) if isinstance(destination, int) else tuple(destination)
    check_moved(input._a.ndim, s, d)
    return movedim_op.entry(input, s, d)


@functools.lru_cache(512)
def check_moved(ndim: int, s: tuple[int, ...], d: tuple[int, ...]) -> None:
    """RuntimeError for dimensions that movedim cannot move."""
    if len(s) != len(d):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(s)} dims) should contain"
            f" the same number of dims as destination ({list(d)} dims)"
        )
    for x, what in ((s, "source"), (d, "destination")):
        w = [wrap_dim(i, ndim, "movedim") for i in x]
        if len(set(w)) != len(w):
            raise RuntimeError(f"movedim: repeated dim in `{what}` ({list(x)})")


def of_one(shape: tuple[int, ...], dims: Any) -> tuple[int, ...]:
    """Those of some dimensions that are of size 1; IndexError where one is named twice."""
    places = range(len(shape))
    found = [places[d] for d in dims]
    if len(set(found)) < len(found):
        raise IndexError
    return tuple([d for d in found if shape[d] == 1])


@public(
    "squeeze(Tensor input)",
    "squeeze(Tensor input, int|int[] dim)",
    inplace="view",
    lines=(
        line(squeeze_op, let={"dims": "tuple(compress(range(a0.ndim), map_(is_one, a0.shape)))"}),
        line(
            squeeze_op,
            let={
                "dims": "((range(a0.ndim)[dim],) if a0.shape[dim] == 1 else ()) "
                "if type_(dim) is int else of_one(a0.shape, dim)"
            },
            using={"of_one": of_one},
        ),
    ),
)
def squeeze(input, dim=None):
    """Without the dimensions of size 1, or only without those in dim.

    >>> torch.squeeze(torch.ones(1, 2, 1)).shape
    torch.Size([2])
    """
    s = input._a.shape
    if dim is None:
        dims = tuple([i for i, n in enumerate(s) if n == 1])
    else:
        dims = tuple([d for d in wrap_dims(dim, len(s), "squeeze") if s and s[d] == 1])
    return squeeze_op.entry(input, dims)


@public("unsqueeze(Tensor input, int dim)", inplace="view", lines=(line(unsqueeze_op, extra=1),))
def unsqueeze(input, dim):
    """With a dimension of size 1 at dim.

    >>> torch.unsqueeze(torch.tensor([1, 2]), 1)
    tensor([[1],
            [2]])
    """
    return unsqueeze_op.entry(input, wrap_dim(dim, input._a.ndim + 1, "unsqueeze"))


def copied_in_order(t: Any) -> Any:
    """A copy of a tensor that lies in C order, also where the tensor does."""
    flags = getattr(t._a, "flags", None)
    return (contiguous_op if flags is None or not flags.c_contiguous else copy).entry(t)


@public("clone(Tensor input, *, MemoryFormat? memory_format=None)", lines=(line(copy),))
def clone(input, *, memory_format=None):
    """A copy that gradients flow through.

    >>> torch.clone(torch.tensor([1, 2]))
    tensor([1, 2])
    """
    if memory_format is not None:
        refuse_rank(memory_format, input._a.ndim)
        if memory_format in ORDERS:
            return reordered.entry(input, ORDERS[memory_format])
        if memory_format is not preserve_format:
            return copied_in_order(input)
    return copy.entry(input)


def in_order(careful):
    """The short form of contiguous() where it has nothing to do."""

    def f(self=ABSENT, memory_format=None, **kw):
        try:
            if memory_format is None and self._a.flags.c_contiguous and not kw:
                return self
        except AttributeError:
            pass
        if memory_format is None:
            return careful(self, **kw)
        return careful(self, memory_format=memory_format, **kw)

    return f


@public("Tensor.contiguous(Tensor self, *, MemoryFormat memory_format=contiguous_format)")
@short(in_order)
def contiguous(self, memory_format=None):
    """self if its memory is in order, else a copy.

    >>> torch.ones(2, 3).t().contiguous().stride()
    (2, 1)
    """
    a = self._a
    if memory_format in ORDERS:
        refuse_rank(memory_format, a.ndim)
        if self.is_contiguous(memory_format=memory_format):
            return self
        return reordered.entry(self, ORDERS[memory_format])
    if getattr(a, "flags", None) is not None and a.flags.c_contiguous:
        return self
    if memory_format is preserve_format:
        raise RuntimeError(
            "preserve memory format is unsupported by the contiguous operator: call contiguous()"
            " without it, or clone()"
        )
    return contiguous_op.entry(self)
