"""Sparse tensors made, saved, copied, indexed and computed with: small programs beside PyTorch."""

import copy
import io
import pickle

import pytest
from snippets import same

import wengert as torch

PROGRAMS = """
import io
s = torch.eye(3).to_sparse(); b = io.BytesIO(); torch.save({'a': s}, b); b.seek(0)
r = torch.load(b)['a']; show(r); r.is_coalesced()
---
import io
s = torch.eye(3).to_sparse_csr(); b = io.BytesIO(); torch.save(s, b); b.seek(0)
r = torch.load(b); r
---
import copy, pickle
s = torch.eye(3).to_sparse(); show(copy.deepcopy(s)); show(pickle.loads(pickle.dumps(s)))
copy.copy(s)
---
import copy
s = torch.eye(3).to_sparse().requires_grad_(); c = copy.deepcopy(s); c.requires_grad, c.is_leaf
---
import io
i = tensor([[0, 0, 1], [1, 1, 2]]); s = torch.sparse_coo_tensor(i, tensor([1., 2., 3.]), (2, 3))
b = io.BytesIO(); torch.save(s, b); b.seek(0); r = torch.load(b, weights_only=True); show(r)
r.is_coalesced()
---
x = torch.eye(3).to_sparse().requires_grad_(); torch.sparse.sum(x).backward(); x.grad
---
x = torch.eye(3).to_sparse().requires_grad_()
torch.sparse.sum(x, 0).to_dense().sum().backward(); x.grad
---
s = torch.eye(3).to_sparse(); s[0, 0], s[0, 0].dtype, s[0], s[0].dtype
---
s = torch.eye(3).double().to_sparse(); s[0, 0], s[0]
---
s = torch.eye(3).int().to_sparse(); s[0, 1], s[1]
---
torch.zeros(2, 3, layout=torch.sparse_coo)
---
torch.empty(2, 3, layout=torch.sparse_coo)
---
torch.zeros(2, 3, layout=torch.sparse_csr)
---
torch.ones(2, layout=torch.sparse_coo)
---
s = torch.eye(3).to_sparse().requires_grad_(); d = s.data; show(d, d.requires_grad)
---
s = torch.eye(3).to_sparse(); s.data = torch.zeros(3, 3).to_sparse(); s
---
s = torch.sparse_coo_tensor(torch.zeros(2, 0).long(), torch.zeros(0), (2, 3))
s.coalesce(), s.is_coalesced()
---
s = torch.sparse_coo_tensor(torch.zeros(2, 0).long(), torch.zeros(0, 4), (2, 3, 4)); s.coalesce()
---
s = torch.sparse_coo_tensor(size=(2, 3)); s.coalesce(), s._nnz()
---
s = torch.eye(3).to_sparse(); show(s * 2); show(2 * s); show(s / 2); show(s * tensor(3.))
show(tensor(3.) * s); show(s.mul(2)); show(s.div(2.))
---
s = torch.eye(3).to_sparse(); s * torch.arange(3.)
---
s = torch.eye(3).to_sparse(); s * torch.arange(9.).reshape(3, 3)
---
s = torch.eye(3).to_sparse(); torch.arange(9.).reshape(3, 3) * s
---
s = torch.eye(3).to_sparse(); s * s
---
s = torch.eye(3).to_sparse(); s + s, s - s, -s, s.neg(), s.abs()
---
s = torch.eye(3).to_sparse(); s + torch.ones(3, 3)
---
s = torch.eye(3).to_sparse(); torch.ones(3, 3) + s
---
s = torch.eye(3).to_sparse(); s + 1
---
s = torch.eye(3).to_sparse()
s.index_select(0, tensor([2, 0])), torch.index_select(s, 1, tensor([1]))
---
s = torch.arange(9.).reshape(3, 3).to_sparse()
s.index_select(0, tensor([2, 2, 0])), s.index_select(1, tensor([1, 1]))
---
s = torch.eye(3).to_sparse(); F.linear(torch.ones(2, 3), s)
---
s = torch.eye(3).to_sparse_csr(); F.linear(torch.ones(2, 3), s)
---
s = torch.eye(3).to_sparse()
s.sum(), s.sum(0), s.sum(1), s.sum((0, 1)), s.sum(dtype=torch.double)
---
s = torch.eye(3).to_sparse()
s @ torch.ones(3), s @ torch.ones(3, 2), torch.mm(s, s), torch.sparse.mm(s, torch.ones(3, 1))
---
s = torch.eye(3).to_sparse()
d = torch.ones(3, 2)
torch.addmm(d, s, d), torch.sparse.addmm(d, s, d)
---
s = torch.eye(3).to_sparse()
s.t(), s.transpose(0, 1), s.to_dense().sum(), s.float(), s.double(), s.to(torch.int32)
---
s = torch.eye(3).to_sparse()
s.clone(), s.detach(), s.shape, s.dim(), s.sparse_dim(), s.dense_dim(), s._nnz(), s.numel()
---
s = torch.eye(3).to_sparse(); s.sqrt(), s.pow(2), s ** 2, s.sin(), s.relu()
---
s = torch.eye(3).to_sparse(); s.add_(s), s.mul_(2), s.zero_(), s
---
s = torch.eye(3).to_sparse(); s.unsqueeze(0), torch.cat([s, s]), torch.stack([s, s])
---
s = torch.eye(3).to_sparse(); s.narrow_copy(0, 1, 2), s.select(0, 1)
---
s = torch.eye(3).to_sparse()
torch.equal(s, s), s.norm(), s.is_sparse, s.layout, torch.is_tensor(s), s.values(), s.indices()
---
s = torch.eye(3).to_sparse(); s.view(9)
---
s = torch.eye(3).to_sparse(); s.numpy()
---
s = torch.eye(3).to_sparse(); s.tolist()
---
s = torch.eye(3).to_sparse()
s.to_sparse_csr(), s.to_sparse_csr().to_dense(), s.to_sparse(1), s.to_sparse(2)
---
s = torch.eye(3).to_sparse(); torch.sparse.softmax(s, 1), torch.sparse.log_softmax(s, 0)
---
m = nn.Embedding(4, 2, sparse=True); m(tensor([1, 1])).sum().backward()
show(m.weight.grad.coalesce()); torch.optim.SparseAdam(m.parameters()).step()
---
s = torch.eye(3).to_sparse_csr(); show(s.crow_indices(), s.col_indices(), s.values())
show(s @ torch.ones(3, 2)); s + s
---
s = torch.eye(3).to_sparse_csr(); s[0]
---
s = torch.eye(3).to_sparse_csr(); s * 2
---
s = torch.sparse_coo_tensor(tensor([[0, 0], [1, 1]]), tensor([1., 2.]), (2, 3)); s.values()
---
s = torch.sparse_coo_tensor(tensor([[0, 1]]), tensor([1., 2., 3.]), (3,))
---
m = nn.Module(); m.register_buffer('s', torch.eye(2).to_sparse()); sd = m.state_dict(); show(sd)
m.load_state_dict(sd)
---
import io
m = nn.Module(); m.register_buffer('s', torch.eye(2).to_sparse()); b = io.BytesIO()
torch.save(m.state_dict(), b); b.seek(0); m.load_state_dict(torch.load(b))
---
torch.eye(3).sparse_mask(torch.eye(3).to_sparse())
---
torch.tensor(4.).to_sparse()
---
torch.zeros(3, 2).to_sparse().coalesce()
---
s = torch.eye(3).to_sparse(); s.requires_grad_(); y = s * 2; y.to_dense().sum().backward(); s.grad
---
s = torch.eye(3).to_sparse().requires_grad_(); (s.to_dense() * 3).sum().backward(); s.grad
---
s = torch.eye(2).to_sparse(); show(torch.zeros_like(s), torch.zeros_like(s.to_sparse_csr()))
torch.empty_like(s, dtype=torch.float64)
---
torch.ones_like(torch.eye(2).to_sparse())
---
torch.zeros_like(torch.eye(2), layout=torch.sparse_coo)
---
s = torch.eye(3).to_sparse(); s.sparse_resize_((4, 4), 2, 0)
---
s = torch.eye(3).to_sparse(); s.sparse_resize_((2, 2), 2, 0)
---
s = torch.eye(3).to_sparse(); s.sparse_resize_and_clear_((2, 2), 2, 0)
---
s = torch.sparse_coo_tensor(torch.zeros(2, 0, dtype=torch.long), torch.zeros(0), (2, 2))
s.is_coalesced(), s._nnz()
---
s = torch.eye(12).half().to_sparse_csr().requires_grad_(); s, torch.eye(3).double().to_sparse_csc()
---
x = torch.eye(2, dtype=torch.double).requires_grad_()
torch.autograd.gradcheck(lambda s: s.to_sparse(), (x,), masked=True)
---
s = torch.eye(2).to_sparse(); show(s.T.to_dense()); show(s.permute(1, 0)); show(s[None].shape)
show(s.nan_to_num()); show(s.signbit()); show(s.isposinf()); show(s.any())
[x.to_dense() for x in s.unbind()], s[..., 0].to_dense()
---
s = torch.sparse_coo_tensor([[0, 0, 1], [1, 1, 0]], [1., 1., 7.], (2, 2)); show((s // 2).to_dense())
show(torch.sum(s, dim=0, keepdim=True).to_dense())
torch.div(s, 2, rounding_mode='floor').to_dense()
---
s = torch.eye(2).to_sparse(); show(F.linear(s, torch.ones(3, 2)))
torch.bmm(torch.stack([s, 2 * s]), torch.ones(2, 2, 1))
---
s = torch.eye(2).to_sparse(); 1 - s
---
s = torch.eye(2).to_sparse(); torch.zeros(2, 2).copy_(s)
---
torch.eye(2).to_sparse(blocksize=(1, 1))
---
torch.eye(2).to_sparse_csr() + torch.ones(2, 2)
---
torch.eye(2).to_sparse_csr().zero_()
---
torch.sparse_compressed_tensor([0, 1, 3], [2, 0, 1], [3., 4, 5], (2, 3), layout=torch.sparse_csr)
"""


@pytest.mark.parametrize("text", PROGRAMS.split("---\n"))
def test_as_pytorch(text):
    same(text)


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc])
def test_copies(layout):
    s = torch.arange(6.0).reshape(2, 3).to_sparse(layout=layout).requires_grad_()
    file = io.BytesIO()
    torch.save([s, s], file)
    file.seek(0)
    saved = torch.load(file)
    assert saved[0] is saved[1]
    for other in (copy.copy(s), copy.deepcopy(s), pickle.loads(pickle.dumps(s)), saved[0]):
        assert other.layout is layout and torch.equal(other.to_dense(), s.to_dense())
    assert copy.deepcopy(s).requires_grad and copy.deepcopy(s).is_leaf


def test_gradients_asked_for_have_the_tensors_shape():
    s = torch.eye(3).to_sparse().requires_grad_()
    (g,) = torch.autograd.grad((s.to_dense() ** 2).sum(), s)
    assert g.to_dense().tolist() == (2 * torch.eye(3)).tolist()


def test_gradcheck():
    x = torch.eye(3, dtype=torch.double).to_sparse().requires_grad_()
    d = torch.ones(3, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(torch.sparse.mm, (x, d), masked=True)
    assert torch.autograd.gradcheck(lambda s: (s * 2).to_dense(), (x,), masked=False)
    with pytest.raises(RuntimeError, match="mismatch"):
        torch.autograd.gradcheck(lambda s: s.detach().to_dense() * s.to_dense(), (x,), masked=True)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc])
def test_gradcheck_of_values(layout, masked):
    check = torch.sparse.as_sparse_gradcheck(torch.autograd.gradcheck)
    s = torch.tensor([[1.0, 2.0], [0.0, 3.0]], dtype=torch.double).to_sparse(layout=layout)
    s.requires_grad_()
    for f in (torch.sparse.sum, lambda s: s * s, lambda s: s @ torch.ones(2, dtype=s.dtype)):
        assert check(f, s, masked=masked)
    with pytest.raises(RuntimeError, match="mismatch"):
        check(lambda s: s.detach().to_dense() * s.to_dense(), s, masked=masked)
