"""Results of elementwise operations lie in memory as PyTorch's."""

import random

import numpy as np
import pytest

import wengert
from wengert.arrays.layout import laid


def operand(library, rng, shape, whole):
    """Zeros whose dimensions lie in a random order, of a shape or what broadcasts to it."""
    n = len(shape) - (not whole and rng.random() < 0.25)
    sizes = [s if whole else rng.choice([s, s, s, 1]) for s in shape[len(shape) - n :]]
    order = rng.sample(range(n), n) if rng.random() < 0.6 else list(range(n))
    x = library.zeros([sizes[i] for i in order]).permute([order.index(i) for i in range(n)])
    return x.expand(shape[len(shape) - n :]) if not whole and rng.random() < 0.15 else x


def strides(x):
    """Those that mean something."""
    return [s for s, n in zip(x.stride(), x.shape) if n > 1]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["add", "where", "addcmul", "lt", "lerp", "atan2", "masked_fill"])
def test_any_operands(torch, name, seed):
    """Where the first is not broadcast: PyTorch compares strides of single elements else."""
    rng = random.Random(f"{name} {seed}")
    for _ in range(100):
        shape = [rng.choice([1, 2, 3, 4]) for _ in range(rng.randint(2, 4))]
        state, found = rng.getstate(), []
        for library in (torch, wengert):
            rng.setstate(state)
            a, b, c = [operand(library, rng, shape, i == 0) for i in range(3)]
            args = {
                "where": (a > 0, b, c), "masked_fill": (a, b > 0, 1.0),
                "addcmul": (a, b, c), "lerp": (a, b, c),
            }.get(name, (a, b))  # fmt: skip
            found.append(strides(getattr(library, name)(*args)))
        assert found[0] == found[1], (
            found,
            [(x.shape, x.stride()) for x in args if hasattr(x, "shape")],
        )


def test_the_first_operand_decides():
    x = wengert.arange(24.0).reshape(2, 3, 4)
    moved, plain = x.permute(2, 0, 1), wengert.zeros(4, 2, 3)
    assert (moved + plain).stride() == (1, 12, 4) and (plain + moved).stride() == (6, 3, 1)
    assert (moved * 2 > plain).stride() == (1, 12, 4)
    assert (moved + wengert.zeros(3)).stride() == (1, 12, 4)
    assert moved.masked_fill(moved > 3, 0.0).stride() == (6, 3, 1)


def test_draws_in_the_order_of_memory():
    """The numbers are PyTorch's."""
    x = wengert.zeros(2, 2, 3).transpose(1, 2) + wengert.zeros(2, 3, 2)
    wengert.manual_seed(0)
    drawn = wengert.rand_like(x)
    wengert.manual_seed(0)
    assert wengert.equal(drawn, wengert.rand(2, 2, 3).transpose(1, 2))


def test_one_copy_at_most():
    """A result that lies right is given as it is."""
    a = np.zeros((3, 4)).T
    r = a + a
    assert laid(r, a, (a,)) is r
    assert laid(r, np.zeros((4, 3)), (a,)).flags.c_contiguous


KEPT = ("clone", "neg", "sin", "conj_physical", "double")
IN_ORDER = {
    "cat": lambda T, x: T.cat([x, x]),
    "stack": lambda T, x: T.stack([x, x], 1),
    "softmax": lambda T, x: x.softmax(0),
    "cumsum": lambda T, x: x.cumsum(1),
    "sum": lambda T, x: x.sum(1),
    "mean": lambda T, x: x.mean(-1, keepdim=True),
    "max": lambda T, x: x.max(1).values,
    "std": lambda T, x: x.std(0),
    "repeat": lambda T, x: x.repeat(2, 1, 1),
    "masked_fill": lambda T, x: x.masked_fill(x > 0, 1),
    "masked_fill of a tensor": lambda T, x: x.masked_fill(x > 0, T.ones((), dtype=x.dtype)),
    "tril": lambda T, x: x.tril(),
    "matmul": lambda T, x: x @ x.transpose(1, 2),
    "contiguous": lambda T, x: x.clone(memory_format=T.contiguous_format),
}
LIKE = ("zeros_like", "ones_like", "empty_like", "rand_like")


@pytest.mark.parametrize("seed", range(3))
def test_order_in_memory_of_all_kinds_of_results(torch, seed):
    """What PyTorch gives in order can be viewed in another shape; copies keep the order."""
    rng = random.Random(seed)
    for _ in range(40):
        shape = [rng.randrange(2, 4) for _ in range(3)]
        state = rng.getstate()
        both = []
        for T in (torch, wengert):
            rng.setstate(state)
            x = operand(T, rng, shape, True)
            results = {name: getattr(x, name)() for name in KEPT}
            results |= {name: f(T, x) for name, f in IN_ORDER.items()}
            results |= {name: getattr(T, name)(x) for name in LIKE}
            results["full_like"] = T.full_like(x, 2)
            results["flip"] = x.flip(1)
            both.append({name: strides(r) for name, r in results.items()})
        assert both[1] == both[0], (shape, x.stride())
