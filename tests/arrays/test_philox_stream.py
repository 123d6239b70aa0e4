"""CUDA's random numbers: Philox's published answers, PyTorch's numbers that are known, and the
threads of a launch one by one, in plain Python.
"""

import math
from pathlib import Path

import numpy as np
import pytest

from wengert.arrays.philox_stream import PhiloxStream, philox
from wengert.arrays.random_stream import Stream

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [("0" * 32, "0" * 16, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
     ("f" * 32, "f" * 16, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
     ("243f6a8885a308d313198a2e03707344", "a4093822299f31d0",
      "d16cfe09 94fdcceb 5001e420 24126ea1")],
)  # fmt: skip
def test_published_answers(counter, key, answer):
    """Those of Random123, whose words are written the lowest first."""
    a, b, c, d = (int(counter[i : i + 8], 16) for i in range(0, 32, 8))
    low, high = int(key[:8], 16), int(key[8:], 16)
    halves = (np.array([x], np.uint64) for x in (a | b << 32, c | d << 32))
    found = philox(*halves, low | high << 32)[:, 0]
    assert [f"{w:08x}" for w in found] == answer.split()


def test_numbers_of_pytorch_on_cuda():
    """What PyTorch prints on a GPU after manual_seed(0)."""
    uniform = PhiloxStream(0, 864).uniform((4,), F32)
    normal = PhiloxStream(0, 864).normal((4,), F32)
    assert uniform.round(4).tolist() == np.float32([0.3990, 0.5167, 0.0249, 0.9401]).tolist()
    assert normal.round(4).tolist() == np.float32([-0.9247, -0.4253, -2.6438, 0.1452]).tolist()


def block(seed, counter, thread):
    """The four words of one block, as ints."""
    pair = (np.array([x], np.uint64) for x in (counter, thread))
    return [int(w) for w in philox(*pair, seed)[:, 0]]


def threads(seed, offset, n, most, each, use):
    """What a launch writes: each thread goes through its elements, `each` for a block of words."""
    grid = min(most, -(-n // 256))
    step, out = 256 * grid, [None] * n
    rounds = (n - 1) // (step * each) + 1
    for t in range(step):
        for k in range(rounds):
            found = use(block(seed, offset // 4 + k, t)) if t + k * step * each < n else ()
            for i, value in enumerate(found):
                at = t + k * step * each + i * step
                if at < n:
                    out[at] = value
    return out, offset + 4 * rounds


def unit(x):
    return float(np.float32(x) * np.float32(2**-32) + np.float32(2**-33))


def wide(x, y):
    return (x ^ y << 21) * 2.0**-53 + 2.0**-54


def normals(words):
    out = []
    for x, y in (words[:2], words[2:]):
        r, angle = math.sqrt(-2 * math.log(unit(x))), 2 * math.pi * (y * 2.0**-32 + 2.0**-33)
        out += [r * math.sin(angle), r * math.cos(angle)]
    return out


def normals64(words):
    r, angle = math.sqrt(-2 * math.log(wide(*words[:2]))), 2 * math.pi * wide(*words[2:])
    return [r * math.sin(angle), r * math.cos(angle)]


CASES = {
    "uniform": (4, lambda w: [unit(x) for x in w], lambda s, n: s.uniform((n,), F32)),
    "uniform, float64": (
        2, lambda w: [wide(*w[:2]), wide(*w[2:])], lambda s, n: s.uniform((n,), F64)),
    "normal": (4, normals, lambda s, n: s.normal((n,), F32)),
    "normal, float64": (2, normals64, lambda s, n: s.normal((n,), F64)),
    "integers": (
        4, lambda w: [x % 1000 - 7 for x in w],
        lambda s, n: s.integers((n,), np.dtype(np.int64), -7, 993)),
    "many integers": (
        2, lambda w: [(w[0] << 32 | w[1]) % 2**40, (w[2] << 32 | w[3]) % 2**40],
        lambda s, n: s.integers((n,), np.dtype(np.int64), 0, 2**40)),
    "any integers": (
        4, lambda w: [x % 2**31 for x in w], lambda s, n: s.any_integers((n,), np.dtype("i4"))),
    "bernoulli": (
        4, lambda w: [unit(x) < np.float32(0.3) for x in w], lambda s, n: s.bernoulli((n,), 0.3)),
    "exponential": (
        4, lambda w: [-math.log(unit(x)) / 2 for x in w],
        lambda s, n: s.exponential((n,), F32, 2.0)),
    "dropout": (
        4, lambda w: [unit(x) < np.float32(0.7) for x in w],
        lambda s, n: s.dropout((n,), 0.7, F32)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("n", [1, 7, 255, 701, 2301])
def test_threads_of_launches(name, n):
    """Two launches in turn on a device that holds two blocks of threads."""
    each, use, draw = CASES[name]
    seed, offset = 1234567890123456789, 0
    stream = PhiloxStream(seed, 2)
    for _ in range(2):
        want, offset = threads(seed, offset, n, 2, each, use)
        np.testing.assert_allclose(draw(stream, n), want, rtol=2e-6, atol=1e-6)
        assert stream.offset == offset


@pytest.mark.parametrize("n", [4, 256, 1000, 3000])
def test_dropout_of_neighbours(n):
    """A thread takes four neighbours where 4 divides their number."""
    stream, step = PhiloxStream(5, 2), 256 * min(2, -(-n // 256))
    want = []
    for at in range(0, n, 4):
        k, t = divmod(at // 4, step)
        want += [unit(x) < np.float32(0.6) for x in block(5, k, t)]
    assert stream.dropout((n,), 0.6, F32).tolist() == want
    assert stream.offset == 4 * ((n - 1) // (step * 4) + 1)


def test_probabilities_of_elements():
    p = np.linspace(0, 1, 11, dtype=np.float32)
    stream = PhiloxStream(5, 2)
    words = [x for t in range(3) for x in block(5, 0, t)]
    assert stream.bernoulli_each(p).tolist() == [unit(x) <= q for x, q in zip(words, p)]
    assert stream.offset == 12


def test_states():
    stream = PhiloxStream(-1, 8)
    assert stream.initial_seed == 2**64 - 1
    stream.uniform((5,), F32)
    state, other = stream.state(), stream.clone()
    assert len(state) == 16 and state[:8] == b"\xff" * 8 and state[8] == 4
    a, b = stream.normal((9,), F32), other.normal((9,), F32)
    stream.set_state(state)
    assert (a == b).all() and (stream.normal((9,), F32) == a).all()
    stream.set_state(state[:8])
    assert stream.offset == 0
    with pytest.raises(RuntimeError, match="multiple of 4"):
        stream.offset = 3
    with pytest.raises(RuntimeError, match="expected the 16 bytes"):
        stream.set_state(Stream(0).state())
    assert stream.seed_freshly() == stream.initial_seed


def test_everything_that_a_stream_draws():
    """Shapes, dtypes and ranges of what goes through words in turn, and that it repeats."""
    from wengert.arrays import rejection_sampling as rejection

    def drawn():
        s = PhiloxStream(3, 8)
        yield s.permutation(500)
        yield s.permutations((3, 5), np.dtype(np.int32))
        yield s.multinomial(np.ones((2, 4)), 30, True)
        yield s.multinomial(np.ones((2, 4), np.float32), 3, False)
        yield rejection.poisson(s, np.full(50, 3.0))
        yield rejection.binomial(s, np.full(50, 9.0), np.full(50, 0.5))
        yield rejection.gamma(s, np.full(50, 2.0))
        yield s.cauchy((40,), F64, 0.0, 1.0)
        yield s.geometric((40,), np.dtype(np.int64), 0.5)
        yield s.log_normal((40,), F32, 0.0, 1.0)
        yield s.uniform((2, 3), np.dtype(np.complex64))
        yield s.normal((2, 3), np.dtype(np.complex128))
        yield s.integers((6,), np.dtype(np.int64), -(2**63), 2**63)
        yield s.uniform((0, 3), F32)
        yield s.uniform((70,), np.dtype(np.float16), 1.0, 2.0)

    first, again = list(drawn()), list(drawn())
    for a, b in zip(first, again):
        np.testing.assert_array_equal(a, b)
    assert sorted(first[0].tolist()) == list(range(500))
    assert (np.sort(first[1], 1) == np.arange(5)).all() and first[1].dtype == np.int32
    assert first[2].max() < 4 and first[3].shape == (2, 3) and first[4].mean() > 1
    assert first[8].min() >= 1 and first[-1].min() >= 1 and first[-1].max() < 2
    assert first[-2].shape == (0, 3) and first[10].dtype == np.complex64


def test_a_device_generator():
    """Through torch, on simulated devices."""
    import sys

    from launching import run

    program = Path(__file__).with_name("philox_program.py")
    outcome = run([sys.executable, "-m", "wengert", "run", "--simulate-cuda", "2", str(program)])
    assert outcome.code == 0 and "all well" in outcome.output, outcome.output
