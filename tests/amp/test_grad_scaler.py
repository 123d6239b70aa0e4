"""GradScaler beside PyTorch's, on the CPU."""

import pickle

import numpy as np
import pytest

import wengert as w


def run(torch, gradients, **options):
    """Scales and weights of steps whose gradients are given."""
    weight = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.5)
    scaler = torch.amp.GradScaler("cpu", **options)
    seen = []
    for factor in gradients:
        optimizer.zero_grad()
        scaler.scale((weight * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        seen.append((scaler.get_scale(), weight.tolist(), scaler.state_dict()["_growth_tracker"]))
    return seen


def test_growth_and_backoff(torch):
    gradients = [1.0, 2.0, float("inf"), 0.5, float("nan"), 1.0, 1.0, 1.0]
    options = {
        "init_scale": 8.0,
        "growth_interval": 2,
        "growth_factor": 4.0,
        "backoff_factor": 0.25,
    }
    assert run(w, gradients, **options) == run(torch, gradients, **options)


def test_unscale_before_clipping():
    weight = w.ones(2, requires_grad=True)
    optimizer = w.optim.SGD([weight], lr=1.0)
    scaler = w.amp.GradScaler("cpu", init_scale=16.0)
    scaler.scale((weight * 3).sum()).backward()
    assert weight.grad.tolist() == [48.0, 48.0]
    scaler.unscale_(optimizer)
    assert weight.grad.tolist() == [3.0, 3.0]
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    assert weight.tolist() == [-2.0, -2.0]
    with pytest.raises(RuntimeError, match="already been called since"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="after step"):
        scaler.unscale_(optimizer)
    scaler.update()


def test_iterables_and_refusals():
    scaler = w.amp.GradScaler("cpu", init_scale=2.0)
    scaled = scaler.scale([w.ones(1), (w.ones(2),)])
    assert type(scaled) is list and scaled[1][0].tolist() == [2.0, 2.0]
    with pytest.raises(ValueError, match="Tensor or an iterable"):
        scaler.scale(3.0)
    fresh = w.amp.GradScaler("cpu")
    with pytest.raises(AssertionError, match="_scale is None"):
        fresh.update()
    with pytest.raises(AssertionError, match="No inf checks"):
        scaler.update()
    optimizer = w.optim.SGD([w.ones(1, requires_grad=True)], lr=1.0)
    with pytest.raises(AssertionError, match="No inf checks"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="Closure"):
        scaler.step(optimizer, closure=lambda: None)
    half = w.ones(1, dtype=w.float16, requires_grad=True)
    half.grad = w.ones(1, dtype=w.float16)
    with pytest.raises(ValueError, match="FP16"):
        scaler.unscale_(w.optim.SGD([half], lr=1.0))
    with pytest.raises(AssertionError, match="growth factor"):
        w.amp.GradScaler("cpu", growth_factor=1.0)
    with pytest.raises(AssertionError, match="backoff factor"):
        w.amp.GradScaler("cpu", backoff_factor=1.0)


def test_disabled():
    scaler = w.amp.GradScaler("cpu", enabled=False)
    loss = w.ones(1)
    assert scaler.scale(loss) is loss and scaler.get_scale() == 1.0 and scaler.state_dict() == {}
    weight = w.ones(1, requires_grad=True)
    weight.sum().backward()
    scaler.unscale_(None)
    scaler.step(w.optim.SGD([weight], lr=1.0))
    scaler.update()
    assert weight.tolist() == [0.0]
    with pytest.warns(UserWarning, match="CUDA is not available"):
        assert not w.amp.GradScaler().is_enabled() or w.cuda.is_available()


def test_state(torch):
    def state(torch):
        scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=7)
        scaler.scale(torch.ones(1))
        return scaler

    ours = state(w)
    assert ours.state_dict() == state(torch).state_dict()
    again = w.amp.GradScaler("cpu")
    again.load_state_dict(ours.state_dict())
    assert again.get_scale() == 4.0 and again.get_growth_interval() == 7
    assert pickle.loads(pickle.dumps(ours)).state_dict() == ours.state_dict()
    ours.update(32.0)
    assert ours.get_scale() == 32.0
    ours.update(w.tensor([64.0]))
    assert ours.get_scale() == 64.0
    with pytest.raises(RuntimeError, match="empty"):
        again.load_state_dict({})


def test_sparse_gradients():
    embedding = w.nn.Embedding(4, 2, sparse=True)
    optimizer = w.optim.SGD(embedding.parameters(), lr=1.0)
    before = embedding.weight.tolist()
    scaler = w.amp.GradScaler("cpu", init_scale=8.0)
    scaler.scale(embedding(w.tensor([1, 1, 3])).sum()).backward()
    scaler.step(optimizer)
    change = (w.tensor(before) - embedding.weight).tolist()
    assert np.allclose(change, [[0.0, 0.0], [2.0, 2.0], [0.0, 0.0], [1.0, 1.0]])


def test_scalers_of_others_unscale_in_their_own_way():
    seen = []

    class Own(w.amp.GradScaler):
        def _unscale_grads_(self, optimizer, inv_scale, found_inf, allow_fp16):
            seen.append((inv_scale.item(), found_inf.item(), allow_fp16))
            return super()._unscale_grads_(optimizer, inv_scale, found_inf, allow_fp16)

    scaler, p = Own("cpu", init_scale=4.0), w.nn.Parameter(w.ones(1))
    optimizer = w.optim.SGD([p], lr=1.0)
    scaler.scale((3 * p).sum()).backward()
    scaler.step(optimizer)
    assert seen == [(0.25, 0.0, False)] and p.item() == -2.0
