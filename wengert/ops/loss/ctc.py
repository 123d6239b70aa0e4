"""Connectionist temporal classification (CTC): labels against a longer sequence of frames.

What lives here: the op and its checks. What does not: the recursions (`arrays/ctc.py`).
"""

from __future__ import annotations

from typing import Any

from ...arrays.lookup import LIBRARY, RANK, namespace
from ...base.dtypes import INTEGRAL
from ...declare.registry import public
from ...engine.kinds import opaque
from ...engine.op import primitive
from ...engine.tensor import Tensor, wrap
from .cross_entropy import NUMBERED, numbered, reduction_of


@primitive(opaque, types="any", inputs=4, hidden="alpha", name="ctc_loss")
def ctc_loss_op(xp, x, targets, input_lengths, target_lengths, blank=0, zero_infinity=False):
    """Losses (N,) of log-probabilities x (T, N, C) against labels targets (N, S)."""


@primitive(opaque, types="any", inputs=7)
def ctc_loss_backward(
    xp, g, x, targets, input_lengths, target_lengths, losses, alpha, blank=0, zero_infinity=False
):
    """Gradient of ctc_loss's x."""


def _twice(*arrays: Any) -> Any:
    raise RuntimeError("derivative for aten::_ctc_loss_backward is not implemented")


ctc_loss_op.vjp(
    x=lambda xp, g, x, targets, input_lengths, target_lengths, out, alpha, blank, zero_infinity: (
        xp.ctc_loss_backward(
            g, x, targets, input_lengths, target_lengths, out, alpha, blank, zero_infinity
        )
    )
)
ctc_loss_backward.vjp(g=lambda g: _twice(g), x=lambda g: _twice(g))


def lengths(name: str, value: Any, n: int, most: int, like: Tensor) -> tuple[Tensor, list[int]]:
    """Lengths given as a tensor or a sequence, as a tensor and as ints."""
    if isinstance(value, Tensor):
        if value.dtype.category != INTEGRAL:
            raise TypeError(f"ctc_loss(): argument '{name}' must hold integers, not {value.dtype}")
        value = value.reshape(-1).tolist()
    ints = [int(v) for v in value]
    if len(ints) != n:
        raise RuntimeError(f"{name} must be of size batch_size: got {len(ints)} for a batch of {n}")
    for v in ints:
        if v < 0:
            raise RuntimeError(
                f"Expected {name} to have value at least 0, but got value {v} (while checking "
                "arguments for ctc_loss)"
            )
        if v > most:
            raise RuntimeError(
                f"Expected {name} to have value at most {most}, but got value {v} (while checking "
                "arguments for "
                "ctc_loss)"
            )
    ns = namespace(like._a) if RANK.get(type(like._a), LIBRARY) == LIBRARY else None
    if ns is None:
        from ..creation.tensor import tensor

        return tensor(ints, device=like.device), ints
    return wrap(ns.asarray(ints)), ints


def rows(targets: Tensor, counts: list[int]) -> Tensor:
    """Concatenated labels as rows (N, longest), filled up with zeros."""
    s = max(counts, default=0)
    at, out = 0, []
    for c in counts:
        part = targets[at : at + c]
        out.append(part if c == s else joined(part, targets.new_zeros((s - c,))))
        at += c
    from ..shape.join import stack

    return stack(out)


def joined(a: Tensor, b: Tensor) -> Tensor:
    from ..shape.join import cat

    return cat([a, b])


@public(
    "ctc_loss(Tensor log_probs, Tensor targets, Tensor|int[] input_lengths, "
    "Tensor|int[] target_lengths, int blank=0, int reduction=0, "
    "bool zero_infinity=False)",
    method=False,
)
def torch_ctc_loss(
    log_probs, targets, input_lengths, target_lengths, blank=0, reduction=0, zero_infinity=False
):
    """F.ctc_loss with a numbered reduction: 0 none, 1 mean, 2 sum.

    >>> lengths = torch.tensor([2]), torch.tensor([1])
    >>> torch.ctc_loss(torch.zeros(2, 1, 3), torch.tensor([[1]]), *lengths, 0, 0, False)
    tensor([-1.0986])
    """
    reduction = numbered(reduction)
    for what in (input_lengths, target_lengths):
        if isinstance(what, Tensor) != isinstance(input_lengths, Tensor):
            raise TypeError(
                "ctc_loss(): input_lengths and target_lengths must both be tensors or both be "
                "tuples of ints"
            )
    single = log_probs._a.ndim == 2
    x = log_probs.unsqueeze(1) if single else log_probs
    if x._a.ndim != 3:
        raise RuntimeError(
            f"ctc_loss: log_probs must be (T, N, C) or (T, C), got shape {list(log_probs._a.shape)}"
        )
    if single and targets._a.ndim == 1:
        targets = targets.unsqueeze(0)
    if not targets._a.ndim:
        raise RuntimeError("ctc_loss: targets need 1 or 2 dimensions, but got a 0-d tensor")
    steps, n, classes = x._a.shape
    if not 0 <= blank < classes:
        raise RuntimeError(f"blank must be in label range: got {blank} for {classes} classes")
    inputs, _ = lengths("input_lengths", input_lengths, n, steps, x)
    s = targets._a.shape[1] if targets._a.ndim == 2 else targets._a.size
    count, counts = lengths("target_lengths", target_lengths, n, 2**62, x)
    targets = targets.long()
    if targets._a.ndim == 1:
        if sum(counts) != s:
            raise RuntimeError(
                f"Expected tensor to have size {sum(counts)} at dimension 0, but got size {s} for "
                "argument #2 "
                "'targets' (while checking arguments for ctc_loss)"
            )
        targets = rows(targets, counts)
    elif targets._a.shape[0] != n or max(counts, default=0) > s:
        raise RuntimeError(
            f"Expected tensor to have size at least {max(counts, default=0)} at dimension 1, but "
            f"got size {s} for "
            "argument #2 'targets' (while checking arguments for ctc_loss)"
        )
    else:
        targets = targets[:, : max(counts, default=0)]
    losses = ctc_loss_op.entry(x, targets, inputs, count, blank, zero_infinity)
    if zero_infinity:
        losses = losses.where(losses != float("inf"), losses.new_zeros(()))
    if reduction == "none":
        return losses[0] if single else losses
    if reduction == "sum":
        return losses.sum()
    return (losses / count.clamp(min=1).to(losses.dtype)).mean()


@public(
    "nn.functional.ctc_loss(Tensor log_probs, Tensor targets, "
    "Tensor|int[] input_lengths, Tensor|int[] target_lengths, int blank=0, "
    "str|any reduction='mean', "
    "bool zero_infinity=False)"
)
def ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    blank=0,
    reduction="mean",
    zero_infinity=False,
):
    """Minus the log-probability of labels, summed over all alignments with the frames.

    log_probs: (T, N, C) or (T, C), logarithms of probabilities. targets: (N, S), or all labels in a
    row. input_lengths, target_lengths: N ints, or tensors. zero_infinity: losses of targets too
    long to align, and their gradients, are 0. 'mean' first divides each loss by its target's
    length.

    >>> F.ctc_loss(torch.zeros(2, 2), torch.tensor([1]), torch.tensor([2]), torch.tensor([1]))
    tensor(-1.0986)
    """
    return torch_ctc_loss(
        log_probs,
        targets,
        input_lengths,
        target_lengths,
        blank,
        NUMBERED.index(reduction_of(reduction)),
        zero_infinity,
    )
