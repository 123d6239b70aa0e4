"""Public functions with tensors of a device that is not the current one: what they make is there,
and has the CPU's values. Ops are walked in tests/ops/test_every_op.py; here is what functions do
around them: making sequences, indices from the CPU, numbers from the CPU, draws, distributions.
"""

import warnings

import numpy as np
import pytest
from ops.samples import SAMPLES

import wengert as torch
from wengert import distributions as D
from wengert.arrays import sim
from wengert.engine.tensor import wrap
from wengert.nn import functional as F
from wengert.nn.utils import rnn

LONG = torch.long


def changed(x, change):
    y = x.clone()
    change(y)
    return y


def put(key, value):
    return lambda x: x.__setitem__(key, value)


I, J, MASK = torch.tensor([2, 0]), torch.tensor([1, 1]), torch.tensor([True, False, True])
TWO = torch.tensor(2.0)

# name -> function of a device, a matrix (3, 4) of ones on it
FUNCTIONS = {
    "arange": lambda d, c: torch.arange(3.0, device=d),
    "arange with a step": lambda d, c: torch.arange(0, 1, 0.25, device=d),
    "linspace": lambda d, c: torch.linspace(0, 1, 5, device=d),
    "logspace": lambda d, c: torch.logspace(0, 1, 5, device=d),
    "linspace into a tensor": lambda d, c: torch.linspace(
        0, 1, 5, out=torch.zeros(5, dtype=torch.float64, device=d)
    ),
    "eye into a tensor": lambda d, c: torch.eye(3, out=torch.zeros(3, 3, device=d)),
    "eye": lambda d, c: torch.eye(3, device=d),
    "eye of integers": lambda d, c: torch.eye(2, 3, dtype=LONG, device=d),
    "tril_indices": lambda d, c: torch.tril_indices(3, 3, device=d),
    "hann_window": lambda d, c: torch.hann_window(5, device=d),
    "kaiser_window": lambda d, c: torch.kaiser_window(5, device=d),
    "fftfreq": lambda d, c: torch.fft.fftfreq(5, device=d),
    "combinations": lambda d, c: torch.combinations(c[0]),
    "combinations of three": lambda d, c: torch.combinations(c[0], 3),
    "sparse": lambda d, c: torch.sparse_coo_tensor(
        torch.zeros(1, 1, dtype=LONG, device=d), torch.ones(1, device=d), (3,)
    ).to_dense(),
    "indices of the CPU": lambda d, c: c[I],
    "a mask of the CPU": lambda d, c: c[MASK],
    "two indices of the CPU": lambda d, c: c[I, J],
    "indices of both": lambda d, c: c[I, J.to(d)],
    "a list": lambda d, c: c[[0, 1]],
    "x[i] = number": lambda d, c: changed(c, put(I, 2.0)),
    "x[mask] = number": lambda d, c: changed(c, put(MASK, 2.0)),
    "x[0] = number tensor": lambda d, c: changed(c, put(0, TWO)),
    "x[0] = tensor of the CPU": lambda d, c: changed(c, put(0, torch.ones(4))),
    "index_put_": lambda d, c: changed(c, lambda x: x.index_put_((I,), TWO)),
    "x + number tensor": lambda d, c: c + TWO,
    "number tensor * x": lambda d, c: TWO * c,
    "number tensor ** x": lambda d, c: TWO**c,
    "where": lambda d, c: torch.where(c > 2, TWO, c),
    "clamp": lambda d, c: c.clamp(torch.tensor(0.0), torch.tensor(0.5)),
    "quantile": lambda d, c: torch.quantile(c, 0.5),
    "repeat_interleave": lambda d, c: c.repeat_interleave(2, 0),
    "repeat_interleave of counts": lambda d, c: torch.repeat_interleave(
        torch.tensor([1, 2], device=d)
    ),
    "packed": lambda d, c: rnn.pad_packed_sequence(
        rnn.pack_padded_sequence(torch.ones(3, 2, 4, device=d), torch.tensor([3, 1]))
    )[0],
    "istft": lambda d, c: torch.istft(
        torch.stft(
            torch.linspace(0, 9, 64, device=d), 16, return_complex=True,
            window=torch.hann_window(16, device=d),
        ), 16, window=torch.hann_window(16, device=d),
    ),
    "affine_grid": lambda d, c: F.affine_grid(
        torch.ones(1, 2, 3, device=d), (1, 1, 4, 4), align_corners=False
    ),
    "ctc_loss": lambda d, c: F.ctc_loss(
        torch.zeros(5, 1, 4, device=d).log_softmax(2), torch.tensor([[1, 2]], device=d),
        torch.tensor([5]), torch.tensor([2]),
    ),
    "combinations under vmap": lambda d, c: torch.vmap(torch.combinations)(c),
    "linspace under vmap": lambda d, c: torch.vmap(
        lambda x: torch.linspace(x, x + 1, 4, device=d)
    )(c[:, 0]),
    "addmm under vmap": lambda d, c: torch.vmap(lambda x: torch.addmm(c, c[:, :3], x))(
        torch.ones(2, 3, 4, device=d)
    ),
    "dot under vmap": lambda d, c: torch.vmap(torch.dot)(c, c),
    "unique_consecutive": lambda d, c: torch.unique_consecutive(c),
    "inverse of unique_consecutive": lambda d, c: torch.unique_consecutive(c, True)[1],
    "counts of unique_consecutive": lambda d, c: torch.unique_consecutive(c, False, True, 0)[1],
    "diagonal_scatter": lambda d, c: torch.diagonal_scatter(c, torch.zeros(3, device=d)),
    "cholesky_inverse": lambda d, c: torch.cholesky_inverse(torch.eye(3, device=d) * 2),
    "inv": lambda d, c: torch.linalg.inv(torch.eye(3, device=d) * 2),
    "cholesky": lambda d, c: torch.linalg.cholesky(torch.eye(3, device=d) * 2),
    "eigvals": lambda d, c: torch.linalg.eigvals(torch.eye(3, device=d)),
    "multinomial": lambda d, c: torch.multinomial(c, 3),
    "bernoulli": lambda d, c: torch.bernoulli(c / 2),
    "bernoulli_": lambda d, c: c.clone().bernoulli_(c / 2),
    "orthogonal_": lambda d, c: torch.nn.init.orthogonal_(c.clone()),
    "gumbel_softmax": lambda d, c: F.gumbel_softmax(c),
}  # fmt: skip

DISTRIBUTIONS = {
    "MultivariateNormal": lambda d, x: D.MultivariateNormal(x, torch.eye(3, device=d)),
    "LowRankMultivariateNormal": lambda d, x: D.LowRankMultivariateNormal(x, x[:, None], x),
    "Wishart": lambda d, x: D.Wishart(x.sum() + 1, torch.eye(3, device=d)),
    "LKJCholesky": lambda d, x: D.LKJCholesky(3, x[0]),
    "Binomial": lambda d, x: D.Binomial(3, x / 2),
    "Multinomial": lambda d, x: D.Multinomial(4, x / 3),
    "Categorical": lambda d, x: D.Categorical(x),
    "OneHotCategorical": lambda d, x: D.OneHotCategorical(x),
    "LogisticNormal": lambda d, x: D.LogisticNormal(x, x),
    "MixtureSameFamily": lambda d, x: D.MixtureSameFamily(D.Categorical(x), D.Normal(x, x)),
    "Dirichlet": lambda d, x: D.Dirichlet(x),
    "Gamma": lambda d, x: D.Gamma(x, x),
    "Beta": lambda d, x: D.Beta(x, x),
    "VonMises": lambda d, x: D.VonMises(x, x),
    "Poisson": lambda d, x: D.Poisson(x),
    "StudentT": lambda d, x: D.StudentT(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_on_a_device(name):
    found = []
    for d in ("cpu", "sim:1"):
        torch.manual_seed(3)
        found.append(FUNCTIONS[name](d, torch.ones(3, 4, device=d)))
    here, there = found
    assert str(there.device) == "sim:1" and there.dtype is here.dtype
    np.testing.assert_allclose(there.cpu().numpy(), here.numpy(), rtol=1e-6)


# what asks about numbers of several matrices or rows gets one number, not all of them
ASKING = {
    "inv": lambda a, n: torch.linalg.inv(a),
    "solve": lambda a, n: torch.linalg.solve(a, a),
    "det": lambda a, n: torch.autograd.grad(
        torch.linalg.det(a.requires_grad_()).sum(), a
    )[0],
    "eigvals": lambda a, n: torch.linalg.eigvals(a),
    "cond": lambda a, n: torch.linalg.cond(a, 1),
    "lstsq": lambda a, n: torch.linalg.lstsq(a, a).residuals,
    "repeat_interleave": lambda a, n: torch.repeat_interleave(a, n, 0),
    "repeat_interleave of counts": lambda a, n: torch.repeat_interleave(n),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKING)
def test_nothing_but_numbers_goes_through_the_cpu(name, monkeypatch):
    matrices = torch.eye(3).expand(2, 3, 3) * 2 + torch.arange(9.0).reshape(3, 3) / 10
    counts = torch.tensor([2, 1])
    want = ASKING[name](matrices.clone(), counts)
    operands = matrices.to("sim:1"), counts.to("sim:1")
    copy = sim.SimNamespace.to_host

    def to_host(self, a):
        assert a.size <= 1, "an array was copied to the CPU"
        return copy(self, a)

    with monkeypatch.context() as m:
        m.setattr(sim.SimNamespace, "to_host", to_host)
        got = ASKING[name](*operands)
    assert str(got.device) == "sim:1"
    np.testing.assert_allclose(got.cpu().numpy(), want.numpy(), rtol=1e-5)


def test_what_is_wrong_with_matrices_of_a_device_is_told():
    with pytest.raises(torch.linalg.LinAlgError, match="Batch element 1.*singular"):
        torch.linalg.inv(torch.stack([torch.eye(2), torch.zeros(2, 2)]).to("sim:1"))
    with pytest.raises(RuntimeError, match="infs or NaNs"):
        torch.linalg.eig(torch.full((2, 2), float("nan"), device="sim:1"))
    with pytest.raises(RuntimeError, match="negative"):
        torch.repeat_interleave(torch.tensor([1, -1], device="sim:1"))


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_distribution_on_a_device(name):
    found = []
    for d in ("cpu", "sim:1"):
        torch.manual_seed(3)
        made = DISTRIBUTIONS[name](d, torch.ones(3, device=d))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sample = made.sample()
            found.append((sample, made.log_prob(sample)))
    for here, there in zip(*found):
        assert str(there.device) == "sim:1"
        np.testing.assert_allclose(there.cpu().numpy(), here.numpy(), rtol=1e-5)


def test_sparse_takes_rows_of_the_cpu():
    x = torch.nn.init.sparse_(torch.ones(4, 3, device="sim:1"), 0.5)
    assert ((x == 0).sum(0) == 2).all()


def test_the_gradient_of_a_number_of_the_cpu_is_there():
    x = torch.ones(3, 4, device="sim:1")
    for f in (lambda w: w * x, lambda w: x * w, lambda w: torch.where(x > 0, w, x)):
        w = torch.tensor(2.0, requires_grad=True)
        f(w).sum().backward()
        assert str(w.grad.device) == "cpu" and w.grad == 12


def on(device, a):
    return wrap(a).to(device) if isinstance(a, np.ndarray) else a


@pytest.mark.parametrize("name", SAMPLES)
def test_operands_of_two_devices_are_named(name):
    op, ins, static = SAMPLES[name]
    arrays = [i for i, a in enumerate(ins) if isinstance(a, np.ndarray)]
    if len(arrays) < 2 or "backward" in op.name or op.name == "overwrite":
        return
    last = arrays[-1]
    for here, there in (("sim:0", "sim:1"), ("sim:1", "cpu")):
        if not ins[last].ndim and there == "cpu":
            continue  # numbers of the CPU go anywhere
        mixed = [on(there if i == last else here, a) for i, a in enumerate(ins)]
        with pytest.raises(RuntimeError, match="two devices") as e:
            op.entry(*mixed, **static)
        text = str(e.value)
        assert here in text and there in text, text
        assert f".to('{here}')" in text and text.startswith(op.name), text
