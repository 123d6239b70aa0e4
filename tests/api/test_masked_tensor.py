"""Tensors with a mask: what is not there takes no part. Texts and values are PyTorch's."""

import pytest

import wengert as torch
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
