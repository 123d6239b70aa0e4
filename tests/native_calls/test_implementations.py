"""Implementations done again in machine code give what they give themselves, to the bit."""

import _thread
import signal
import sys
from collections import deque
from functools import partial

import numpy as np
import pytest

import wengert as torch
from wengert import native_calls
from wengert.arrays.fused_elements import binary, planned, ternary, unary
from wengert.arrays.numpy_direct import library
from wengert.native_calls import implementations
from wengert.native_calls.implementations import LEARNERS, MOST, program
from wengert.native_calls.stand_ins import LIBRARY, PLAIN, TRACES, Later, Trace, Traced, watched
from wengert.native_calls.symbols import Untraceable
from wengert.nn import functional

from .calls import entered
from .test_calls import outcome
from .test_places import SHAPES, kept, made

CALLS = [
    "x.var(0)", "x.var(-1, keepdim=True)", "x.std()", "x.std(0, correction=0)", "x.norm()",
    "x.norm(dim=0)", "x.norm(3, -1)", "x.logsumexp(0)", "x.logsumexp(-1, True)", "x.softmax(-1)",
    "x.log_softmax(0)", "functional.softmin(x, 0)", "functional.cosine_similarity(x, y, -1)",
    "functional.normalize(x, dim=-1)", "functional.mse_loss(x, y)",
    "functional.smooth_l1_loss(x, y, reduction='sum')", "functional.kl_div(x, y)",
    "functional.binary_cross_entropy_with_logits(x, y)", "x.topk(1, 0)", "x.topk(2, -1, False)",
    "x.sort(0)", "x.argsort(-1, True)", "x.prod(0)", "x.prod()", "x.squeeze()", "x.movedim(0, -1)",
    "x.diagonal()", "x.roll(1)", "x.roll((1, 2), (0, -1))", "x.flip(0)", "x.repeat(2, *x.shape)",
    "functional.pad(x, (1, 2))", "functional.pad(x, (-1, 2), value=3)", "x.cumprod(0)",
    "x.nan_to_num(1.5)", "x.quantile(0.3, 0)", "x.nansum(0)", "x.diff()", "torch.cdist(x, y)",
    "torch.dot(x, y)", "torch.addmm(x, x, y)", "x.fmod(y)", "x.logcumsumexp(0)", "x.median()",
    "x.count_nonzero(0)",
    "x.renorm(2, 0, 1.0)", "x.masked_select(y > 0)", "x.unfold(0, 1, 1)", "x.swapaxes(0, -1)",
    "x % 7", "x // 3", "x % y[:1].reshape(-1)[0]", "x.argmax(-1)", "x.argmin(0)", "x.double()",
    "x.float()", "x ** y",
]  # fmt: skip
FIRST = 3  # which call is looked at
ROUNDS = FIRST + 2  # after which a program would serve


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """Nothing is known from calls of other tests."""
    monkeypatch.setattr(implementations, "FIRST", FIRST)
    for learner in LEARNERS.values():
        learner.table[:] = [learner]
        learner.count = learner.failures = 0
        learner.next, learner.why = FIRST, ""


def cases():
    r = np.random.default_rng(3)
    for kind in ("float32", "float64", "int64", "bool", "float16", "complex64"):
        for shape in SHAPES:
            for text in CALLS:
                yield text, kind, shape, [variants(shape, kind, r) for _ in range(ROUNDS)]


def variants(shape, kind, r):
    """Operands that differ in elements only."""
    return {"torch": torch, "functional": functional, "x": made(shape, kind, r),
            "y": made(shape, kind, r)}  # fmt: skip


def test_programs_give_what_implementations_give(monkeypatch):
    """Each call comes with other elements each time: those a program was made of are not those
    that it serves.
    """
    monkeypatch.setattr(implementations, "MOST", 1 << 20)
    every, found = list(cases()), []
    for turn in (native_calls.serve, native_calls.stop):
        turn()
        codes = {text: compile(text, "<call>", "eval") for text in CALLS}
        with np.errstate(all="ignore"):
            found.append([[told(codes[text], n) for n in names] for text, _, _, names in every])
    for case, one, other in zip(every, *found):
        assert one == other, case[:3]
    assert sum(len(learner.table) - 1 for learner in LEARNERS.values()) > 200


def told(code, names):
    result, said = outcome(code, names)
    return kept(result) if said is None or not isinstance(result, type) else (result, said)


def test_strides_and_dtypes_are_asked_for():
    x = torch.rand(4, 4)
    for _ in range(ROUNDS):
        x.var(0)
    for y in (x.t(), x.double(), x[:, :3], x[::2], torch.rand(4, 5), x[:, ::2]):
        want = y.numpy().astype("float64").var(0, ddof=1)
        assert np.allclose(y.var(0).numpy(), want, 1e-5)
        assert y.var(0).dtype == y.dtype


def test_no_python_runs_between_the_steps():
    x, y = torch.rand(7, 7), torch.rand(7, 7)
    for f in (
        lambda: x.var(0),
        lambda: x.logsumexp(1),
        lambda: functional.cosine_similarity(x, y),
        lambda: functional.mse_loss(x, y),
    ):
        for _ in range(30):
            f()
        assert entered(f) <= 3


def test_what_elements_decide_is_decided_each_time():
    x = torch.rand(6, 6)
    for _ in range(ROUNDS):
        x.logsumexp(1)
    x[0] = -float("inf")
    x[1, 2] = float("inf")
    got = x.logsumexp(1)
    assert got[0] == -float("inf") and got[1] == float("inf") and got[2:].isfinite().all()


def test_mistakes_are_found_each_time():
    x, target = torch.rand(5, 4).log(), torch.tensor([0, 1, 2, 3, 0])
    for _ in range(ROUNDS):
        functional.nll_loss(x, target)
    with pytest.raises(IndexError):
        functional.nll_loss(x, target + 1)
    with pytest.raises(IndexError):
        functional.nll_loss(x, target - 1)


def test_what_draws_or_changes_operands_is_no_program():
    a = np.ones((3, 3), "float32")

    def changes(x):
        x += 1
        return x

    def reads(x):
        return x * float(x[0, 0])

    def constant(x):
        return np.ones(3, "float32")

    for f in (changes, reads, constant, lambda x: np.array(x) + 1):
        with pytest.raises(Untraceable):
            program(f, (a,), f(a.copy()), 1)
    x = torch.full((20,), 0.5)
    draws = [
        lambda: functional.dropout(x), lambda: torch.bernoulli(x), lambda: torch.normal(x, x),
        lambda: torch.multinomial(x, 3), lambda: x.clone().uniform_(), lambda: torch.poisson(x),
        lambda: torch.rand_like(x), lambda: functional.rrelu(-x, training=True),
        lambda: functional.gumbel_softmax(x), lambda: torch.randperm(5),
        lambda: functional.fractional_max_pool2d(x.reshape(1, 4, 5), 2, (2, 2)),
    ]  # fmt: skip
    found = []
    for turn in (native_calls.serve, native_calls.stop):
        turn()
        torch.manual_seed(0)
        found.append([[f().tolist() for _ in range(3 * ROUNDS)] for f in draws])
    assert found[0] == found[1]


def test_results_are_new_and_views_are_views():
    x = torch.rand(4, 4)
    for _ in range(ROUNDS):
        got = x.std(0)
        x.diagonal()
    got.zero_()
    assert x.std(0).min() > 0
    x.diagonal().fill_(0)
    assert x[2, 2] == 0 and x.movedim(0, 1)._is_view()


def test_a_kernel_that_is_about_to_come_is_waited_for():
    class Kernel:
        made, run = False, None

    def ready(self):
        return None

    code = ready.__code__.replace(co_filename=implementations.__file__.replace(
        "native_calls", "kernels"))  # fmt: skip
    Kernel.ready = type(ready)(code, {})
    kernel = Kernel()

    def f(x):
        kernel.ready()
        return x + 1

    a = np.ones(3, "float32")
    with pytest.raises(Later):
        program(f, (a,), f(a), 1)
    kernel.made = True
    assert program(f, (a,), f(a), 1)


@pytest.mark.parametrize(
    "word",
    [
        unary("sign")(np.sign), binary("heaviside")(np.heaviside), ternary("addcdiv")(np.add),
        planned(1, lambda: ("relu", ()))(np.negative),
    ],
)  # fmt: skip
def test_no_word_is_a_program_before_its_kernel_is_there(word):
    """A program would go on as the word is without it, for good."""
    a = np.ones(3, "float32")
    given = (a,) * len(word.elements.operands) if hasattr(word, "elements") else (a,)
    with pytest.raises(Later):
        program(word, given, a, 1)


def test_large_arrays_keep_no_program_from_small_ones():
    large, small = torch.rand(300, 100), torch.rand(3, 100)
    for x in (large, small):
        for _ in range(6 * ROUNDS):
            x.logcumsumexp(1)
    (learner,) = [f for (name, _), f in LEARNERS.items() if name == "logcumsumexp"]
    assert "another kind" not in learner.why  # as that of large ones would be told


def test_programs_are_few():
    for n in range(3, 20):
        x = torch.rand(n, 2)
        for _ in range(ROUNDS):
            x.var(0)
    (table,) = [learner.table for (name, _), learner in LEARNERS.items() if name == "var"]
    assert len(table) == MOST + 1 and table[0] is None


def test_all_is_put_back_though_signals_come_between():
    """Ctrl-C twice: a second exception comes while the first one is on its way out."""
    a = np.ones((3, 3), "float32")
    steps = partial(_thread.interrupt_main, signal.SIGINT), partial(int, "none")

    def f(x):
        if type(x) is Traced:
            next(signals)  # which sends another one, and raises
        return x + 1

    before = signal.getsignal(signal.SIGINT)
    for k in range(1, 7):
        signals = map(deque, [map(partial.__call__, steps) for _ in range(k)])
        signal.signal(signal.SIGINT, lambda number, frame, s=signals: next(s, None))
        try:
            with pytest.raises(ValueError):
                watched(f, (a,), [Traced(trace := Trace(), a, False)], trace)
            left = sys.gettrace(), sys.getprofile(), dict(TRACES), library.zeros
        except ValueError:
            pass
        finally:
            signal.signal(signal.SIGINT, before)
        assert left == (None, None, {}, PLAIN["zeros"])
        assert all(library.__dict__[name] is PLAIN[name] for name in LIBRARY)


def test_a_view_that_another_array_decides_is_no_step():
    """Where it begins is told by elements."""
    x, i = np.arange(9.0).reshape(3, 3), np.array(1)
    trace = Trace()
    a, b = Traced(trace, x, False), Traced(trace, i, False)
    with pytest.raises(Untraceable):
        trace.call(lambda x, i: x[int(i) :], (a, b), {}, "rest")
    with pytest.raises(Untraceable):
        trace.call(lambda i, x: x[0], (b, a), {}, "first")
    assert type(trace.call(lambda x: x[1:], (a,), {}, "rest")) is Traced and len(trace.steps) == 1


def test_what_loops_round_in_another_way_is_no_program():
    """NumPy computes products of complex numbers, and powers, in several ways."""
    for f, kind in (
        (lambda x: x * x, "complex64"), (lambda x: x**0.5, "float32"),
        (lambda x: x.sum() ** 2, "float64"), (lambda x: x**x, "float64"),
    ):  # fmt: skip
        a = np.ones(3, kind)
        with pytest.raises(Untraceable):
            program(f, (a,), f(a), 1)
    assert program(lambda x: x**2, (a,), a**2, 1)


def test_handlers_of_signals_run_as_ever_while_an_implementation_is_looked_at():
    """They may compute, save, draw: what they do is none of the implementation's steps."""
    a, found = np.ones((3, 3), "float32"), []

    def f(x):
        signal.raise_signal(signal.SIGINT)
        return x + 1

    def handler(number, frame):
        torch.manual_seed(0)
        found.append((torch.ones(3) * 2).softmax(0).tolist() + torch.rand(2).tolist())

    before = signal.signal(signal.SIGINT, handler)
    try:
        made, _ = program(f, (a,), f(a), 1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(found) == 3 and found[0] == found[1] == found[2]


def test_loops_of_python_are_not_watched_to_their_end():
    a = np.ones(3, "float32")

    def f(x, n):
        for _ in range(n):
            pass
        return x + 1

    file = implementations.__file__.replace("native_calls", "arrays")
    f = type(f)(f.__code__.replace(co_filename=file), {})
    assert program(f, (a, 10), f(a, 10), 1)
    with pytest.raises(Untraceable, match="too many instructions"):
        program(f, (a, 10**6), f(a, 10), 1)
