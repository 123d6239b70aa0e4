"""Indexing in all its forms, reading and writing: `x[key]`, `x[key] = v`, select, narrow,
index_put.
"""

from __future__ import annotations

from typing import Any

from ...arrays.lookup import HOST, HOSTED, NS, RANK, namespace
from ...base import dtypes
from ...base.modes import state
from ...declare.lines import line
from ...declare.registry import public
from ...engine import native, views
from ...engine.interp import readable
from ...engine.kinds import elementwise, movement
from ...engine.op import op, primitive
from ...engine.op_modes import ACTIVE
from ...engine.overlap import check_operands, owner
from ...engine.tensor import Tensor, wrap
from .. import node_facts as told
from ..creation.to_device import beside
from ..dims import wrap_dim
from .keys import beyond, index_dims, index_is_mask, parse


def _basic(name: str, node: str, names: Any = None, doc: str | None = None) -> Any:
    @primitive(movement, name=name, view=True, node=node, told=names, doc=doc)
    def f(xp, x, key=()): ...

    f.vjp(x=lambda xp, g, x_shape, key: xp.put_basic(g, x_shape, key))
    f.vjp_part(x=lambda xp, waiting, g, key: xp.add_basic(waiting, g, key))
    return f


BASIC = "Basic indexing by ints, slices, None and Ellipsis: a view."
getitem = _basic("getitem", "SliceBackward0", told.SLICE, BASIC)
select_item = _basic("select_item", "SelectBackward0", told.SELECT)
unsqueeze_item = _basic("unsqueeze_item", "UnsqueezeBackward0")
alias_item = _basic("alias_item", "AliasBackward0")
split_item = _basic("split_item", "SplitBackward0")
sizes_item = _basic("sizes_item", "SplitWithSizesBackward0")
unbind_item = _basic("unbind_item", "UnbindBackward0")


@primitive(movement)
def put_basic(xp, g, shape=(), key=()):
    """Zeros of shape with g at a basic index."""


put_basic.vjp(g=lambda xp, g, key: xp.getitem(g, key))


@primitive(movement, view=True, name="select")
def select_op(xp, x, dim=0, index=0):
    """The slice of x at one index of a dimension."""


select_op.vjp(
    x=lambda xp, g, x_shape, dim, index: xp.put_basic(
        g, tuple(x_shape), (slice(None),) * dim + (index,)
    )
)
select_op.vjp_part(
    x=lambda xp, waiting, g, dim, index: xp.add_basic(waiting, g, (slice(None),) * dim + (index,))
)


@primitive(movement, node="IndexBackward0")
def take(xp, x, *indices, spec=()):
    """Advanced indexing by integer or bool arrays; spec is the key, with 'array' where an index
    array goes.
    """


take.vjp(
    x=lambda xp, g, indices, x_shape, spec: xp.put_add(g, *indices, shape=tuple(x_shape), spec=spec)
)


@primitive(movement)
def put_add(xp, g, *indices, shape=(), spec=()):
    """Zeros of shape with g added at an advanced index."""


put_add.vjp(g=lambda xp, g, indices, spec: xp.take(g, *indices, spec=spec))


@primitive(movement, node="IndexPutBackward0")
def index_put(xp, x, value, *indices, spec=(), accumulate=False):
    """A copy of x with value put (or added) at an advanced index."""


index_put.vjp(
    x=lambda xp, g, indices, spec, accumulate, value_shape: (
        g
        if accumulate
        else xp.index_put(g, xp.zeros_like(xp.take(g, *indices, spec=spec)), *indices, spec=spec)
    ),
    value=lambda xp, g, indices, spec: xp.take(g, *indices, spec=spec),
)


def view_of(key: tuple[Any, ...]) -> Any:
    """The op that takes the view at a key plainly made of ints, forward slices of ints, None and
    Ellipsis, under the name that PyTorch gives its last step; None for other keys.
    """
    op = alias_item
    for k in key:
        t = type(k)
        if t is int:
            op = select_item
        elif t is slice:
            start, stop, step = k.start, k.stop, k.step
            if start is not None:
                if type(start) is not int:
                    return None
                op = getitem
            if stop is not None:
                if type(stop) is not int:
                    return None
                op = getitem
            if step is not None:
                if type(step) is not int or step < 1:
                    return None
                op = getitem
        elif k is None:
            op = unsqueeze_item
        elif k is not Ellipsis:
            return None
    return op


def apply_basic(self: Tensor, key: tuple[Any, ...]) -> Tensor:
    """The view at a key that is plain, or was made so."""
    view: Tensor = view_of(key).entry(self, key)
    return view


ROWS = ("array",)
INT64, BOOL = dtypes.int64.np, dtypes.bool.np
REALS = {float: 1e30, int: 2**15}  # type of a number -> up to where every float dtype but float16
WRITABLE = {float, int, Tensor}
SINGLE = {dtypes.float32.np, dtypes.float64.np}


def places(self: Tensor, key: Any) -> Any:
    """The index tensors of the commonest advanced keys: int64 tensors for the first dimensions, or
    one mask of their shape; None for all else.
    """
    if type(key) is Tensor:
        k, a = key._a, self._a
        if type(k) is not type(a):
            return None
        if k.dtype is INT64:
            return (key,) if k.ndim and a.ndim else None
        n = k.ndim
        if k.dtype is BOOL and n and k.shape == a.shape[:n] and not RANK.get(type(k)):
            return [wrap(i) for i in k.nonzero()]
        return None
    if type(key) is not tuple or not 1 < len(key) <= self._a.ndim:
        return None
    t = type(self._a)
    for k in key:
        if type(k) is not Tensor or k._a.dtype is not INT64 or not k._a.ndim or type(k._a) is not t:
            return None
    return key


def read(self: Tensor, key: Any) -> Tensor:
    """x[key]."""
    if type(key) is int:
        a = self._a
        if a.ndim == 0:
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or"
                " `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
            )
        n = a.shape[0]
        if not -n <= key < n:
            raise beyond(key, 0, n)
        return select_item.entry(self, (key,))
    if type(key) is type(self) is Tensor and self._n is None:  # rows at places, without a graph
        k, a = key._a, self._a
        if k.dtype is INT64 and k.ndim and a.ndim and type(k) is type(a) and take.impl[type(a)]:
            try:
                return wrap(take.impl[type(a)](a, k, spec=ROWS))
            except LookupError:  # out of bounds
                pass
    keys = key if type(key) is tuple else (key,)
    if keys and type(keys[0]) is Tensor:
        found = places(self, key)
        if found is not None:
            try:
                return take.entry(self, *found, spec=ROWS * len(found))
            except IndexError:
                for d, k in enumerate(found):
                    check_index(k, self._a.shape[d], d)
                raise
    elif (op := view_of(keys)) is not None:
        try:
            view: Tensor = op.entry(self, keys)
            return view
        except IndexError:  # parse says what is wrong
            pass
    form, spec, arrays = parse(self, key)
    if form == "basic":
        return apply_basic(self, spec)
    x, spec, idx = prepare(self, spec, arrays)
    return take.entry(x, *idx, spec=spec)


def prepare(
    self: Tensor, spec: tuple[Any, ...], arrays: list[Tensor]
) -> tuple[Tensor, tuple[Any, ...], list[Tensor]]:
    """Basic parts first (PyTorch selects ints before it indexes), masks as indices; indices
    checked.
    """
    nd = self._a.ndim
    n_arr = sum([index_dims(a) for a in arrays])
    used = n_arr + sum([1 for k in spec if type(k) in (int, slice)])
    full: list[Any] = []
    for k in spec:
        if k is Ellipsis:
            full += [slice(None)] * (nd - used)
        else:
            full.append(k)
    if not any(k is Ellipsis for k in spec):
        full += [slice(None)] * (nd - used)
    it = iter(arrays)
    pre: list[Any] = []
    post: list[Any] = []
    idx: list[Tensor] = []
    for k in full:
        if type(k) is str:
            a = next(it)
            if index_is_mask(a):
                found = nonzero_arrays(a)
                if a._a.ndim == 0:
                    pre.append(None)
                    post.append("array")
                else:
                    pre += [slice(None)] * a._a.ndim
                    post += ["array"] * a._a.ndim
                idx += found
            else:
                pre.append(slice(None))
                post.append("array")
                idx.append(a)
        else:
            pre.append(k)
            if type(k) is not int:
                post.append(slice(None))
    x = self
    if any(type(k) is int or k is None or (type(k) is slice and k != slice(None)) for k in pre):
        x = getitem.entry(self, tuple(pre))
    dims = [i for i, s in enumerate(post) if s == "array"] if idx else []
    idx = [beside(a, x) for a in idx]
    for d, a in zip(dims, idx):
        check_index(a, x._a.shape[d], d)
    while post and type(post[-1]) is slice:
        post.pop()
    return x, tuple(post), idx


def check_index(a: Tensor, n: int, d: int) -> None:
    if not native.within(a, -n, n):
        check_each(a, n, d)


def check_each(a: Tensor, n: int, d: int) -> None:
    raw = a._a
    if getattr(raw, "size", 0) and hasattr(raw, "min") and not hasattr(raw, "level"):
        if type(raw) in HOSTED:  # sooner than min() and max()
            low, high = raw.item(raw.argmin()), raw.item(raw.argmax())
        else:
            low, high = int(raw.min()), int(raw.max())
        if low < -n or high >= n:
            raise IndexError(
                f"index {low if low < -n else high} is out of bounds for dimension {d} with"
                f" size {n}"
            )


def nonzero_arrays(a: Tensor) -> list[Tensor]:
    """The coordinates of a mask's true elements."""
    raw = a._a
    if raw.ndim == 0:
        return [wrap(namespace(raw).zeros((1 if bool(raw) else 0,), "int64"))]
    return [wrap(i) for i in readable(raw, "a mask as an index").nonzero()]


def overwritten(self: Tensor, key: Any, value: Any) -> bool:
    """x[key] = value in the library alone, where no graph, view or mark has to know, and where the
    library takes just what is right; False (and nothing done) for all else.
    """
    a, x = self._a, self._x
    if type(self) is not Tensor or RANK.get(type(a)) or state.levels:
        return False
    if self._n is not None or x is not None and x.inference:
        return False
    if x is not None and x.base is not None and x.base._n is not None:
        return False
    d = a.dtype
    if type(value) is Tensor:
        v = value._a
        if value._n is not None or type(v) is not type(a) or v.dtype is not d:
            return False
        if (v if v.base is None else v.base) is (a if a.base is None else a.base):
            return False  # they may overlap
    elif d not in SINGLE or abs(value) > REALS.get(type(value), -1.0):
        return False
    else:
        v = value
    if type(key) is Tensor:
        k = key._a
        if ACTIVE or type(k) is not type(a) or not k.ndim:
            return False
        if not (k.dtype is INT64 or k.dtype is BOOL and k.shape == a.shape[: k.ndim]):
            return False
        if k.dtype is d and owner(k) is owner(a):
            return False
        key = k
    elif view_of(key if type(key) is tuple else (key,)) is None:
        return False
    if not NS[type(a)].has(HOST) or not a.flags.writeable or 0 in a.strides:
        return False
    try:
        a[key] = v
    except (ValueError, IndexError, TypeError):  # nothing was written: the general way explains
        return False
    views.mutated(self)
    return True


def write(self: Tensor, key: Any, value: Any) -> None:
    """x[key] = value."""
    if type(value) in WRITABLE and overwritten(self, key, value):
        return
    if key is False:  # no elements, whatever the value
        return
    if key is True:  # a copy into the whole, which converts
        key = None
    form, spec, arrays = parse(self, key)
    if type(value) is complex and not self.dtype.is_complex:
        value = dtypes.converted(value, self.dtype)
    given = isinstance(value, Tensor)
    if not given:
        from ..creation.tensor import written

        value = written(value, self)
    if value.dtype.is_complex and not self.dtype.is_complex and form != "basic":
        raise RuntimeError(
            f"a complex value can't be put into a tensor of {self.dtype}: convert with .real first"
        )
    if form == "basic":
        v = apply_basic(self, spec) if spec else self
        check_operands(v, "copy_", (value,))
        copy_into(v, value, "setitem")
        return
    masked = len(arrays) == 1 and index_is_mask(arrays[0]) and value.numel() == 1
    if masked and arrays[0].dtype is dtypes.uint8 and arrays[0]._a.ndim:
        raise RuntimeError(
            "masked_fill_ only supports boolean masks, but got mask with dtype unsigned char: use"
            " mask.bool()"
        )
    if value.dtype is not self.dtype:
        if given and not masked:
            raise RuntimeError(
                "Index put requires the source and destination dtypes match, got"
                f" {self.dtype} for the destination and {value.dtype} for the source: convert"
                " with .to(dtype)"
            )
        value = value.to(self.dtype)
    x, spec, idx = prepare(self, spec, arrays)
    check_operands(x, "index_put_", (value, *idx), True)
    if not value._a.ndim:
        value = beside(value, x)
    target = take_shape(x, spec, idx)
    if tuple(value._a.shape) != target:
        value = fitted(value, target)
    result = index_put.entry(x, value, *idx, spec=spec)
    views.inplace(x, "index_put_", result, expanded=True)


def delete(self: Tensor, key: Any) -> None:
    """TypeError: `del x[key]`."""
    raise TypeError(
        "Tensor does not support deleting items: take those that stay, as in x[mask] or"
        " torch.cat((x[:i], x[i + 1:]))"
    )


def take_shape(x: Tensor, spec: Any, idx: list[Tensor]) -> tuple[int, ...]:
    """The shape of x[spec]."""
    return tuple(take.entry(x.detach(), *idx, spec=spec)._a.shape)


def fitted(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    """value broadcast to shape; leading ones are dropped, as PyTorch does in assignments."""
    from ..shape.views import expand, reshape

    s = tuple(value._a.shape)
    while len(s) > len(shape) and s[0] == 1:
        s = s[1:]
    if s != tuple(value._a.shape):
        value = reshape(value, s)
    try:
        return expand(value, *shape)
    except RuntimeError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(s)} cannot be broadcast to indexing"
            f" result of shape {list(shape)}"
        ) from None


@op(elementwise, types="any", node="CopyBackwards")
def overwrite(xp, x, value):
    """value in place of x."""
    return xp.expand(value, tuple(x.shape))


overwrite.vjp(x=lambda xp, g: xp.zeros_like(g), value=lambda g: g)


def copy_into(v: Tensor, value: Tensor, name: str, constant: bool = False) -> None:
    """Overwrite v (a tensor or a view of one) with value, recorded. constant: value is a number."""
    if value.dtype is not v.dtype:
        value = value.to(v.dtype)
    if value.device != v.device:
        value = value.to(v.device)
    if tuple(value._a.shape) != tuple(v._a.shape):
        value = fitted(value, tuple(v._a.shape))
    if value._n is not None or v._n is not None:
        value = overwrite.entry(v, value)
    views.inplace(v, name, wrap(value._a, value._n), constant)


@public(
    "select(Tensor input, int dim, int index)",
    lines=(line(select_op, when="-a0.shape[s_dim] <= index < a0.shape[s_dim]"),),
)
def select(input, dim, index):
    """The slice at one index of a dimension (a view).

    >>> torch.select(torch.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    nd = input._a.ndim
    if nd == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d = wrap_dim(dim, nd, "select")
    n = input._a.shape[d]
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input._a.shape)} at"
            f" dimension {dim}"
        )
    return select_op.entry(input, d, int(index))
