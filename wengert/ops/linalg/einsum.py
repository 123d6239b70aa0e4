"""einsum: sums of products of tensors, in Einstein's notation, as matrix products from left to
right.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from ...declare.binding import only_tensors, stood_in
from ...declare.fast_paths import F32, F64, plain
from ...declare.registry import public
from ...engine.op_modes import runner
from ...engine.promotion import common_dtype
from ...engine.tensor import Tensor
from .matmul import batched
from .matrix import diag_vector

ELLIPSIS = -1  # stands for the dots among labels


FLOATS = (F32, F64)


@functools.lru_cache(256)
def _matrices(equation: str) -> tuple[bool, bool, bool] | None:
    """Which of x, y and the result are transposed, where an equation is the product of two
    matrices; None where it is not.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    x, comma, y = left.partition(",")
    letters = set(x + y)
    if not (arrow and comma and (x + y + right).isalpha() and len(x) == len(y) == len(right) == 2):
        return None
    if len(letters) != 3 or x[0] == x[1] or y[0] == y[1] or right[0] == right[1]:
        return None
    (k,) = set(x) & set(y)
    if k in right or set(right) != letters - {k}:
        return None
    return x[0] == k, y[1] == k, right[0] in y


@public("einsum(*any args)", method=False, foreign=False)
def einsum(equation="", *operands):
    """Sum of products of operands over the labels that the result leaves out.

    equation: 'ij,jk->ik', with '...' for dimensions without labels; or operands and lists of labels
    in turn, the list of the result last. RuntimeError where labels and sizes do not fit.

    >>> torch.einsum('ij,j->i', torch.ones(2, 3), torch.ones(3))
    tensor([3., 3.])
    """
    if len(operands) == 2 and type(equation) is str:
        x, y = operands
        if type(x) is type(y) is Tensor and x._n is y._n is None:
            a, b = x._a, y._a
            if a.ndim == b.ndim == 2 and a.dtype is b.dtype and a.dtype in FLOATS:
                flips = _matrices(equation)
                t = type(a)
                f = batched.impl[t]  # None: an interpreter's arrays; a mode wants the operands
                if flips is not None and t is type(b) and f is not None:
                    a, b = a.T if flips[0] else a, b.T if flips[1] else b
                    if a.shape[1] == b.shape[0]:
                        return plain(f(b.T, a.T) if flips[2] else f(a, b))
    if isinstance(equation, Tensor):
        inputs, output, operands = _from_lists((equation, *operands))
    else:
        if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = tuple(operands[0])
        inputs, output = _parsed(equation)
    if not operands:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one "
            "operand and its labels"
        )
    if len(inputs) != len(operands):
        more = "more" if len(operands) > len(inputs) else "fewer"
        raise RuntimeError(
            f"einsum(): {more} operands were provided than specified in the equation"
        )
    try:
        only_tensors(operands, 1)
    except TypeError:
        return stood_in("einsum", (equation, *operands))
    for t in operands:
        if t.dtype is not operands[0].dtype and not runner(batched):
            if sums(inputs, output, operands):
                raise RuntimeError(
                    "einsum(): expected all operands to have the same dtype, but got "
                    f"{operands[0].dtype} and {t.dtype}"
                )
            d = common_dtype(*operands)
            operands = tuple([t.to(d) for t in operands])
            break
    return _evaluate(inputs, output, list(operands))


def sums(inputs: Any, output: Any, operands: Any) -> bool:
    """Whether operands are multiplied and summed, not only multiplied."""
    long = []  # labels of more than one element, operand by operand
    for labels, t in zip(inputs, operands):
        shape = tuple(t._a.shape)
        if ELLIPSIS in labels:  # it is never summed; what stands after it is counted from the end
            i = labels.index(ELLIPSIS)
            after = len(labels) - i - 1
            pairs = [*zip(labels[:i], shape), *zip(labels[i + 1 :], shape[len(shape) - after :])]
        else:
            pairs = list(zip(labels, shape))
        long.append({x for x, n in pairs if n != 1})
    count = [x for labels in long for x in labels]
    if output is None:
        written = [x for labels in inputs for x in labels]
        output = [x for x in written if written.count(x) == 1 or x == ELLIPSIS]
    return any(x not in output and count.count(x) > 1 for x in count)


def _label(c: str) -> int:
    return ord(c) - 65 if c <= "Z" else ord(c) - 97 + 26


def _shown(label: int) -> str:
    return (
        "..."
        if label < 0
        else chr(65 + label)
        if label < 26
        else chr(97 + label - 26)
        if label < 52
        else str(label)
    )


def _side(text: str, where: str) -> list[int]:
    labels, i = [], 0
    while i < len(text):
        c = text[i]
        if c == " ":
            pass
        elif c == ".":
            if text[i : i + 3] != "...":
                raise RuntimeError(
                    f"einsum(): found '.' for {where} that is not part of any ellipsis"
                )
            if ELLIPSIS in labels:
                raise RuntimeError(
                    f"einsum(): found '.' for {where} for which an ellipsis was already found"
                )
            labels.append(ELLIPSIS)
            i += 2
        elif c.isascii() and c.isalpha():
            labels.append(_label(c))
        else:
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {i} in the equation string, "
                "subscripts must be in [a-zA-Z]"
            )
        i += 1
    return labels


@functools.lru_cache(256)
def _parsed(equation: str) -> tuple[list[list[int]], list[int] | None]:
    if not isinstance(equation, str):
        raise TypeError(f"einsum(): the equation must be str, not {type(equation).__name__}")
    left, arrow, right = equation.partition("->")
    inputs = [_side(part, f"operand {i}") for i, part in enumerate(left.split(","))]
    return inputs, _side(right, "the output") if arrow else None


def _from_lists(args: tuple[Any, ...]) -> tuple[list[list[int]], list[int] | None, tuple[Any, ...]]:
    """The format einsum(a, [0, 1], b, [1, 2], [0, 2])."""
    output = None
    if len(args) % 2:
        args, output = args[:-1], _listed(args[-1])
    return [_listed(x) for x in args[1::2]], output, args[::2]


def _listed(labels: Any) -> list[int]:
    out = []
    for x in labels:
        if x is Ellipsis:
            out.append(ELLIPSIS)
            continue
        if not 0 <= x < 52:
            raise RuntimeError(f"einsum(): subscripts must be in the range [0, 52), got {x}")
        out.append(int(x))
    return out


def _evaluate(inputs: list[list[int]], output: list[int] | None, ts: list[Tensor]) -> Tensor:
    dots = 0
    for i, (labels, t) in enumerate(zip(inputs, ts)):
        extra = t._a.ndim - len([x for x in labels if x != ELLIPSIS])
        if ELLIPSIS in labels:
            if extra < 0:
                raise RuntimeError(
                    f"einsum(): the number of subscripts in the equation ({len(labels) - 1}) is "
                    "more than the number of "
                    f"dimensions ({t._a.ndim}) for operand {i}"
                )
            dots = max(dots, extra)
        elif extra:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(labels)}) does not "
                "match the number of dimensions "
                f"({t._a.ndim}) for operand {i} and no ellipsis was given"
            )

    # the dots become labels of their own, aligned at the right
    def spelled(labels: list[int], n: int) -> list[int]:
        at = labels.index(ELLIPSIS)
        return [*labels[:at], *range(100 + dots - n, 100 + dots), *labels[at + 1 :]]

    used = [x for labels in inputs for x in labels if x != ELLIPSIS]
    if output is None:
        output = ([ELLIPSIS] if dots or any(ELLIPSIS in x for x in inputs) else []) + sorted(
            {x for x in used if used.count(x) == 1}
        )
    for x in output:
        if x != ELLIPSIS and x not in used:
            raise RuntimeError(
                f"einsum(): output subscript {_shown(x)} does not appear in the equation for any "
                "input operand"
            )
        if x != ELLIPSIS and output.count(x) > 1:
            raise RuntimeError(
                f"einsum(): output subscript {_shown(x)} appears more than once in the output"
            )
    inputs = [
        spelled(x, t._a.ndim - len(x) + 1) if ELLIPSIS in x else x for x, t in zip(inputs, ts)
    ]
    result = spelled(output, dots) if ELLIPSIS in output else output
    sizes: dict[int, int] = {}
    for i, (labels, t) in enumerate(zip(inputs, ts)):
        for x, n in zip(labels, t._a.shape):
            if sizes.setdefault(x, n) != n and n != 1:
                if sizes[x] != 1:
                    raise RuntimeError(
                        f"einsum(): subscript {_shown(x) if x < 100 else '...'} has size {n} for "
                        f"operand {i} which does not "
                        f"broadcast with previously seen size {sizes[x]}"
                    )
                sizes[x] = n
    terms = [_diagonals(labels, t) for labels, t in zip(inputs, ts)]
    labels, value = terms[0]
    for i in range(1, len(terms)):
        later = {x for other, _ in terms[i + 1 :] for x in other} | set(result)
        labels, value = _product(labels, value, *terms[i], later)
    gone = tuple([i for i, x in enumerate(labels) if x not in result])
    if gone:
        value = _summed(value, gone)
        labels = [x for x in labels if x in result]
    value = (
        value.permute([labels.index(x) for x in result]) if result and labels != result else value
    )
    want = [sizes[x] for x in result]
    return value.expand(want) if list(value._a.shape) != want else value


def _summed(x: Tensor, dims: tuple[int, ...], keepdim: bool = False) -> Tensor:
    return x.sum(dims, keepdim)  # int64 of integers, unless products follow


def _diagonals(labels: list[int], x: Tensor) -> tuple[list[int], Tensor]:
    """Labels that an operand has twice become one: their diagonal."""
    while len(set(labels)) < len(labels):
        label = next(a for a in labels if labels.count(a) > 1)
        i = labels.index(label)
        j = labels.index(label, i + 1)
        if x._a.shape[i] != x._a.shape[j]:
            raise RuntimeError(
                f"einsum(): subscript {_shown(label)} is repeated for an operand but the sizes "
                "don't match, "
                f"{x._a.shape[j]} != {x._a.shape[i]}"
            )
        x = diag_vector.entry(x.movedim((i, j), (-2, -1)))
        labels = [a for k, a in enumerate(labels) if k not in (i, j)] + [label]
    return labels, x


def _product(
    a: list[int], x: Tensor, b: list[int], y: Tensor, later: set[int]
) -> tuple[list[int], Tensor]:
    """Two operands joined: labels that only they have are summed over in one batch of matrix
    products.
    """
    xs, ys = dict(zip(a, x._a.shape)), dict(zip(b, y._a.shape))
    shared = [n for n in a if n in ys]
    # what only one operand has (or where the other's size is 1) and nobody needs can be summed
    # before
    x, a, y, b = (
        *_reduce(a, x, {n for n in a if n not in later and (n not in ys or ys[n] == 1 != xs[n])}),
        *_reduce(b, y, {n for n in b if n not in later and (n not in xs or xs[n] == 1 != ys[n])}),
    )
    xs, ys = dict(zip(a, x._a.shape)), dict(zip(b, y._a.shape))
    shared = [n for n in a if n in ys]
    summed = [n for n in shared if n not in later]
    batch = [n for n in shared if n in later]
    only_x, only_y = [n for n in a if n not in ys], [n for n in b if n not in xs]
    if not summed:
        ones, more = [1] * len(only_x), [1] * len(only_y)
        left = _arranged(x, a, batch + only_x, [xs[n] for n in batch + only_x] + more)
        shape = [*[ys[n] for n in batch], *ones, *[ys[n] for n in only_y]]
        return batch + only_x + only_y, left * _arranged(y, b, batch + only_y, shape)
    sizes = {n: max(xs[n], ys[n]) if 0 not in (xs[n], ys[n]) else 0 for n in shared}
    x, y = _widened(x, a, summed, sizes), _widened(y, b, summed, sizes)
    p, q = [xs[n] for n in only_x], [ys[n] for n in only_y]
    k = math.prod(sizes[n] for n in summed)
    left_shape = [*[xs[n] for n in batch], math.prod(p), k]
    right_shape = [*[ys[n] for n in batch], k, math.prod(q)]
    out = batched.entry(
        _arranged(x, a, batch + only_x + summed, left_shape),
        _arranged(y, b, batch + summed + only_y, right_shape),
    )
    shape = [*[sizes[n] for n in batch], *p, *q]
    out = out if list(out._a.shape) == shape else out.reshape(shape)
    return batch + only_x + only_y, out


def _arranged(x: Tensor, labels: list[int], order: list[int], shape: list[int]) -> Tensor:
    """x with its dimensions in an order, then in a shape."""
    x = x if labels == order else x.permute([labels.index(n) for n in order])
    return x if list(x._a.shape) == shape else x.reshape(shape)


def _widened(x: Tensor, labels: list[int], summed: list[int], sizes: dict[int, int]) -> Tensor:
    """x with dimensions of size 1 that are summed over repeated as the other operand needs."""
    want = [sizes[n] if n in summed else s for n, s in zip(labels, x._a.shape)]
    return x if list(x._a.shape) == want else x.expand(want)


def _reduce(labels: list[int], x: Tensor, gone: set[int]) -> tuple[Tensor, list[int]]:
    dims = tuple([i for i, n in enumerate(labels) if n in gone])
    return (_summed(x, dims), [n for n in labels if n not in gone]) if dims else (x, labels)
