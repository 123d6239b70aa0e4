"""Compiled steps: the same numbers as steps that are not compiled, call after call."""

import numpy as np
import pytest
from compiler.steps import compare

import wengert as w

nn, F, O = w.nn, w.nn.functional, w.optim
BEST = {"compiled": 3, "captured": 1, "as it stands": 0}  # states are born in the first of five


def trainer(optimizer, layers=(), clip=None, zero=True):
    def make():
        m = nn.Sequential(nn.Linear(6, 16), *[f() for f in layers], nn.Linear(16, 3))
        o = optimizer(m.parameters())
        x, y = w.randn(8, 6), w.randint(3, (8,))

        def step():
            o.zero_grad(set_to_none=zero)
            loss = F.cross_entropy(m(x), y)
            loss.backward()
            if clip == "norm":
                nn.utils.clip_grad_norm_(m.parameters(), 0.5)
            if clip == "value":
                nn.utils.clip_grad_value_(m.parameters(), 0.05)
            o.step()
            return loss, list(m.parameters()), list(m.buffers()), [p.grad for p in m.parameters()]

        return step

    return make


OPTIMIZERS = {
    "sgd": lambda p: O.SGD(p, lr=0.1),
    "nesterov": lambda p: O.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "adam": lambda p: O.Adam(p, lr=0.01),
    "adamw": lambda p: O.AdamW(p, lr=0.01, amsgrad=True),
    "maximize": lambda p: O.Adam(p, lr=0.01, maximize=True),
    **{
        name: lambda p, name=name: getattr(O, name)(p, lr=0.01)
        for name in (
            "RMSprop", "Adagrad", "NAdam", "RAdam", "Adamax", "Adadelta", "Adafactor", "Rprop",
            "ASGD",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name):
    assert compare(trainer(OPTIMIZERS[name]))["as it stands"] == 0


@pytest.mark.parametrize(
    "options",
    [
        {"clip": "norm"},
        {"clip": "value"},
        {"zero": False},
        {"layers": (nn.ReLU, lambda: nn.Dropout(0.3))},
        # the bias in front has no gradient but rounding, of which Adam would make steps
        {"layers": (lambda: nn.BatchNorm1d(16), nn.Tanh), "name": "nesterov"},
        {"layers": (lambda: nn.LayerNorm(16), nn.GELU, lambda: nn.RReLU())},
    ],
)
def test_what_a_step_is_made_of(options):
    options = dict(options)
    name = options.pop("name", "adam")
    assert compare(trainer(OPTIMIZERS[name], **options)) == BEST


def test_a_muon_step():
    def make():
        p = nn.Parameter(w.randn(4, 6))
        o = O.Muon([p], lr=0.1)

        def step():
            o.zero_grad()
            (p * p).sum().backward()
            o.step()
            return p

        return step

    assert compare(make)["as it stands"] == 0


def test_a_scheduler_outside_moves_the_rate():
    def run(compiled):
        w.manual_seed(0)
        m = nn.Linear(3, 2)
        o = O.AdamW(m.parameters(), lr=0.1)
        s = O.lr_scheduler.ExponentialLR(o, 0.5)
        x = w.randn(4, 3)

        def step():
            o.zero_grad()
            loss = m(x).square().mean()
            loss.backward()
            o.step()
            return loss

        f = w.compile(step) if compiled else step
        losses = []
        for _ in range(6):
            losses.append(f().item())
            s.step()
        return losses, getattr(f, "calls", None)

    want, _ = run(False)
    got, calls = run(True)
    assert np.allclose(want, got, rtol=0, atol=1e-6)
    assert calls.counts["compiled"] == 4 and len(calls.plans) == 1


@pytest.mark.filterwarnings("ignore:torch.compile")
def test_a_scheduler_inside_still_runs():
    def make():
        p = nn.Parameter(w.ones(3))
        o = O.SGD([p], lr=1.0)
        s = O.lr_scheduler.StepLR(o, 2)

        def step():
            o.zero_grad()
            (p * p).sum().backward()
            o.step()
            s.step()
            return p, o.param_groups[0]["lr"], s.last_epoch

        return step

    assert compare(make)["compiled"] == 0


def accumulate():
    m = nn.Linear(6, 3)
    o = O.SGD(m.parameters(), lr=0.1)
    x = w.randn(8, 6)

    def step():
        for i in range(2):
            m(x[i * 4 : i * 4 + 4]).square().mean().backward()
        o.step()
        grads = [p.grad.clone() for p in m.parameters()]
        o.zero_grad(set_to_none=False)
        return list(m.parameters()), grads

    return step


def never_cleared():
    m = nn.Linear(6, 3)
    x = w.randn(8, 6)

    def step():
        loss = m(x).square().mean()
        loss.backward()
        return loss, m.weight.grad

    return step


def draws():
    g = w.Generator().manual_seed(5)
    x = w.randn(20)

    def step():
        return (
            w.randn(4, 2) + w.rand(4, 2), w.randperm(5), w.randint(0, 9, (3,)),
            w.bernoulli(w.full((5,), 0.5)), F.dropout(x, 0.5), F.alpha_dropout(x, 0.3),
            w.rand(3, generator=g), F.gumbel_softmax(x), w.multinomial(x.exp(), 2),
            w.normal(x, x.exp()), w.empty(3).uniform_(2, 3), w.rand_like(x),
        )  # fmt: skip

    return step


def attention_draws():
    q, k, v = (w.randn(1, 2, 4, 8) for _ in range(3))
    return lambda: F.scaled_dot_product_attention(q, k, v, dropout_p=0.3)


def in_place():
    b, x = w.zeros(4), w.arange(4.0)

    def step():
        b.add_(x)
        b[1] = 7
        b[2:] *= 0.5
        v = b.view(2, 2)
        v[0] += 1
        return b, v, b[1:], b.detach()

    return step


def data():
    p, x = nn.Parameter(w.ones(3)), w.arange(3.0)

    def step():
        p.grad = None
        (p * p * x).sum().backward()
        p.data.sub_(0.1 * p.grad)
        p.data[0] = 5
        with w.no_grad():
            p.mul_(0.5)
        return p, p.data

    return step


def data_replaced():
    p, x = nn.Parameter(w.ones(3)), w.arange(3.0)

    def step():
        p.grad = None
        (p * p * x).sum().backward()
        p.data = p.data - 0.1 * p.grad
        return p

    return step


def averages():
    m = nn.Linear(6, 3)
    kept = {k: v.clone() for k, v in m.state_dict().items()}
    x = w.randn(4, 6)
    o = O.SGD(m.parameters(), lr=0.1)

    def step():
        o.zero_grad()
        m(x).square().mean().backward()
        o.step()
        with w.no_grad():
            for k, v in m.state_dict().items():
                kept[k].mul_(0.9).add_(v, alpha=0.1)
        return list(kept.values())

    return step


def autocast():
    m = nn.Linear(6, 3)
    x = w.randn(8, 6)
    o = O.SGD(m.parameters(), lr=0.1)

    def step():
        o.zero_grad()
        with w.autocast("cpu", dtype=w.bfloat16):
            loss = m(x).float().square().mean()
        loss.backward()
        o.step()
        return loss, m.weight

    return step


def convolution():
    m = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(36, 2),
    )  # fmt: skip
    x = w.randn(2, 3, 8, 8)
    o = O.SGD(m.parameters(), lr=0.1, momentum=0.9)

    def step():
        o.zero_grad()
        loss = m(x).square().mean()
        loss.backward()
        o.step()
        return loss, list(m.buffers())

    return step


def recurrent():
    m, x = nn.LSTM(4, 5, batch_first=True), w.randn(2, 3, 4)
    return lambda: m(x)


def encoder():
    m, x = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), w.randn(2, 3, 8)
    return lambda: m(x)


def hessian():
    x = w.randn(5)
    f = w.func.hessian(lambda x: (x**3).sum() * x[0])
    return lambda: f(x)


def product_with_hessian():
    x, v = w.randn(5), w.randn(5)
    return lambda: w.func.jvp(w.func.grad(lambda x: (x**3).sum() * x[0]), (x,), (v,))


def per_example():
    m, x = w.randn(4, 3), w.randn(6, 3)
    f = w.func.vmap(w.func.grad(lambda x: (m @ x).tanh().sum()))
    return lambda: f(x)


def second_derivative():
    x = w.randn(5, requires_grad=True)

    def step():
        (g,) = w.autograd.grad((x**3).sum(), x, create_graph=True)
        return w.autograd.grad(g.sum(), x)

    return step


@pytest.mark.parametrize(
    "make",
    [
        accumulate, never_cleared, draws, attention_draws, in_place, data, data_replaced, averages,
        autocast, convolution, recurrent, encoder, hessian, product_with_hessian, per_example,
        second_derivative,
    ],
)  # fmt: skip
def test_programs(make):
    counts = compare(make, tol=1e-5)
    assert counts["as it stands"] == 0 and counts["compiled"] >= 3


def stops_item():
    x, log = w.ones(3), []

    def step():
        x.add_(1)
        log.append(x.sum().item())
        return x.sum(), len(log)

    return step


def stops_branch():
    x = w.ones(3)

    def step():
        x.mul_(-1.5)
        return x * 2 if x.sum() > 0 else x * 3

    return step


def stops_counter():
    n, x = [0], w.ones(2)

    def step():
        n[0] += 1
        return x * n[0]

    return step


def stops_mask():
    x = w.randn(6)

    def step():
        x.add_(0.1)
        return x[x > 0], x.nonzero()

    return step


def stops_numpy():
    x, rng = w.ones(2), np.random.default_rng(0)
    return lambda: x * w.from_numpy(rng.standard_normal(2).astype("f4"))


def stops_random():
    import random

    rng, x = random.Random(0), w.ones(2)
    random.seed(0)
    return lambda: (x * rng.randint(0, 0), x * (random.random() < 2))


def stops_keeping():
    kept, x = [], w.ones(2)

    def step():
        kept.append(x * 2)
        return sum(kept)

    return step


def stops_loader():
    loader = w.utils.data.DataLoader(w.utils.data.TensorDataset(w.arange(6.0)), 2, shuffle=True)
    return lambda: sum([x * (i + 1) for i, (x,) in enumerate(loader)])


@pytest.mark.parametrize(
    "make",
    [
        stops_item, stops_branch, stops_counter, stops_mask, stops_numpy, stops_random,
        stops_keeping, stops_loader,
    ],
)  # fmt: skip
def test_programs_that_are_no_graph_run_as_they_stand(make):
    assert compare(make)["compiled"] == 0
