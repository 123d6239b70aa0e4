"""Ops that put elements at other places in machine code give what the texts give, to the bit."""

import numpy as np

import wengert as torch
from wengert import native_calls

from .test_calls import outcome

CALLS = [
    "x.triu()", "x.tril(1)", "x.triu(-2)", "x.tril(9)", "x.triu(2**40)", "x.cummax(0)",
    "x.cummin(-1)", "x.cummax(1)", "x.cummin(5)", "torch.linalg.cross(x, y)",
    "torch.linalg.cross(x, y, dim=0)", "torch.cross(x, y, dim=-1)", "torch.linalg.cross(x, y[:1])",
    "x.scatter(0, i, y)", "x.scatter(-1, i, y)", "x.scatter_add(0, i, y)",
    "x.scatter_add(1, i, y)", "x.scatter(0, i[:1], y)", "x.scatter_add(0, i[:, :1], y)",
    "x.scatter(1, i[:0], y)", "x.scatter(0, i, y[:1])", "x.scatter(0, -i, y)",
    "x.scatter_add(0, i + 5, y)", "x.scatter(0, i.int(), y)", "x.scatter_add(0, i, y.double())",
]  # fmt: skip
SHAPES = [(3, 3), (5, 3), (3, 4, 3), (3,), (), (0, 3), (2, 0), (1, 1), (4, 2, 3)]
ODD = np.array([0.0, -0.0, 1.5, -2.5, np.nan, np.inf, -np.inf, 3.0, 1e-40, 2.5])


def made(shape, kind, r):
    values = ODD[r.integers(len(ODD), size=shape)]
    if kind not in ("float32", "float64"):
        values = np.nan_to_num(values, posinf=7, neginf=-7).astype(kind)
    return torch.tensor(np.asarray(values).astype(kind))


def bits(t):
    """The bits of a tensor's numbers; sums of nan may have either sign."""
    a = t.numpy(force=True).copy()
    a[a != a] = np.nan if a.dtype.kind == "f" else 0
    return a.tobytes()


def kept(result):
    """What a result is, with the bits of its numbers."""
    if isinstance(result, type):
        return result
    every = result if isinstance(result, tuple) else (result,)
    return [(type(t).__name__, t.dtype, t.shape, t.stride(), bits(t),
             type(t.grad_fn).__name__) for t in every]  # fmt: skip


def cases():
    r = np.random.default_rng(0)
    for kind in ("float32", "float64", "int64", "bool", "int32", "float16"):
        for shape in SHAPES:
            x, y = made(shape, kind, r), made(shape, kind, r)
            i = torch.tensor(r.integers(0, 3, shape))
            ways = [(x, y, i), (x.transpose(0, -1), y, i)] if len(shape) > 1 else [(x, y, i)]
            if kind in ("float32", "float64"):
                ways.append((x.clone().requires_grad_(), y.clone().requires_grad_(), i))
            for x, y, i in ways:
                names = {"torch": torch, "x": x, "y": y, "i": i}
                yield from [(text, kind, shape, names) for text in CALLS]


def test_places_are_those_of_the_text():
    every, found = list(cases()), []
    for turn in (native_calls.serve, native_calls.stop):
        turn()
        results = [outcome(compile(text, "<call>", "eval"), names) for text, *_, names in every]
        found.append([(kept(result), said) for result, said in results])
    for case, one, other in zip(every, *found):
        assert one == other, case[:3]


def test_gradients_of_places():
    x = torch.rand(4, 3, dtype=torch.float64, requires_grad=True)
    y = torch.rand(4, 3, dtype=torch.float64, requires_grad=True)
    i = torch.tensor([[0, 2, 1], [3, 0, 0]])
    for f in (
        lambda x, y: x.triu() + y.tril(-1),
        lambda x, y: torch.linalg.cross(x, y),
        lambda x, y: x.cummax(0).values + y.cummin(1).values,
        lambda x, y: x.scatter(0, i, y[:2]) + x.scatter_add(0, i, y[:2]),
    ):
        assert torch.autograd.gradcheck(f, (x, y))
