"""Connectionist temporal classification, vectorised over the batch. First argument: the library.

What lives here: the kernels of `ops/loss/ctc.py`. Sums of probabilities are kept as logarithms.
"""

from __future__ import annotations

from typing import Any

from .capabilities import some

__all__ = ["ctc_loss", "ctc_loss_backward"]


def states(lib: Any, targets: Any, lengths: Any, classes: int, blank: int) -> tuple[Any, Any]:
    """(labels with blanks around and between them, which states may be entered from two before).

    IndexError for a target that is no class; what lies beyond lengths may be anything.
    """
    n, s = targets.shape
    targets = lib.where(lib.arange(s) < lengths[:, None], targets, blank)
    if targets.size and not 0 <= int(targets.min()) <= int(targets.max()) < classes:
        raise IndexError(
            f"ctc_loss: targets must be classes from 0 to {classes - 1}, but they are from "
            f"{int(targets.min())} to {int(targets.max())}"
        )
    z = lib.full((n, 2 * s + 1), blank, targets.dtype)
    z[:, 1::2] = targets
    jump = lib.zeros(z.shape, bool)
    jump[:, 3::2] = targets[:, 1:] != targets[:, :-1]
    return z, jump


def log_add(lib: Any, a: Any, b: Any, c: Any, jump: Any) -> Any:
    """log(exp a + exp b + exp c where jump holds)."""
    c = lib.where(jump, c, -lib.inf)
    m = lib.maximum(lib.maximum(a, b), c)
    safe = lib.where(m == -lib.inf, 0, m)
    return lib.log(lib.exp(a - safe) + lib.exp(b - safe) + lib.exp(c - safe)) + safe


def shifted(lib: Any, a: Any, k: int) -> Any:
    """a moved k states to the right."""
    out = lib.full(a.shape, -lib.inf, a.dtype)
    out[:, k:] = a[:, : a.shape[1] - k] if k else a
    return out


def emissions(lib: Any, x: Any, z: Any) -> Any:
    """The log-probability of each state at each time, (T, N, states)."""
    return lib.take_along_axis(x, lib.broadcast_to(z, (x.shape[0], *z.shape)), 2)


def forward(lib: Any, e: Any, jump: Any) -> Any:
    """Log-probabilities of all ways to reach each state at each time."""
    out = lib.full(e.shape, -lib.inf, e.dtype)
    out[0, :, :2] = e[0, :, :2]
    for t in range(1, e.shape[0]):
        a = out[t - 1]
        out[t] = (
            log_add(lib, a, shifted(lib, a, 1), shifted(lib, a, 2) if a.shape[1] > 2 else a, jump)
            + e[t]
        )
    return out


def ctc_loss(
    lib: Any,
    x: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    zero_infinity: bool = False,
) -> Any:
    """(losses (N,) of log-probabilities x (T, N, C), forward log-probabilities). targets: (N, S).

    zero_infinity matters to the gradient alone.
    """
    if x.dtype.kind != "f" or x.dtype.itemsize < 4:
        raise NotImplementedError(
            f"\"ctc_loss_cpu\" not implemented for '{x.dtype}': convert the log-probabilities with "
            ".float()"
        )
    z, jump = states(lib, targets, target_lengths, x.shape[2], blank)
    n = lib.arange(x.shape[1])
    if x.shape[0] == 0:
        return lib.where(target_lengths == 0, 0, lib.inf).astype(x.dtype), lib.zeros(
            (0, *z.shape), x.dtype
        )
    alpha = forward(lib, emissions(lib, x, z), jump)
    last = alpha[lib.maximum(input_lengths, 1) - 1, n]
    ends = last[n, 2 * target_lengths]
    before = lib.where(
        target_lengths > 0, last[n, lib.maximum(2 * target_lengths - 1, 0)], -lib.inf
    )
    m = lib.maximum(ends, before)
    safe = lib.where(m == -lib.inf, 0, m)
    losses = -(lib.log(lib.exp(ends - safe) + lib.exp(before - safe)) + safe)
    empty = input_lengths == 0
    if some(lib, empty):
        losses = lib.where(empty, lib.where(target_lengths == 0, 0, lib.inf), losses)
    return losses.astype(x.dtype), alpha


def ctc_loss_backward(
    lib: Any,
    g: Any,
    x: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    losses: Any,
    alpha: Any,
    blank: int = 0,
    zero_infinity: bool = False,
) -> Any:
    """Gradient of x: probabilities minus the expected share of each class.

    Its sum over the classes is 0, so it goes through log_softmax as it is.
    """
    steps, n, _ = x.shape
    if not steps:
        return lib.zeros_like(x)
    z, jump = states(lib, targets, target_lengths, x.shape[2], blank)
    e = emissions(lib, x, z)
    rows = lib.arange(n)
    # from each state to the end: the same recursion backwards in time and states, started at each
    # sample's own end
    leave = lib.zeros(jump.shape, bool)
    leave[:, : max(jump.shape[1] - 2, 0)] = jump[:, 2:]
    beta = lib.full(e.shape, -lib.inf, e.dtype)
    final = lib.full(z.shape, -lib.inf, e.dtype)
    final[rows, 2 * target_lengths] = 0
    final[rows, lib.maximum(2 * target_lengths - 1, 0)] = 0
    for t in range(steps - 1, -1, -1):
        if t == steps - 1:
            b = lib.full(z.shape, -lib.inf, e.dtype)
        else:
            after = beta[t + 1]
            r = after[:, ::-1]
            two = shifted(lib, r, 2)[:, ::-1] if r.shape[1] > 2 else after
            b = log_add(lib, after, shifted(lib, r, 1)[:, ::-1], two, leave) + e[t]
        starts = (input_lengths - 1 == t)[:, None]
        beta[t] = lib.where(starts, final + e[t], b)
    # alpha beta / emission: the probability of all ways through a state; exp(loss) makes it a share
    losses = losses[:, None]
    share = alpha + beta - e + lib.where(lib.isfinite(losses), losses, 0)
    share = lib.exp(lib.where(e == -lib.inf, -lib.inf, share))
    expected = lib.zeros_like(x)
    for s in range(z.shape[1]):
        expected[:, rows, z[:, s]] += share[:, :, s]
    out = (lib.exp(x) - expected) * g[None, :, None]
    out = lib.where(x == -lib.inf, lib.nan, out)  # PyTorch divides by this probability
    endless = losses == lib.inf
    if some(lib, endless):
        out = lib.where(endless[None], 0 if zero_infinity else lib.nan, out)
    out = lib.where((lib.arange(steps)[:, None] < input_lengths)[:, :, None], out, 0)
    return out.astype(x.dtype, copy=False)
