"""torch.utils.checkpoint beside PyTorch's: what runs again, what is kept, what is complained of."""

import functools

import pytest

import wengert as w
import wengert.utils.checkpoint as C
from wengert.engine import op_modes

CASES = {}


def case(f):
    CASES[f.__name__] = f
    return f


def plain(x):
    return x.tolist() if hasattr(x, "tolist") else [plain(y) for y in x]


def weights(m):
    m.manual_seed(0)
    return m.randn(3, 3, requires_grad=True), m.randn(2, 3, requires_grad=True)


def gradients(y, *ts):
    y.sum().backward()
    return [plain(t.grad) for t in ts]


def selective(c, policy, **options):
    return functools.partial(c.create_selective_checkpoint_contexts, policy, **options)


def saving(m, c, *names, log=None):
    """A policy that keeps the results of some operators."""
    kept = [getattr(m.ops.aten, name).default for name in names]

    def policy(context, op, *args, **kwargs):
        if log is not None:
            log.append((context.is_recompute, str(op), [tuple(x.shape) for x in args]))
        if op in kept:
            return c.CheckpointPolicy.MUST_SAVE
        return c.CheckpointPolicy.PREFER_RECOMPUTE

    return policy


@case
def policy_is_asked(m, c):
    v, x = weights(m)
    log = []
    y = c.checkpoint(
        lambda x: (x @ v).tanh().sin() @ v, x, use_reentrant=False,
        context_fn=selective(c, saving(m, c, "mm", log=log)),
    )  # fmt: skip
    return log, gradients(y, x, v)


@case
def list_of_operators(m, c):
    v, x = weights(m)
    keep = [m.ops.aten.mm.default, m.ops.aten.addmm.default]
    layer = m.nn.Linear(3, 3)
    y = c.checkpoint(
        lambda x: layer((x @ v).tanh()), x, use_reentrant=False, context_fn=selective(c, keep)
    )
    return gradients(y, x, v, layer.weight)


@case
def selective_twice(m, c):
    v, x = weights(m)
    y = c.checkpoint(
        lambda x: (x @ v).tanh(), x, use_reentrant=False,
        context_fn=selective(c, saving(m, c, "mm")),
    ).sum()  # fmt: skip
    y.backward(retain_graph=True)
    y.backward()


def mutated(m, c, **options):
    v, x = weights(m)

    def f(x):
        z = x @ v
        z.add_(1)
        return z.sin()

    policy = saving(m, c, "mm")
    return c.checkpoint(
        f, x, use_reentrant=False, context_fn=selective(c, policy, **options)
    ), (x, v)  # fmt: skip


@case
def kept_and_changed(m, c):
    y, ts = mutated(m, c)
    return gradients(y, *ts)


@case
def wrong_policy(m, c):
    c.create_selective_checkpoint_contexts(3)


@case
def wrong_list(m, c):
    c.create_selective_checkpoint_contexts(["mm"])


@case
def context_with_reentry(m, c):
    v, x = weights(m)
    c.checkpoint(
        lambda x: x @ v, x, use_reentrant=True, context_fn=selective(c, saving(m, c, "mm"))
    )


@case
def debug_with_reentry(m, c):
    c.checkpoint(lambda x: x, weights(m)[1], use_reentrant=True, debug=True)


@case
def unknown_check(m, c):
    c.checkpoint(lambda x: x, weights(m)[1], use_reentrant=False, determinism_check="zz")


@case
def unknown_keyword_with_reentry(m, c):
    c.checkpoint(lambda x: x, weights(m)[1], use_reentrant=True, other=1)


def changing(m, c, first, then, **options):
    """A function that does something else the second time."""
    runs = []

    def f(x):
        runs.append(1)
        return (first if len(runs) == 1 else then)(x)

    x = weights(m)[1]
    y = c.checkpoint(f, x, use_reentrant=False, **options)
    return gradients(y, x)


@case
def fewer_saved(m, c):
    return changing(m, c, lambda x: x.sin().cos(), lambda x: x.sin())


@case
def fewer_saved_unchecked(m, c):
    return changing(m, c, lambda x: x.sin().cos(), lambda x: x.sin(), determinism_check="none")


@case
def other_shapes(m, c):
    return changing(m, c, lambda x: x.sin(), lambda x: m.cat([x, x]).sin())


@case
def other_values_unchecked(m, c):
    return changing(m, c, lambda x: x.sin(), lambda x: (x * 2).cos(), determinism_check="none")


@case
def debug(m, c):
    return changing(m, c, lambda x: x.sin().cos(), lambda x: x.sin(), debug=True)


@case
def runs_with_early_stop(m, c):
    seen = []
    for enable in (True, False):
        for early in (True, False):
            x, log = weights(m)[1], []

            def f(x, log=log):
                log.append("start")
                y = x.sin()
                log.append("end")
                return y

            with c.set_checkpoint_early_stop(enable):
                y = c.checkpoint(f, x, use_reentrant=False, early_stop=early)
                y.sum().backward()
            seen.append(log)
    return seen


@case
def nested(m, c):
    v, x = weights(m)
    runs = []

    def inner(x):
        runs.append("inner")
        return (x @ v).sin()

    def outer(x):
        runs.append("outer")
        h = c.checkpoint(inner, x.cos(), use_reentrant=False)
        return c.checkpoint(inner, h, use_reentrant=False).exp()

    y = c.checkpoint(outer, x, use_reentrant=False)
    return gradients(y, x, v), runs


@case
def random_numbers(m, c):
    x = m.ones(2000, requires_grad=True)
    seen = []
    for preserve in (True, False):
        for reentrant in (True, False):
            m.manual_seed(3)
            x.grad = None
            y = c.checkpoint(
                lambda x: m.nn.functional.dropout(x, 0.5), x, use_reentrant=reentrant,
                preserve_rng_state=preserve,
            )  # fmt: skip
            y.sum().backward()
            same = bool((x.grad == y.detach()).all())
            seen.append((preserve, reentrant, same))
    return seen


@case
def sequential(m, c):
    m.manual_seed(0)
    layers = [m.nn.Linear(3, 3) for _ in range(5)]
    model = m.nn.Sequential(*layers)
    results = []
    for segments in (1, 2, 3, 5):
        for reentrant in (True, False):
            model.zero_grad()
            x = m.ones(2, 3, requires_grad=True)
            y = c.checkpoint_sequential(model, segments, x, use_reentrant=reentrant)
            results.append(gradients(y, x, *[p.weight for p in layers]))
    return results


@case
def keywords_and_other_arguments(m, c):
    v, x = weights(m)

    def f(n, x, *, scale, extra=None):
        return (x * n * scale).sin() + (0 if extra is None else extra["t"] * v.sum())

    y = c.checkpoint(f, 2, x, use_reentrant=False, scale=3, extra={"t": m.tensor(2.0)})
    return gradients(y, x, v)


@case
def higher_order(m, c):
    v, x = weights(m)
    y = c.checkpoint(lambda x: (x @ v).sin(), x, use_reentrant=False)
    (g,) = m.autograd.grad(y.sum(), x, create_graph=True)
    return gradients((g * g).sum(), x, v)


@case
def not_all_outputs(m, c):
    v, x = weights(m)
    a, b = c.checkpoint(lambda x: ((x @ v).sin(), (x * 2).cos()), x, use_reentrant=False)
    return gradients(a, x, v)


@case
def no_tuple(m, c):
    c.detach_variable([m.ones(2)])


def outcome(f, m, c):
    try:
        return f(m, c), None
    except Exception as e:
        return None, e


def close(a, b):
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b))
    return a == pytest.approx(b, rel=1e-4, abs=1e-5) if isinstance(a, float) else a == b


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_as_pytorch(name, torch):
    import torch.utils.checkpoint as theirs

    torch.set_num_threads(1)
    expected, error = outcome(CASES[name], torch, theirs)
    got, ours = outcome(CASES[name], w, C)
    if error is None:
        assert ours is None, ours
        assert close(expected, got), (expected, got)
    else:
        assert type(ours).__name__ == type(error).__name__, (ours, error)
    assert not op_modes.ACTIVE


# ------------------------------------------------------------------------- without PyTorch


def test_what_is_kept_is_not_computed_again():
    v, x = weights(w)
    with w.profiler.profile() as prof:
        y = C.checkpoint(
            lambda x: (x @ v).tanh().sin(), x, use_reentrant=False,
            context_fn=selective(C, saving(w, C, "mm")),
        )  # fmt: skip
        y.sum().backward()
    counts = {e.key: e.count for e in prof.key_averages()}
    assert counts["aten::matmul"] == 1 and counts["aten::tanh"] == 2
    expected = [plain(t.grad) for t in (x, v)]
    v, x = weights(w)
    assert gradients((x @ v).tanh().sin(), x, v) == expected


def test_changed_results_may_be_allowed():
    y, ts = mutated(w, C, allow_cache_entry_mutation=True)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="matmul was changed in place"):
        gradients(*mutated(w, C)[:1])


def test_debug_lists_both_runs():
    with pytest.raises(C.CheckpointError) as e:
        debug(w, C)
    text = str(e.value)
    assert "first run" in text and "second run" in text and "test_checkpoint.py" in text
    assert text.count("aten.sin.default([2, 3])") == 2 and text.count("aten.cos.default") == 1
    with C.set_checkpoint_debug_enabled(True), pytest.raises(C.CheckpointError, match="first run"):
        fewer_saved(w, C)
    with pytest.raises(C.CheckpointError, match="debug=True"):
        fewer_saved(w, C)


def test_helpers():
    x = w.ones(2, requires_grad=True)
    a, b, c = C.detach_variable((x * 1, 3, w.ones(1)))
    assert a.is_leaf and a.requires_grad and b == 3 and not c.requires_grad
    with pytest.warns(UserWarning, match="Gradients will be None"):
        C.check_backward_validity([w.ones(2)])


def test_operators_are_names():
    mm = w.ops.aten.mm
    assert str(mm.default) == "aten.mm.default" and mm.default is not mm.out
    assert mm(w.ones(2, 2), w.ones(2, 2)).tolist() == [[2, 2], [2, 2]]
    with pytest.raises(NotImplementedError, match="name only"):
        w.ops.aten._flash_attention_forward.default(1)


@pytest.mark.parametrize(
    "inner",
    [
        lambda x: w.func.grad(lambda q: (q**3).sum())(x),
        lambda x: w.func.jacfwd(lambda q: q.logsumexp(0).sum())(x),
        lambda x: w.func.jvp(w.func.grad(lambda q: q.tanh().sum()), (x,), (x,))[1],
        lambda x: w.func.vmap(lambda q: q.exp() * q)(x),
    ],
)
def test_transforms_inside_give_what_they_give_outside(inner):
    def f(x):
        return x + inner(x).sum() * x

    x = w.tensor([[0.5, -1.25], [0.25, 2.0]], dtype=w.float64, requires_grad=True)
    y, kept = f(x), C.checkpoint(f, x, use_reentrant=False)
    assert w.allclose(kept, y)
    (g,), (h,) = w.autograd.grad(kept.sum(), x), w.autograd.grad(y.sum(), x)
    assert w.allclose(g, h)
