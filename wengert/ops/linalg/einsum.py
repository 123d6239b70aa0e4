"""einsum: sums of products of tensors, in Einstein's notation, as matrix products from left to
right.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any

from ...declare.binding import only_tensors, stood_in
from ...declare.fast_paths import F32, F64, plain
from ...declare.registry import public
from ...engine.op_modes import runner
from ...engine.promotion import common_dtype
from ...engine.tensor import Tensor
from .matmul import batched

ELLIPSIS = -1  # stands for the dots among labels
Labels = tuple[tuple[int, ...], ...]  # of operands
Calls = list[tuple[str, tuple[Any, ...]]]  # methods and their arguments

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
    first = operands[0]._a.dtype
    for t in operands:
        if t._a.dtype is not first and not runner(batched):
            if sums(inputs, output, operands):
                raise RuntimeError(
                    "einsum(): expected all operands to have the same dtype, but got "
                    f"{operands[0].dtype} and {t.dtype}"
                )
            d = common_dtype(*operands)
            operands = tuple([t.to(d) for t in operands])
            break
    steps, last = _plan(inputs, output, tuple([tuple(t._a.shape) for t in operands]))
    value = operands[0]
    for (left, right, matrices, after), other in zip(steps, operands[1:]):
        value, other = _called(value, left), _called(other, right)
        value = _called(batched.entry(value, other) if matrices else value * other, after)
    return _called(value, last)


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


def _side(text: str, where: str) -> tuple[int, ...]:
    labels: list[int] = []
    i = 0
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
    return tuple(labels)


@functools.lru_cache(256)
def _parsed(equation: str) -> tuple[Labels, tuple[int, ...] | None]:
    if not isinstance(equation, str):
        raise TypeError(f"einsum(): the equation must be str, not {type(equation).__name__}")
    left, arrow, right = equation.partition("->")
    inputs = tuple([_side(part, f"operand {i}") for i, part in enumerate(left.split(","))])
    return inputs, _side(right, "the output") if arrow else None


def _from_lists(args: tuple[Any, ...]) -> tuple[Labels, tuple[int, ...] | None, tuple[Any, ...]]:
    """The format einsum(a, [0, 1], b, [1, 2], [0, 2])."""
    output = None
    if len(args) % 2:
        args, output = args[:-1], _listed(args[-1])
    return tuple([_listed(x) for x in args[1::2]]), output, args[::2]


def _listed(labels: Any) -> tuple[int, ...]:
    out: list[int] = []
    for x in labels:
        if x is Ellipsis:
            out.append(ELLIPSIS)
            continue
        if not 0 <= x < 52:
            raise RuntimeError(f"einsum(): subscripts must be in the range [0, 52), got {x}")
        out.append(int(x))
    return tuple(out)


def _called(x: Tensor, calls: Calls) -> Tensor:
    """A tensor after calls of its methods."""
    for name, arguments in calls:
        x = getattr(x, name)(*arguments)
    return x


class _Operand:
    """A tensor on its way through a plan: its labels and sizes, and the calls that lead there."""

    def __init__(self, labels: Iterable[int], shape: Iterable[int]) -> None:
        self.labels, self.shape = list(labels), list(shape)
        self.calls: Calls = []

    def sizes(self) -> dict[int, int]:
        """The sizes by label."""
        return dict(zip(self.labels, self.shape))

    def diagonals(self) -> None:
        """Labels that are there twice become one: their diagonal."""
        while len(set(self.labels)) < len(self.labels):
            label = next(a for a in self.labels if self.labels.count(a) > 1)
            i = self.labels.index(label)
            j = self.labels.index(label, i + 1)
            if self.shape[i] != self.shape[j]:
                raise RuntimeError(
                    f"einsum(): subscript {_shown(label)} is repeated for an operand but the sizes "
                    f"don't match, {self.shape[j]} != {self.shape[i]}"
                )
            self.calls.append(("diagonal", (0, i, j)))
            kept = [k for k in range(len(self.labels)) if k not in (i, j)] + [i]
            self.labels, self.shape = [self.labels[k] for k in kept], [self.shape[k] for k in kept]

    def sum_over(self, gone: set[int]) -> None:
        """Sum over labels."""
        dims = tuple([i for i, n in enumerate(self.labels) if n in gone])
        if dims:
            self.calls.append(("sum", (dims,)))  # int64 of integers, unless products follow
            self.shape = [n for i, n in enumerate(self.shape) if i not in dims]
            self.labels = [n for n in self.labels if n not in gone]

    def arrange(self, order: list[int]) -> None:
        """Put the labels in an order."""
        if self.labels != order:
            moved = tuple([self.labels.index(n) for n in order])
            self.calls.append(("permute", (moved,)))
            self.labels, self.shape = order, [self.shape[i] for i in moved]

    def view(self, shape: list[int], method: str = "reshape") -> None:
        """Take a shape; the labels are then those that the caller knows."""
        if self.shape != shape:
            self.calls.append((method, (tuple(shape),)))
            self.shape = shape


@functools.lru_cache(512)
def _plan(inputs: Labels, output: tuple[int, ...] | None, shapes: Labels) -> tuple[Any, Calls]:
    """The calls for operands of some shapes: for each operand but the first (calls of what is there
    so far, calls of the operand, whether they are multiplied as matrices, calls of the product),
    and calls of the last result.
    """
    dots = 0
    for i, (labels, shape) in enumerate(zip(inputs, shapes)):
        extra = len(shape) - len([x for x in labels if x != ELLIPSIS])
        if ELLIPSIS in labels:
            if extra < 0:
                raise RuntimeError(
                    f"einsum(): the number of subscripts in the equation ({len(labels) - 1}) is "
                    f"more than the number of dimensions ({len(shape)}) for operand {i}"
                )
            dots = max(dots, extra)
        elif extra:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(labels)}) does not "
                f"match the number of dimensions ({len(shape)}) for operand {i} and no ellipsis "
                "was given"
            )

    # the dots become labels of their own, aligned at the right
    def spelled(labels: Iterable[int], n: int) -> list[int]:
        return [y for x in labels for y in (range(100 + dots - n, 100 + dots) if x < 0 else (x,))]

    used = [x for labels in inputs for x in labels if x != ELLIPSIS]
    if output is None:
        dotted = dots or any(ELLIPSIS in x for x in inputs)
        output = (*([ELLIPSIS] if dotted else []), *sorted({x for x in used if used.count(x) == 1}))
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
    terms = [_Operand(spelled(x, len(s) - len(x) + 1), s) for x, s in zip(inputs, shapes)]
    result = spelled(output, dots)
    sizes: dict[int, int] = {}
    for i, term in enumerate(terms):
        for x, n in zip(term.labels, term.shape):
            if sizes.setdefault(x, n) != n and n != 1:
                if sizes[x] != 1:
                    raise RuntimeError(
                        f"einsum(): subscript {_shown(x) if x < 100 else '...'} has size {n} for "
                        f"operand {i} which does not broadcast with previously seen size {sizes[x]}"
                    )
                sizes[x] = n
    for term in terms:
        term.diagonals()
    value, steps = terms[0], []
    for i in range(1, len(terms)):
        later = {x for other in terms[i + 1 :] for x in other.labels} | set(result)
        value, step = _product(value, terms[i], later)
        steps.append(step)
    value.sum_over(set(value.labels) - set(result))
    if result:
        value.arrange(result)
    value.view([sizes[x] for x in result], "expand")
    return steps, value.calls


def _product(x: _Operand, y: _Operand, later: set[int]) -> tuple[_Operand, Any]:
    """Two operands joined, and the step of the plan: labels that only they have are summed over in
    one batch of matrix products.
    """
    xs, ys = x.sizes(), y.sizes()
    # what only one operand has (or where the other's size is 1) and nobody needs can be summed
    # before
    x.sum_over({n for n in xs if n not in later and (n not in ys or ys[n] == 1 != xs[n])})
    y.sum_over({n for n in ys if n not in later and (n not in xs or xs[n] == 1 != ys[n])})
    xs, ys = x.sizes(), y.sizes()
    shared = [n for n in xs if n in ys]
    summed, batch = [n for n in shared if n not in later], [n for n in shared if n in later]
    only_x, only_y = [n for n in xs if n not in ys], [n for n in ys if n not in xs]
    sizes = {n: max(xs[n], ys[n]) if 0 not in (xs[n], ys[n]) else 0 for n in shared}
    p, q = [xs[n] for n in only_x], [ys[n] for n in only_y]
    out = _Operand(batch + only_x + only_y, [*[sizes[n] for n in batch], *p, *q])
    if not summed:
        x.arrange(batch + only_x)
        x.view(x.shape + [1] * len(q))
        y.arrange(batch + only_y)
        y.view([*y.shape[: len(batch)], *[1] * len(p), *q])
        return out, (x.calls, y.calls, False, ())
    for t in (x, y):  # dimensions of size 1 that are summed over, as the other operand needs them
        t.view([sizes[n] if n in summed else s for n, s in zip(t.labels, t.shape)], "expand")
    k = math.prod(sizes[n] for n in summed)
    x.arrange(batch + only_x + summed)
    x.view([*x.shape[: len(batch)], math.prod(p), k])
    y.arrange(batch + summed + only_y)
    y.view([*y.shape[: len(batch)], k, math.prod(q)])
    made = [*[sizes[n] for n in batch], math.prod(p), math.prod(q)]
    after = [("reshape", (tuple(out.shape),))] if made != out.shape else ()
    return out, (x.calls, y.calls, True, after)
