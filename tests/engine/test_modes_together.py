"""Modes in one another, in any order and in several threads: each does there what it does alone."""

import contextlib
import functools
import itertools
import threading

import numpy as np
import pytest

import wengert as w
from wengert.nn import functional as F
from wengert.utils.checkpoint import checkpoint
from wengert.utils.flop_counter import FlopCounterMode

X = [[0.3, -0.5, 0.9], [1.2, 0.1, -0.7]]
W = [[0.5, -0.2, 0.8], [0.1, 0.9, -0.6], [-0.4, 0.3, 0.7]]


class Seeing(w.overrides.TorchFunctionMode):
    def __torch_function__(self, f, types, args=(), kwargs=None):
        return f(*args, **(kwargs or {}))


def subclass():
    """A class that functions are handed to; it is made in tests, since all calls ask as long as
    there is one.
    """

    class Stand(w.Tensor):
        @classmethod
        def __torch_function__(cls, f, types, args=(), kwargs=None):
            return super().__torch_function__(f, types, args, kwargs or {})

    return Stand


MODES = {
    "autocast": lambda: w.autocast("cpu", dtype=w.bfloat16),
    "profile": lambda: w.autograd.profiler.profile(),
    "anomaly": lambda: w.autograd.set_detect_anomaly(True),
    "function mode": Seeing,
    "flops": lambda: FlopCounterMode(display=False),
    "saved": lambda: w.autograd.graph.saved_tensors_hooks(lambda x: x.clone(), lambda x: x),
    "no_grad": w.no_grad,
    "inference": w.inference_mode,
}


def program(x, weight):
    """Results of several dtypes, each of which must not depend on those before it."""
    half = F.linear(x, weight)  # bfloat16 under autocast
    return [
        half, half * 2, half * x, x * x, half + 1, (half + x).exp(), half.sum(-1), x.double() * 2,
        (x.half() * 3) * x, x.half() * 3, x.abs().max(), F.mse_loss(half, x), w.cat([half, x]),
        half.softmax(-1) @ weight,
    ]  # fmt: skip


def run(names, cls=w.Tensor, compiled=False):
    x, weight = [w.tensor(v).as_subclass(cls) for v in (X, W)]
    if not {"no_grad", "inference"} & set(names):
        x, weight = x.requires_grad_(), weight.requires_grad_()
    call = w.compile(program) if compiled else program
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(MODES[name]())
        outs = call(x, weight)
    return x, weight, outs


def facts(outs):
    return [(t.dtype, t.detach().float().tolist()) for t in outs]


@pytest.mark.parametrize("made", [lambda: w.Tensor, subclass], ids=["Tensor", "subclass"])
def test_values_and_dtypes_do_not_depend_on_who_watches(made):
    """Nor on the order in which modes are entered."""
    cls = made()
    alone = {cast: facts(run(cast)[2]) for cast in ((), ("autocast",))}
    for names in itertools.permutations(MODES, 2):
        want = alone[("autocast",) if "autocast" in names else ()]
        x, weight, outs = run(names, cls)
        assert facts(outs) == want, names
        assert {type(t) for t in outs} == {cls}
        assert {t.is_inference() for t in outs} == {"inference" in names}, names
        recorded = not {"no_grad", "inference"} & set(names)
        assert {t.requires_grad for t in outs} == {recorded}, names


@pytest.mark.parametrize("names", [*itertools.permutations(["autocast", "profile", "saved"]),
                                   ("anomaly", "autocast"), ("flops", "autocast"), ()])  # fmt: skip
@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_do_not_depend_on_who_watches(names, compiled):
    def gradients(names, compiled):
        x, weight, outs = run(names, w.Tensor, compiled)
        return [
            g.tolist() for g in w.autograd.grad(sum(t.float().sum() for t in outs), [x, weight])
        ]

    want = gradients([n for n in names if n == "autocast"], False)
    for got, g in zip(gradients(names, compiled), want):
        np.testing.assert_allclose(got, g, rtol=1e-5, atol=1e-6)


def test_what_a_call_is_rounded_to_is_no_other_calls():
    """A number beside half precision is rounded at the end, single precision is not."""
    x = w.tensor([1.0, 2.0, 3.0]) / 3
    for mode in ("autocast", "profile", "anomaly", "flops"):
        with MODES[mode]():
            low = x.bfloat16() * 2
            assert low.dtype is w.bfloat16
            assert (x * x).dtype is w.float32 and (x.bfloat16() * x).dtype is w.float32
            assert (x.half() * 2).dtype is w.float16
            assert (x * x).tolist() == (x.double() * x.double()).float().tolist()


def test_a_checkpoint_runs_again_under_the_autocast_of_its_first_run():
    def step(x, weight):
        return F.linear(x, weight).exp().sum(-1)

    nests = [[w.bfloat16], [w.float16], [w.float16, w.bfloat16], [w.bfloat16, None], [None]]
    for nest, outside, reentrant in itertools.product(nests, (True, False), (True, False)):
        x, weight = w.tensor(X, requires_grad=True), w.tensor(W, requires_grad=True)

        def entered(stack, nest=nest):
            for dtype in nest:
                stack.enter_context(w.autocast("cpu", dtype=dtype, enabled=dtype is not None))

        found = []
        for again in (False, True):
            x.grad = weight.grad = None
            with contextlib.ExitStack() as stack:
                entered(stack)
                kept = functools.partial(checkpoint, step, use_reentrant=reentrant)
                y = (kept if again else step)(x, weight)
            with contextlib.ExitStack() as stack:
                if not outside:
                    stack.enter_context(w.autocast("cpu", dtype=w.float16))
                y.float().sum().backward()
            found.append([y.tolist(), x.grad.tolist(), weight.grad.tolist()])
        assert found[0] == found[1], (nest, outside, reentrant)


TRANSFORMS = {
    "grad": lambda f: w.func.grad(lambda x: f(x).sum()),
    "vjp": lambda f: lambda x: w.func.vjp(f, x)[1](w.ones_like(f(x)))[0],
    "jvp": lambda f: lambda x: w.func.jvp(f, (x,), (w.ones_like(x),))[1],
    "jacrev": w.func.jacrev,
    "jacfwd": w.func.jacfwd,
    "hessian": lambda f: w.func.hessian(lambda x: f(x).sum()),
    "vmap of grad": lambda f: w.func.vmap(w.func.grad(lambda x: f(x).sum())),
    "grad of grad": lambda f: w.func.grad(
        lambda x: w.func.grad(lambda x: f(x).sum())(x).pow(2).sum()
    ),
}
FUNCTIONS = {
    "abs": lambda x: x.abs(), "norm": lambda x: x.norm(dim=-1), "max": lambda x: x.max(-1)[0],
    "prod": lambda x: x.prod(-1), "var": lambda x: x.var(-1), "sin": lambda x: x.sin() * x,
    "where": lambda x: w.where(x > 0, x * 3, x),
}  # fmt: skip


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("mode", ["inference", "no_grad", "profile", "function mode"])
def test_derivatives_are_taken_in_every_mode(transform, mode):
    """Also where nothing is recorded outside of the transform; in inference mode they were 0."""
    for name, f in FUNCTIONS.items():
        x = w.tensor(X)
        want = TRANSFORMS[transform](f)(x)
        with MODES[mode]():
            got = TRANSFORMS[transform](f)(x)
            made = x * 2  # an inference tensor: its derivatives can be taken in inference mode too
            TRANSFORMS[transform](f)(made)
        np.testing.assert_allclose(got.numpy(), want.numpy(), 1e-5, 1e-5, err_msg=name)
        assert not got.requires_grad, name


def test_what_saved_tensor_hooks_keep_loses_no_derivative():
    """What they do is differentiated in its turn; what has no history is refused, not taken for a
    constant.
    """
    x = w.tensor(X)

    def severed():
        return w.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), w.tensor)

    for transform in TRANSFORMS:
        for name, f in FUNCTIONS.items():
            want = TRANSFORMS[transform](f)(x)
            for hooks in (MODES["saved"], w.autograd.graph.save_on_cpu):
                with hooks():
                    got = TRANSFORMS[transform](f)(x)
                np.testing.assert_allclose(got.numpy(), want.numpy(), 1e-5, 1e-5, err_msg=name)
    with pytest.raises(RuntimeError), severed():
        TRANSFORMS["grad of grad"](FUNCTIONS["prod"])(x)


def test_modes_of_threads_are_their_own():
    """Four threads in other modes each, at once, many times."""
    nests = [("autocast",), ("no_grad", "flops"), ("anomaly", "function mode"), ()]
    want = [facts(run(n)[2]) for n in nests]
    wrong, barrier = [], threading.Barrier(len(nests))

    def work(k):
        barrier.wait()
        for _ in range(12):
            got = run(nests[k])[2]
            if facts(got) != want[k] or got[0].requires_grad != ("no_grad" not in nests[k]):
                wrong.append(nests[k])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(nests))]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not wrong


def test_a_function_mode_sees_public_calls_alone():
    seen = []

    class Listing(w.overrides.TorchFunctionMode):
        def __torch_function__(self, f, types, args=(), kwargs=None):
            seen.append(f.__name__)
            return f(*args, **(kwargs or {}))

    import wengert.nn.init  # noqa: F401  (functions that it imports are none of its own)

    x = w.tensor(X, requires_grad=True)
    with pytest.warns(UserWarning), Listing(), w.autograd.detect_anomaly():
        checkpoint(w.exp, x, use_reentrant=False)
    assert seen == ["exp"]
