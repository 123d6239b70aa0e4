"""torch.nested: tensors of one dtype whose first dimension differs, kept end to end in one tensor.

Operations that treat every row alike run on that one tensor. All others refuse: pad and mask.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from ..base.formats import strided
from ..engine import tensor as engine_tensor
from ..engine.tensor import Tensor
from . import functions as T
from . import overrides

__all__ = ["NestedTensor", "as_nested_tensor", "nested_tensor", "to_padded_tensor"]

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

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", str(func)).strip("_")
        if name == "to_padded_tensor":
            with overrides.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        first = next(x for x in (*args, *(kwargs or {}).values()) if isinstance(x, NestedTensor))
        last = name in ("softmax", "log_softmax", "layer_norm", "rms_norm", "sum", "mean")
        if not (name in ROWS or last and first.within_rows(name, args, kwargs or {})):
            first.refuse(name)

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
        return made(out, first.lengths, first.kind)

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
        return tuple(self.flat.split(list(self.lengths)))

    def values(self) -> Tensor:
        """The tensors end to end."""
        return self.flat

    def offsets(self) -> Tensor:
        """Where each tensor begins in values(), and the end."""
        return T.tensor([0, *self.lengths]).cumsum(0)

    def size(self, dim: int | None = None) -> Any:
        """One size. RuntimeError for that which differs, and for all together."""
        n = self.dim()
        if dim is None or dim % n == 1:
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

    def dim(self) -> int:
        """One more than each tensor has."""
        return self.flat.dim() + 1

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
            return f"NestedTensor(size=({len(self)}, j1{rest}), offsets={ends}, contiguous=True)"
        parts = [("\n").join("  " + line for line in repr(t).split("\n")) for t in self.unbind()]
        return "nested_tensor([\n" + ",\n".join(parts) + "\n])"


def made(flat: Tensor, lengths: tuple[int, ...], kind: Any) -> NestedTensor:
    """The nested tensor whose tensors, lengths long, lie in flat."""
    out: Any = flat.detach().as_subclass(NestedTensor)
    out.flat, out.lengths, out.kind = flat, lengths, kind
    overrides.ask_while(out)  # functions look for nested tensors as long as there are some
    return out


def as_nested_tensor(
    ts: Any, dtype: Any = None, device: Any = None, layout: Any = None
) -> NestedTensor:
    """Tensors as a nested tensor, through which gradients flow to them.

    ts: tensors, or lists. dtype: of the elements. device: where it lies. layout: torch.strided or
    torch.jagged.

    >>> torch.nested.as_nested_tensor([torch.ones(2), torch.ones(3)]).size(0)
    2
    """
    if isinstance(ts, NestedTensor):
        return ts
    tensors = list(ts.unbind(0) if isinstance(ts, Tensor) else ts)
    if not tensors or not all(isinstance(t, Tensor) for t in tensors):
        raise TypeError("as_nested_tensor(): a list of tensors is needed, with one at least")
    if not all(t.dim() == tensors[0].dim() > 0 for t in tensors):
        raise RuntimeError("nested tensors: all tensors need the same number of dimensions, over 0")
    if any(t.shape[1:] != tensors[0].shape[1:] for t in tensors):
        raise NotImplementedError(
            "nested tensors: only the first dimension may differ here: pad the others"
        )
    flat = T.cat([t.to(dtype=dtype, device=device) for t in tensors])
    return made(flat, tuple(t.shape[0] for t in tensors), strided if layout is None else layout)


def nested_tensor(
    tensor_list: Iterable[Any], *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> NestedTensor:  # fmt: skip
    """A nested tensor of copies of tensors (n_i, *rest), or of lists of numbers.

    tensor_list: tensors, or lists. dtype: of the elements. layout: torch.strided or torch.jagged.
    device: where it lies. requires_grad: whether gradients are recorded. pin_memory: accepted.

    >>> t = torch.nested.nested_tensor([torch.ones(2), torch.ones(1)])
    >>> t.to_padded_tensor(0.0)
    tensor([[1., 1.],
            [1., 0.]])
    """
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

    >>> x = torch.nested.nested_tensor([torch.ones(1), torch.ones(2)])
    >>> torch.nested.to_padded_tensor(x, 0.0)
    tensor([[1., 0.],
            [1., 1.]])
    """
    if not isinstance(input, NestedTensor):
        raise RuntimeError(
            "to_padded_tensor(): the tensor is not nested: nn.functional.pad pads it"
        )
    longest = max(input.lengths)
    shape = (len(input.lengths), longest, *input.flat.shape[1:])
    size = tuple(shape if output_size is None else output_size)
    if len(size) != len(shape) or any(have > n for have, n in zip(shape, size)):
        raise RuntimeError(f"to_padded_tensor(): output_size {size} is smaller than {shape}")
    rows = []
    for t in input.unbind():
        pads: list[int] = []
        for have, n in zip(reversed(t.shape), reversed(size[1:])):
            pads += [0, n - have]
        rows.append(T.resolve("nn.functional", "pad")(t, pads, value=padding))
    while len(rows) < size[0]:
        rows.append(T.full_like(rows[0], padding))
    return T.stack(rows)


engine_tensor.STANDING.add(NestedTensor)
