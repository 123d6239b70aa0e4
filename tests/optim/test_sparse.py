"""Gradients that hold some rows only: SparseAdam, Adagrad, SGD."""

import numpy as np
import pytest
from optim.trajectories import parameters

import wengert
import wengert.optim
from wengert.engine.tensor import Tensor


class Rows(Tensor):
    """A sparse gradient, as far as optimizers look at it."""

    is_sparse = True
    __torch_function__ = wengert._C._disabled_torch_function_impl  # the process's functions stay

    def __new__(cls, index, values, shape):
        dense = np.zeros(shape)
        np.add.at(dense, tuple(index), values)
        self = object.__new__(cls)
        self._a, self._n, self._x = dense, None, None
        self.index, self.values = index, values
        return self

    def __init__(self, *args):
        pass

    def coalesce(self):
        flat, where = np.unique(self.index, axis=1, return_inverse=True)
        values = np.zeros((flat.shape[1], *self.values.shape[1:]))
        np.add.at(values, where.reshape(-1), self.values)
        return Rows(flat, values, self._a.shape)

    def _indices(self):
        return wengert.from_numpy(self.index)

    def _values(self):
        return wengert.from_numpy(self.values)

    def to_dense(self):
        return wengert.from_numpy(self._a.copy())


def gradient(library, step, shape, dims=1, empty=False):
    """A sparse gradient with repeated indices, of the library's kind."""
    rng = np.random.default_rng(step)
    count = 0 if empty else 4
    index = np.stack([rng.integers(0, n, count) for n in shape[:dims]])
    values = rng.standard_normal((count, *shape[dims:]))
    if library is wengert:
        return Rows(index, values, shape)
    return library.sparse_coo_tensor(index, values, shape)


def train(library, name, options, shape=(7, 5), dims=1, steps=8, empty=False):
    (p,) = parameters(library, shapes=(shape,))
    optimizer = getattr(library.optim, name)([p], **options)
    for step in range(steps):
        p.grad = gradient(library, step, shape, dims, empty and step == 2)
        optimizer.step()
    return p, optimizer


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SparseAdam", {}),
        ("SparseAdam", {"lr": 0.1, "betas": (0.5, 0.9), "maximize": True}),
        ("Adagrad", {"lr": 0.1, "lr_decay": 0.1}),
        ("SGD", {"lr": 0.1}),
        ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ],
)
@pytest.mark.parametrize(("shape", "dims"), [((7, 5), 1), ((4, 3), 2), ((6,), 1)])
def test_as_pytorch(name, options, shape, dims, torch):
    p, ours = train(wengert, name, options, shape, dims)
    q, theirs = train(torch, name, options, shape, dims)
    np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-9, atol=1e-12)
    for key, value in theirs.state[q].items():
        mine = ours.state[p][key]
        if hasattr(value, "is_sparse"):
            value = value.to_dense() if value.is_sparse else value
            np.testing.assert_allclose(mine.numpy(), value.numpy(), rtol=1e-6, atol=1e-12)
        else:
            assert mine == value


def test_rows_that_are_not_held_stay():
    p, optimizer = train(wengert, "SparseAdam", {"lr": 0.1}, steps=1)
    (before,) = parameters(wengert, shapes=((7, 5),))
    rows = set(gradient(wengert, 0, (7, 5)).index[0])
    for row in range(7):
        same = bool((p[row] == before[row]).all())
        assert same == (row not in rows)
        assert bool((optimizer.state[p]["exp_avg"][row] == 0).all()) == same


def test_empty_gradients_count_as_steps(torch):
    p, ours = train(wengert, "SparseAdam", {}, empty=True)
    q, theirs = train(torch, "SparseAdam", {}, empty=True)
    np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-9)
    assert ours.state[p]["step"] == theirs.state[q]["step"] == 8


def test_checkpoints_keep_the_plain_step():
    p, optimizer = train(wengert, "SparseAdam", {})
    other = wengert.optim.SparseAdam([p])
    other.load_state_dict(optimizer.state_dict())
    assert other.state[p]["step"] == 8


def test_steps_are_announced():
    p, optimizer = train(wengert, "SparseAdam", {}, steps=1)
    version = p._version
    optimizer.step()
    assert p._version > version


@pytest.mark.parametrize(
    "name", ["Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Adadelta", "RMSprop", "Rprop", "ASGD"]
)
def test_others_refuse(name, torch):
    for library in (wengert, torch):
        with pytest.raises(RuntimeError, match="does not support sparse gradients"):
            train(library, name, {})


def test_refusals(torch):
    for library in (wengert, torch):
        with pytest.raises(RuntimeError, match="weight_decay option is not compatible with sparse"):
            train(library, "Adagrad", {"weight_decay": 0.1})
        (p,) = parameters(library, shapes=((3,),))
        optimizer = library.optim.SparseAdam([p])
        p.grad = library.ones_like(p)
        with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients"):
            optimizer.step()
        z = library.zeros(3, dtype=library.complex64)
        with pytest.raises(ValueError, match="does not support complex parameters"):
            library.optim.SparseAdam([z])
