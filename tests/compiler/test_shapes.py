"""One plan for many shapes: compiled functions whose arguments change their sizes."""

import random
import warnings

import pytest

import wengert as w
from wengert.base.pytree import tree_leaves

F, nn = w.nn.functional, w.nn
SIZES = (2, 3, 15, 16, 1, 17, 33)


def results(f, make, sizes, parameters=()):
    """What calls with arguments of some sizes return, and gradients of all that requires them."""
    w.manual_seed(7)
    found = []
    for n in sizes:
        args = make(n)
        out = [x for x in tree_leaves(f(*args)) if isinstance(x, w.Tensor)]
        ends = [x for x in (*args, *parameters) if x.requires_grad]
        grads = ()
        if ends and out[0].requires_grad:
            loss = sum((x * x.detach().cos()).sum() for x in out if x.requires_grad)
            grads = w.autograd.grad(loss, ends, allow_unused=True)
        found.append([None if x is None else x.detach().clone() for x in (*out, *grads, *args)])
    return found


def compare(f, make, sizes=(*SIZES, *SIZES), parameters=(), tol=3e-6, **options):
    """Compiled and as it stands; the calls of the compiled one."""
    w.manual_seed(1)
    want = results(f, make, sizes, parameters)
    compiled = w.compile(f, **options)
    w.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = results(compiled, make, sizes, parameters)
    for n, xs, ys in zip(sizes, want, got):
        assert len(xs) == len(ys)
        for x, y in zip(xs, ys):
            assert (x is None) == (y is None)
            if x is not None:
                assert x.shape == y.shape and x.dtype is y.dtype, n
                assert w.allclose(x.double(), y.double(), atol=tol, rtol=tol, equal_nan=True), n
    return compiled.calls


def rows(n, *more, grad=True):
    w.manual_seed(n)
    return w.randn(n, *more, requires_grad=grad)


def shared(calls, captured=len(SIZES)):
    """That each shape was captured once, and that all but a few have one plan."""
    assert calls.counts["captured"] == captured and not calls.counts["as it stands"]
    assert len(calls.plans) <= 4 and sum(p.open is not None for p in calls.plans) == 1
    assert sum(len(p.records) for p in calls.plans) >= captured - 3
    return calls


def test_a_changing_batch_is_compiled_three_times_at_most():
    m = nn.Sequential(nn.Linear(6, 20), nn.ReLU(), nn.LayerNorm(20), nn.Linear(20, 3))

    def f(x, y):
        return F.cross_entropy(m(x), y)

    def make(n):
        return rows(n, 6), w.arange(n) % 3

    calls = shared(compare(f, make, parameters=list(m.parameters())))
    assert calls.counts["compiled"] == len(SIZES)


def attention(x):
    q, k, v = (x @ w.eye(8).roll(i, 0) for i in range(3))
    mask = w.ones(x.shape[1], x.shape[1]).tril().bool()
    y = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], attn_mask=mask)
    y = y + F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], is_causal=True)
    scores = (q @ k.mT / 8**0.5).masked_fill(~mask, -w.inf).softmax(-1)
    return y[:, 0] + scores @ v


def positions(x):
    n = x.shape[0]
    return x * w.arange(n)[:, None] / n + w.linspace(0, 1, n)[:, None] + w.zeros(n, 1)


def shaped(x):
    n = x.size(0)
    y = x.reshape(n, -1).t().reshape(-1, n).unsqueeze(-1).expand(-1, n, 2)
    return y.permute(1, 2, 0).flatten(1), x[: n // 2].sum(), x[n - 1], x[::2].flip(0), x.view(-1)


def padded(x):
    n = len(x)
    full = w.cat([x, x.new_zeros(40 - n, x.shape[1])])
    return full.cumsum(0)[:n], w.stack(list(full.split(8)))[..., 0], F.pad(x, (0, 0, 1, n))


def statistics(x):
    return x.mean(0), x.var(0, correction=0), x.mean(), x / x.std(0, correction=0).add(1), x.amax(0)


def branches(x):
    n = x.shape[0]
    if n > 15:
        x = x.sin()
    factor = (1.0, 2.0, 5.0, 7.0)[n % 4]
    for _ in range(n // 8):
        x = x * 0.5 + 1
    return x * factor, max(n, 10) * x


def drawn(x):
    return F.dropout(x, 0.4) + w.randn(x.shape[0], 1) + w.rand_like(x) * w.randint(3, x.shape)


def losses(x):
    n, d = x.shape
    y, t = w.full((n, d), 0.3), w.arange(n) % d
    found = [F.mse_loss(x, y), F.l1_loss(x, y), F.cross_entropy(x, t), F.huber_loss(x, y)]
    found += [F.nll_loss(x.log_softmax(1), t), F.binary_cross_entropy_with_logits(x, y)]
    found += [
        F.cross_entropy(x, t, label_smoothing=0.1),
        F.kl_div(x.log_softmax(1), y, reduction="batchmean"),
    ]
    return found


def in_place(x):
    y = x.clone()
    y[0] = 1
    y[:, 0] += y.sum(1)
    y.mul_(2)
    return y, y[1:], len(x), str(x.dtype)


def images(x):
    x = x.reshape(x.shape[0], 2, 2, 2)
    y = F.conv2d(F.pad(x, (1, 1, 1, 1)), w.ones(3, 2, 3, 3) / 7)
    return F.max_pool2d(y.relu(), 2), F.avg_pool2d(y, 2), F.interpolate(y, scale_factor=2)


@pytest.mark.parametrize(
    "f", [positions, shaped, padded, statistics, branches, drawn, losses, in_place, images]
)
def test_what_is_done_with_sizes(f):
    with w.no_grad():
        compare(f, lambda n: (rows(n, 8, grad=False),))
    calls = compare(f, lambda n: (rows(n, 8),))
    assert f is branches or any(p.open is not None for p in calls.plans)


def test_lengths_and_batches_change_together():
    sizes = [2, 3, 15, 16, 17, 33] * 2
    shared(compare(attention, lambda n: (rows(2, n, 8),), sizes), 6)
    calls = compare(attention, lambda n: (rows(n % 3 + 2, n, 8),), sizes)
    assert calls.counts["captured"] == 6


def test_batch_norm_and_a_whole_step():
    def step_of(compiled):
        w.manual_seed(0)
        m = nn.Sequential(
            nn.Linear(5, 9, bias=False), nn.BatchNorm1d(9), nn.Tanh(), nn.Dropout(0.2)
        )
        m.append(nn.Linear(9, 1))
        opt = w.optim.AdamW(m.parameters(), lr=1e-2)

        def step(x, y):
            opt.zero_grad()
            loss = F.mse_loss(m(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(m.parameters(), 0.5)
            opt.step()
            return loss

        step = w.compile(step) if compiled else step
        w.manual_seed(3)
        sizes = [2, 2, 3, 15, 16, 17, 33, 3, 2, 15, 33, 17, 16]
        found = [step(w.randn(n, 5), w.randn(n, 1)).item() for n in sizes]
        return found, [p.detach() for p in m.parameters()], list(m.buffers()), step

    losses, parameters, buffers, _ = step_of(False)
    got, same, kept, step = step_of(True)
    assert got == pytest.approx(losses, rel=1e-5)
    for x, y in zip(parameters + buffers, same + kept):
        assert w.allclose(x, y, atol=1e-5)
    assert step.calls.counts["compiled"] >= 6
    assert sum(len(p.records) for p in step.calls.plans) >= 4


def test_numbers_that_are_returned_are_those_of_the_shape():
    f = w.compile(lambda x: (x + 1, x.shape[0], x.shape, None))
    for n in (2, 3, 4, 5, 6, 4, 5, 6):
        y, rows, shape, nothing = f(w.ones(n, 2))
        assert rows == n and shape == (n, 2) and nothing is None and y.equal(w.full((n, 2), 2.0))
    assert f.calls.counts["compiled"] == 3 and len(f.calls.plans) == 3


def test_arguments_are_changed_in_place():
    def f(x, y):
        x.mul_(2).add_(y[: x.shape[0]])
        return x.sum(0)

    compare(f, lambda n: (rows(n, 4, grad=False), rows(40, 4, grad=False)))


def test_dynamic_is_asked_for():
    def f(x):
        return (x * 2).sin().sum(0)

    def plans(make=lambda n: (rows(n, 4),), **options):
        calls = compare(f, make, [3, 4, 5, 6] * 2, **options)
        return [p.open is not None for p in calls.plans]

    assert plans() == [False, False, True]
    assert plans(dynamic=True) == [False, True]
    assert plans(dynamic=False) == [False] * 4

    def marked(mark, **options):
        def make(n):
            x = rows(n, 4)
            mark(x, 0, **options)
            return (x,)

        return make

    assert plans(marked(w._dynamo.mark_dynamic)) == [False, True]
    assert plans(marked(w._dynamo.mark_dynamic, min=2, max=9)) == [False, True]
    assert plans(marked(w._dynamo.mark_static)) == [False] * 4
    with w._dynamo.config.patch(automatic_dynamic_shapes=False):
        assert plans() == [False] * 4
        assert plans(dynamic=True) == [False, True]


def test_shapes_that_never_come_again_are_not_captured():
    f = w.compile(lambda x: (x * 2).sin() + x.shape[0])
    with w.no_grad():
        for n in range(2, 60):
            assert f(w.ones(n)).equal((w.ones(n) * 2).sin() + n)
        assert f.calls.counts["captured"] < 20 and f.calls.counts["as it stands"] > 38
        for _ in range(2):
            assert f(w.ones(59)).shape == (59,)
    assert f.calls.counts["compiled"] == 1


def test_the_warning_says_what_changes():
    f = w.compile(lambda x, y: x * y, dynamic=False)
    with pytest.warns(UserWarning, match="the shape of argument 1"):
        for n in range(1, 12):
            f(w.ones(1, 4), w.ones(n, 4))


WAYS = [
    lambda x, y, n: x + y,
    lambda x, y, n: x * y / n,
    lambda x, y, n: (x - y.mean(0)).relu(),
    lambda x, y, n: w.cat([x, y], 1)[:, 1:-3],
    lambda x, y, n: (x @ y.t()).softmax(-1) @ x,
    lambda x, y, n: x.reshape(n, 2, 2).transpose(1, 2).reshape(n, -1) * 0.5,
    lambda x, y, n: w.where(x > y, x, y.tanh()),
    lambda x, y, n: x.cumsum(0) / w.arange(1, n + 1)[:, None],
    lambda x, y, n: F.layer_norm(x, (4,)) + y[:1],
    lambda x, y, n: x.roll(1, 0) * y.flip(0),
    lambda x, y, n: x.gather(1, (w.arange(n)[:, None] + w.arange(4)) % 4),
    lambda x, y, n: x.clone().index_add_(0, w.arange(n) // 2, y),
    lambda x, y, n: x.unsqueeze(1).expand(n, 3, 4).sum(1) - y,
    lambda x, y, n: x * x.sum(1, keepdim=True) + y.amax(0, keepdim=True),
    lambda x, y, n: F.dropout(x, 0.3) + y.norm() * 0.1,
    lambda x, y, n: w.einsum("ni,nj->nij", x, y).sum(1).sigmoid(),
]


@pytest.mark.parametrize("seed", range(12))
def test_random_programs(seed):
    rng = random.Random(seed)
    plan = [(rng.choice(WAYS), rng.random(), rng.random()) for _ in range(6)]

    def f(x, y):
        values = [x, y]
        for way, i, j in plan:
            chosen = values[int(i * len(values))], values[int(j * len(values))]
            values.append(way(*chosen, x.shape[0]))
        return values[-1], values[-2].mean()

    compare(f, lambda n: (rows(n, 4), rows(n, 4).detach().cos()), tol=2e-5)
