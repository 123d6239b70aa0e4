"""Random functions with function transforms nested in them, beside PyTorch, without end.

    python tools/random_transforms.py --seconds 60 --seed 1

Each function is a few lines (formulas, changes in place, no_grad) around a transform of an inner
one; it is differentiated from outside in one of several ways. What PyTorch refuses because its
transforms do not take saved-tensor hooks (checkpoint) is no finding.
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from comparing import Make, main, names

FORMULAS = [
    "T.sin({})", "T.cos({})", "{} * {}", "{}.exp() * 0.1", "T.tanh({})", "{} ** 2",
    "{} ** 3 * 0.1", "T.sigmoid({})", "F.softplus({})", "T.log1p({} * {})", "{}.abs()",
    "F.relu({})", "{}.clamp(-1.03, 1.07)", "{} / (1 + {} * {})", "{}.flip(0)", "T.roll({}, 1, 0)",
    "{}.cumsum(0)", "T.where({} > 0, {}, {} * 2)", "F.softmax({}, 0)", "F.log_softmax({}, 0)",
    "{}.mT.mT if {}.dim() > 1 else {}", "{}.reshape(-1).reshape({}.shape)", "{} - {}.mean()",
    "{}.sort(0)[0]", "{}.detach() * {}", "{}.clone()", "T.stack([{}, {}]).sum(0)",
    "T.cat([{}, {}])[:{}.shape[0]]", "{}[None].squeeze(0)",
    "{}.index_select(0, t([0, 1]))[:1] * {}", "F.normalize({}, dim=0)", "F.gelu({})",
    "T.linalg.vector_norm({}) * {}", "{}.logsumexp(0) + {}", "{}.std() + {}", "{}.var(0) + {}",
    "T.outer({}.reshape(-1), {}.reshape(-1)).sum() + {}", "{}.masked_fill({} > 0.53, 0.)",
    "{}.tril() if {}.dim() > 1 else {}", "T.einsum('i...,i...->i...', {}, {})",
    "T.lerp({}, {} * 2, 0.3)", "T.hypot({}, {} + 2)", "T.atan2({}, {} + 3)",
    "T.maximum({}, {} * 0.53)", "{}.expand(2, *{}.shape).sum(0)", "{}.unfold(0, 2, 1).sum() + {}",
    "F.embedding(t([0, 1]), {}.reshape({}.shape[0], -1)).sum() + {}", "{}.diff(dim=0).sum() + {}",
    "F.conv1d({}.reshape(1, 1, -1), T.ones(1, 1, 2)).sum() + {}",
    "({}.reshape(1, -1) @ {}.reshape(-1, 1)).sum() + {}", "({} + 3).prod() * 0.01 + {}",
    "{}.cummax(0)[0] + {}", "{}.norm(3) + {}",
]  # fmt: skip
IN_PLACE = [
    "z = {}.clone(); z.mul_(2); {} = z", "z = {}.clone(); z[0] = z[0] * 3; {} = z",
    "z = T.zeros_like({}); z.copy_({}); {} = z", "z = {} * 1; z.add_({}); {} = z",
    "z = {}.clone(); z[0].mul_(2); {} = z", "z = {} * 1; z.sigmoid_(); {} = z",
    "z = T.zeros({}.shape); z = z + {}; z.sub_(1); {} = z",
    "z = {}.clone(); z.view(-1)[0] = 1.; {} = z", "z = T.zeros_like({}); z[:1] += {}[:1]; {} = z",
    "z = {}.clone(); z.unsqueeze_(0); {} = z.squeeze(0)",
    "z = {}.clone(); z.index_put_((t([0]),), {}[:1] * 2, True); {} = z",
]  # fmt: skip
INNER = {
    "grad": "T.func.grad({s})(x)", "jvp": "T.func.jvp({f}, (x,), (T.sin(x),))[1]",
    "vjp": "T.func.vjp({f}, x)[1](T.ones_like({f}(x)))[0]", "jacrev": "T.func.jacrev({s})(x)",
    "jacfwd": "T.func.jacfwd({s})(x)", "value": "T.func.grad_and_value({s})(x)[0]",
    "vmap": "T.func.vmap({f})(T.stack([x, x * 2.1, x + 1])).sum(0)",
    "hvp": "T.func.jvp(T.func.grad({s}), (x,), (x,))[1]",
    "checkpoint": "T.utils.checkpoint.checkpoint({f}, x, use_reentrant=False)",
}  # fmt: skip
OUTER = ["grad", "grad", "backward", "backward", "jvp", "vmap", "hessian", "value"]
POINTS = [
    "[0.5, -1.2, 0.7]", "[[0.5, -1.2], [0.3, 2.0]]", "[1.5, 0.2]",
    "[[0.1, 0.2, -0.3], [1.0, -0.5, 0.8]]",
]  # fmt: skip


def function(rng: random.Random, depth: int, name: str) -> list[str]:
    """The lines of a function of x, after those of the functions within it."""
    lines = [f"def {name}(x):"]
    for _ in range(rng.choice([1, 1, 2, 3])):
        kind, formula = rng.random(), rng.choice(FORMULAS).replace("{}", "x")
        if kind < 0.15:
            lines.append("    " + rng.choice(IN_PLACE).replace("{}", "x"))
        elif kind < 0.25:
            lines += [f"    with T.no_grad(): w = {formula}", "    x = x + w"]
        else:
            lines.append(f"    x = {formula}")
    if depth:
        inner = f"{name}i"
        lines = [*function(rng, depth - 1, inner), *lines]
        text = rng.choice(list(INNER.values())).format(f=inner, s=f"(lambda q: {inner}(q).sum())")
        if rng.random() < 0.2:
            mode = rng.choice(["no_grad", "no_grad", "enable_grad"])
            lines += [f"    with T.{mode}(): y = {text}", "    x = x * y.sum()"]
        else:
            lines.append(
                f"    x = x + {text}.sum()" if rng.random() < 0.5 else f"    x = x * 0.5 + {text}"
            )
        if rng.random() < 0.1:
            lines.append("    x = x.detach() + x")
    return [*lines, "    return x"]


def known(T: Any) -> dict[str, Any]:
    """The names of the edge cases, and R: what the source's f gives at a point."""

    def result(source: str, point: Any, how: str) -> Any:
        scope = names(T)
        exec(source, scope)
        f, x = scope["f"], T.tensor(point, dtype=T.float64)
        T.set_default_dtype(T.float64)
        try:
            if how == "grad":
                return T.func.grad(lambda q: f(q).sum())(x)
            if how == "backward":
                y = f(x.requires_grad_())
                if not y.requires_grad:
                    return y, False
                return y, True, T.autograd.grad(y.sum(), x, allow_unused=True)
            if how == "jvp":
                return T.func.jvp(f, (x,), (T.ones_like(x),))
            if how == "vmap":
                return T.func.vmap(f)(T.stack([x, x * 0.51]))
            return T.func.hessian(lambda q: f(q).sum())(x) if how == "hessian" else f(x)
        finally:
            T.set_default_dtype(T.float32)

    return {**names(T), "R": result}


def maker(pattern: str) -> Make:
    def make(rng: random.Random) -> tuple[str, str] | None:
        source = "\n".join(function(rng, rng.choice([1, 1, 2, 2, 3]), "f"))
        how = rng.choice(OUTER)
        if not re.search(pattern, how):
            return None
        return how, f"R({source!r}, {rng.choice(POINTS)}, {how!r})"

    return make


if __name__ == "__main__":
    sys.exit(main(__doc__, maker, known))
