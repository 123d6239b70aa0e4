"""Tensors with a mask: what is not there takes no part. Texts and values are PyTorch's."""

import pytest

import wengert as torch
import wengert as w
from wengert.masked import MaskedTensor, as_masked_tensor, is_masked_tensor, masked_tensor

DATA = torch.arange(6.0).reshape(2, 3)
MASK = torch.tensor([[True, False, True], [False, False, True]])


def parts(x):
    return torch.where(x.get_mask(), x.get_data().double(), -1.0).tolist()


def test_printing():
    x = masked_tensor(DATA, MASK)
    assert repr(x) == (
        "MaskedTensor(\n  [\n    [  0.0000,       --,   2.0000],\n"
        "    [      --,       --,   5.0000]\n  ]\n)"
    )
    assert repr(x.sum()) == "MaskedTensor(  7.0000, True)"
    assert repr(masked_tensor(torch.tensor(1.0), torch.tensor(False))) == "MaskedTensor(--, False)"
    assert is_masked_tensor(x) and not is_masked_tensor(DATA)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x.sum(1), [2, 5]),
        (lambda x: x.mean(0), [0, -1, 3.5]),
        (lambda x: torch.amax(x, 0), [0, -1, 5]),
        (lambda x: x.prod(1), [0, 5]),
        (lambda x: x.argmax(1), [2, 2]),
        (lambda x: x.cumsum(1), [[0, -1, 2], [-1, -1, 5]]),
        (lambda x: x * 2 + DATA, [[0, -1, 6], [-1, -1, 15]]),
        (lambda x: 1 - x, [[1, -1, -1], [-1, -1, -4]]),
        (lambda x: x.t(), [[0, -1], [-1, -1], [2, 5]]),
        (lambda x: x[:, 2], [2, 5]),
        (lambda x: torch.cat([x, x]), [[0, -1, 2], [-1, -1, 5]] * 2),
        (lambda x: torch.stack([x, x], 0).sum(0), [[0, -1, 4], [-1, -1, 10]]),
        (lambda x: x.reshape(6), [0, -1, 2, -1, -1, 5]),
        (lambda x: torch.where(MASK, x, x), [[0, -1, 2], [-1, -1, 5]]),
        (lambda x: x.ge(1), [[0, -1, 1], [-1, -1, 1]]),
        (lambda x: x.split(1)[1], [[-1, -1, 5]]),
    ],
)
def test_values(f, expected):
    assert parts(f(masked_tensor(DATA, MASK))) == expected


def test_gradients_are_masked():
    x = masked_tensor(DATA, MASK, requires_grad=True)
    (x * x).sum().backward()
    assert parts(x.grad) == [[0, -1, 4], [-1, -1, 10]]
    leaf = DATA.clone().requires_grad_()
    torch.softmax(as_masked_tensor(leaf, MASK), 1).to_tensor(0.0)[0, 2].backward()
    p = 1 / (1 + torch.exp(torch.tensor(2.0)))
    torch.testing.assert_close(leaf.grad[0], torch.stack([-p * (1 - p), 0 * p, p * (1 - p)]))
    assert not leaf.grad[1].any()


def test_refusals():
    x = masked_tensor(DATA, MASK)
    with pytest.raises(ValueError, match="Input masks must match"):
        x + masked_tensor(DATA, ~MASK)
    with pytest.raises(TypeError, match=r"max\(\) is not there for masked tensors"):
        x.max()
    with pytest.raises(TypeError, match="mask must have dtype bool"):
        masked_tensor(DATA, MASK.float())
    with pytest.raises(TypeError, match="data must be a Tensor"):
        MaskedTensor([1.0], MASK)
    with pytest.raises(ValueError, match="must be of one shape"):
        masked_tensor(DATA, MASK[0])
    with pytest.raises(RuntimeError, match="to_tensor"):
        x.numpy()


PLACES = [[0, 1, 1], [2, 0, 2]]


def sparse_pair(torch, layout, values, there=(True, False, True)):
    """Data and mask with elements at the same places."""

    def stored(v):
        coo = torch.sparse_coo_tensor(torch.tensor(PLACES), torch.tensor(v), (2, 3)).coalesce()
        return coo if layout == "coo" else torch.sparse_csr_tensor(
            torch.tensor([0, 1, 3]), torch.tensor([2, 0, 2]), torch.tensor(v), (2, 3))  # fmt: skip

    return stored(list(values)), stored(list(there))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("layout", ["coo", "csr"])
@pytest.mark.parametrize("f", [
    lambda torch, a, b: a.sin(), lambda torch, a, b: torch.div(a, b), lambda torch, a, b: a * b,
    lambda torch, a, b: a.pow(2), lambda torch, a, b: torch.add(a, 1.5),
    lambda torch, a, b: a.to_dense().sum(1), lambda torch, a, b: a.to_dense().amax(),
], ids=range(7))  # fmt: skip
def test_sparse_values(torch, f, layout):
    found = []
    for lib in (torch, w):
        a, b = (
            lib.masked.masked_tensor(*sparse_pair(lib, layout, v))
            for v in ((3.0, 4.0, 5.0), (20.0, 30.0, 40.0))
        )
        out = f(lib, a, b)
        values = out.get_data()
        values = values.values() if out.is_sparse else values
        found.append((str(out), str(out.layout), out.is_sparse_coo(), out.is_sparse_csr(),
                      values.tolist()))  # fmt: skip
    assert found[0] == found[1]


@pytest.mark.filterwarnings("ignore")
def test_data_is_kept_at_the_places_of_the_mask(torch):
    for lib in (torch, w):
        values = lib.tensor([[0, 0, 3], [4, 0, 5]])
        mask = lib.tensor([[False, False, True], [False, False, True]])
        x = lib.masked.masked_tensor(values.to_sparse(), mask.to_sparse())
        assert x.get_data().indices().tolist() == [[0, 1], [2, 2]]
        assert x.get_data().values().tolist() == [3, 5]
        for y in (x.to_dense().to_sparse_csr(), x.to_dense().to_sparse()):
            assert str(y) == str(x) and y.is_sparse and not y.to_dense().is_sparse
        assert x.sin().get_mask().values().tolist() == [True] * 2


def test_sparse_reductions_and_refusals():
    x = w.masked.masked_tensor(*sparse_pair(w, "coo", (3.0, 4.0, 5.0)))
    assert x.sum().get_data() == 8 and x.amin(1).to_tensor(0).tolist() == [3, 5]
    assert x.to_tensor(-1).tolist() == [[-1, -1, 3], [-1, -1, 5]]
    other = w.masked.masked_tensor(*sparse_pair(w, "coo", (3.0, 4.0, 5.0), (True, True, True)))
    with pytest.raises(ValueError, match="must match"):
        x + other
    with pytest.raises(ValueError, match="indices must match"):
        x + w.ones(2, 3)
    with pytest.raises(TypeError, match="reshape"):
        x.reshape(3, 2)
    data, mask = sparse_pair(w, "coo", (3.0, 4.0, 5.0))
    with pytest.raises(ValueError, match="not at the same places"):
        w.masked.masked_tensor(data.t().to_dense().t().roll(1, 1).to_sparse(), mask)
    with pytest.raises(TypeError, match="same layout"):
        w.masked.masked_tensor(data, mask.to_dense())
    with pytest.raises(ValueError, match="two dimensions"):
        w.masked.masked_tensor(w.ones(2), w.tensor([True, False])).to_sparse_csr()
