"""Values that are not finite, caught where they are born, and NaN in backward passes."""

import sys
import threading
import warnings

import pytest

import wengert as w
from wengert.engine import op_modes

pytestmark = pytest.mark.filterwarnings("ignore:Anomaly Detection")


class Net(w.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = w.nn.Sequential(w.nn.Linear(2, 2), w.nn.ReLU())

    def forward(self, x):
        return self.last(self.body(x))

    def last(self, x):
        return w.log(x * 0 - 1)  # here it is born


@pytest.mark.parametrize("watch", [w.trap_nonfinite, w.autograd.detect_anomaly])
def test_op_operands_line_and_module(watch):
    model = w.nn.Sequential(w.nn.Identity(), Net())
    with watch(), pytest.raises(RuntimeError) as e:
        model(w.ones(3, 2))
    text = str(e.value)
    assert "log gave nan from finite numbers" in text
    assert "input: torch.float32 [3, 2] from -1 to -1" in text
    assert (
        "test_anomaly.py" in text and "in last: return w.log(x * 0 - 1)  # here it is born" in text
    )
    assert "model.1 (Net)" in text and "input of shape (3, 2)" in text


def test_both_operands_are_told():
    with w.trap_nonfinite(), pytest.raises(RuntimeError, match="div gave inf") as e:
        w.tensor([1.0, 2.0]) / w.zeros(2)
    assert "input: torch.float32 [2] from 1 to 2" in str(e.value)
    assert "other: torch.float32 [2] from 0 to 0" in str(e.value)


def test_a_frame_that_a_debugger_can_enter():
    with pytest.raises(RuntimeError) as e, w.trap_nonfinite():
        w.sqrt(w.tensor([4.0, -1.0]))
    frames = []
    trace = e.value.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    innermost = frames[-1]
    assert innermost.f_locals["args"][0].tolist() == [4, -1]
    assert innermost.f_locals["result"].tolist()[0] == 2
    assert innermost.f_locals["op"].name == "sqrt"
    assert frames[0].f_code is sys._getframe().f_code  # the user's own is one `up` away


BORN = {
    "overflow": lambda: w.full((2,), 60000.0, dtype=w.float16) * 2,
    "division": lambda: w.ones(2) / 0,
    "power": lambda: w.tensor([-1.0]) ** 0.5,
    "in place": lambda: w.ones(2).div_(0),
    "in place, of a recorded one": lambda: (w.ones(2, requires_grad=True) * 1).log_().div_(0),
    "several results": lambda: w.var_mean(w.tensor([1.0])),
    "several inputs": lambda: w.cat([w.tensor([1.0, 2.0]).log().log(), w.ones(1)]),
    "a loss": lambda: w.nn.functional.kl_div(w.ones(2).log(), -w.ones(2), reduction="sum").log(),
    "complex": lambda: w.tensor([1j]) / 0,
    "with packing": lambda: packed(lambda: w.ones(2, requires_grad=True) / 0),
}


def packed(f):
    with w.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        return f()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", BORN)
def test_born(name):
    BORN[name]()
    with w.trap_nonfinite(), pytest.raises(RuntimeError, match="finite numbers"):
        BORN[name]()


HANDED_ON = {
    "input": lambda: w.tensor([float("inf"), 1.0]) * 2 + 1,
    "mask": lambda: w.ones(2).masked_fill(w.tensor([True, False]), -float("inf")).softmax(0),
    "where": lambda: w.where(w.tensor([True, False]), 1.0, -float("inf")),
    "no elements": lambda: w.zeros(0).sum(),
    "maximum": lambda: w.maximum(w.tensor([1.0]), w.tensor([float("nan")])),
    "padding": lambda: w.nn.functional.pad(w.ones(2), (1, 1), value=float("inf")),
    "pooling": lambda: w.nn.functional.max_pool2d(w.ones(1, 1, 3, 3), 2, padding=1),
    "attention": lambda: w.nn.functional.scaled_dot_product_attention(
        w.ones(1, 2, 2), w.ones(1, 2, 2), w.ones(1, 2, 2), is_causal=True
    ),
    "integers": lambda: w.arange(3) // 2,
    "cross entropy": lambda: w.nn.functional.cross_entropy(w.ones(2, 3), w.tensor([0, 1])),
    "lengths": lambda: w.nn.utils.clip_grad_norm_([w.nn.Parameter(w.ones(2))], 1.0),
}


@pytest.mark.parametrize("name", HANDED_ON)
def test_handed_on_or_none_at_all(name):
    with w.trap_nonfinite():
        HANDED_ON[name]()


def test_blocks_nest_and_leave_nothing():
    with w.trap_nonfinite():
        with w.trap_nonfinite(), pytest.raises(RuntimeError):
            w.ones(1) / 0
        with pytest.raises(RuntimeError):
            w.ones(1) / 0
    assert w.isinf(w.ones(1) / 0) and not op_modes.ACTIVE


def test_other_threads_are_left_alone():
    results = []

    def work():
        results.append(w.isinf(w.ones(1) / 0).item())

    with w.trap_nonfinite():
        t = threading.Thread(target=work)
        t.start()
        t.join()
    assert results == [True]


def test_training_goes_on_under_the_trap():
    w.manual_seed(0)
    model = w.nn.Sequential(w.nn.Linear(4, 8), w.nn.Tanh(), w.nn.Linear(8, 2))
    opt = w.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    with w.trap_nonfinite():
        for _ in range(3):
            opt.zero_grad()
            loss = model(w.ones(5, 4)).square().mean()
            loss.backward()
            opt.step()
            losses.append(loss.item())
    assert losses[2] < losses[0]


def both(f, m):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            f(m)
        except Exception as e:
            return e
    return None


def nan_in_backward(m):
    x = m.zeros(2, requires_grad=True)
    with m.autograd.set_detect_anomaly(True):
        (x.sqrt() * 0).sum().backward()


def nan_unchecked(m):
    x = m.zeros(2, requires_grad=True)
    with m.autograd.detect_anomaly(check_nan=False):
        (x.sqrt() * 0).sum().backward()


def nan_in_function(m):
    class Bad(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * float("nan")

    with m.autograd.detect_anomaly():
        Bad.apply(m.ones(2, requires_grad=True)).sum().backward()


def nan_in_second_derivative(m):
    x = m.zeros(1, requires_grad=True)
    with m.autograd.detect_anomaly():
        (g,) = m.autograd.grad(x**1.5, x, create_graph=True)
        (h,) = m.autograd.grad((x**0.5 * 0).sum(), x)


@pytest.mark.parametrize(
    "f", [nan_in_backward, nan_unchecked, nan_in_function, nan_in_second_derivative]
)
def test_backward_as_pytorch(torch, f):
    ours, theirs = both(f, w), both(f, torch)
    assert type(ours) is type(theirs), (ours, theirs)
    if ours is not None:
        assert "returned nan values in its 0th output" in str(ours)
        assert "test_anomaly.py" in str(ours)


def test_nan_of_a_branch_that_where_did_not_take_is_told_apart():
    x = w.tensor([0.0, 4.0], requires_grad=True)
    with pytest.warns(UserWarning), w.autograd.detect_anomaly():
        y = w.where(x > 0, x.sqrt(), 0.0).sum()
        with pytest.raises(RuntimeError, match="branch that torch.where does not take"):
            y.backward()


def test_repeated_writes_are_told():
    x = w.zeros(3, 2)
    twice, once = w.tensor([0, 0]), w.tensor([2, 0])
    with w.warn_repeated_writes():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            x[once] += 1
            x[once, w.tensor([0, 1])] = w.ones(2)
            x[x > 0] = 3.0
            x[twice] = 1.0  # all the same
            x.index_put_((twice,), w.ones(2, 2), accumulate=True)
        for write in (
            lambda: x.__setitem__(twice, w.rand(2, 2)),
            lambda: x.__setitem__((twice, twice), w.rand(2)),
            lambda: x.index_copy_(0, twice, w.rand(2, 2)),
        ):
            with pytest.warns(UserWarning, match="index is repeated") as found:
                write()
            assert found[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x[twice] += 1
