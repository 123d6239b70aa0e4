"""Muon: momentum whose matrices are orthogonalized before they are applied."""

from __future__ import annotations

import math
from typing import Any

from ..arrays import bfloat16
from ..arrays.lookup import HOST, NS
from ..engine.tensor import wrap
from .checks import check_lr
from .optimizer import Optimizer, Params

# The quintic whose repetition drives singular values towards 1 fastest from near 0
# (https://kellerjordan.github.io/posts/muon).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(Optimizer):
    """For the matrices of hidden layers: steps whose singular values are all about 1.

    params: two-dimensional tensors, (name, tensor) pairs or dicts of options with a "params"
    entry; leave biases and embeddings to another optimizer. lr: learning rate. weight_decay:
    decoupled. momentum: decay of the running mean of gradients. nesterov: look ahead along it.
    ns_coefficients, ns_steps, eps: of the orthogonalization. adjust_lr_fn: scale lr with the
    shape, "original" (also None) or "match_rms_adamw". Raises ValueError for values out of range
    and parameters that are no matrices.

    >>> p = torch.eye(2, requires_grad=True)
    >>> p.grad = torch.eye(2)
    >>> torch.optim.Muon([p], lr=0.1).step()
    >>> p.detach().diagonal() < 1
    tensor([True, True])
    """

    elementwise = False

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = COEFFICIENTS,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f"Adjust learning rate function {adjust_lr_fn} is not supported: "
                "take 'original' or 'match_rms_adamw'"
            )
        super().__init__(
            params,
            {
                "lr": lr,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "nesterov": nesterov,
                "ns_coefficients": ns_coefficients,
                "eps": eps,
                "ns_steps": ns_steps,
                "adjust_lr_fn": adjust_lr_fn,
            },
        )
        for group in self.param_groups:
            for p in group["params"]:
                if p.dim() != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{p.shape}"
                    )

    def start(self, p: Any) -> dict[str, Any]:
        """Zero mean of gradients."""
        if p.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        return {"momentum_buffer": self.like(p, 0)}

    def update(
        self,
        p: Any,
        g: Any,
        state: dict[str, Any],
        *,
        lr: Any,
        weight_decay: float,
        momentum: float,
        nesterov: bool,
        ns_coefficients: tuple[float, float, float],
        eps: float,
        ns_steps: int,
        adjust_lr_fn: str | None,
    ) -> None:
        """p -= lr * (weight_decay * p + orthogonalized mean gradient)."""
        mean = state["momentum_buffer"].lerp_(g, 1 - momentum)
        step = orthogonalize(
            g.lerp(mean, momentum) if nesterov else mean, ns_coefficients, ns_steps, eps
        )
        high, wide = p.shape
        if adjust_lr_fn == "match_rms_adamw":
            scale = 0.2 * math.sqrt(max(high, wide))
        else:
            scale = math.sqrt(max(1, high / wide))
        p.mul_(1 - lr * weight_decay)
        p.sub_(step.to(p.dtype) * (lr * scale))


def orthogonalize(g: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """The matrix with the singular vectors of g and singular values near 1.

    Applies x -> a x + b x**3 + c x**5 to the singular values, steps times, by products of
    matrices. Raises ValueError for 100 steps and more, which no precision could use.
    """
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if g.dim() != 2:
        raise ValueError("Input tensor gradient must be a 2D matrix")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    if NS[type(g._a)].has(HOST):
        return wrap(_orthogonal(g._a, coefficients, steps, eps))
    x = rounded(g)
    tall = g.shape[0] > g.shape[1]
    if tall:
        x = x.T
    x = rounded(x / rounded(x.norm()).clamp(min=eps))
    for _ in range(steps):
        gram = rounded(x @ x.T)
        x = rounded(a * x + rounded(b * gram + c * (gram @ gram)) @ x)
    return x.T if tall else x


def _orthogonal(g: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """The same of an array, rounded exactly as PyTorch rounds it on a CPU."""
    a, b, c = coefficients
    x = bfloat16.rounded(g)
    tall = g.shape[0] > g.shape[1]
    if tall:
        x = x.T
    norm = bfloat16.norm(x)
    x = bfloat16.rounded(x / max(norm, norm.dtype.type(eps)))
    along = not tall
    for _ in range(steps):
        gram = bfloat16.rounded(bfloat16.product(x, x.T, along))
        update = bfloat16.product_plus(b, gram, c, gram, gram)
        x = bfloat16.product_plus(a, x, 1.0, update, x, not along)
        along = True
    return x.T if tall else x


def rounded(x: Any) -> Any:
    """x with the precision of bfloat16, in single precision, in which products are fast."""
    return x.bfloat16().float()
