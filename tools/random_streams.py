"""Random draws of all kinds, interleaved with seeds and states of generators, beside PyTorch.

    python tools/random_streams.py --seconds 60 --seed 1 [--filter REGEX]

Each program is a list of lines; what each gives is compared, and one more draw of the default
stream and of both generators at the end. Needs PyTorch.
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from comparing import Make, attempt, main, names

SIZES = ["()", "(0,)", "(1,)", "(3,)", "(7,)", "(15,)", "(16,)", "(17,)", "(24,)", "(33,)",
"(3, 5)",
         "(2, 8)", "(2, 0)", "(4, 4, 4)", "(257,)"]  # fmt: skip
FLOATS = ["float32"] * 4 + ["float64"] * 2 + ["float16", "bfloat16"]
INTS = ["int64", "int32", "int16", "int8", "uint8"]
# {s} a size, {f} a floating and {i} an integral dtype, {g} a generator or none, {p} a probability,
# {n} a count, {l} a layout of memory that is not plain
FILLS = [
    "uniform_(-1, 3{g})", "normal_(2, 0.5{g})", "exponential_(1.5{g})", "cauchy_(0, 2{g})",
    "log_normal_(0, 0.5{g})", "geometric_({p}{g})", "bernoulli_({p}{g})", "random_({g0})",
    "random_({n}{g})", "random_(-2, {n}{g})",
    "bernoulli_(T.full_like({e}, {p}, dtype=T.float32){g})",
]  # fmt: skip
DRAWS = [
    "T.rand({s}, dtype=T.{f}{g})", "T.randn({s}, dtype=T.{f}{g})",
    "T.randn({s}, dtype=T.complex64{g})",
    "T.rand({s}, dtype=T.complex128{g})", "T.randint({n} + 1, {s}, dtype=T.{i}{g})",
    "T.randint(-{n}, {n}, {s}, dtype=T.{f}{g})", "T.randperm({n}{g})",
    "T.randperm({n}, dtype=T.{i}{g})", "T.rand_like(T.ones({s}, dtype=T.{f}))",
    "T.randn_like(T.ones(4, 5, dtype=T.{f}){l})", "T.randint_like(T.ones({s}), {n})",
    "T.normal(0., 1., {s}{g})", "T.normal(T.zeros({s}), 2.{g})", "T.normal(1., T.ones({s}){g})",
    "T.normal(T.zeros(3, 1), T.ones(1, 6){g})", "T.bernoulli(T.full({s}, {p}, dtype=T.{f}){g})",
    "T.poisson(T.full({s}, {n} / 2, dtype=T.{f}){g})",
    "T.multinomial(T.arange(1., 6.), {k}, {b}{g})",
    "T.multinomial(T.rand(3, 5{g}), {k}, {b}{g})", "T.multinomial(T.ones(2, 40), {k}, {b}{g})",
    "F.dropout(T.ones({s}, dtype=T.{f}), {p}, {b})", "F.dropout1d(T.ones(2, 3, 4), {p})",
    "F.dropout2d(T.ones(2, 3, 2, 2), {p})", "F.dropout3d(T.ones(1, 3, 2, 2, 2), {p})",
    "F.alpha_dropout(T.ones({s}), {p}, {b})", "F.feature_alpha_dropout(T.ones(2, 4, 3), {p}, True)",
    "F.rrelu(-T.ones({s}), 0.1, 0.3, {b})",
    "F.gumbel_softmax(T.zeros(2, {n}), 1, {b})",
    "F.fractional_max_pool2d(T.arange(64.).view(1, 1, 8, 8), 2, (3, 3))",
    "F.fractional_max_pool3d(T.arange(64.).view(1, 4, 4, 4), 2, output_ratio=0.5)",
    "F.scaled_dot_product_attention(*[T.ones(1, 1, 3, 4)] * 3, dropout_p={p})",
    "T.binomial(T.full({s}, {n} * 1.), T.full({s}, {p}){g})",
    "T._standard_gamma(T.full({s}, {n} / 4, dtype=T.float64){g})",
    "T._sample_dirichlet(T.full((2, 3), {n} / 4, dtype=T.float64){g})",
    "T.nn.init.trunc_normal_(T.empty({s}){g})", "T.nn.init.xavier_uniform_(T.empty(3, {n}){g})",
    "T.nn.init.xavier_normal_(T.empty(3, 2, 2){g})",
    "T.nn.init.kaiming_normal_(T.empty(3, {n}){g})",
    "T.nn.init.kaiming_uniform_(T.empty(3, 4){g})", "T.nn.init.orthogonal_(T.empty(4, 3){g}).abs()",
    "T.nn.init.sparse_(T.empty(5, 3), 0.4{g})", "T.nn.init.normal_(T.empty({s}){g})",
    "list(T.nn.Linear(3, 2).parameters())", "list(T.nn.LSTM(2, 3).parameters())",
    "T.nn.Embedding(3, 4).weight", "list(T.nn.Bilinear(2, 2, 2).parameters())",
    "list(T.nn.Conv2d(2, 3, 2, dtype=T.float64).parameters())",
    "list(T.nn.MultiheadAttention(4, 2).parameters())", "T.nn.Dropout({p})(T.ones({s}))",
    "T.nn.LSTM(2, 3, 2, dropout={p})(T.ones(2, 1, 2))[0]", "T.nn.Hardtanh()(T.randn(3))",
    "list(T.utils.data.RandomSampler(range({n}){g}))", "T.rand(6{g})[1:]",
    "list(T.utils.data.WeightedRandomSampler([0.2, 0.5, 0.3], {n}, {b}{g}))",
    "list(T.utils.data.DataLoader(range({n}), batch_size=4, shuffle=True{g}))",
    "[list(p) for p in T.utils.data.random_split(range({n} * 2), [0.5, 0.5]{g})]",
    "T.distributions.Normal(0., 1.).sample({s})",
    "T.distributions.Categorical(T.ones(4)).sample({s})",
    "T.distributions.Beta(T.tensor({p}), T.tensor(2.)).sample({s})",
    "T.distributions.StudentT(T.tensor(3.)).sample({s})", "T.rand(3, out=T.empty(3){g})",
    "T.randn(12, out=T.empty(24)[::2]{g})",
    "T.vmap(lambda x: x + T.rand(2), randomness='different')(T.zeros(3))",
    "T.vmap(lambda x: F.dropout(x, 0.5), randomness='same')(T.ones(3, 4))",
    "T.utils.checkpoint.checkpoint(F.dropout, T.ones(5).requires_grad_(), use_reentrant={b})",
    "T.svd_lowrank(T.eye(6), 2)[1]", "T.initial_seed() % 997",
    "T.nn.utils.parametrizations.spectral_norm(T.nn.Linear(3, 2)).weight",
    "T.nn.Sequential(T.nn.Linear(2, 2), T.nn.AlphaDropout({p}))(T.ones(4, 2))",
]  # fmt: skip
STATES = [
    "T.manual_seed({n})", "G.manual_seed({n})", "keep('s', T.get_rng_state())",
    "T.set_rng_state(kept['s'])", "keep('g', G.get_state())", "G.set_state(kept['g'])",
    "H.set_state(G.get_state())", "keep('c', G.clone_state())", "T.rand(2, generator=kept['c'])",
    "T.default_generator.manual_seed({n})", "G.initial_seed()", "T.random.initial_seed() % 997",
    "T.get_rng_state().sum()", "G.get_state().sum()", "forked(lambda: T.rand(2))",
    "T.default_generator.set_state(G.get_state())", "T.manual_seed(-{n})",
    "G.manual_seed(2 ** 63 + {n})", "T.manual_seed(2 ** 64)",
]  # fmt: skip
LAYOUTS = [".t()", "[:, ::2]", "[1:, 1:]", ".flip(0)", ".t()[1:]", "[:, :1]"]


def filled(rng: random.Random, text: str) -> str:
    g = rng.choice(["", "", "", ", generator=G", ", generator=H"])
    n = rng.choice([1, 2, 3, 10, 30, 100])
    return text.format(
        s=rng.choice(SIZES), f=rng.choice(FLOATS), i=rng.choice(INTS), g=g, g0=g[2:], n=n,
        p=rng.choice(["0.3", "0.5", "0.0", "1.0", "0.9"]), l=rng.choice(LAYOUTS), b=n > 2,
        k=rng.choice([1, 2, 4, 7, 30]), e="{e}",
    )  # fmt: skip


def line(rng: random.Random) -> str:
    if rng.random() < 0.25:
        return filled(rng, rng.choice(STATES))
    if rng.random() < 0.3:
        kind = rng.choice(FLOATS + INTS)
        empty = f"T.zeros({rng.choice(SIZES)}, dtype=T.{kind})"
        if rng.random() < 0.4:
            empty = f"T.zeros(5, 6, dtype=T.{kind}){rng.choice(LAYOUTS)}"
        return f"{empty}.{filled(rng, rng.choice(FILLS)).replace('{e}', empty)}"
    return filled(rng, rng.choice(DRAWS))


def known(T: Any) -> dict[str, Any]:
    """The names of the edge cases, and S: what each line gives."""

    def stream(seed: int, lines: list[str]) -> list[Any]:
        T.manual_seed(seed)
        kept: dict[str, Any] = {}
        G, H = T.Generator().manual_seed(7), T.Generator().manual_seed(8)

        def keep(name: str, value: Any) -> None:
            kept[name] = value

        def forked(f: Any) -> Any:
            with T.random.fork_rng():
                return f()

        space = {**names(T), "kept": kept, "G": G, "H": H, "keep": keep, "forked": forked}
        found = [attempt(lambda text=text: shown(eval(text, space))) for text in lines]
        return [*found, T.rand(1), T.rand(1, generator=G), T.rand(1, generator=H)]

    def shown(x: Any) -> Any:
        return "Generator" if isinstance(x, T.Generator) else x

    return {**names(T), "S": stream}


def maker(pattern: str) -> Make:
    def make(rng: random.Random) -> tuple[str, str] | None:
        lines = [line(rng) for _ in range(rng.choice([1, 2, 4, 8]))]
        if not re.search(pattern, " ".join(lines)):
            return None
        seed = rng.choice([0, 1, 42, 2**31, 2**63 - 1, rng.randrange(10**6)])
        return "streams", f"S({seed}, {lines!r})"

    return make


if __name__ == "__main__":
    sys.exit(main(__doc__ or "", maker, known))
