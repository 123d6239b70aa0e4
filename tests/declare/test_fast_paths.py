"""Short ways into public functions: the same results, errors and graphs as the careful ones."""

import numpy as np
import pytest

import wengert as w

CALLS = """
x.sum(0)
x.sum(-1)
x.sum(1, keepdim=True)
x.sum((0, 1))
x.sum(1, True)
x.sum(axis=1)
x.mean(1)
x.mean(-2, keepdim=True)
x.mean(1, dtype=T.float64)
x.amax(1)
x.amax(())
x.amin(0, True)
x.amax(dim=1)
x.argmax(1)
x.argmin(-1, keepdim=True)
x.argmax()
x.logsumexp(1)
x.logsumexp(0, True)
x.cumsum(1)
x.cumsum(-1)
x.cumsum(0, dtype=T.float64)
x.cumprod(0)
x.flip(1)
x.flip(0, 1)
x.flip((0, 1))
x.flip(-1)
x.tril()
x.tril(1)
x.triu()
x.triu(diagonal=-1)
x.max(1)
x.max()
x.min(0)
x.min(-1)
x.max(y)
x.max(1, True)
x.sort(1)
x.sort(0)
x.sort(1, True)
x.sort(descending=True)
x.topk(2, 1)
x.topk(2)
x.topk(1, 0)
x.topk(2, 1, False)
x.var(1)
x.var()
x.var(0, False)
x.std()
x.std(1)
x.std(dim=1, correction=0)
x.norm()
x.norm(1)
x.norm(2, 1)
T.cat([x, y], 1)
T.cat([x, y])
T.cat([x, y, x], -1)
T.cat((x, y))
T.cat([x, i])
T.stack([x, y])
T.stack([x, y, y], 2)
T.stack([x, y], -1)
T.where(b, x, y)
T.where(b, x, 0.0)
T.where(b, x, y[0])
x.clamp(-1, 1)
x.clamp(0.5)
x.clamp(max=0)
x.clamp(1, -1)
x.clamp(y, None)
x.masked_fill(b, 0.5)
x.masked_fill(b, 1)
x.masked_fill(b[0], 0.5)
b.any()
b.all()
b.any(1)
x.any()
x.gather(1, i)
x.gather(0, i % 3)
x.gather(-1, i[:, :2])
x[i[0] % 3]
x[i % 3]
x[-1 - i[0] % 3]
x[b]
x.split(2, 1)
x.split(2)
x.split([1, 3], 1)
x.chunk(2, 1)
x.lerp(y, 0.3)
x.lerp(y, y)
x.lerp(y[0], 0.3)
x.addcmul(y, y)
x.addcmul(y, y, value=2)
x.addcmul(y, y[0])
-x
-i
x - y
x - y[0]
x - 1
x - i
x.to(T.float64)
x.to(T.int64)
x.to(T.float32)
i.to(T.float32)
x.t().contiguous()
x.contiguous()
i % 4
i // 3
i // -3
T.einsum('ij,kj->ik', x, y)
T.einsum('ij,ik->kj', x, y)
T.einsum('ij,kj', x, y)
T.einsum('ij,ij->ij', x, y)
T.einsum('ij,kj->ijk', x, y)
T.einsum('ij,jk->', x, y.t())
x @ y.t()
x @ y[0]
x.matmul(y.t())
x.t()
x[0].t()
T.zeros(2, 3)
T.zeros((2, 3))
T.zeros(x.shape)
T.zeros([2], dtype=T.int64)
T.zeros(())
T.arange(5)
T.arange(2, 5)
T.arange(0)
T.arange(5.)
T.nn.functional.one_hot(i[0], 4)
T.nn.functional.one_hot(i)
x.clone().copy_(y)
x.clone().copy_(y[0])
x.clone().copy_(i)
x.clone().zero_()
x.t().clone().t().zero_()
x.clone().add_(y)
x.clone().mul_(-1.5)
x.clone().mul_(i)
""".strip().splitlines()

ERRORS = """
x.sum(2)
x.amax(-3)
x.argmax(5)
T.zeros(0, 3).amax(0)
T.zeros(0, 3).argmax(0)
x.logsumexp()
x.cumsum(2)
x.flip(2)
x.flip(0, 0)
x[0].tril()
T.zeros(0).max()
x.sort(2)
x.topk(9, 1)
x.topk(1, 2)
T.cat([x, y], 2)
T.cat([x, y[0]])
T.cat([])
T.cat(x)
T.stack([x, y], 3)
T.stack([x, y[0]])
T.where(b, x, y[:2])
x.masked_fill(i, 0.5)
x.gather(1, i + 9)
x.gather(1, i - 9)
x.gather(2, i)
x[i + 9]
x[i - 9]
x.split(-1)
x.split(2, 2)
-b
b - b
x - y[:2]
x.lerp(i, 0.5)
i % 0
T.einsum('ij,jk->ik', x, y)
x @ y
x @ y[0, :2]
x @ i
x[None].t()
T.zeros(-1)
T.zeros('a')
T.nn.functional.one_hot(i, 2)
T.nn.functional.one_hot(i - 9, 20)
x.clone().copy_(y[:2])
x.expand(2, 3, 4).add_(1)
x.sum(1, keepdim=True, nothing=2)
""".strip().splitlines()


def tensors(torch, kind="float32"):
    g = np.random.default_rng(0)
    made = {n: torch.from_numpy(g.standard_normal((3, 4)).astype("f")) for n in "xy"}
    made = {n: t.to(getattr(torch, kind)) for n, t in made.items()}
    made["i"] = torch.from_numpy(g.integers(0, 4, (3, 4)))
    made["b"] = torch.from_numpy(g.uniform(size=(3, 4)) > 0.5)
    return made


def flat(result):
    return [*result] if isinstance(result, tuple) else [result]


def agree(mine, theirs):
    mine, theirs = flat(mine), flat(theirs)
    assert len(mine) == len(theirs)
    for m, t in zip(mine, theirs):
        assert str(m.dtype) == str(t.dtype) and tuple(m.shape) == tuple(t.shape)
        assert m.requires_grad == t.requires_grad
        m, t = m.detach().double().numpy(), t.detach().double().numpy()
        np.testing.assert_allclose(m, t, rtol=2e-2 if "bf" in str(mine[0].dtype) else 1e-5)


@pytest.mark.parametrize("kind", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("call", CALLS)
def test_as_pytorch(call, kind):
    torch = pytest.importorskip("torch")
    if kind == "bfloat16" and any(s in call for s in ("dtype", "lerp", "einsum", "var", "std")):
        return  # rounded elsewhere
    mine = {"T": w, **tensors(w, kind)}
    for _ in range(2):  # the second call finds the library's function known
        agree(eval(call, mine), eval(call, {"T": torch, **tensors(torch, kind)}))


@pytest.mark.parametrize("call", [c for c in CALLS if "x" in c and "_(" not in c])
def test_recorded(call):
    torch = pytest.importorskip("torch")
    both = []
    for T in (w, torch):
        made = tensors(T)
        made["x"].requires_grad_()
        out = flat(eval(call, {"T": T, **made}))
        total = sum([o.double().sum() for o in out if o.requires_grad])
        if isinstance(total, T.Tensor):
            total.backward()
        both.append((out, made["x"].grad))
    agree(tuple(both[0][0]), tuple(both[1][0]))
    assert (both[0][1] is None) == (both[1][1] is None)
    if both[0][1] is not None:
        agree(both[0][1], both[1][1])


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call):
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:
        eval(call, {"T": torch, **tensors(torch)})
    with pytest.raises(theirs.type):
        eval(call, {"T": w, **tensors(w)})


@pytest.mark.parametrize("call", ["x.sum(1)", "x.amax(0)", "x.flip(1)", "x.sort(1)[0]", "x - x"])
def test_in_vmap_and_with_out(call):
    x = tensors(w)["x"]
    batch = w.stack([x, x * 2])
    got = w.func.vmap(lambda x: eval(call, {"x": x}))(batch)
    want = eval(call, {"x": x * 2})
    np.testing.assert_allclose(got[1].numpy(), want.numpy(), rtol=1e-6)
    out = w.empty(3)
    assert w.sum(x, 1, out=out) is out and out.tolist() == x.sum(1).tolist()


def test_views_of_split_share_and_are_followed():
    x = w.arange(6.0).reshape(2, 3).clone()
    a, b = x.split(2, 1)
    assert a._base is x and b._base is x
    a.mul_(10)
    assert x.tolist() == [[0.0, 10.0, 2.0], [30.0, 40.0, 5.0]] and b._version == x._version == 1
    for _ in range(50):
        x.split(1, 1)
    assert len(x._x.views) < 50
    c, d = b.split(1)
    assert c._base is x and d.tolist() == [[5.0]]
    with w.no_grad():
        assert x.split(1)[0]._base is None


def test_changes_in_place_are_noticed():
    x = w.ones(3)
    k = w.ones(3, requires_grad=True)
    y = (k * x).sum()
    x.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
    x = w.ones(2)
    x.copy_(k[:2])
    assert x.requires_grad
    assert w.zeros(2)._version == 0 and w.zeros(2).copy_(w.ones(2))._version == 1
    with pytest.raises(RuntimeError, match="read-only"):
        w.from_numpy(np.broadcast_to(np.float32(1), 3)[:1]).zero_()
    fixed = np.ones(2, "f")
    fixed.flags.writeable = False
    for change in (w.Tensor.zero_, lambda t: t.fill_(2.0), lambda t: t.copy_(x)):
        with pytest.raises(RuntimeError, match="read-only"):
            change(w.from_numpy(fixed))
