"""Random tensors and generators against PyTorch: numbers, refusals, gradients, vmap, saved states.

The numbers themselves are tested in `tests/arrays/test_sampling.py`; here it is what users call.
"""

import copy
import pickle

import numpy as np
import pytest

import wengert
from wengert import random as random_module
from wengert.engine.tensor import Tensor

REAL = ("float32", "float64", "float16", "bfloat16")


def plain(x):
    """A result of either library as comparable Python data."""
    if not hasattr(x, "requires_grad"):
        return x
    dtype = str(x.dtype)
    x = x.detach()
    if x.dtype in (getattr(wengert, "bfloat16", None),) or dtype == "torch.bfloat16":
        x = x.float()
    return dtype, tuple(x.shape), x.requires_grad, x.tolist()


def outcome(library, code):
    """What a line of code gives in a library: its value, or the type of its error."""
    library.manual_seed(11)
    names = {
        "torch": library,
        "x": library.zeros(3),
        "grid": library.zeros(4, 5),
        "w": library.zeros(3, requires_grad=True),
        "i": library.zeros(3, dtype=library.int64),
        "c": library.zeros(3, dtype=library.complex64),
        "b": library.zeros(3, dtype=library.bool),
        "g": library.Generator().manual_seed(7),
    }
    try:
        return plain(eval(code, names))
    except Exception as error:
        return type(error).__name__


def each(lines):
    return [line.strip() for line in lines.strip().splitlines()]


NUMBERS = each("""
    torch.rand(2, 3)
    torch.rand((2, 3))
    torch.rand([2, 3])
    torch.rand(())
    torch.rand(size=(2,))
    torch.rand(torch.tensor(2), 3)
    torch.rand(2, requires_grad=True)
    torch.rand(2, dtype=torch.complex64)
    torch.rand(2, generator=g)
    torch.rand(2, out=torch.empty(2, dtype=torch.float64))
    torch.rand(2, out=torch.empty(0))
    torch.rand(5, 4, out=torch.empty(4, 5).t())
    torch.randn(3)
    torch.randn(17)
    torch.randn(4, 5, dtype=torch.float16)
    torch.randn(3, generator=g)
    torch.randn(20, dtype=torch.complex64)
    torch.randint(3, (2,))
    torch.randint(0, 5, (4,), dtype=torch.float32)
    torch.randint(high=3, size=(2,))
    torch.randint(low=1, high=3, size=(2,))
    torch.randint(1, high=4, size=(2,))
    torch.randint(0, 2, (2,), dtype=torch.bool)
    torch.randint(0, 4000, (50,), dtype=torch.float16)
    torch.randint(-3000, 4000, (50,), dtype=torch.bfloat16)
    torch.randint(torch.tensor(0), torch.tensor(5), (2,))
    torch.randint(0, 2, (2,), out=torch.empty(2))
    torch.randperm(8)
    torch.randperm(8, dtype=torch.float32)
    torch.randperm(8, generator=g)
    torch.randperm(0)
    torch.randperm(5, out=torch.empty(2, dtype=torch.int32))
    torch.randperm(torch.tensor(4))
    torch.rand_like(w)
    torch.rand_like(i, dtype=torch.float32)
    torch.rand_like(grid.t())
    torch.randn_like(grid)
    torch.randn_like(grid.t())
    torch.randn_like(grid[:, ::2].t())
    torch.randn_like(grid[:1].expand(3, 5))
    torch.randn_like(w, requires_grad=True)
    torch.randint_like(x, 5)
    torch.randint_like(grid.t(), 2, 5)
    torch.randint_like(x, low=1, high=5)
    torch.rand_like(x, generator=g)
    torch.normal(0, 1, (2,))
    torch.normal(2.0, 3.0, size=(1, 20))
    torch.normal(x, 1.0)
    torch.normal(x)
    torch.normal(5.0, x + 1)
    torch.normal(x, x)
    torch.normal(grid.t() + 1, torch.ones(4))
    torch.normal(torch.zeros(2, 1), torch.ones(3))
    torch.normal(torch.zeros(20), torch.full((20,), 0.3, dtype=torch.float64))
    torch.normal(torch.zeros(20, dtype=torch.float64), torch.full((20,), 0.5))
    torch.normal(c, 1.0)
    torch.normal(w, 1.0)
    torch.normal(w, w + 1)
    torch.normal(x, 1.0, out=torch.empty(3, dtype=torch.float64))
    torch.bernoulli(torch.full((20,), 0.3))
    torch.bernoulli(torch.full((20,), 0.3, dtype=torch.float64))
    torch.bernoulli((grid + 0.5).t())
    torch.bernoulli(x, 0.5)
    torch.bernoulli(i, p=0.5)
    torch.bernoulli(w)
    torch.bernoulli(x + 0.5, out=torch.empty(3, dtype=torch.int64))
    (x + 0.5).bernoulli()
    x.bernoulli(0.25)
    torch.multinomial(x + 1, 2)
    torch.multinomial(grid + 1, 3)
    torch.multinomial(grid + 1, 9, replacement=True)
    torch.multinomial(torch.tensor([0.0, 1.0, 0.0]), 2)
    torch.multinomial(x + 1, 2, generator=g)
    torch.multinomial(w + 1, 1)
    torch.multinomial(torch.zeros(0, 3), 2)
    (grid + 1).t().multinomial(2)
    torch.poisson(torch.full((20,), 3.5))
    torch.poisson(torch.full((4, 5), 30.5).t())
    torch.poisson(w + 1)
    torch.binomial(torch.full((20,), 9.0), torch.full((20,), 0.5))
    torch.binomial(torch.full((2, 1), 9.0), torch.full((3,), 0.5))
    torch.binomial(x + 5, x * float("nan")).isnan()
    torch._standard_gamma(torch.full((20,), 0.3))
    torch._sample_dirichlet(torch.full((4, 3), 0.3))
    x.uniform_()
    x.uniform_(2, 3)
    x.uniform_(to=3.0)
    x.uniform_(**{"from": 1, "to": 2})
    grid.t().uniform_()
    grid[:, 1:4:2].uniform_()
    c.uniform_()
    x.normal_()
    grid.normal_(1, 2)
    grid.t().normal_(1, 2)
    x.normal_(std=0)
    x.normal_(torch.tensor(1.0), torch.tensor(2.0))
    c.normal_()
    x.normal_(generator=g)
    x.random_()
    i.random_()
    b.random_()
    x.random_(5)
    x.random_(2, 5)
    x.random_(to=5)
    x.random_(2, None)
    i.random_(2, None)
    i.random_(-(2**63), None)
    torch.zeros(9, dtype=torch.float16).random_(5, None)
    torch.zeros(9, dtype=torch.uint16).random_(0, 50)
    x.exponential_()
    x.exponential_(lambd=2.0)
    x.cauchy_(1, 2)
    x.log_normal_(mean=0.5, std=0.1)
    x.geometric_(0.5)
    i.geometric_(p=0.2)
    x.bernoulli_()
    i.bernoulli_(0.3)
    grid.t().bernoulli_(torch.linspace(0, 1, 4))
    i.bernoulli_(torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64))
    torch.initial_seed()
    torch.manual_seed(-1).initial_seed()
    torch.manual_seed(2.7).initial_seed()
    torch.manual_seed("5").initial_seed()
    torch.manual_seed(torch.tensor(4)).initial_seed()
    torch.Generator().initial_seed()
    torch.Generator().manual_seed(2**64 - 1).initial_seed()
    str(torch.Generator().device)
    torch.Generator(device="cpu").get_state().shape
""")

REFUSED = each("""
    torch.rand()
    torch.rand(-1)
    torch.rand(2.5)
    torch.rand(True)
    torch.rand(None)
    torch.rand(2, 3, size=(2,))
    torch.rand(2, [3])
    torch.rand(torch.tensor([2, 3]))
    torch.rand(2, foo=1)
    torch.rand(2, generator=5)
    torch.rand(2, dtype=torch.int64)
    torch.rand(2, dtype="float32")
    torch.rand(2, out=torch.empty(2, dtype=torch.float64), dtype=torch.float32)
    torch.rand(2, out=torch.empty(2, requires_grad=True))
    torch.randn(2, dtype=torch.int64)
    torch.randn((2,), 3)
    torch.randn(2, out=torch.empty(2, dtype=torch.int64))
    torch.randint(3)
    torch.randint(3, 2)
    torch.randint(0, 5, 2)
    torch.randint(3, 1, (2,))
    torch.randint(3, 3, (2,))
    torch.randint(0, 3.5, (2,))
    torch.randint(True, 5, (2,))
    torch.randint(torch.tensor(5.5), (2,))
    torch.randint(0, 300, (2,), dtype=torch.uint8)
    torch.randint(-1, 300, (2,), dtype=torch.uint8)
    torch.randint(0, 3, (2,), dtype=torch.bool)
    torch.randint(0, 2, (2,), dtype=torch.complex64)
    torch.randint(0, 10**19, (2,))
    torch.randint(0, 70000, (2,), dtype=torch.float16)
    torch.randint(0, 2, (2,), requires_grad=True)
    torch.randperm(-1)
    torch.randperm(2.5)
    torch.randperm(300, dtype=torch.uint8)
    torch.randperm(3000, dtype=torch.float16)
    torch.randperm(3, dtype=torch.bool)
    torch.randperm(5, requires_grad=True)
    torch.rand_like(i)
    torch.rand_like([1, 2])
    torch.randint_like(i, 5, 2)
    torch.normal(0, 1)
    torch.normal(0.0, -1.0, size=(2,))
    torch.normal(x, x - 1)
    torch.normal(x, -1.0)
    torch.normal(i, 1.0)
    torch.normal(x, c)
    torch.normal(torch.zeros(2), torch.ones(3))
    torch.normal(w, 1.0, out=torch.empty(3))
    torch.bernoulli(x + 2)
    torch.bernoulli(x * float("nan"))
    torch.bernoulli(i)
    torch.bernoulli(x, p=1.5)
    torch.bernoulli(x, torch.rand(3))
    torch.multinomial(x + 1, 4)
    torch.multinomial(x + 1, 0)
    torch.multinomial(x + 1, 2.5)
    torch.multinomial(x, 1)
    torch.multinomial(x - 1, 1)
    torch.multinomial(x / 0, 1, True)
    torch.multinomial(i + 1, 1)
    torch.multinomial(torch.zeros(2, 3, 4), 1)
    torch.multinomial(torch.tensor(1.0), 1)
    torch.multinomial(torch.zeros(2, 0), 2, True)
    torch.multinomial(torch.tensor([[0.0, 0.0], [1.0, 1.0]]), 1)
    torch.multinomial(x + 1, 1, out=torch.empty(1))
    torch.poisson(x - 1)
    torch.poisson(i)
    torch.binomial(i + 5, x + 0.5)
    torch.binomial(x + 5, (x + 0.5).double())
    w.normal_()
    w.uniform_()
    w.bernoulli_(0.5)
    w[:2].normal_()
    torch.zeros(1).expand(3).uniform_()
    x.normal_(0, -1)
    x.normal_("a")
    x.normal_(w, 1.0)
    i.normal_()
    b.normal_()
    i.uniform_()
    x.uniform_(2, 1)
    x.uniform_(-1e39, 1)
    x.uniform_(-3e38, 3e38)
    x.uniform_(float("nan"), 1)
    torch.zeros(3, dtype=torch.float16).uniform_(0, 70000)
    x.random_(0)
    x.random_(5, 2)
    x.random_(1.5)
    c.random_()
    torch.zeros(3, dtype=torch.uint16).random_()
    x.exponential_(0)
    i.exponential_()
    x.cauchy_(1, 0)
    i.cauchy_()
    x.log_normal_(1, 0)
    i.log_normal_()
    x.geometric_()
    x.geometric_(0)
    x.geometric_(1)
    b.geometric_(0.5)
    x.bernoulli_(2)
    x.bernoulli_("a")
    x.bernoulli_(i)
    x.bernoulli_(torch.tensor([0.1, 0.2]))
    c.bernoulli_(0.5)
    torch.manual_seed("x")
    torch.manual_seed(None)
    torch.manual_seed(2**64)
    torch.Generator().manual_seed(2.5)
    torch.Generator().manual_seed("a")
    torch.Generator().manual_seed(-(2**63) - 1)
    torch.Generator().set_state(5)
    torch.Generator().get_offset()
    torch.Generator("meta")
    torch.set_rng_state(x)
    torch.set_rng_state(x.byte())
    torch.set_rng_state(torch.zeros(5056, dtype=torch.uint8))
""")


@pytest.mark.parametrize("code", NUMBERS)
@pytest.mark.filterwarnings("ignore")
def test_same_numbers(code):
    torch = pytest.importorskip("torch")
    mine = outcome(wengert, code)
    assert not (isinstance(mine, str) and mine.endswith("Error"))
    assert mine == outcome(torch, code)


@pytest.mark.parametrize("code", REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_same_refusals(code):
    torch = pytest.importorskip("torch")
    mine = outcome(wengert, code)
    assert isinstance(mine, str) and mine.endswith("Error"), mine
    assert mine == outcome(torch, code)


def test_numbers_of_seed_zero():
    wengert.manual_seed(0)
    assert wengert.rand(2).tolist() == [0.49625658988952637, 0.7682217955589294]
    assert wengert.randint(0, 100, (5,)).tolist() == [33, 60, 63, 79, 27]
    wengert.manual_seed(0)
    assert wengert.randn(2).tolist() == [1.5409960746765137, -0.293428897857666]
    assert wengert.randperm(4).tolist() == [3, 1, 0, 2]


@pytest.mark.parametrize("dtype", REAL)
def test_ranges_and_refused_dtypes(dtype):
    d = getattr(wengert, dtype)
    x = wengert.rand(5000, dtype=d)
    assert x.dtype is d and float(x.min()) >= 0 and float(x.max()) < 1
    y = wengert.empty(1000, dtype=d).uniform_(-2, 3)
    assert float(y.min()) >= -2 and float(y.max()) < 3
    z = wengert.randint(5, 9, (1000,), dtype=d)
    assert set(z.tolist()) == {5, 6, 7, 8}


def test_meta_tensors_draw_nothing():
    pytest.importorskip("wengert.arrays.meta")
    state = wengert.get_rng_state()
    x = wengert.rand(2, 3, device="meta").normal_()
    assert x.shape == (2, 3) and wengert.randperm(5, device="meta").shape == (5,)
    assert wengert.get_rng_state().tolist() == state.tolist()


def test_memory_order_is_kept_by_like_functions():
    x = wengert.zeros(4, 5).t()
    assert wengert.rand_like(x).stride() == wengert.randint_like(x, 5).stride() == (1, 5)
    assert wengert.bernoulli(x).stride() == (4, 1)


FILLS = ("normal_()", "uniform_()", "random_()", "exponential_()", "cauchy_()", "log_normal_()",
         "geometric_(0.5)", "bernoulli_(0.5)", "bernoulli_(torch.full((3,), 0.5))")  # fmt: skip
NODES = (
    "Normal",
    "Uniform",
    "Random",
    "Exponential",
    "Cauchy",
    "LogNormal",
    "Geometric",
    "Bernoulli",
    "Bernoulli",
)


@pytest.mark.parametrize("fill, node", list(zip(FILLS, NODES, strict=True)))
def test_overwritten_tensors_have_no_gradient(fill, node):
    w = wengert.zeros(3, requires_grad=True)
    y = w * 2
    part = y[1:] if "full" not in fill else y
    eval(f"part.{fill}", {"part": part, "torch": wengert})
    assert y.requires_grad and type(part.grad_fn).__name__ != "NoneType"
    y.sum().backward()
    assert w.grad.tolist() == ([2.0, 0.0, 0.0] if "full" not in fill else [0.0, 0.0, 0.0])
    z = w * 1
    eval(f"z.{fill}", {"z": z, "torch": wengert})
    assert type(z.grad_fn).__name__.startswith(node + "Backward")


def test_filling_a_leaf_under_no_grad_keeps_it_a_leaf():
    w = wengert.zeros(3, requires_grad=True)
    with wengert.no_grad():
        assert w.normal_() is w
    assert w.is_leaf and w.requires_grad and float(w.abs().sum()) > 0


def test_filling_is_seen_by_the_reverse_pass():
    w = wengert.ones(3, requires_grad=True)
    x = wengert.ones(3)
    y = (w * x).sum()
    x.normal_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_draws_have_gradients_of_zero():
    p = wengert.full((3,), 0.5, requires_grad=True)
    for draw in (
        lambda: wengert.bernoulli(p),
        lambda: wengert.poisson(p),
        lambda: wengert.normal(p, 1.0),
        lambda: wengert.normal(0.0, p),
        lambda: wengert.normal(p, p),
    ):
        p.grad = None
        draw().sum().backward()
        assert p.grad.tolist() == [0.0, 0.0, 0.0]


def test_gamma_and_dirichlet_gradients_like_pytorch():
    torch = pytest.importorskip("torch")
    shapes = np.array([[0.05, 0.3, 0.9], [1.0, 2.5, 7.0], [20.0, 90.0, 500.0]])
    for name, through in (("_standard_gamma", None), ("_sample_dirichlet", "_dirichlet_grad")):
        torch.manual_seed(1)
        wengert.manual_seed(1)
        a = wengert.tensor(shapes, requires_grad=True)
        mine = getattr(wengert, name)(a)
        weights = np.arange(1.0, 10.0).reshape(3, 3)
        (mine * wengert.tensor(weights)).sum().backward()
        b = torch.tensor(shapes, requires_grad=True)
        if through is None:
            theirs = torch._standard_gamma(b)
        else:
            theirs = torch.distributions.Dirichlet(b).rsample()
        (theirs * torch.tensor(weights)).sum().backward()
        np.testing.assert_allclose(mine.detach().numpy(), theirs.detach().numpy(), 1e-12)
        # PyTorch approximates these gradients to about three places.
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), 5e-3, 1e-6)


def test_gamma_gradient_is_the_derivative_at_a_fixed_quantile():
    special = pytest.importorskip("scipy.special")
    from wengert.arrays.rejection_sampling import gamma_grad

    for a in (0.2, 1.0, 4.0, 50.0):
        for q in (0.01, 0.3, 0.7, 0.99):
            x, h = special.gammaincinv(a, q), 1e-4 * a
            exact = (special.gammaincinv(a + h, q) - special.gammaincinv(a - h, q)) / (2 * h)
            np.testing.assert_allclose(gamma_grad(np.array([a]), np.array([x])), exact, 1e-5)


def test_generators_are_independent_and_remember():
    g = wengert.Generator()
    wengert.manual_seed(3)
    a = wengert.rand(3)
    g.manual_seed(3)
    assert wengert.rand(3, generator=g).tolist() == a.tolist()
    assert g.initial_seed() == 3 == wengert.initial_seed()
    assert isinstance(g.seed(), int) and isinstance(wengert.seed(), int)
    state = g.get_state()
    assert state.dtype is wengert.uint8 and state.shape == (5056,)
    expected = wengert.randn(5, generator=g).tolist()
    for twin in (
        wengert.Generator().set_state(state),
        pickle.loads(pickle.dumps(wengert.Generator().set_state(state))),
        copy.deepcopy(wengert.Generator().set_state(state)),
        wengert.Generator().set_state(state).clone_state(),
    ):
        assert wengert.randn(5, generator=twin).tolist() == expected
    assert "cpu" in repr(g)


def test_states_of_the_default_generator():
    wengert.manual_seed(8)
    wengert.randn(3)
    state = wengert.get_rng_state()
    a = wengert.randn(2).tolist(), wengert.rand(2).tolist()
    wengert.set_rng_state(state)
    assert (wengert.randn(2).tolist(), wengert.rand(2).tolist()) == a
    with random_module.fork_rng():
        wengert.manual_seed(1)
        wengert.rand(10)
    b = wengert.rand(2).tolist()
    wengert.set_rng_state(state)
    wengert.randn(2), wengert.rand(2)
    assert wengert.rand(2).tolist() == b
    with random_module.fork_rng(enabled=False):
        wengert.manual_seed(1)
    assert wengert.initial_seed() == 1
    assert random_module.default_generator is wengert.default_generator


def test_states_move_between_the_libraries():
    torch = pytest.importorskip("torch")
    wengert.manual_seed(5)
    wengert.randn(3)
    torch.set_rng_state(torch.from_numpy(wengert.get_rng_state().numpy()))
    assert torch.randn(20).tolist() == wengert.randn(20).tolist()
    torch.rand(700)
    wengert.set_rng_state(wengert.from_numpy(torch.get_rng_state().numpy()))
    assert torch.rand(5).tolist() == wengert.rand(5).tolist()


VMAPPED = {
    "rand": lambda t, x: x + t.rand(2),
    "rand_like": lambda t, x: t.rand_like(x),
    "randn_like": lambda t, x: t.randn_like(x),
    "randint": lambda t, x: t.randint(0, 9, (2,)) + x,
    "randperm": lambda t, x: t.randperm(4) + x.sum(),
    "bernoulli": lambda t, x: t.bernoulli(x),
    "bernoulli_": lambda t, x: x.clone().bernoulli_(0.5),
    "normal_": lambda t, x: (x * 1).normal_(),
    "normal": lambda t, x: t.normal(x, 1.0),
    "normal of all": lambda t, x: t.normal(t.zeros(2), 1.0) + x,
    "multinomial": lambda t, x: t.multinomial(x, 1),
}


@pytest.mark.parametrize("name", VMAPPED)
def test_vmap_randomness_like_pytorch(name):
    torch = pytest.importorskip("torch")
    f = VMAPPED[name]
    for mode in ("same", "different"):
        results = []
        for t in (torch, wengert):
            t.manual_seed(3)
            try:
                out = t.vmap(lambda x, t=t: f(t, x), randomness=mode)(t.full((3, 2), 0.5))
                results.append(out.tolist())
            except RuntimeError:
                assert t is torch  # which does not have all of them
                results.append(None)
        assert results[0] in (None, results[1]), mode
    with pytest.raises(RuntimeError, match="randomness"):
        wengert.vmap(lambda x: f(wengert, x))(wengert.full((3, 2), 0.5))


def test_filling_an_unbatched_tensor_differently_is_refused():
    x = wengert.zeros(3, 2)
    with pytest.raises(RuntimeError, match="unbatched"):
        wengert.vmap(lambda v: wengert.zeros(2).normal_() + v, randomness="different")(x)


def test_results_are_tensors_that_share_nothing():
    a = wengert.rand(4)
    b = wengert.rand(4)
    assert type(a) is Tensor and not np.shares_memory(a.numpy(), b.numpy())
    assert a.tolist() != b.tolist()


def test_traced_programs_draw_anew_each_time():
    from wengert.autodiff.traced import Program, Traced, replay
    from wengert.engine.tensor import wrap

    program = Program()
    x = Traced(1, program, np.zeros(4, "f4"))
    out = wengert.rand_like(wrap(x))
    assert len(program.steps) == 1
    wengert.manual_seed(0)
    first, second = (replay(program, {x.slot: np.zeros(4, "f4")}, [out._a.slot])[0] for _ in "ab")
    wengert.manual_seed(0)
    assert first.tolist() == wengert.rand(4).tolist() != second.tolist()
