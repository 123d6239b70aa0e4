"""torch.masked.masked_tensor: a tensor of which a mask says, element by element, what is there.

Operations by element and reductions leave out what is not there. All others refuse.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ..base import dtypes, formats
from ..engine import tensor as engine_tensor
from ..engine.tensor import Tensor
from . import functions as T
from . import masked_sparse as sparse
from . import overrides

__all__ = ["MaskedTensor", "as_masked_tensor", "masked_tensor"]

# by element: the mask stays as it is
ELEMENTS = """
    abs absolute acos arccos acosh arccosh angle asin arcsin asinh arcsinh atan arctan atanh
    arctanh bitwise_not ceil clamp clip conj_physical cos cosh deg2rad digamma erf erfc erfinv exp
    exp2 expm1 fix floor frac lgamma log log10 log1p log2 logit i0 isnan nan_to_num neg negative
    positive pow rad2deg reciprocal round rsqrt sigmoid sign sgn signbit sin sinc sinh sqrt square
    tan tanh trunc relu gelu silu elu softplus leaky_relu logical_not isfinite isinf add sub mul
    div divide floor_divide true_divide fmod remainder logaddexp logaddexp2 atan2 arctan2
    bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift maximum minimum fmax
    fmin nextafter multiply subtract truediv floordiv mod and or xor invert radd rsub rmul
    rtruediv rfloordiv rpow rmod iadd isub imul itruediv lerp addcmul addcdiv eq ne le ge lt gt
    less greater less_equal greater_equal logical_and logical_or logical_xor copysign float_power
    hypot rlshift rrshift lshift rshift ilshift irshift iand ior ixor to float double half
    bfloat16 int long short bool char type cuda cpu clone detach contiguous zeros_like ones_like
    full_like rand_like randn_like empty_like
"""
# the same of the data and of the mask
PLACES = """
    view reshape transpose t T permute movedim swapaxes expand expand_as select narrow
    index_select getitem unsqueeze squeeze flatten unflatten unfold flip roll split chunk unbind
    hsplit vsplit tensor_split cat concat stack vstack hstack repeat tile broadcast_to view_as
    where diagonal masked_select take_along_dim gather mT
"""
REDUCTIONS = """
    sum mean prod amax amin argmax argmin var std norm logsumexp
"""
ALONG = """
    softmax log_softmax softmin cumsum cumprod normalize
"""
FACTS = """
    dim ndimension size numel nelement stride storage_offset is_contiguous len hash
    is_floating_point is_complex is_signed element_size get_device item backward retain_grad
    register_hook is_inference result_type
"""
WORDS = (ELEMENTS, PLACES, REDUCTIONS, ALONG, FACTS)
ELEMENT, PLACE, REDUCED, SCANNED, FACT = (frozenset(words.split()) for words in WORDS)
DTYPES = (
    dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64, dtypes.bool,
    dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64,
)  # fmt: skip


class MaskedTensor(Tensor):
    """Elements and whether they are there; made by torch.masked.masked_tensor.

    data, mask: of one shape; the mask bool, True where the element is there.
    requires_grad: whether gradients are recorded.

    >>> torch.masked.MaskedTensor(torch.ones(2), torch.tensor([True, False])).sum()
    MaskedTensor(  1.0000, True)
    """

    values_of: Tensor
    mask_of: Tensor

    def __new__(cls, data: Any, mask: Any, requires_grad: bool = False) -> Any:
        data, mask = check(data, mask)
        values = data.detach().clone()
        return made(values.requires_grad_() if requires_grad else values, mask)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", str(func)).strip("_")
        first = next(x for x in flat((*args, *kwargs.values())) if isinstance(x, MaskedTensor))
        values = lambda x: each(x, lambda m: m.values_of)
        of = lambda part: func(*map(part, args), **{k: part(v) for k, v in kwargs.items()})
        if name in ELEMENT:
            mask = first.mask_of
            for x in (*args, *kwargs.values()):
                if isinstance(x, MaskedTensor) and not sparse.same(x.mask_of, mask):
                    raise ValueError(
                        f"{name}(): Input masks must match: take get_data() of one of them, or "
                        "to_tensor(value)"
                    )
            if sparse.is_sparse(mask):
                return first.by_value(name, of)
            out = of(values)
            return made(out, mask if mask.shape == out.shape else mask.expand(out.shape))
        if sparse.is_sparse(first.mask_of) and name in REDUCED | SCANNED | {"all"}:
            first, args = first.to_dense(), each(args, MaskedTensor.to_dense)
        if name in PLACE and not sparse.is_sparse(first.mask_of):
            masks = lambda x: each(x, lambda m: m.mask_of)
            data, mask = of(values), of(masks)
            if isinstance(data, Tensor):
                return made(data, mask)
            return type(data)(map(made, data, mask))
        if name in REDUCED:
            return first.reduced(name, *args[1:], **kwargs)
        if name in SCANNED:
            dim = kwargs["dim"] if "dim" in kwargs else args[1]
            out = T.resolve("masked", name)(
                first.values_of, dim, dtype=kwargs.get("dtype"), mask=first.mask_of
            )
            return made(out, first.mask_of)
        if name == "all":
            return made(((first.values_of != 0) | ~first.mask_of).all(*args[1:], **kwargs),
                        first.there(*args[1:], **kwargs))  # fmt: skip
        if name in FACT:
            return of(values)
        return first.refuse(name)

    def reduced(self, name: str, dim: Any = None, keepdim: bool = False, **options: Any) -> Any:
        """A reduction over what is there, and whether there was anything."""
        if name == "norm":
            raise TypeError(
                "norm(): for masked tensors write torch.masked.norm(data, 2, mask=mask)"
            )
        call = T.resolve("masked", name)
        if dim is not None or not name.startswith("arg"):
            options["keepdim"] = keepdim
        if name in ("var", "std"):
            options.setdefault("unbiased", options.pop("correction", 1) != 0)
        return made(
            call(self.values_of, dim, mask=self.mask_of, **options), self.there(dim, keepdim)
        )

    def there(self, dim: Any = None, keepdim: bool = False) -> Tensor:
        """Whether there is anything along dim."""
        if dim is None or dim == ():
            dim = tuple(range(self.mask_of.dim()))
        return T.any(self.mask_of, dim, keepdim) if dim != () else self.mask_of

    def by_value(self, name: str, of: Any) -> Any:
        """An operation by element, of sparse tensors: of() with the values of each."""
        like = self.mask_of

        def values(x: Any) -> Any:
            if isinstance(x, MaskedTensor):
                return x.values_of.values()
            if isinstance(x, Tensor) and x.dim():
                if not (sparse.is_sparse(x) and sparse.at_places_of(x, like)):
                    raise ValueError(f"{name}(): sparse indices must match: make both dense first")
                return x.values()
            return x

        return made(sparse.with_values(like, of(values)), like)

    def refuse(self, name: str) -> NoReturn:
        """Raise the error of what cannot be done with masked tensors."""
        raise TypeError(
            f"{name}() is not there for masked tensors: use get_data() and get_mask(), "
            "to_tensor(value), or torch.masked"
        )

    def get_data(self) -> Tensor:
        """The elements, also those that the mask leaves out."""
        return self.values_of

    def get_mask(self) -> Tensor:
        """True where an element is there."""
        return self.mask_of

    def to_tensor(self, value: Any) -> Tensor:
        """An ordinary tensor with value where nothing is."""
        return self.values_of.to_dense().masked_fill(~self.mask_of.to_dense(), value)

    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> MaskedTensor:
        """The same, stored densely; dtype: the new one."""
        values = self.values_of.to_dense()
        return made(values if dtype is None else values.to(dtype), self.mask_of.to_dense())

    def to_sparse(self, *args: Any, **kwargs: Any) -> MaskedTensor:
        """The same, stored by the elements that are there, with their places."""
        return self.stored(formats.sparse_coo)

    to_sparse_coo = to_sparse

    def to_sparse_csr(self, dense_dim: int | None = None) -> MaskedTensor:
        """The same, stored by the elements that are there in each row."""
        return self.stored(formats.sparse_csr)

    def stored(self, layout: Any) -> MaskedTensor:
        """The same in a sparse layout."""
        if self.values_of.layout is layout:
            return self
        whole = self.to_dense()
        return made(*sparse.to_sparse(whole.values_of, whole.mask_of, layout))

    def is_sparse_coo(self) -> bool:
        """Whether elements are stored with their places."""
        return self.values_of.layout is formats.sparse_coo

    def is_sparse_csr(self) -> bool:
        """Whether elements are stored by rows."""
        return self.values_of.layout is formats.sparse_csr

    @property
    def is_sparse(self) -> bool:
        """Whether only elements are stored that are there."""
        return sparse.is_sparse(self.values_of)

    @property
    def layout(self) -> Any:
        """How elements are stored."""
        return self.values_of.layout

    @property  # type: ignore[misc]
    def requires_grad(self) -> bool:
        """Whether gradients are recorded."""
        return bool(self.values_of.requires_grad)

    def requires_grad_(self, requires_grad: bool = True) -> MaskedTensor:
        """Record gradients from here on; returns itself."""
        self.values_of.requires_grad_(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no operation made it."""
        return bool(self.values_of.is_leaf)

    @property  # type: ignore[misc]
    def grad(self) -> Any:
        """The gradient, with the same mask, or None."""
        grad = self.values_of.grad
        return None if grad is None else made(grad, self.mask_of)

    def numpy(self, *, force: bool = False) -> NoReturn:
        """RuntimeError: NumPy's arrays have no mask."""
        raise RuntimeError("numpy(): a masked tensor has no array: to_tensor(value).numpy()")

    def tolist(self) -> NoReturn:
        """RuntimeError: lists have no mask."""
        raise RuntimeError("tolist(): a masked tensor has no list: to_tensor(value).tolist()")

    def __repr__(self, **options: Any) -> str:
        if not self.dim():
            there = bool(self.mask_of)
            return f"MaskedTensor({shown(self.values_of.item()) if there else '--'}, {there})"
        whole = self.values_of.detach().to_dense(), self.mask_of.to_dense()
        return "MaskedTensor(\n" + "\n".join(lines(*whole, 2)) + "\n)"

    __str__ = __repr__


def shown(x: Any) -> str:
    """A number as it is printed."""
    return f"{x:8.4f}" if isinstance(x, float) else str(x)


def lines(values: Tensor, mask: Tensor, indent: int) -> list[str]:
    """Rows of numbers, with -- where nothing is."""
    space = " " * indent
    if values.dim() == 1:
        pairs = zip(values.tolist(), mask.tolist())
        return [space + "[" + ", ".join(shown(x) if m else "      --" for x, m in pairs) + "]"]
    parts = [lines(v, m, indent + 2) for v, m in zip(values, mask)]
    for part in parts[:-1]:
        part[-1] += ","
    return [space + "[", *(line for part in parts for line in part), space + "]"]


def flat(xs: Any) -> Any:
    """The arguments, also those in lists."""
    for x in xs:
        yield from x if isinstance(x, list | tuple) else (x,)


def each(x: Any, part: Any) -> Any:
    """x, and each tensor in a list x, with a part in place of every masked tensor."""
    if isinstance(x, MaskedTensor):
        return part(x)
    return type(x)(each(y, part) for y in x) if type(x) in (list, tuple) else x


def check(data: Any, mask: Any) -> tuple[Tensor, Tensor]:
    """Data and mask as they are kept; what cannot be those of one tensor is refused."""
    for name, x in (("data", data), ("mask", mask)):
        if not isinstance(x, Tensor):
            raise TypeError(f"masked_tensor(): {name} must be a Tensor, not {type(x).__name__}")
    if mask.dtype is not dtypes.bool:
        raise TypeError(f"masked_tensor(): mask must have dtype bool, not {mask.dtype}: mask != 0")
    if data.dtype not in DTYPES:
        raise TypeError(f"masked_tensor(): {data.dtype} is not supported in MaskedTensor")
    if data.shape != mask.shape:
        raise ValueError(
            f"masked_tensor(): data of shape {tuple(data.shape)} and mask of {tuple(mask.shape)} "
            "must be of one shape"
        )
    return sparse.aligned(data, mask)


def made(values: Tensor, mask: Tensor) -> MaskedTensor:
    """The masked tensor of values, through which gradients flow to them."""
    out: Any = values.detach().as_subclass(MaskedTensor)
    out.values_of, out.mask_of = values, mask
    overrides.ask_while(out)  # functions look for masked tensors as long as there are some
    return out


def as_masked_tensor(data: Any, mask: Any) -> MaskedTensor:
    """data with a mask of its shape, through which gradients flow to it.

    Raises TypeError and ValueError as masked_tensor does.

    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.masked.as_masked_tensor(x, torch.tensor([True, False])).sum().backward()
    >>> x.grad
    tensor([1., 0.])
    """
    return made(*check(data, mask))


def masked_tensor(data: Any, mask: Any, requires_grad: bool = False) -> MaskedTensor:
    """A copy of data, of which only what the bool mask selects is there.

    data, mask: of one shape. Raises TypeError for what is no tensor, for masks that are not bool
    and for complex data, ValueError for two shapes.

    >>> x = torch.masked.masked_tensor(torch.tensor([1.0, 4.0]), torch.tensor([False, True]))
    >>> x.sqrt()
    MaskedTensor(
      [      --,   2.0000]
    )
    """
    return MaskedTensor(data, mask, requires_grad)


engine_tensor.STANDING.add(MaskedTensor)
