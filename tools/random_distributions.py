"""Random distributions with random parameters and shapes, beside PyTorch: samples from the same
seed, gradients of rsample, densities, moments, expand, divergences, transforms and errors.

    python tools/random_distributions.py --seconds 60 --seed 1 [--filter REGEX]

Needs PyTorch.
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from comparing import Make, attempt, gradients, main, names

SHAPES: list[tuple[int, ...]] = [(), (), (1,), (2,), (3,), (2, 1), (2, 3), (0,)]
# name -> its parameters, each by a letter: r real, p positive, u in (0, 1), n a count, l logits
SCALARS = {
    "Normal": "rp", "LogNormal": "rp", "Laplace": "rp", "Cauchy": "rp", "Gumbel": "rp",
    "Beta": "pp", "Gamma": "pp", "InverseGamma": "pp", "Exponential": "p", "Chi2": "p",
    "HalfNormal": "p", "HalfCauchy": "p", "Poisson": "p", "StudentT": "prp", "Pareto": "pp",
    "Weibull": "pp", "FisherSnedecor": "pp", "VonMises": "rp", "Kumaraswamy": "pp",
    "Bernoulli": "ul", "Geometric": "ul", "ContinuousBernoulli": "ul", "Uniform": "ab",
    "GeneralizedPareto": "rpr",
}  # fmt: skip
VECTORS = ["Categorical", "OneHotCategorical", "OneHotCategoricalStraightThrough", "Dirichlet",
           "RelaxedOneHotCategorical", "RelaxedBernoulli", "LogitRelaxedBernoulli", "Binomial",
           "NegativeBinomial", "Multinomial", "MultivariateNormal", "LowRankMultivariateNormal",
           "LogisticNormal", "Wishart", "LKJCholesky", "MixtureSameFamily", "Independent",
           "TransformedDistribution"]  # fmt: skip
TRANSFORMS = [
    "X.ExpTransform()", "X.SigmoidTransform()", "X.TanhTransform()", "X.AffineTransform(1., -2.)",
    "X.AffineTransform(t([0.5, 1.]), 2.)", "X.PowerTransform(2.)", "X.SoftplusTransform()",
    "X.AbsTransform()", "X.SoftmaxTransform()", "X.StickBreakingTransform()",
    "X.identity_transform",
    "X.ComposeTransform([X.AffineTransform(0., 2.), X.ExpTransform()])", "X.ExpTransform().inv",
    "X.CumulativeDistributionTransform(X.Normal(0., 1.))", "X.LowerCholeskyTransform()",
    "X.IndependentTransform(X.ExpTransform(), 1)",
]  # fmt: skip
VALUES = {
    "r": ["0.0", "1.0", "-1.5", "0.3", "2.0", "-20.0"], "p": ["1.0", "0.5", "2.0", "0.1", "3.7",
    "8.0"],
    "u": ["0.5", "0.3", "0.0", "1.0", "0.9", "0.01"], "l": ["0.0", "1.0", "-1.5", "8.0"],
    "a": ["0.0", "-1.0"], "b": ["1.0", "2.5"], "n": ["1.0", "3.0", "10.0", "0.0"],
}  # fmt: skip
WRONG = {"p": ["-1.0", "0.0", "nan", "inf"], "u": ["-0.5", "1.5"], "r": ["nan", "inf"]}
# draws whose gradients PyTorch knows to four digits
INEXACT = re.compile("Beta|Chi2|Dirichlet|Fisher|Gamma|StudentT|Wishart|LKJ")
POINTS = ["0.0", "1.0", "0.5", "-1.0", "2.0", "3.0", "0.25", "1e-6", "-0.7", "inf", "nan", "10.0"]


def nested(rng: random.Random, shape: tuple[int, ...], values: list[str]) -> str:
    if not shape:
        return rng.choice(values)
    return "[" + ", ".join([nested(rng, shape[1:], values) for _ in range(shape[0])]) + "]"


def tensor(rng: random.Random, shape: tuple[int, ...], letter: str, kind: str = "float32") -> str:
    values = VALUES[letter]
    if rng.random() < 0.03:
        values = values + WRONG.get(letter, [])
    text = f"t({nested(rng, shape, values)}"
    return text + ("" if kind == "float32" and 0 not in shape else f", dtype=T.{kind}") + ")"


def parameter(rng: random.Random, shape: tuple[int, ...], letter: str, kind: str) -> str:
    """A number or a tensor whose shape broadcasts with the shape."""
    if rng.random() < 0.15 and kind == "float32":  # as which numbers count, too
        return rng.choice(VALUES[letter])
    own = shape[rng.randrange(len(shape) + 1) :] if rng.random() < 0.3 else shape
    return tensor(rng, own, letter, kind)


def scalar(rng: random.Random, name: str, shape: tuple[int, ...], kind: str) -> str:
    letters = SCALARS[name]
    if letters == "ul":
        k = rng.randrange(2)
        return f"X.{name}({['probs', 'logits'][k]}={parameter(rng, shape, letters[k], kind)})"
    given = ", ".join([parameter(rng, shape, c, kind) for c in letters])
    return f"X.{name}({given})"


def vector(rng: random.Random, name: str, shape: tuple[int, ...], kind: str) -> str:
    k = rng.choice([1, 2, 3])
    way = rng.choice(["probs", "logits"])

    def p(last: tuple[int, ...], letter: str) -> str:
        return tensor(rng, (*shape, *last), letter, kind)

    chances = f"{way}={p((k,), 'p' if way == 'probs' else 'l')}"
    heat = rng.choice(["0.5", "t(0.5)", "t([0.5])", "2.0"])
    if "Categorical" in name:
        return f"X.{name}({heat + ', ' if 'Relaxed' in name else ''}{chances})"
    if "RelaxedBernoulli" in name:
        return f"X.{name}({heat}, {way}={p((), 'u' if way == 'probs' else 'l')})"
    if name in ("Binomial", "NegativeBinomial"):
        count = rng.choice(["3", "1", "0", p((), "n")])
        return f"X.{name}({count}, {way}={p((), 'u' if way == 'probs' else 'l')})"
    if name == "Multinomial":
        return f"X.{name}({rng.choice(['1', '5', '0'])}, {chances})"
    if name == "Dirichlet":
        return f"X.{name}({p((k,), 'p')})"
    base = f"T.eye({k}, dtype=T.{kind}) * {rng.choice(['1.0', '0.5', '2.0'])}"
    base += rng.choice(["", f" + 0.2 * T.ones({k}, {k}, dtype=T.{kind}).tril()" if k > 1 else ""])
    square = f"{rng.choice(['scale_tril', 'scale_tril', 'covariance_matrix', 'precision_matrix'])}"
    matrix = f"{square}={base}"
    if "scale" not in square:
        matrix = f"{square}=(lambda a: a @ a.mT)({base})"
    if name == "MultivariateNormal":
        return f"X.{name}({p((k,), 'r')}, {matrix})"
    if name == "LowRankMultivariateNormal":
        return f"X.{name}({p((k,), 'r')}, {p((k, 1), 'a')}, {p((k,), 'p')})"
    if name == "LogisticNormal":
        return f"X.{name}({p((k,), 'r')}, {p((k,), 'p')})"
    if name == "Wishart":
        return f"X.{name}({rng.choice(['3.0', '5.5', f't(4.0, dtype=T.{kind})'])}, {matrix})"
    if name == "LKJCholesky":
        return f"X.{name}({max(k, 2)}, {rng.choice(['1.0', '0.5', p((), 'p')])})"
    inner = rng.choice([n for n in SCALARS if n not in ("ContinuousBernoulli", "VonMises")])
    if name == "MixtureSameFamily":
        part = scalar(rng, inner, (*shape, k), kind)
        return f"X.{name}(X.Categorical({chances}), {part})"
    if name == "Independent":
        return f"X.{name}({scalar(rng, inner, (*shape, 2), kind)}, {rng.choice([0, 1, 1, 2])})"
    chain = ", ".join([rng.choice(TRANSFORMS) for _ in range(rng.choice([1, 1, 2]))])
    base = scalar(rng, rng.choice(["Normal", "Uniform", "Gamma"]), (*shape, 2), kind)
    return f"X.{name}({base}, [{chain}])"


def made(rng: random.Random, name: str, shape: tuple[int, ...], kind: str) -> str:
    text = (scalar if name in SCALARS else vector)(rng, name, shape, kind)
    if rng.random() < 0.15:
        text = text[:-1] + f", validate_args={rng.random() < 0.5})"
    if rng.random() < 0.15 and name != "Multinomial":  # whose expand() loses its parts in PyTorch
        text += f".expand({(*rng.choice([(), (2,), (3, 1)]), *shape)})"
    return text


MOMENTS = ("mean", "variance", "stddev", "mode", "batch_shape", "event_shape", "has_rsample",
           "has_enumerate_support", "support", "is_discrete")  # fmt: skip


def known(T: Any) -> dict[str, Any]:
    """The names of the edge cases, X, and Q, K: what a distribution and a divergence give."""
    X = T.distributions
    space = {**names(T), "X": X}
    for name in X.transforms.__all__:
        if not hasattr(X, name):
            space[name] = getattr(X.transforms, name)

    def recorded(text: str) -> tuple[Any, list[Any]]:
        """The distribution, and its tensors that take gradients."""
        leaves: list[Any] = []

        def t(values: Any, **more: Any) -> Any:
            x = T.tensor(values, **more)
            if x.is_floating_point():
                leaves.append(x.requires_grad_())
            return x

        return eval(text, {**space, "t": t}), leaves

    def with_gradients(f: Any, leaves: list[Any]) -> Any:
        y = f()
        return (y, gradients(T, [y], leaves)) if leaves else y

    def drawn_with_gradients(d: Any, size: tuple[int, ...], leaves: list[Any], text: str) -> Any:
        y = with_gradients(lambda: d.rsample(size), leaves)
        if leaves and INEXACT.search(text):
            return y[0], [g is None or (g.dtype, g.shape) for g in y[1]]
        return y

    def quantities(text: str, size: tuple[int, ...], point: list[Any]) -> dict[str, Any]:
        d, leaves = recorded(text)
        found = {"repr": attempt(lambda: repr(eval(text, space)))}
        T.manual_seed(5)
        drawn = found["sample"] = attempt(lambda: d.sample(size))
        found["after"] = T.rand(1)
        found["rsample"] = attempt(lambda: drawn_with_gradients(d, size, leaves, text))
        for key in MOMENTS:
            found[key] = attempt(lambda key=key: getattr(d, key))
        for key, value in (("drawn", drawn), ("point", T.tensor(point))):
            if key == "point" and isinstance(drawn, T.Tensor):
                value = value.to(drawn.dtype)
            for f in ("log_prob", "cdf", "icdf"):
                found[f"{f} {key}"] = attempt(
                    lambda f=f, v=value: with_gradients(lambda: getattr(d, f)(v), leaves)
                )
            found[f"in support {key}"] = attempt(lambda v=value: d.support.check(v))
        found["entropy"] = attempt(lambda: with_gradients(d.entropy, leaves))
        found["perplexity"] = attempt(lambda: with_gradients(d.perplexity, leaves))
        found["all"] = attempt(lambda: d.enumerate_support())
        found["few"] = attempt(lambda: d.enumerate_support(expand=False))
        found["n"] = attempt(lambda: d.sample_n(2))
        found["more"] = attempt(lambda: d.expand((2, *d.batch_shape)).log_prob(drawn))
        found["kl"] = attempt(lambda: X.kl_divergence(d, d))
        return {k: v.detach() if isinstance(v, T.Tensor) else v for k, v in found.items()}

    def divergence(one: str, two: str) -> Any:
        (p, some), (q, others) = recorded(one), recorded(two)
        T.manual_seed(5)
        return with_gradients(lambda: X.kl_divergence(p, q), some + others)

    return {**space, "Q": quantities, "K": divergence}


def maker(pattern: str) -> Make:
    found = [n for n in (*SCALARS, *VECTORS) if re.search(pattern, n)]

    def make(rng: random.Random) -> tuple[str, str] | None:
        name, shape = rng.choice(found), rng.choice(SHAPES)
        kind = rng.choice(["float32", "float32", "float64"])
        if name == "VonMises":
            kind = "float32"  # as good as the polynomials of PyTorch are
        if name in ("LowRankMultivariateNormal", "LKJCholesky"):
            kind = "float64"  # in which its differences of large numbers agree
        one = made(rng, name, shape, kind)
        if rng.random() < 0.3:
            other = name if rng.random() < 0.6 else rng.choice(found)
            two = made(rng, other, shape if rng.random() < 0.8 else rng.choice(SHAPES), kind)
            return name, f"K({one!r}, {two!r})"
        size = rng.choice([(), (1,), (2,), (2, 3), (0,) if name != "LKJCholesky" else (3,), (40,)])
        last = rng.choice([(), (1,), (2,), shape])
        if name in ("LKJCholesky", "Wishart", "TransformedDistribution"):  # of matrices, perhaps
            last = rng.choice([(2, 2), (1, 1)])
        point = (
            nested(rng, last, POINTS).replace("inf", "float('inf')").replace("nan", "float('nan')")
        )
        return name, f"Q({one!r}, {size}, {point})"

    return make


if __name__ == "__main__":
    sys.exit(main(__doc__ or "", maker, known))
