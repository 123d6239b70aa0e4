"""What those who stand in for operators see of public functions: those that make tensors, change
them in place, or cut them from their history, and those that are one operator and several ops.

While a class with a __torch_dispatch__ lives or such a mode is entered, public functions are
exchanged (`overrides.py`), and each call asks here before its own code runs. What is recorded is
not for here: ops are handed over below the recording (`classed.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.devices import device
from ..base.modes import state
from ..base.returns import return_type
from ..engine.tensor import Tensor
from ..ops.aten import OVERLOADS, call, overload, recorded
from ..ops.aten_calls import keyed, product
from ..ops.creation.tensor import tensor
from ..ops.dispatching import HERE, overriding, send
from . import overrides

SIZED = {"zeros", "ones", "empty", "rand", "randn"}  # made of sizes alone
MADE = {"full", "arange", "linspace", "logspace", "eye", "randint", "randperm"}
LIKE = {
    "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "randint_like",
}  # fmt: skip
NEW = {"new_zeros", "new_ones", "new_empty", "new_full"}
KEPT = frozenset(("requires_grad_", "detach_", "retain_grad", "share_memory_", "rename_"))
CALLED = {"empty": "empty.memory_format"}
OPTIONS = ("requires_grad", "generator", "out", "names")


def ask() -> None:
    """Have public functions exchanged, until release()."""
    overrides.below = seen
    overrides.ask()


def ask_while(x: Any) -> None:
    """Have them exchanged as long as an object lives."""
    overrides.below = seen
    overrides.ask_while(x)


def release() -> None:
    """Want it no longer."""
    overrides.release()


def seen(name: str, original: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """(result,) of a public function that is handed over as an operator; None for others."""
    if HERE.off or not (HERE.modes or overriding(args, kwargs)):
        return None
    word = name.rpartition(".")[2]
    if name == "torch.sparse.mm" and overriding(args, kwargs):  # with reduce=, another operator
        if len(args) + len(kwargs) < 3:
            return (call("mm.default", *args, **kwargs),)
        return (call("_sparse_mm_reduce_impl.default", *args, *kwargs.values())[0],)
    if name == "torch.Tensor.data.__get__":
        word = "detach"
    if word == "detach":
        return (send(overload("detach.default"), args[:1], {}),)
    word = word if not word.startswith("__") else IN_PLACE.get(word, word)
    if word in SIZED or word in MADE or word in LIKE or word in NEW:
        return made(word, args, kwargs)
    if word == "tensor" and HERE.modes:
        return (call("lift_fresh.default", original(*args, **kwargs)),)
    if not (args and isinstance(args[0], Tensor)) or state.grad and recorded(args):
        return None
    if word in NUMBERS:
        return (NUMBERS[word](send(overload("_local_scalar_dense.default"), args[:1], {})),)
    if word in ("matmul", "__matmul__") and len(args) == 2:
        return (product(call, *args),)
    if word == "__setitem__":
        return assigned(*args)
    if word.endswith("_") and word[0] != "_" and word not in KEPT:
        return changed(word, args, kwargs)
    chosen = ATOMS.get(word)
    found = None if chosen is None else chosen(*args, **kwargs)
    if found is None or kwargs.get("out") is not None:
        return None
    called, given, options = found
    result = send(overload(called), given, options)
    return (return_type(word)(result) if word in NAMED and type(result) is tuple else result,)


NAMED = ("max", "min", "sort", "topk")  # results have names
NUMBERS = {"__bool__": bool, "__float__": float, "__int__": int, "__index__": int}


def assigned(x: Tensor, key: Any, value: Any) -> Any:
    """(None,) of an assignment to a part of a tensor: by a view of it, or by index tensors."""
    parts = key if isinstance(key, tuple) else (key,)
    if any(isinstance(p, (Tensor, list, tuple, bool)) or hasattr(p, "dtype") for p in parts):
        if not all(isinstance(p, Tensor) for p in parts):
            return None
        if not isinstance(value, Tensor):
            value = tensor(value, dtype=x.dtype)
        call("index_put_.default", x, list(parts), value)
        return (None,)
    if isinstance(value, Tensor):
        call("copy_.default", keyed(call, x, key), value)
        return (None,)
    filled = tensor(value, dtype=x.dtype)
    if HERE.modes:
        filled = call("lift_fresh.default", filled)
    call("fill_.Tensor", keyed(call, x, key), filled)
    return (None,)


Found = tuple[str, tuple[Any, ...], dict[str, Any]] | None


def extreme(name: str) -> Callable[..., Found]:
    """max and min, of everything, along a dimension, or of two tensors."""

    def f(x: Any, dim: Any = None, keepdim: bool = False, **rest: Any) -> Found:
        if dim is None:
            return f"{name}.default", (x,), {}
        if isinstance(dim, Tensor):
            return f"{name}.other", (x, dim), {}
        return f"{name}.dim", (x, dim, True) if keepdim else (x, dim), {}

    return f


def with_alpha(name: str) -> Callable[..., Found]:
    """A sum or difference with a factor; without, it is an op."""

    def f(x: Any, other: Any = None, *, alpha: Any = 1, **rest: Any) -> Found:
        return None if alpha == 1 else (f"{name}.Tensor", (x, other), {"alpha": alpha})

    return f


def in_dtype(name: str, along: str) -> Callable[..., Found]:
    """A reduction whose result has another dtype; without, it is an op."""

    def f(
        x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, **rest: Any
    ) -> Found:
        if dtype is None:
            return None
        if dim is None:
            return f"{name}.default", (x,), {"dtype": dtype}
        dims = [dim] if isinstance(dim, int) else list(dim)
        return f"{name}.{along}", (x, dims, True) if keepdim else (x, dims), {"dtype": dtype}

    return f


def plain(name: str) -> Callable[..., Found]:
    """An operator of the same arguments."""
    return lambda *args, **kwargs: (name, args, kwargs)


def split(x: Any, split_size_or_sections: Any = 1, dim: int = 0, **rest: Any) -> Found:
    size = rest.get("split_size", split_size_or_sections)
    tail = (dim,) if dim else ()
    if isinstance(size, int):
        return "split.Tensor", (x, size, *tail), {}
    return "split_with_sizes.default", (x, list(size), *tail), {}


def chunk(x: Any, chunks: int = 1, dim: int = 0, **rest: Any) -> Found:
    n = x.shape[dim]
    if not n:
        return None
    return "split.Tensor", (x, -(-n // chunks), *((dim,) if dim else ())), {}


def masked_fill(x: Any, mask: Any, value: Any, **rest: Any) -> Found:
    return (
        f"masked_fill.{'Tensor' if isinstance(value, Tensor) else 'Scalar'}",
        (x, mask, value),
        {},
    )


def scatter(x: Any, dim: int, index: Any, src: Any = None, **rest: Any) -> Found:
    value = rest.get("value", src)
    kind = "src" if isinstance(value, Tensor) else "value"
    return None if "reduce" in rest else (f"scatter.{kind}", (x, dim, index, value), {})


def value(x: Any, *rest: Any) -> Found:
    """A tensor's only element as a Python number."""
    return ("_local_scalar_dense.default", (x,), {}) if x.numel() == 1 else None


def indexed(x: Any, key: Any) -> Found:
    """An element or a part, by index tensors."""
    keys = key if isinstance(key, tuple) else (key,)
    if not any(isinstance(k, Tensor) for k in keys):
        return None
    if not all(isinstance(k, Tensor) or k == slice(None) for k in keys):
        return None
    return "index.Tensor", (x, [k if isinstance(k, Tensor) else None for k in keys]), {}


def sort(
    x: Any, dim: int = -1, descending: bool = False, *, stable: Any = None, **rest: Any
) -> Found:
    """A sort; with stable= it is another overload, which has its arguments by name."""
    if stable is not None:
        return "sort.stable", (x,), {"stable": stable, "dim": dim, "descending": descending}
    tail = (dim, descending) if descending else () if dim == -1 else (dim,)
    return "sort.default", (x, *tail), {}


WHOLE = (
    "index_select gather scatter_add cumsum bincount isin searchsorted bucketize mm addmm bmm mv"
)
ATOMS: dict[str, Callable[..., Found]] = {
    "max": extreme("max"), "min": extreme("min"), "add": with_alpha("add"),
    "sub": with_alpha("sub"), "sum": in_dtype("sum", "dim_IntList"),
    "mean": in_dtype("mean", "dim"), "split": split, "chunk": chunk, "masked_fill": masked_fill,
    "scatter": scatter, "item": value, "sort": sort,
    "topk": plain("topk.default"), "unbind": plain("unbind.int"),
    "equal": plain("equal.default"), "allclose": plain("allclose.default"),
    "nonzero": lambda x, as_tuple=False, **rest: (
        None if as_tuple else ("nonzero.default", (x,), {})
    ),
    "__getitem__": indexed, "masked_select": plain("masked_select.default"),
    **{name: plain(f"{name}.default") for name in WHOLE.split()}, "select": plain("select.int"),
}  # fmt: skip


IN_PLACE = {f"__i{k}__": f"{k}_" for k in ("add", "sub", "mul")} | {
    "__itruediv__": "div_", "__ipow__": "pow_", "__ifloordiv__": "floor_divide_",
}  # fmt: skip


def changed(word: str, args: Any, kwargs: Any) -> Any:
    """(result,) of a change in place that is not recorded."""
    usual = OVERLOADS.get(word[:-1], "default")
    other = args[1] if len(args) > 1 else next(iter(kwargs.values()), None)
    if usual == "Tensor" and word[:-1] not in ("add", "sub", "mul", "div"):
        usual = "Tensor" if isinstance(other, Tensor) else "Scalar"
    elif word in ("pow_", "fill_", "masked_fill_"):
        usual = "Tensor" if isinstance(args[-1], Tensor) else "Scalar"
    elif word == "bernoulli_":
        usual = "Tensor" if isinstance(other, Tensor) else "float"
    if kwargs.get("alpha") == 1:
        kwargs = {k: v for k, v in kwargs.items() if k != "alpha"}
    return (send(overload(f"{word}.{usual}"), args, kwargs),)


def made(word: str, args: Any, kwargs: Any) -> Any:
    """(result,) of a function that makes a tensor."""
    options = {k: v for k, v in kwargs.items() if v is not None and k not in OPTIONS}
    if kwargs.get("out") is not None or kwargs.get("generator") is not None:
        return None
    if word in LIKE or word in NEW:
        rest = args[1:]
        if word in NEW:
            rest = (sizes(rest[:-1] if word == "new_full" else rest), *rest[1:][-1:])
            rest = rest if word == "new_full" else rest[:1]
        result = send(
            overload(f"{word}.default"), (*args[:1], *rest), {**options, "pin_memory": False}
        )
    else:
        given: Any = args
        if word in SIZED:
            given = (sizes(args or (options.pop("size"),)),)
        elif word in ("full", "randint"):
            at = 0 if word == "full" else len(args) - 1
            given = tuple([list(a) if i == at and not isinstance(a, int) else a
                           for i, a in enumerate(args)])  # fmt: skip
        where = options.pop("device", None) or state.default_device or "cpu"
        options["device"] = where if isinstance(where, device) else device(where)
        options.setdefault("pin_memory", False)
        if word == "arange" and len(args) > 1:
            word = "arange.start" if len(args) == 2 else "arange.start_step"
        called = CALLED.get(word, word if "." in word else f"{word}.default")
        result = send(overload(called), given, options)
    if kwargs.get("requires_grad"):
        result = result.requires_grad_()
    return (result,)


def sizes(args: Any) -> list[int]:
    """Sizes as a list, which may have been given one by one."""
    first = args[0] if args else ()
    return list(first) if isinstance(first, (tuple, list)) else list(args)
