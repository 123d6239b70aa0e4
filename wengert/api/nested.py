"""torch.nested: tensors of one dtype whose sizes differ, kept end to end in one tensor.

Operations that treat every row alike run on that one tensor, some others tensor by tensor
(`nested_parts.py`). All others refuse: pad and mask.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from ..base.formats import jagged, strided
from ..base.size import Size
from ..engine import tensor as engine_tensor
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from . import functions as T
from . import overrides
from .nested_parts import BY_PARTS

__all__ = [
    "NestedTensor", "as_nested_tensor", "masked_select", "narrow", "nested_tensor",
    "nested_tensor_from_jagged", "to_padded_tensor",
]  # fmt: skip

# what does the same to every row, whatever the other rows are
WORDS = """linear relu relu_ gelu silu mish sigmoid tanh elu leaky_relu hardswish hardtanh relu6
    softplus logsigmoid dropout dropout_ exp log log1p sqrt rsqrt sin cos abs neg square reciprocal
    add sub mul div true_divide pow clamp clone detach contiguous to float double half bfloat16
    float16 type cuda cpu
    eq ne lt le gt ge logical_not isnan isfinite isinf sgn sign zeros_like ones_like full_like
    rand_like randn_like empty_like masked_fill"""
ROWS = frozenset(WORDS.split())


class NestedTensor(Tensor):
    """Tensors (n_i, *rest) with different n_i; made by torch.nested.nested_tensor."""

    is_nested = True
    flat: Tensor
    lengths: tuple[int, ...]
    kind: Any
    ragged: Any = None  # what stands for the size that differs
    parts: Any = None  # the tensors, where more than their first sizes differ
    begins: Any = None  # where the tensors lie in another one that they are stretches of

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", str(func)).strip("_")
        if name == "is_contiguous":
            return args[0].begins is None
        if name == "backward":
            return run_backward(*args, **(kwargs or {}))
        if name == "to_padded_tensor":
            with overrides.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        first = next(x for x in (*args, *(kwargs or {}).values()) if isinstance(x, NestedTensor))
        last = name in ("softmax", "log_softmax", "layer_norm", "rms_norm", "sum", "mean")
        rows = name in ROWS or last and first.within_rows(name, args, kwargs or {})
        if name in ("fill", "zero", "copy") and args[0] is first:
            rows = True
        if first.parts is not None or not rows:
            return first.by_parts(name, func, args, kwargs or {})

        def taken(x: Any) -> Any:
            if not isinstance(x, NestedTensor):
                if isinstance(x, Tensor) and name != "linear":
                    # beside the dimension that differs, only a size of 1 means the same for all
                    outer = x.shape[: max(x.dim() - first.flat.dim() + 1, 0)]
                    if any(n != 1 for n in outer):
                        first.refuse(f"{name} with a tensor of shape {tuple(x.shape)}")
                return x
            if x.lengths != first.lengths:
                raise RuntimeError(f"{name}(): the nested tensors have different sizes")
            return x.flat

        out = func(*map(taken, args), **{k: taken(v) for k, v in (kwargs or {}).items()})
        whole = first.begins is None or name != "contiguous"
        return (
            first
            if out is first.flat and whole
            else made(out, first.lengths, first.kind, first.ragged)
        )

    def by_parts(self, name: str, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """An operation tensor by tensor."""
        rule = BY_PARTS.get(name)
        if rule is not None:
            return renested(rule(*args, **kwargs), self.kind, self.ragged)
        if name not in ROWS:
            self.refuse(name)
        parts = []
        for i in range(len(self.lengths)):
            given = [x.unbind()[i] if isinstance(x, NestedTensor) else x for x in args]
            named = {
                k: x.unbind()[i] if isinstance(x, NestedTensor) else x for k, x in kwargs.items()
            }
            parts.append(func(*given, **named))
        return renested(parts, self.kind, self.ragged)

    def within_rows(self, name: str, args: Any, kwargs: dict[str, Any]) -> bool:
        """Whether a reduction or norm is over dimensions that all rows share."""
        n = self.flat.dim() + 1
        if "norm" in name:
            shape = kwargs.get("normalized_shape", args[1] if len(args) > 1 else ())
            return len(shape) <= n - 2
        dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
        return isinstance(dim, int) and -(n - 2) <= dim < 0

    def refuse(self, name: str) -> NoReturn:
        """Raise the error of what cannot be done with nested tensors."""
        raise NotImplementedError(
            f"{name}() is not there for nested tensors: go through unbind(), or "
            "to_padded_tensor(0.0) and a mask"
        )

    def unbind(self, dim: int = 0) -> tuple[Tensor, ...]:
        """The tensors."""
        if dim:
            self.refuse("unbind along another dimension than the first")
        if self.parts is not None:
            return tuple(self.parts)
        return tuple(self.flat.split(list(self.lengths)))

    def values(self) -> Tensor:
        """The tensors end to end."""
        return self.flat

    def offsets(self) -> Tensor:
        """Where each tensor begins in values(), and the end; of stretches of another tensor's rows,
        where they lie there.
        """
        if self.begins is not None:
            return T.tensor(self.begins)
        return T.tensor([0, *self.lengths]).cumsum(0)

    def size(self, dim: int | None = None) -> Any:
        """One size. RuntimeError for that which differs, and for all together."""
        n = self.dim()
        if self.kind is not strided and self.parts is None:
            sizes = (len(self.lengths), self.ragged, *self.flat.shape[1:])
            sizes = tuple.__new__(Size, sizes)  # one of them is no int
            return sizes if dim is None else sizes[dim]
        if dim is not None and self.parts is not None and dim % n:
            found = {t.shape[dim % n - 1] for t in self.parts}
            if len(found) == 1:
                return found.pop()
        if dim is None or dim % n == 1 or self.parts is not None and dim % n:
            raise RuntimeError(
                f"Given dimension {1 if dim is None else dim} is irregular and does not have a size"
            )
        return len(self.lengths) if dim % n == 0 else self.flat.shape[dim % n - 1]

    @property
    def shape(self) -> Any:
        """RuntimeError: sizes differ."""
        return self.size()

    @property
    def layout(self) -> Any:
        """torch.strided or torch.jagged, as it was made."""
        return self.kind

    @property  # type: ignore[misc]
    def requires_grad(self) -> bool:
        """Whether gradients are recorded."""
        return bool(self.flat.requires_grad)

    @property
    def is_leaf(self) -> bool:
        """Whether no operation has made it."""
        return bool(self.flat.is_leaf)

    @property
    def grad_fn(self) -> Any:
        """The node of the operation that made values()."""
        return self.flat.grad_fn

    @property  # type: ignore[misc]
    def grad(self) -> Any:
        """The gradient of a leaf, nested as it is."""
        g = self.flat.grad
        return None if g is None else made(g, self.lengths, self.kind, self.ragged)

    def dim(self) -> int:
        """One more than each tensor has."""
        if self.parts is not None:
            return int(self.parts[0].dim()) + 1
        return self.flat.dim() + 1 if self.lengths else 1

    def numel(self) -> int:
        """How many elements there are in all."""
        return int(self.flat.numel())

    def __len__(self) -> int:
        return len(self.lengths)

    def to_padded_tensor(self, padding: float, output_size: Sequence[int] | None = None) -> Tensor:
        """One tensor (N, longest, *rest), with padding behind the shorter ones; output_size: more.

        >>> torch.nested.nested_tensor([torch.ones(1), torch.ones(2)]).to_padded_tensor(0.0)
        tensor([[1., 0.],
                [1., 1.]])
        """
        return to_padded_tensor(self, padding, output_size)

    def __repr__(self, **options: Any) -> str:
        if self.kind is not strided:
            rest = "".join(f", {n}" for n in self.flat.shape[1:])
            ends = self.offsets()
            size = f"({len(self)}, {self.ragged}{rest})"
            whole = self.begins is None
            return f"NestedTensor(size={size}, offsets={ends}, contiguous={whole})"
        parts = [("\n").join("  " + line for line in repr(t).split("\n")) for t in self.unbind()]
        return "nested_tensor([\n" + ",\n".join(parts) + "\n])"


class Ragged:
    """The size of the dimension that differs: equal to itself only."""

    def __init__(self) -> None:
        self.number = next(NUMBERS)

    def __repr__(self) -> str:
        return f"j{self.number}"


NUMBERS = itertools.count(1)


def run_backward(x: NestedTensor, gradient: Any = None, **options: Any) -> None:
    """The reverse pass from a nested tensor, with a gradient that is nested like it."""
    if not isinstance(gradient, NestedTensor):
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    if gradient.lengths != x.lengths:
        raise RuntimeError("backward(): the gradient is not nested like the tensor")
    x.flat.backward(gradient.flat, **options)


def renested(found: Any, kind: Any, ragged: Any = None) -> Any:
    """Lists of tensors as nested tensors; a tensor as it is."""
    if isinstance(found, Tensor):
        return found
    if found and isinstance(found[0], list):
        return tuple([renested(f, kind, ragged) for f in found])
    first = found[0]
    if first.dim() and all(t.shape[1:] == first.shape[1:] for t in found):
        return made(T.cat(found), tuple([t.shape[0] for t in found]), kind, ragged)
    flat = T.cat([t.reshape(-1) for t in found])
    out = made(flat, tuple([t.numel() for t in found]), kind, ragged)
    out.parts = found
    return out


def made(flat: Tensor, lengths: tuple[int, ...], kind: Any, ragged: Any = None) -> NestedTensor:
    """The nested tensor whose tensors, lengths long, lie in flat."""
    out: Any = flat.detach().as_subclass(NestedTensor)
    out.flat, out.lengths, out.kind = flat, lengths, kind
    out.ragged = Ragged() if ragged is None and kind is not strided else ragged
    overrides.ask_while(out)  # functions look for nested tensors as long as there are some
    return out


def as_nested_tensor(
    ts: Any, dtype: Any = None, device: Any = None, layout: Any = None
) -> NestedTensor:
    """Tensors as a nested tensor, through which gradients flow to them.

    ts: tensors, or lists. dtype: of the elements. device: where it lies. layout: torch.strided or
    torch.jagged.

    Tensors have any shape. Raises TypeError where ts is of the wrong type.

    >>> torch.nested.as_nested_tensor([torch.ones(2), torch.ones(3)]).size(0)
    2
    """
    if isinstance(ts, NestedTensor):
        return ts
    tensors = list(ts.unbind(0) if isinstance(ts, Tensor) else ts)
    if not all(isinstance(t, Tensor) for t in tensors):
        raise TypeError("as_nested_tensor(): a list of tensors is needed")
    kind = strided if layout is None else layout
    if not tensors:
        return made(T.empty(0, dtype=dtype, device=device), (), kind)
    if not all(t.dim() == tensors[0].dim() for t in tensors):
        raise RuntimeError("nested tensors: all tensors need the same number of dimensions")
    if kind is not strided and any(t.shape[1:] != tensors[0].shape[1:] for t in tensors):
        raise RuntimeError(
            "nested tensors: in the jagged layout only the first dimension may differ"
        )
    out: NestedTensor = renested([t.to(dtype=dtype, device=device) for t in tensors], kind)
    return out


def nested_tensor(
    tensor_list: Iterable[Any], *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> NestedTensor:  # fmt: skip
    """A nested tensor of copies of tensors (n_i, *rest), or of lists of numbers.

    tensor_list: tensors, or lists. dtype: of the elements. layout: torch.strided or torch.jagged.
    device: where it lies. requires_grad: whether gradients are recorded. pin_memory: accepted.

    Raises TypeError where tensor_list is of the wrong type.

    >>> t = torch.nested.nested_tensor([torch.ones(2), torch.ones(1)])
    >>> t.to_padded_tensor(0.0)
    tensor([[1., 1.],
            [1., 0.]])
    """
    if isinstance(tensor_list, Tensor):
        raise TypeError(
            "Only lists (List[Tensor] and List[List...[Scalar]]) are accepted in nested_tensor"
        )
    tensors = [x.detach() if isinstance(x, Tensor) else T.tensor(x) for x in tensor_list]
    out = as_nested_tensor(tensors, dtype, device, layout)
    if requires_grad:
        out.flat.requires_grad_()
    return out


def to_padded_tensor(
    input: NestedTensor, padding: float, output_size: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    """One tensor (N, longest, *rest), or of output_size, with padding where there is nothing.

    input: a nested tensor.

    Raises TypeError where padding is of the wrong type; RuntimeError where input is of the wrong
    type, input has a shape that does not fit, input holds values out of range or input holds
    integers, booleans or complex numbers.

    >>> x = torch.nested.nested_tensor([torch.ones(1), torch.ones(2)])
    >>> torch.nested.to_padded_tensor(x, 0.0)
    tensor([[1., 0.],
            [1., 1.]])
    """
    if not isinstance(input, NestedTensor):
        raise RuntimeError(
            "to_padded_tensor(): the tensor is not nested: nn.functional.pad pads it"
        )
    tensors = input.unbind()
    shape = (len(tensors), *map(max, zip(*[t.shape for t in tensors])))
    size = tuple(shape if output_size is None else output_size)
    if len(size) != len(shape) or any(have > n for have, n in zip(shape, size)):
        raise RuntimeError(f"to_padded_tensor(): output_size {size} is smaller than {shape}")
    rows = []
    for t in tensors:
        pads: list[int] = []
        for have, n in zip(reversed(t.shape), reversed(size[1:])):
            pads += [0, n - have]
        rows.append(T.resolve("nn.functional", "pad")(t, pads, value=padding))
    while len(rows) < size[0]:
        rows.append(T.full_like(rows[0], padding))
    return T.stack(rows)


@clear_errors
def nested_tensor_from_jagged(
    values: Tensor, offsets: Tensor | None = None, lengths: Tensor | None = None,
    jagged_dim: int | None = None, min_seqlen: int | None = None, max_seqlen: int | None = None,
) -> NestedTensor:  # fmt: skip
    """The nested tensor whose tensors lie end to end in values; gradients flow to values.

    values: (total, *rest). offsets: where each tensor begins, and the end. lengths: of the tensors.
    jagged_dim: 1. min_seqlen, max_seqlen: accepted.

    Raises TypeError where offsets has a shape that does not fit.

    >>> x = torch.nested.nested_tensor_from_jagged(torch.arange(3.0), torch.tensor([0, 1, 3]))
    >>> x.unbind()
    (tensor([0.]), tensor([1., 2.]))
    """
    if offsets is None and lengths is None:
        raise RuntimeError(
            "nested_tensor_from_jagged(): At least one of offsets or lengths is required."
        )
    if jagged_dim not in (None, 1):
        raise NotImplementedError("nested_tensor_from_jagged(): jagged_dim can only be 1 here")
    if offsets is None:
        assert lengths is not None
        return made(values, tuple(lengths.tolist()), jagged)
    ends = offsets.tolist()
    if lengths is None:
        return made(values, tuple([b - a for a, b in zip(ends, ends[1:])]), jagged)
    parts = [values[a : a + n] for a, n in zip(ends, lengths.tolist())]
    return made(T.cat(parts), tuple(lengths.tolist()), jagged)


@clear_errors
def masked_select(tensor: Tensor, mask: Tensor) -> NestedTensor:
    """The elements of each row of a tensor where mask is true, as a jagged nested tensor.

    tensor: (N, M, ...). mask: of a shape that goes with the tensor's.

    Raises IndexError where mask holds complex numbers; RuntimeError where tensor or mask has a
    shape that does not fit; TypeError where tensor or mask is no tensor.

    >>> rows = torch.nested.masked_select(torch.eye(2), torch.tensor([[True, True], [False, True]]))
    >>> rows.unbind()
    (tensor([1., 0.]), tensor([1.]))
    """
    if tensor.layout is not strided:
        raise RuntimeError(
            f"torch.nested.masked_select requires a strided tensor, given {tensor.layout}"
        )
    full = mask.expand_as(tensor) if mask.shape != tensor.shape else mask
    return renested_jagged([t[m] for t, m in zip(tensor.unbind(), full.unbind())])


@clear_errors
def narrow(
    tensor: Tensor, dim: int, start: Any, length: Any, layout: Any = strided
) -> NestedTensor:
    """A nested tensor of a stretch of each row: from start[i], of length[i].

    tensor: (N, M, ...). dim: 1. start, length: numbers, or tensors (N,). layout: torch.strided or
    torch.jagged.

    Raises TypeError where start or length is of the wrong type, start or length has a shape that
    does not fit or start or length holds booleans or complex numbers; IndexError where start holds
    values out of range; RuntimeError where tensor has a shape that does not fit or length holds
    values out of range; NotImplementedError where dim is of the wrong type or dim is out of range.

    >>> x = torch.arange(4.0).view(2, 2)
    >>> torch.nested.narrow(x, 1, torch.tensor([0, 1]), torch.tensor([2, 1])).unbind()
    (tensor([0., 1.]), tensor([3.]))
    """
    if dim != 1:
        raise NotImplementedError("torch.nested.narrow(): only dim=1 is there")
    n = tensor.shape[0]
    starts = start.tolist() if isinstance(start, Tensor) else [start] * n
    sizes = length.tolist() if isinstance(length, Tensor) else [length] * n
    parts = [t.narrow(0, a, k) for t, a, k in zip(tensor.unbind(), starts, sizes)]
    out = as_nested_tensor(parts, layout=layout)
    if layout is jagged and n:
        out.begins = [i * tensor.shape[1] + a for i, a in enumerate(starts)]
        out.begins.append(out.begins[-1] + sizes[-1])
    return out


def renested_jagged(parts: list[Tensor]) -> NestedTensor:
    return made(T.cat(parts), tuple([t.shape[0] for t in parts]), jagged)


engine_tensor.STANDING.add(NestedTensor)
