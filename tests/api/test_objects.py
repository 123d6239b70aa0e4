"""Foreign operands, tensors from all kinds of data, empty batches: beside PyTorch."""

import pytest
from snippets import same

import wengert

PROGRAMS = r"""
class O:
    def __eq__(s, o): return 'eq'
    def __ne__(s, o): return 'ne'
    def __radd__(s, o): return 'radd'
    def __rmatmul__(s, o): return 'rmatmul'
    def __rsub__(s, o): return 'rsub'
    def __rmul__(s, o): return 'rmul'
    def __rtruediv__(s, o): return 'rdiv'
    def __rpow__(s, o): return 'rpow'
    def __rmod__(s, o): return 'rmod'
    def __rfloordiv__(s, o): return 'rfd'
    def __rand__(s, o): return 'rand'
    def __rlshift__(s, o): return 'rls'
    def __lt__(s, o): return 'lt'
    def __gt__(s, o): return 'gt'
x = torch.ones(2); o = O()
show(x == o, x != o, x + o, x @ o, x - o, x * o, x / o, x ** o, x % o, x // o)
show(x < o, x > o)
show(x.int() & o)
show(x.int() << o)
---
x = torch.ones(2); x + 'a'
---
x = torch.ones(2); x += 'a'
---
x = torch.ones(2); x @ 3
---
x = torch.ones(2); x += [1, 2]
---
x = torch.ones(2); x == [1, 1]
---
x = torch.ones(2); x == 'a', x != 'a', x == None
---
x = torch.ones(2); x < 'a'
---
x = torch.ones(2); x ** None
---
x = torch.ones(2); [1, 2] + x
---
torch.asarray(memoryview(b'abc'))
---
torch.asarray(bytearray(b'abc'))
---
torch.asarray(torch.utils.dlpack.to_dlpack(torch.ones(2)))
---
torch.asarray(memoryview(bytearray(8)), dtype=torch.int32)
---
torch.asarray(b'abcd', dtype=torch.int16)
---
torch.asarray([1, 2], dtype=torch.float64), torch.asarray(3.5), torch.asarray(np.ones(2))
---
a = np.ones(2); t = torch.asarray(a); t[0] = 5; a, torch.asarray(a, copy=True).add_(1), a
---
F.max_pool2d(torch.ones(0, 1, 4, 4), 2).shape, F.avg_pool2d(torch.ones(0, 1, 4, 4), 2).shape, \
F.adaptive_avg_pool2d(torch.ones(0, 1, 4, 4), 2).shape
---
F.max_pool1d(torch.ones(0, 1, 4), 2).shape, F.max_pool3d(torch.ones(0, 1, 4, 4, 4), 2).shape, \
F.adaptive_max_pool2d(torch.ones(0, 1, 4, 4), 2).shape, F.lp_pool2d(torch.ones(0, 1, 4, 4), 2, \
2).shape
---
x = torch.ones(0, 1, 4, 4, requires_grad=True); F.max_pool2d(x, 2).sum().backward(); x.grad.shape
---
x = torch.ones(0, 1, 4, 4, requires_grad=True)
nn.FractionalMaxPool2d(2, output_size=2)(x).sum().backward(); x.grad.shape
---
x = torch.ones(0, 1, 2, 2); F.max_unpool2d(x, x.long(), 2).shape
---
x = torch.ones(1, 0, 4, 4); F.max_pool2d(x, 2)
---
l = nn.TransformerEncoderLayer(4, 2, batch_first=True); l(torch.ones(0, 3, 4)).shape
---
l = nn.TransformerEncoderLayer(4, 2, batch_first=True).eval(); l(torch.ones(0, 3, 4)).shape
---
l = nn.TransformerDecoderLayer(4, 2); l(torch.ones(3, 0, 4), torch.ones(3, 0, 4)).shape
---
nn.MultiheadAttention(4, 2)(torch.ones(3, 0, 4), torch.ones(3, 0, 4), torch.ones(3, 0, \
4))[0].shape
---
nn.RNNCell(3, 4)(torch.ones(0, 3)).shape, nn.GRUCell(3, 4)(torch.ones(0, 3)).shape, \
nn.LSTMCell(3, 4)(torch.ones(0, 3))[0].shape
---
nn.RNN(3, 4)(torch.ones(5, 0, 3))[0].shape, nn.LSTM(3, 4)(torch.ones(5, 0, 3))[0].shape
---
nn.Conv1d(2, 4, 3)(torch.ones(0, 2, 8)).shape, nn.Conv2d(2, 4, 3)(torch.ones(0, 2, 8, 8)).shape
---
m = nn.Conv1d(2, 4, 3); m(torch.ones(0, 2, 8)).sum().backward(); m.weight.grad.abs().sum()
---
nn.ConvTranspose2d(2, 4, 3)(torch.ones(0, 2, 8, 8)).shape
---
nn.Conv1d(0, 4, 3, bias=False)
---
nn.Conv1d(4, 0, 3)(torch.ones(1, 4, 8)).shape
---
nn.Linear(0, 3)(torch.ones(2, 0)).shape, nn.Linear(3, 0)(torch.ones(2, 3)).shape
---
nn.BatchNorm1d(3)(torch.ones(0, 3)).shape
---
nn.GroupNorm(1, 2)(torch.ones(0, 2, 4)).shape, nn.LayerNorm(2)(torch.ones(0, 2)).shape
---
@torch.no_grad()
class C:
    def __init__(self, x): self.x = x * 2
    def f(self): return self.x * 2
c = C(torch.ones(2, requires_grad=True))
c.x.requires_grad, type(c).__name__
---
a = torch.ones(2, 2); torch.addmm(a, 2, a, a), torch.addmm(2, a, a, a), torch.addmm(2, a, 3, a, a)
---
2 ** torch.tensor(3.)
---
1 - 0.9 ** torch.tensor(5.)
---
torch.pow(2., torch.tensor(3.))
---
x = torch.tensor(3., requires_grad=True); y = 2 ** x; y.backward(); x.grad
---
torch.manual_seed(0); p = torch.tensor([.1, .2, .7])
show(torch.multinomial(p, 1, replacement=True)); torch.rand(2)
---
torch.manual_seed(0); p = torch.rand(4, 5); show(torch.multinomial(p, 1, replacement=True))
torch.rand(2)
---
torch.manual_seed(0); p = torch.rand(4, 5); show(torch.multinomial(p, 3, replacement=True))
torch.rand(2)
---
torch.manual_seed(0); p = torch.rand(4, 5); show(torch.multinomial(p, 1)); torch.rand(2)
---
torch.tensor(range(3))
---
from collections import deque
torch.tensor(deque([1, 2]))
---
from array import array
torch.tensor(array('i', [1, 2])), torch.tensor(array('d', [1, 2]))
---
torch.tensor(bytearray(b'ab'))
---
torch.tensor(b'ab')
---
torch.tensor(memoryview(b'ab'))
---
class S:
    def __len__(s): return 2
    def __getitem__(s, i):
        if i > 1: raise IndexError
        return i + 1.5
torch.tensor(S())
---
class S:
    def __len__(s): return 2
    def __getitem__(s, i):
        if i > 1: raise IndexError
        return [i, 2]
torch.tensor(S()), torch.tensor([S(), S()])
---
torch.tensor([np.array([1, 2]), [3, 4]])
---
torch.tensor([[1., 2.], np.array([3, 4])])
---
torch.tensor([torch.tensor(1), 2, np.float32(3)])
---
torch.tensor([torch.tensor([7.]), torch.tensor([5.])])
---
torch.tensor([torch.tensor([7., 1.]), torch.tensor([5., 1.])])
---
torch.tensor([range(2), range(2)])
---
torch.tensor((1, (2, 3)))
---
torch.tensor([1, [2]])
---
torch.tensor({1, 2})
---
torch.tensor({'a': 1})
---
torch.tensor((i for i in range(3)))
---
torch.tensor([None])
---
torch.tensor(None)
---
torch.tensor('a')
---
torch.tensor(['a'])
---
torch.tensor([np.float64(1.), 2]), torch.tensor(np.int32(3)), torch.tensor([np.bool_(True)])
---
torch.tensor(float('nan'), dtype=torch.int32)
---
torch.tensor([float('nan')], dtype=torch.int32)
---
torch.tensor([1.7, -2.3], dtype=torch.int32), torch.tensor(1.7, dtype=torch.int64)
---
torch.tensor(float('inf'), dtype=torch.int64)
---
torch.tensor(2**70)
---
torch.tensor([2**70])
---
torch.tensor(2**63)
---
torch.tensor(300, dtype=torch.uint8)
---
torch.tensor([300, 1], dtype=torch.uint8)
---
torch.tensor([-1], dtype=torch.uint8)
---
torch.tensor(1e40, dtype=torch.float32), torch.tensor(1e6, dtype=torch.half)
---
torch.tensor(1+2j, dtype=torch.float32)
---
torch.tensor([1, 2], requires_grad=True)
---
torch.tensor([]), torch.tensor([[]]), torch.tensor([[], []]).shape
---
torch.tensor([[1], [2, 3]])
---
torch.tensor([True, 2.5]), torch.tensor([1, 2j])
---
torch.as_tensor([1, 2]), torch.as_tensor(np.ones(2)), torch.as_tensor(3), \
torch.as_tensor(range(2))
---
func.vmap(lambda i: torch.arange(5)[i])(torch.tensor([1, 3]))
---
x = torch.arange(6).reshape(2, 3)
func.vmap(lambda i: x[i, 1])(torch.tensor([1, 0]))
---
x = torch.arange(6).reshape(2, 3)
func.vmap(lambda i: x[:, i])(torch.tensor([1, 0]))
---
x = torch.arange(6.).reshape(2, 3)
func.vmap(lambda r, i: r[i])(x, torch.tensor([1, 0]))
---
x = torch.arange(24.).reshape(2, 3, 4)
func.vmap(lambda i: x[:, i, 1:])(torch.tensor([1, 0])).shape
---
nn.BatchNorm1d(2)(torch.ones(3, 2, dtype=torch.double))
---
nn.Linear(2, 2)(torch.ones(3, 2, dtype=torch.double))
---
torch.ones(2, dtype=torch.int64).requires_grad_()
---
x = torch.ones(2, requires_grad=True); x.data = torch.ones(2, dtype=torch.int64)
---
p = nn.Parameter(torch.ones(2)); q = nn.Parameter(torch.ones(2))
torch.optim.SGD([{'params': [p]}, {'params': [q], 'lr': .5}], lr=.1)
---
nn.BatchNorm1d(2)(torch.ones(3, 2, dtype=torch.double))
---
nn.BatchNorm1d(2)(torch.ones(3, 2, dtype=torch.half)).dtype
---
nn.BatchNorm1d(2).double()(torch.ones(3, 2, dtype=torch.double)).dtype
"""


@pytest.mark.parametrize("text", PROGRAMS.split("---\n"))
def test_as_pytorch(text):
    same(text)


def test_what_is_there_by_pytorchs_words():
    assert wengert.has_lapack and not wengert.has_mps and isinstance(wengert.has_cuda, bool)
    assert wengert._C._get_tracing_state() is None
    assert not callable(wengert.device("cpu")) and not hasattr(wengert.device("cpu"), "clone")
