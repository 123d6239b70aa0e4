"""Random numbers against PyTorch's: live where it is installed, and against recorded streams.

Run this file as a program, with PyTorch installed, to record the streams anew.
"""

import hashlib
import json
import math
import pathlib
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from wengert.arrays import rejection_sampling as rejection
from wengert.arrays.box_muller import blocks32, blocks64
from wengert.arrays.random_fill import fill
from wengert.arrays.random_stream import DEFAULT_SEED, Stream

GOLDEN = pathlib.Path(__file__).parent.parent / "golden" / "random.json"
SEEDS = (0, 42, 2**31, 123456789012, -1)
SIZES = (0, 1, 2, 15, 16, 17, 31, 33, 1000, 40007)

BF16 = np.dtype(ml_dtypes.bfloat16)
_INTEGERS = ("int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64")
_SIMPLE = ("float32", "float64", "float16", "complex64", "complex128", *_INTEGERS, "bool")
NUMPY = {name: np.dtype(name) for name in _SIMPLE} | {"bfloat16": BF16}
FLOATS = ("float32", "float64", "float16", "bfloat16")


class Case:
    """A draw in both libraries, and whether the two agree bit for bit or to the last places."""

    def __init__(
        self, mine: Callable[..., Any], theirs: Callable[..., Any], exact: bool = True
    ) -> None:
        self.mine, self.theirs, self.exact = mine, theirs, exact


def _weights(n: int) -> np.ndarray:
    return (np.arange(3 * n).reshape(3, n) * 7 % 11 + 1).astype("f4") / 8


def _rates(n: int) -> np.ndarray:
    return (np.arange(n) * 13 % 29 + np.arange(n) % 3 * 40 + 0.25).astype("f4")


def _cases() -> dict[str, Case]:
    out = {}
    for d, k in NUMPY.items():
        if d in (*FLOATS, "complex64", "complex128"):
            double = d in ("float64", "complex128")
            out[f"rand {d}"] = Case(
                lambda s, n, k=k: s.uniform((n,), k),
                lambda t, n, d=d: t.rand(n, dtype=getattr(t, d)),
            )
            out[f"randn {d}"] = Case(
                lambda s, n, k=k: s.normal((n,), k),
                lambda t, n, d=d: t.randn(n, dtype=getattr(t, d)),
                not double,
            )
            out[f"normal_(1.5, 0.3) {d}"] = Case(
                lambda s, n, k=k: s.normal((n,), k, 1.5, 0.3),
                lambda t, n, d=d: t.empty(n, dtype=getattr(t, d)).normal_(1.5, 0.3),
                not double,
            )
        if d in FLOATS:
            for low, high in ((-2.3, 5.1), (0.0, 3.3), (-0.1, 0.1), (0.25, 0.25)):
                out[f"uniform_({low}, {high}) {d}"] = Case(
                    lambda s, n, k=k, a=low, b=high: s.uniform((n,), k, a, b),
                    lambda t, n, d=d, a=low, b=high: t.empty(n, dtype=getattr(t, d)).uniform_(a, b),
                )
            out[f"normal_(0, 7) {d}"] = Case(
                lambda s, n, k=k: s.normal((n,), k, 0.0, 7.0),
                lambda t, n, d=d: t.empty(n, dtype=getattr(t, d)).normal_(0, 7),
                d != "float64",
            )
            out[f"exponential_ {d}"] = Case(
                lambda s, n, k=k: s.exponential((n,), k, 1.7),
                lambda t, n, d=d: t.empty(n, dtype=getattr(t, d)).exponential_(1.7),
                d != "float64",
            )
            out[f"cauchy_ {d}"] = Case(
                lambda s, n, k=k: s.cauchy((n,), k, 1.7, 0.3),
                lambda t, n, d=d: t.empty(n, dtype=getattr(t, d)).cauchy_(1.7, 0.3),
                d != "float64",
            )
            out[f"log_normal_ {d}"] = Case(
                lambda s, n, k=k: s.log_normal((n,), k, 0.7, 0.3),
                lambda t, n, d=d: t.empty(n, dtype=getattr(t, d)).log_normal_(0.7, 0.3),
                d != "float64",
            )
            out[f"bernoulli {d}"] = Case(
                lambda s, n, k=k: s.bernoulli_each(np.full(n, 0.3).astype(k)),
                lambda t, n, d=d: t.bernoulli(t.full((n,), 0.3, dtype=getattr(t, d))).bool(),
            )
        if d not in ("complex64", "complex128"):
            if d != "bool":
                out[f"randint(100) {d}"] = Case(
                    lambda s, n, k=k: s.integers((n,), k, 0, 100),
                    lambda t, n, d=d: t.randint(0, 100, (n,), dtype=getattr(t, d)),
                )
            if d not in ("uint16", "uint32", "uint64"):
                out[f"random_ {d}"] = Case(
                    lambda s, n, k=k: s.any_integers((n,), k),
                    lambda t, n, d=d: t.empty(n, dtype=getattr(t, d)).random_(),
                )
                if d != "bool":
                    out[f"geometric_ {d}"] = Case(
                        lambda s, n, k=k: s.geometric((n,), k, 0.2),
                        lambda t, n, d=d: t.empty(n, dtype=getattr(t, d)).geometric_(0.2),
                    )
    for low, high in (
        (0, 10), (-5, 70000), (0, 2**28 - 1), (0, 2**28), (0, 2**32), (-(2**40), 2**41), (0, 1024),
        (-(2**63), 2**63 - 1),
    ):  # fmt: skip
        out[f"randint({low}, {high})"] = Case(
            lambda s, n, a=low, b=high: s.integers((n,), NUMPY["int64"], a, b),
            lambda t, n, a=low, b=high: t.randint(a, b, (n,)),
        )
    out["random_ of 64 bits"] = Case(
        lambda s, n: s.integers((n,), NUMPY["int64"], -(2**63), 2**63),
        lambda t, n: t.empty(n, dtype=t.int64).random_(-(2**63), None),
    )
    out["randperm"] = Case(lambda s, n: s.permutation(n), lambda t, n: t.randperm(n))
    for p in (0.0, 0.3, 0.5, 1.0):
        out[f"bernoulli_({p})"] = Case(
            lambda s, n, p=p: s.bernoulli((n,), p),
            lambda t, n, p=p: t.empty(n).bernoulli_(p).bool(),
        )
    out["dropout"] = Case(
        lambda s, n: s.bernoulli((n,), 0.7),
        lambda t, n: t.nn.functional.dropout(t.ones(n), 0.3) != 0,
    )
    for name, k, replacing in (("1", 1, False), ("5", 5, False), ("7 replacing", 7, True)):
        out[f"multinomial {name}"] = Case(
            lambda s, n, k=k, r=replacing: s.multinomial(_weights(n + 5), k, r),
            lambda t, n, k=k, r=replacing: t.multinomial(t.from_numpy(_weights(n + 5)), k, r),
        )
    out["poisson"] = Case(
        lambda s, n: rejection.poisson(s, _rates(min(n, 1000))),
        lambda t, n: t.poisson(t.from_numpy(_rates(min(n, 1000)))),
    )
    out["binomial"] = Case(
        lambda s, n: rejection.binomial(s, _rates(min(n, 1000)) // 1, _rates(min(n, 1000)) / 109),
        lambda t, n: t.binomial(
            t.from_numpy(_rates(min(n, 1000)) // 1), t.from_numpy(_rates(min(n, 1000)) / 109)
        ),
    )
    out["gamma"] = Case(
        lambda s, n: rejection.gamma(s, _rates(min(n, 1000)) / 9),
        lambda t, n: t._standard_gamma(t.from_numpy(_rates(min(n, 1000)) / 9)),
    )
    out["dirichlet"] = Case(
        lambda s, n: rejection.dirichlet(s, _weights(min(n, 1000) + 1)),
        lambda t, n: t._sample_dirichlet(t.from_numpy(_weights(min(n, 1000) + 1))),
    )
    return out


CASES = _cases()


def _numpy(t: Any) -> np.ndarray:
    import torch

    return t.view(torch.int16).numpy().view(BF16) if t.dtype == torch.bfloat16 else t.numpy()


def _summary(case: Case, results: list[tuple[np.ndarray, bytes]]) -> dict[str, Any]:
    """What is recorded of a series of draws: a digest of everything, or some values."""
    states = hashlib.sha256(b"".join(state for _, state in results)).hexdigest()[:16]
    if case.exact:
        # adding zero makes -0 and 0 the same
        data = b"".join(
            (a + a.dtype.type(0)).tobytes() if a.dtype.kind != "b" else a.tobytes()
            for a, _ in results
        )
        return {"digest": hashlib.sha256(data).hexdigest()[:16], "states": states}
    last = [a.view(f"f{a.dtype.itemsize // (2 if a.dtype.kind == 'c' else 1)}") for a, _ in results]
    return {"values": [float(v) for a in last for v in (*a[:2], *a[-2:])], "states": states}


def _mine(case: Case, seed: int) -> list[tuple[np.ndarray, bytes]]:
    stream = Stream(seed)
    return [(case.mine(stream, n), stream.state()) for n in SIZES]


def _theirs(case: Case, seed: int) -> list[tuple[np.ndarray, bytes]]:
    import torch

    torch.manual_seed(seed)
    return [(_numpy(case.theirs(torch, n)), torch.get_rng_state().numpy().tobytes()) for n in SIZES]


@pytest.mark.parametrize("name", CASES)
def test_like_pytorch(name):
    torch = pytest.importorskip("torch")
    case = CASES[name]
    # Without AVX2, PyTorch's blocks of normals are computed by other functions.
    same_code = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    for seed in SEEDS:
        for n, (a, mine), (b, theirs) in zip(
            SIZES, _mine(case, seed), _theirs(case, seed), strict=True
        ):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            if case.exact and (same_code or not name.startswith(("randn", "normal"))):
                assert np.array_equal(a, b), (seed, n)
            else:
                wide = np.dtype("c16" if a.dtype.kind == "c" else "f8")
                np.testing.assert_allclose(
                    a.astype(wide), b.astype(wide), 1e-6 if case.exact else 1e-14, 1e-15
                )
            assert mine == theirs, (seed, n)


def test_like_the_recorded_streams():
    recorded = json.loads(GOLDEN.read_text())
    assert recorded["seeds"] == list(SEEDS) and recorded["sizes"] == list(SIZES)
    assert recorded["cases"].keys() == CASES.keys()
    for name, case in CASES.items():
        for seed, want in zip(SEEDS, recorded["cases"][name], strict=True):
            got = _summary(case, _mine(case, seed))
            assert got["states"] == want["states"] or not case.exact, (name, seed)
            if case.exact:
                assert got["digest"] == want["digest"], (name, seed)
            else:
                np.testing.assert_allclose(got["values"], want["values"], 1e-14, 1e-15)


def test_first_numbers_of_seed_zero():
    s = Stream(0)
    assert s.uniform((3,), NUMPY["float32"]).tolist() == [
        0.49625658988952637, 0.7682217955589294, 0.08847743272781372,
    ]  # fmt: skip
    s.seed(0)
    assert s.normal((3,), NUMPY["float32"]).tolist() == [
        1.5409960746765137, -0.293428897857666, -2.1787893772125244,
    ]  # fmt: skip
    s.seed(0)
    assert s.permutation(10).tolist() == [4, 1, 7, 5, 3, 9, 0, 8, 6, 2]


@pytest.mark.parametrize("n", [1, 2, 300, 301, 302, 5000, 60000])
def test_permutation_holds_every_number_once(n):
    a = Stream(7).permutation(n)
    assert a.dtype == np.int64 and np.array_equal(np.sort(a), np.arange(n))


@pytest.mark.parametrize("n", [60000, 300000])
def test_long_permutations_like_pytorch(n):
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    assert np.array_equal(Stream(3).permutation(n), torch.randperm(n).numpy())


def test_only_the_low_bits_of_a_seed_matter_but_it_is_remembered():
    a, b = Stream(5), Stream(5 + 2**40)
    assert a.uniform((4,), NUMPY["float32"]).tolist() == b.uniform((4,), NUMPY["float32"]).tolist()
    assert (a.initial_seed, b.initial_seed) == (5, 5 + 2**40)
    assert Stream(-3).initial_seed == 2**64 - 3
    assert Stream().initial_seed == DEFAULT_SEED
    s = Stream()
    assert s.seed_freshly() == s.initial_seed < 2**64


def test_state_goes_round_anywhere_in_the_stream():
    for used in (0, 1, 3, 623, 624, 625, 1248, 2000):
        s = Stream(11)
        s.uniform((used,), NUMPY["float32"])
        s.normal((3,), NUMPY["float32"])  # leaves a kept normal
        saved = s.state()
        assert len(saved) == 5056
        first = s.normal((5,), NUMPY["float32"]), s.uniform((700,), NUMPY["float64"])
        s.set_state(saved)
        assert s.state() == saved
        twin = s.clone()
        for stream in (s, twin):
            again = stream.normal((5,), NUMPY["float32"]), stream.uniform((700,), NUMPY["float64"])
            assert all(np.array_equal(x, y) for x, y in zip(first, again, strict=True))
        assert twin.initial_seed == 11


def test_states_move_to_pytorch_and_back():
    torch = pytest.importorskip("torch")
    s = Stream(17)
    s.normal((33,), NUMPY["float32"])
    s.normal((3,), NUMPY["float32"])
    torch.set_rng_state(torch.frombuffer(bytearray(s.state()), dtype=torch.uint8))
    assert np.array_equal(torch.randn(3).numpy(), s.normal((3,), NUMPY["float32"]))
    torch.manual_seed(18)
    torch.randn(5), torch.rand(1000)
    s.set_state(torch.get_rng_state().numpy().tobytes())
    assert np.array_equal(torch.randn(21).numpy(), s.normal((21,), NUMPY["float32"]))
    assert s.initial_seed == torch.initial_seed()


def test_bad_states_are_refused():
    s = Stream(0)
    before = s.state()
    with pytest.raises(RuntimeError, match="5056 bytes"):
        s.set_state(b"1234")
    with pytest.raises(RuntimeError, match="not a valid"):
        s.set_state(bytes(5056))
    assert s.state() == before


def test_samplers_of_varying_length_put_the_stream_back():
    s, t = Stream(4), Stream(4)
    rejection.poisson(s, np.full(3, 2.5, "f4"))
    with rejection.Doubles(t) as numbers:
        for _ in range(3):
            rejection._one_poisson(2.5, numbers)
    assert s.state() == t.state()
    with pytest.raises(RuntimeError, match="non-negative"):
        rejection.poisson(s, np.array([1.0, -1.0]))


@pytest.mark.parametrize(
    "shape, order", [((4, 6), (1, 0)), ((3, 4, 5), (2, 0, 1)), ((2, 3, 4, 5), (0, 3, 1, 2))]
)
def test_fill_follows_memory(shape, order):
    a = np.zeros(shape).transpose(order)
    fill(a, np.arange(a.size))
    assert np.array_equal(a.transpose(np.argsort(order)), np.arange(a.size).reshape(shape))
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    t = torch.zeros(shape).permute(order).uniform_()
    fill(a, Stream(1).uniform((a.size,), NUMPY["float32"]))
    assert np.array_equal(a.astype("f4"), t.numpy())


def test_fill_of_every_other_element_like_pytorch():
    torch = pytest.importorskip("torch")
    t, a = torch.zeros(4, 6, 8), np.zeros((4, 6, 8), "f4")
    torch.manual_seed(2)
    t[::2, :, ::3].transpose(0, 2).uniform_()
    part = a[::2, :, ::3].transpose(2, 1, 0)
    fill(part, Stream(2).uniform((part.size,), NUMPY["float32"]))
    assert np.array_equal(a, t.numpy())
    torch.manual_seed(2)
    t[:, 1:5:2].normal_(1, 2)
    part = a[:, 1:5:2]
    fill(part, Stream(2).normal((part.size,), NUMPY["float32"], 1, 2, contiguous=False))
    assert np.array_equal(a, t.numpy())


def test_distributions_have_their_moments():
    s, n = Stream(9), 200_000
    f8 = NUMPY["float64"]
    for a, mean, var in (
        (s.uniform((n,), f8, -1, 3), 1, 16 / 12),
        (s.normal((n,), f8, 2, 3), 2, 9),
        (s.normal((n,), NUMPY["float32"]), 0, 1),
        (s.exponential((n,), f8, 4.0), 1 / 4, 1 / 16),
        (s.geometric((n,), f8, 0.25), 4, 12),
        (
            s.log_normal((n,), f8, 0.0, 0.5),
            math.exp(1 / 8),
            (math.exp(1 / 4) - 1) * math.exp(1 / 4),
        ),
        (s.bernoulli((n,), 0.3).astype(f8), 0.3, 0.21),
        (s.integers((n,), f8, 0, 11), 5, 10),
        (rejection.poisson(s, np.full(20000, 20.0)), 20, 20),
        (rejection.gamma(s, np.full(20000, 0.5)), 0.5, 0.5),
        (rejection.binomial(s, np.full(20000, 50.0), np.full(20000, 0.6)), 30, 12),
    ):
        assert abs(a.mean() - mean) < 5 * math.sqrt(var / a.size)
        assert abs(a.var() / var - 1) < 0.15
    assert abs(np.median(s.cauchy((n,), f8, 3.0, 2.0)) - 3) < 0.05


def test_multinomial_of_transposed_weights_like_pytorch():
    torch = pytest.importorskip("torch")
    weights = _weights(6).T
    torch.manual_seed(2)
    theirs = torch.multinomial(torch.from_numpy(weights), 2)
    assert np.array_equal(Stream(2).multinomial(weights, 2, False), theirs.numpy())


def test_multinomial_never_takes_what_has_no_weight():
    weights = np.array([[0, 1, 0, 3, 0, 0, 2]], "f4")
    s = Stream(0)
    assert not set(s.multinomial(weights, 500, True).ravel().tolist()) - {1, 3, 6}
    assert sorted(s.multinomial(weights, 3, False)[0].tolist()) == [1, 3, 6]


def test_block_transforms_agree_with_each_other_and_stay_finite_at_the_ends():
    u = Stream(1).uniform((16000,), NUMPY["float32"])
    np.testing.assert_allclose(blocks32(u), blocks64(u.astype("f8")), 2e-6, 4e-6)
    ends = np.tile(np.array([0.0, 1 - 2.0**-24], "f4"), 8)
    assert np.isfinite(blocks32(ends)).all()


def record() -> None:
    """Write the streams of the installed PyTorch."""
    cases = {
        name: [_summary(case, _theirs(case, seed)) for seed in SEEDS]
        for name, case in CASES.items()
    }
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in cases.items())
    head = f'"seeds": {json.dumps(SEEDS)}, "sizes": {json.dumps(SIZES)}'
    GOLDEN.write_text(f'{{{head}, "cases": {{\n{lines}\n}}}}\n')


if __name__ == "__main__":
    record()
