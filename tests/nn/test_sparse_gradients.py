"""Embeddings with sparse gradients, and the optimizers that take them, against PyTorch."""

import numpy as np
import pytest

import wengert

ROWS = np.random.default_rng(0).standard_normal((7, 3))


def table(library, kind="Embedding", **options):
    layer = getattr(library.nn, kind)(7, 3, sparse=True, dtype=library.float64, **options)
    with library.no_grad():
        layer.weight.copy_(library.from_numpy(ROWS))
    return layer


def dense(t):
    return (t.to_dense() if t.is_sparse else t).detach().numpy()


def both(f):
    torch = pytest.importorskip("torch")
    for x, y in zip(f(wengert), f(torch), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9)


LAYERS = [
    ("Embedding", {}),
    ("Embedding", {"padding_idx": 2}),
    ("EmbeddingBag", {"mode": "sum"}),
    ("EmbeddingBag", {"mode": "mean", "padding_idx": 1}),
]
OPTIMIZERS = [
    ("SparseAdam", {"lr": 0.01}),
    ("SparseAdam", {"lr": 0.01, "maximize": True}),
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1}),
]


@pytest.mark.parametrize("kind, options", LAYERS)
@pytest.mark.parametrize("optimizer, settings", OPTIMIZERS)
def test_training(kind, options, optimizer, settings):
    def run(library):
        layer = table(library, kind, **options)
        steps = getattr(library.optim, optimizer)(layer.parameters(), **settings)
        rng = np.random.default_rng(1)
        for _ in range(20):
            steps.zero_grad()
            ((layer(library.from_numpy(rng.integers(0, 7, (4, 2)))) - 1) ** 2).sum().backward()
            steps.step()
        assert layer.weight.grad.is_sparse
        return [layer.weight.detach().numpy(), dense(layer.weight.grad)]

    both(run)


@pytest.mark.parametrize("name", ["Adam", "RMSprop", "Adadelta", "NAdam", "LBFGS"])
def test_the_others_refuse(name):
    layer = table(wengert)
    layer(wengert.tensor([1])).sum().backward()
    if name == "LBFGS":  # takes the gradient apart into one long vector
        optimizer = wengert.optim.LBFGS(layer.parameters())
        optimizer.step(lambda: layer(wengert.tensor([1])).sum())
        return
    with pytest.raises(RuntimeError, match="sparse gradients"):
        getattr(wengert.optim, name)(layer.parameters()).step()


def test_sparse_and_dense_meet_in_any_order():
    def run(library):
        out = []
        for order in range(4):
            layer = table(library)
            rows = layer(library.tensor([1, 2, 1])).sum()
            square = (layer.weight**2).sum()
            if order < 2:
                (rows + square if order else square + rows).backward()
            else:
                for part in (rows, square) if order == 2 else (square, rows):
                    part.backward()
            assert not layer.weight.grad.is_sparse
            out.append(dense(layer.weight.grad))
        return out

    both(run)


def test_gradients_accumulate_and_are_forgotten():
    def run(library):
        layer = table(library)
        for rows in ([1, 2], [1, 1]):
            layer(library.tensor(rows)).sum().backward()
        out = [dense(layer.weight.grad)]
        assert layer.weight.grad.is_sparse
        library.optim.SGD(layer.parameters(), lr=0.1).zero_grad(set_to_none=False)
        assert layer.weight.grad.is_sparse
        return [*out, dense(layer.weight.grad)]

    both(run)


def test_hooks_and_grad_see_them():
    def run(library):
        layer, seen = table(library), []
        layer.weight.register_hook(lambda g: seen.append((g.is_sparse, dense(g))))
        loss = (layer(library.tensor([1, 2, 1])) ** 2).sum()
        (found,) = library.autograd.grad(loss, layer.weight, retain_graph=True)
        assert found.is_sparse
        assert layer.weight.grad is None
        loss.backward()
        assert all(sparse for sparse, _ in seen)
        return [dense(found), *(g for _, g in seen)]

    both(run)


def test_frequencies_and_maxima_have_no_sparse_gradient():
    layer = table(wengert, scale_grad_by_freq=True)
    with pytest.raises(RuntimeError, match="scale_grad_by_freq"):
        layer(wengert.tensor([1])).sum().backward()
    with pytest.raises(ValueError, match="max mode does not support sparse"):
        table(wengert, "EmbeddingBag", mode="max")(wengert.tensor([[1, 2]]))
