"""Functions of lists of tensors, `torch._foreach_NAME`: the function NAME for each of them.

Optimizers that people write call these; PyTorch's own are not public either. What lives here: which
there are and what they take, as declarations, and what an element of a list gets. They are made at
first use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..base.modes import no_grad
from ..declare.registry import Declared
from ..declare.signature import callable_of
from ..engine.tensor import Tensor
from . import functions, overrides

__all__ = ["_amp_foreach_non_finite_check_and_unscale_", "each_of", "names"]

SECOND = ("Scalar scalar", "Tensor[] other", "Scalar[] scalars")
SCALED = ("Scalar scalar", "Tensor[] other, *, Scalar alpha=1", "Scalar[] scalars")
TENSORS = "Tensor[] tensor1, Tensor[] tensor2"
# what each overload takes after the list: the functions
FAMILIES = {
    ("",): """abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p
        log2 max neg reciprocal round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc zero""",
    SECOND: "clamp_max clamp_min maximum minimum",
    (*SECOND, "Tensor other"): "div mul",
    (*SCALED, "Tensor other, *, Scalar alpha=1"): "add",
    SCALED: "sub",
    (
        f"{TENSORS}, Scalar value=1",
        f"{TENSORS}, Scalar[] scalars",
        f"{TENSORS}, Tensor scalars",
    ): "addcdiv addcmul",
    (
        "Tensor[] tensors1, Tensor[] weights",
        "Tensor[] tensors1, Scalar weight",
        "Tensor[] tensors1, Scalar[] weight",
    ): "lerp",
    ("Tensor[] exponent", "Scalar exponent", "Scalar[] exponent"): "pow",
    ("Scalar ord=2, ScalarType? dtype=None",): "norm powsum",
    ("Tensor[] mat2",): "mm",
    ("*, MemoryFormat? memory_format=None",): "clone",
    ("Tensor[] src, bool non_blocking=False",): "copy",
}
TAKEN = {word: texts for texts, words in FAMILIES.items() for word in words.split()}
NEVER_IN_PLACE = ("clone", "max", "mm", "norm", "powsum")
ONLY_IN_PLACE = ("copy", "zero")


def names() -> list[str]:
    """The names of all of them.

    >>> "_foreach_mul_" in names()
    True
    """
    plain = [f"_foreach_{w}" for w in TAKEN if w not in ONLY_IN_PLACE]
    return plain + [f"_foreach_{w}_" for w in TAKEN if w not in NEVER_IN_PLACE]


def each_of(name: str) -> Callable[..., Any]:
    """The function `_foreach_NAME`. AttributeError: there is none."""
    if name not in names():
        raise AttributeError(f"module 'torch' has no attribute {name!r}", name=name)
    word = name.removeprefix("_foreach_").removesuffix("_")
    texts = [f"{name}({', '.join(filter(None, ('Tensor[] self', t)))})" for t in TAKEN[word]]
    if name == "_foreach_pow":
        texts.append(f"{name}(Scalar self, Tensor[] exponent)")
    texts = [f"{t} -> Tensor[]" for t in texts]
    declared = Declared(body_of(word, name), tuple(texts), "", name, False)
    return overrides.made(callable_of(declared, name), f"torch.{name}")


def body_of(word: str, name: str) -> Callable[..., Any]:
    """What runs: `word` for the elements of the lists, in place if the name says so."""
    inplace = name.endswith("_")
    one = one_of(word, inplace)

    def each(self: Any, *args: Any, **kwargs: Any) -> Any:
        return tuple([one(*own, **kwargs) for own in elements(name, (self, *args))])

    def change(self: Any, *args: Any, **kwargs: Any) -> Any:
        for own in elements(name, (self, *args)):
            one(*own, **kwargs)
        return self

    f = change if inplace else each
    f.__doc__ = f"{word} of each tensor of a list{', in place' * inplace}."
    return f


def elements(name: str, args: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """What each call gets: of a list its own element, of anything else the whole.

    RuntimeError: the lists are empty or of different lengths.
    """
    columns: list[Sequence[Any] | None] = [
        a if isinstance(a, (list, tuple)) else None for a in args
    ]
    first = next(c for c in columns if c is not None)
    n = len(first)
    if not n:
        raise RuntimeError(f"{name}: Tensor list must have at least one tensor.")
    for c in columns:
        if c is not None and len(c) != n:
            if c and isinstance(c[0], Tensor):
                raise RuntimeError(
                    f"{name}: Tensor lists must have the same number of tensors, got {n} and"
                    f" {len(c)}"
                )
            raise RuntimeError(
                f"{name}: Tensor list must have same number of elements as scalar list, got {n}"
                f" tensors and {len(c)} numbers."
            )
    last = args[-1]
    if len(args) > 1 and isinstance(last, Tensor):
        columns[-1] = one_each(name, last, n)
    return list(zip(*[(a,) * n if c is None else c for a, c in zip(args, columns)]))


def one_each(name: str, t: Tensor, n: int) -> Sequence[Any]:
    """A tensor that was given for all: the numbers in it, or itself for a product or a sum."""
    if not name.startswith("_foreach_addc"):
        if t._a.ndim:
            raise RuntimeError(
                f"{name}: scalar tensor expected to be 0 dim but it has {t._a.ndim} dimensions and"
                f" {t._a.size} elements."
            )
        return (t,) * n
    if t._a.ndim != 1:
        raise RuntimeError(
            f"{name}: Expected packed scalar Tensor to be of dimension 1. Got {t._a.ndim} instead."
        )
    if len(t) != n:
        raise RuntimeError(
            f"{name}: Expected length of scalars to match input of length {n} but got {len(t)}"
            " instead."
        )
    numbers: list[Any] = t.tolist()
    return numbers


def one_of(word: str, inplace: bool) -> Callable[..., Any]:
    """The function for one tensor."""
    if word in ("norm", "powsum"):
        return norm if word == "norm" else powsum
    if word == "pow" and not inplace:
        return lambda base, exponent: functions.pow(base, exponent)
    method = {"maximum": "clamp_min", "minimum": "clamp_max"}.get(word, word) + "_" * inplace
    if word.startswith("addc"):
        return lambda t, a, b, value=1: getattr(t, method)(a, b, value=value)
    return lambda t, *args, **kwargs: getattr(t, method)(*args, **kwargs)


def norm(t: Tensor, ord: Any = 2, dtype: Any = None) -> Tensor:
    if abs(ord) == float("inf") and t._a.size == 0:
        raise RuntimeError(
            "_foreach_norm cannot compute the infinity norm on an empty tensor because the"
            " operation does not have an identity"
        )
    found: Tensor = functions.resolve("linalg", "vector_norm")(t, ord, dtype=dtype)
    return found


def powsum(t: Tensor, ord: Any = 2, dtype: Any = None) -> Tensor:
    if not t.dtype.is_inexact:
        raise NotImplementedError(f"_foreach_powsum: not implemented for {t.dtype}: use floats")
    return t.to(dtype or t.dtype).abs().pow(ord).sum()


def _amp_foreach_non_finite_check_and_unscale_(
    self: Sequence[Tensor], found_inf: Tensor, inv_scale: Tensor
) -> None:
    """Multiply tensors by inv_scale in place; found_inf becomes 1 if one was not finite."""
    with no_grad():
        for t in self:
            if not bool(functions.isfinite(t).all()):
                found_inf.fill_(1.0)
            t.mul_(inv_scale.to(t.device))
