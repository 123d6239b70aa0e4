"""Tables of vectors: embedding, bags of embeddings, one-hot.

What lives here: the ops, whose kernels are in `arrays/embedding.py`, and their checks.
"""

from __future__ import annotations

from typing import Any

from ...arrays.lookup import LIBRARY, NS, RANK, VALUES
from ...base import dtypes
from ...base.advice import advise
from ...base.modes import no_grad
from ...declare.binding import ABSENT
from ...declare.fast_paths import short
from ...declare.lines import line
from ...declare.registry import public
from ...engine import views
from ...engine.interp import run_op
from ...engine.kinds import composite, linear, movement, opaque
from ...engine.op import primitive
from ...engine.tensor import Tensor, wrap

MODES = ("sum", "mean", "max")


@primitive(
    movement,
    types="any",
    inputs=2,
    name="embedding",
    told={"indices": "index", "scale_grad_by_freq": "scale"},
)
def embedding_op(xp, weight, index, padding_idx=-1, scale=False, sparse=False):
    """Rows of weight (rows, m) at index (...): (..., m)."""


@primitive(linear, types="any", inputs=2)
def embedding_backward(xp, g, index, rows=0, padding_idx=-1, scale=False):
    """Gradients of rows added up; padding_idx gets none; scale divides by frequencies."""


@primitive(opaque, types="any")
def embedding_factors(xp, index, rows=0, padding_idx=-1, scale=False, dtype=None):
    """What embedding_backward multiplies the gradient of each index with."""


def _again(
    xp: Any, g: Any, index: Any, g_dtype: Any, rows: int, padding_idx: int, scale: bool
) -> Any:
    out = xp.embedding(g, index)
    if padding_idx < 0 and not scale:
        return out
    f = xp.embedding_factors(index, rows, padding_idx, scale, g.dtype)
    return out * xp.unsqueeze(f, f.ndim)


def _weight(
    xp: Any, g: Any, index: Any, weight_shape: Any, padding_idx: int, scale: bool, sparse: bool
) -> Any:
    if sparse:
        if scale:
            raise RuntimeError(
                "embedding_backward: scale_grad_by_freq not supported with sparse gradients"
            )
        return sparse_rows(xp, g, index, tuple(weight_shape), padding_idx)
    return xp.embedding_backward(g, index, weight_shape[0], padding_idx, scale)


def sparse_rows(xp: Any, g: Any, index: Any, shape: tuple[int, ...], padding_idx: int) -> Tensor:
    """The gradient as a sparse tensor with a row for each index."""
    from ..sparse.tensor import SparseTensor

    index, g = xp.reshape(index, (-1,)), xp.reshape(g, (-1, shape[1]))
    if padding_idx >= 0:
        kept = index != padding_idx
        index, g = index[kept], g[kept]
    index, g = (t if isinstance(t, Tensor) else wrap(t) for t in (index, g))
    return SparseTensor(index.detach().long().unsqueeze(0), g, shape)


embedding_op.vjp(weight=_weight)
embedding_backward.vjp(
    g=lambda xp, g, index, rows, padding_idx, scale: _again(
        xp, g, index, None, rows, padding_idx, scale
    )
)


@embedding_op.batch
def _batched(xp: Any, size: int, flags: list[bool], weight: Any, index: Any, **static: Any) -> Any:
    """Many indices into one table are one index."""
    return NotImplemented if flags[0] else run_op(embedding_op, (weight, index), static)


def check_index(name: str, position: int, index: Any) -> None:
    if not isinstance(index, Tensor):
        raise TypeError(
            f"{name}(): argument 'indices' (position {position}) must be Tensor, not "
            f"{type(index).__name__}"
        )
    if index.dtype.name not in ("int64", "int32"):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            "Long, Int; but got "
            f"{index.dtype} instead (while checking arguments for {name}): convert with .long()"
        )


@public(
    "embedding(Tensor weight, Tensor indices, int padding_idx=-1, "
    "bool scale_grad_by_freq=False, bool sparse=False)",
    method=False,
)
def torch_embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    """Rows of weight at indices; F.embedding without its checks of padding_idx.

    >>> torch.embedding(torch.tensor([[1., 2.], [3., 4.]]), torch.tensor([1, 0]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    check_index("embedding", 2, indices)
    if weight._a.ndim != 2:
        raise RuntimeError(
            f"'weight' must be 2-D: embedding got a weight of shape {list(weight._a.shape)}"
        )
    return embedding_op.entry(weight, indices, padding_idx, scale_grad_by_freq, sparse)


PLAIN_ROWS = line(
    embedding_op,
    operands=("weight", "input"),
    let={"padding_idx": "-1", "scale": "scale_grad_by_freq", "sparse": "sparse"},
    given="padding_idx is None and max_norm is None",
    when="a0.ndim == 2 and a1.dtype is I64",
    alone=True,
)


@public(
    "nn.functional.embedding(Tensor input, Tensor weight, int? padding_idx=None, "
    "float? max_norm=None, float norm_type=2.0, bool scale_grad_by_freq=False, "
    "bool sparse=False)",
    lines=(PLAIN_ROWS,),
)
def embedding(
    input,
    weight,
    padding_idx=None,
    max_norm=None,
    norm_type=2.0,
    scale_grad_by_freq=False,
    sparse=False,
):
    """Rows of weight (rows, m) at the indices input (...): a tensor (..., m).

    padding_idx: a row without gradient. max_norm: rows in use are first scaled down, in place, to
    this norm_type norm.

    >>> F.embedding(torch.tensor([1, 0]), torch.tensor([[1., 2.], [3., 4.]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    check_index("embedding", 1, input)
    shape = weight._a.shape
    if len(shape) != 2:
        raise RuntimeError(f"'weight' must be 2-D: embedding got a weight of shape {list(shape)}")
    if padding_idx is None:
        padding_idx = -1
    else:
        if not -shape[0] <= padding_idx < shape[0]:
            raise AssertionError(
                f"Padding_idx must be within num_embeddings: got {padding_idx} for {shape[0]} rows"
            )
        padding_idx %= shape[0]
    if max_norm is not None:
        embedding_renorm_(weight, input, max_norm, norm_type)
    return embedding_op.entry(weight, input, padding_idx, scale_grad_by_freq, sparse)


@primitive(opaque, types="any", inputs=2)
def embedding_renorm(xp, weight, index, max_norm=1.0, norm_type=2.0):
    """weight with the rows at index scaled down to a norm of at most max_norm."""


# a change of values that derivatives do not see: tangents stay what they were
embedding_renorm.jvp(lambda xp, tangents, weight, index, max_norm, norm_type: tangents[0])


@public(
    "embedding_renorm_(Tensor input, Tensor indices, float max_norm, float norm_type)", method=False
)
def embedding_renorm_(input, indices, max_norm, norm_type):
    """The rows of input at indices scaled down, in place, to a norm of at most max_norm.

    >>> torch.embedding_renorm_(torch.tensor([[3., 4.]]), torch.tensor([0]), 1.0, 2.0)
    tensor([[0.6000, 0.8000]])
    """
    check_index("embedding_renorm_", 2, indices)
    with no_grad():
        return views.inplace(
            input, "embedding_renorm_", embedding_renorm.entry(input, indices, max_norm, norm_type)
        )


# ------------------------------------------------------------------------------------- bags


@primitive(
    opaque,
    types="any",
    inputs=4,
    optional="scaling",
    outputs="out bag sizes where",
    integer="bag sizes where",
    name="embedding_bag",
)
def embedding_bag_op(
    xp,
    weight,
    index,
    offsets,
    scaling,
    mode="mean",
    scale=False,
    padding_idx=-1,
    sparse=False,
):
    """Sum, mean or maximum of rows of weight in bags of indices that start at offsets."""


@primitive(composite)
def embedding_bag_backward(
    xp, g, index, scaling, bag, sizes, where, rows=0, mode="mean", scale=False, padding_idx=-1
):
    """Gradient of embedding_bag's weight."""
    m = g.shape[1]
    if mode == "max":
        g = g * xp.astype(xp.unsqueeze(xp.gt(sizes, 0), 1), g.dtype)
        places = xp.reshape(where * m + xp.arange(0, m, 1, where.dtype), (-1,))
        out = xp.embedding_backward(xp.reshape(g, (-1, 1)), places, rows * m)
        return xp.reshape(out, (rows, m))
    values = bag_values(xp, g, scaling, bag, sizes, mode)
    return xp.embedding_backward(values, index, rows, padding_idx, scale)


def bag_values(xp: Any, g: Any, scaling: Any, bag: Any, sizes: Any, mode: str) -> Any:
    """The gradient of the row of each index, in a sum or a mean."""
    if mode == "mean":
        g = g / xp.unsqueeze(xp.astype(xp.clamp_scalar(sizes, 1, None), g.dtype), 1)
    values = xp.embedding(g, bag)
    return values if scaling is None else values * xp.unsqueeze(scaling, 1)


@primitive(composite)
def embedding_bag_weights(xp, g, weight, index, bag, padding_idx=-1):
    """Gradient of embedding_bag's scaling, for sums."""
    out = xp.sum(xp.embedding(weight, index) * xp.embedding(g, bag), 1)
    return out if padding_idx < 0 else out * xp.astype(xp.ne(index, padding_idx), g.dtype)


def _bag_weight(
    xp: Any,
    g_out: Any,
    index: Any,
    scaling: Any,
    bag: Any,
    sizes: Any,
    where: Any,
    weight_shape: Any,
    mode: str,
    scale: bool,
    padding_idx: int,
    sparse: bool,
) -> Any:
    if sparse and mode != "max":
        values = bag_values(xp, g_out, scaling, bag, sizes, mode)
        if scale:
            rows = weight_shape[0]
            f = xp.embedding_factors(index, rows, -1, True, values.dtype)
            values = values * xp.unsqueeze(f, 1)
        return sparse_rows(xp, values, index, tuple(weight_shape), padding_idx)
    return xp.embedding_bag_backward(
        g_out, index, scaling, bag, sizes, where, weight_shape[0], mode, scale, padding_idx
    )


embedding_bag_op.vjp(
    weight=_bag_weight,
    scaling=lambda xp, g_out, weight, index, bag, padding_idx: xp.embedding_bag_weights(
        g_out, weight, index, bag, padding_idx
    ),
)


@public(
    "embedding_bag(Tensor weight, Tensor indices, Tensor offsets, "
    "bool scale_grad_by_freq=False, int mode=0, bool sparse=False, "
    "Tensor? per_sample_weights=None, bool include_last_offset=False) -> (Tensor, "
    "Tensor, Tensor, Tensor)",
    "embedding_bag(Tensor weight, Tensor indices, Tensor offsets, "
    "bool scale_grad_by_freq, int mode, bool sparse, Tensor? per_sample_weights, "
    "bool include_last_offset, int? padding_idx) -> (Tensor, Tensor, Tensor, Tensor)",
    method=False,
)
def torch_embedding_bag(
    weight,
    indices,
    offsets,
    scale_grad_by_freq=False,
    mode=0,
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """(bags of rows of weight, bag of each index, size of each bag, row of each maximum).

    mode: 0 sum, 1 mean, 2 max.

    >>> weight = torch.tensor([[1., 2.], [3., 4.]])
    >>> torch.embedding_bag(weight, torch.tensor([1, 0]), torch.tensor([0]))[0]
    tensor([[4., 6.]])
    """
    for t in (indices, offsets):
        if isinstance(t, Tensor) and t.dtype.category != dtypes.INTEGRAL:
            check_index("embedding_bag", 2, t)
    common = dtypes.promote_types(indices.dtype, offsets.dtype)
    indices, offsets = (t if t.dtype is common else t.to(common) for t in (indices, offsets))
    check_index("embedding_bag", 2, indices)
    if not weight.dtype.is_floating_point:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types:"
            f" Half, BFloat16, Float, Double; but got {weight.dtype} instead (while checking"
            " arguments for embedding_bag): convert with .float()"
        )
    rows = weight._a.shape[0]
    if padding_idx is None:
        padding_idx = -1
    else:
        if not -rows <= padding_idx < rows:
            raise RuntimeError(
                f"padding_idx must be within the number of embeddings, -{rows} through {rows - 1}, "
                "but got "
                f"{padding_idx}"
            )
        padding_idx %= rows
    if per_sample_weights is not None:
        if mode != 0:
            raise RuntimeError(
                "embedding_bag: per_sample_weights was not None. per_sample_weights is only "
                "supported for "
                "mode='sum'"
            )
        if per_sample_weights.dtype is not weight.dtype:
            raise RuntimeError(
                f"expected per_sample_weights to have the dtype of weight, {weight.dtype}, but got "
                f"{per_sample_weights.dtype}"
            )
    check_offsets(indices, offsets, include_last_offset)
    if include_last_offset:
        offsets = offsets[:-1]
    if not offsets._a.size:  # what is before the first bag is in none
        indices = indices[:0]
        per_sample_weights = None if per_sample_weights is None else per_sample_weights[:0]
    return embedding_bag_op.entry(
        weight,
        indices,
        offsets,
        per_sample_weights,
        MODES[mode],
        scale_grad_by_freq,
        padding_idx,
        sparse,
    )


def readable(t: Tensor) -> bool:
    """Whether the elements can be looked at: not inside a transform, not on the meta device."""
    kind = type(t._a)
    return RANK.get(kind, LIBRARY) == LIBRARY and bool(NS[kind].has(VALUES))


def check_offsets(indices: Tensor, offsets: Tensor, last: bool) -> None:
    a = offsets._a
    if not readable(offsets):
        return
    if last and not a.size:
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    if a.size and int(offsets[0]) != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            "position 0. "
            f"However, got {int(offsets[0])}"
        )
    if a.size and int(offsets[-1]) > indices._a.size:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length({indices._a.size}) but got "
            "offsets[-1] of "
            f"{int(offsets[-1])}"
        )


@public(
    "nn.functional.embedding_bag(Tensor input, Tensor weight, Tensor? offsets=None, "
    "float? max_norm=None, float norm_type=2, bool scale_grad_by_freq=False, "
    "str|any mode='mean', bool sparse=False, Tensor? per_sample_weights=None, "
    "bool|any include_last_offset=False, int? padding_idx=None)"
)
def embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """Sum, mean or maximum of embeddings in bags.

    input: (bags, length), or (n,) with offsets (bags,), where each bag starts. weight: (rows, m).
    per_sample_weights: like input, for sums. Returns (bags, m).

    >>> F.embedding_bag(torch.tensor([[0, 1]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[2., 3.]])
    """
    if weight.dtype.name == "int64" and input.dtype.is_floating_point:
        advise(
            "Argument order of nn.functional.embedding_bag was changed. Usage "
            "`embedding_bag(weight, input, ...)` is "
            "deprecated, and should now be `embedding_bag(input, weight, ...)`.",
        )
        weight, input = input, weight
    if per_sample_weights is not None and input._a.shape != per_sample_weights._a.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then "
            "it must have the "
            f"same shape as the input ({input.shape})"
        )
    if weight._a.ndim != 2:
        raise ValueError(
            f"weight has to be a 2D Tensor, but got Tensor of dimension {weight._a.ndim}"
        )
    if input._a.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                "of fixed length "
                f"sequences. However, found offsets of type {type(offsets)}"
            )
        from ..creation.spaced import arange

        n, m = input._a.shape
        if not m:
            raise RuntimeError(
                f"embedding_bag: the bags are empty: input has shape {list(input.shape)}; give"
                " offsets to have bags of no length"
            )
        offsets = arange(0, n * m, m, dtype=input.dtype, device=input.device)
        include_last_offset = False
        input = input.reshape(-1)
        per_sample_weights = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    elif input._a.ndim == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets._a.ndim != 1:
            raise ValueError("offsets has to be a 1D Tensor")
    else:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input._a.ndim}"
        )
    if mode not in MODES:
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if max_norm is not None:
        embedding_renorm_(weight, input, max_norm, norm_type)
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            "for "
            f"mode='sum' (got mode='{mode}')."
        )
    return torch_embedding_bag(
        weight,
        input,
        offsets,
        scale_grad_by_freq,
        MODES.index(mode),
        sparse,
        per_sample_weights,
        include_last_offset,
        padding_idx,
    )[0]


# ------------------------------------------------------------------------------------- one-hot


def marked(careful):
    """The short form of one_hot(input, classes) on the CPU."""

    def f(input=ABSENT, num_classes=-1, **kw):
        usual = type(input) is Tensor and type(num_classes) is int and not kw
        if usual and (num_classes > 0 or num_classes == -1):
            a = input._a
            xp = NS[type(a)]
            if xp.has("one_hot") and a.dtype is INT64 and a.size:
                try:
                    return wrap(xp.one_hot(a, num_classes))
                except IndexError:
                    pass
        return careful(input, num_classes, **kw)

    return f


INT64 = dtypes.int64.np


@public("nn.functional.one_hot(Tensor input, int num_classes=-1)", foreign=True)
@short(marked)
def one_hot(tensor, num_classes=-1):
    """A row of zeros with a one at its class for each element of tensor (int64).

    num_classes: -1 for one more than the largest class.

    >>> F.one_hot(torch.tensor([1, 0]), 3)
    tensor([[0, 1, 0],
            [1, 0, 0]])
    """
    if tensor.dtype.name != "int64":
        raise RuntimeError(
            "one_hot is only applicable to index tensor of type LongTensor: convert with .long()"
        )
    a = tensor._a
    plain = readable(tensor)
    if a.size == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
    elif plain:
        if int(a.min()) < 0:
            raise RuntimeError("Class values must be non-negative.")
        top = int(a.max())
        if num_classes == -1:
            num_classes = top + 1
        elif num_classes < 1:
            raise RuntimeError("num_classes should be positive")
        elif top >= num_classes:
            raise RuntimeError(
                f"Class values must be smaller than num_classes: got {top} for {num_classes} "
                "classes"
            )
    elif num_classes == -1:
        raise ValueError(
            "one_hot: num_classes must be given inside a function transform and on the meta "
            "device, where it cannot depend on values"
        )
    from ..creation.spaced import arange

    if plain and a.size and NS[type(a)].has("one_hot"):
        return wrap(NS[type(a)].one_hot(a, num_classes))
    return (tensor.unsqueeze(-1) == arange(num_classes, device=tensor.device)).long()
