"""repr, str and format of tensors against PyTorch, recorded (golden/printing.json) and live.

`python tests/tensor/test_printing.py` records the golden file again, where PyTorch is installed.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import wengert
from wengert.api import printing
from wengert.api.interop import from_numpy
from wengert.base import dtypes
from wengert.engine.tensor import Tensor

GOLDEN = Path(__file__).parents[1] / "golden" / "printing.json"
FLOATS = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "bool")
SPECIAL = [0.0, -0.0, float("nan"), float("inf"), float("-inf")]


@pytest.fixture(autouse=True)
def default_options() -> Any:
    yield
    printing.set_printoptions(profile="default")


def array_of(values: list[Any], shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """The values, repeated as often as the shape needs; complex numbers are [real, imaginary]."""
    if dtype.startswith("complex"):
        values = [complex(*v) for v in values]
    size = int(np.prod(shape))
    want = np.dtype(ml_dtypes.bfloat16) if dtype == "bfloat16" else np.dtype(dtype)
    with np.errstate(all="ignore"):
        return np.resize(np.array(values).astype(want), size).reshape(shape)


def shown(a: np.ndarray, options: dict[str, Any], requires_grad: bool) -> str:
    printing.set_printoptions(profile="default")
    printing.set_printoptions(**options)
    return repr(from_numpy(a).requires_grad_(requires_grad))


# --- random arrays of every kind that printing tells apart ---------------------------------------


def random_numbers(rng: random.Random, n: int) -> list[float]:
    kind = rng.randrange(9)
    if kind == 0:
        return [rng.gauss(0, 1) for _ in range(n)]
    if kind == 1:
        return [float(rng.randrange(-10, 10)) for _ in range(n)]
    if kind == 2:
        return [rng.gauss(0, 1) * 10.0 ** rng.randrange(-12, 12) for _ in range(n)]
    if kind == 3:
        scale = 10.0 ** rng.randrange(-310, 300)
        return [rng.gauss(0, 1) * scale for _ in range(n)]
    if kind == 4:
        return [float(rng.randrange(1, 1002)) for _ in range(n)]
    if kind == 5:
        edges = [1e-4, 9.999e-5, 1e-3, 0.1, 1, 1000, 999.99, 1000.01, 1e8, 1e8 + 1, 99999999]
        return [rng.choice(edges) * rng.choice([1, -1]) for _ in range(n)]
    if kind == 6:
        return [rng.choice(SPECIAL) for _ in range(n)]
    if kind == 7:
        return [rng.choice([*SPECIAL, 1.0, -1.5, 2e-5, 1e10]) for _ in range(n)]
    return [rng.random() * 10.0 ** rng.randrange(-3, 3) for _ in range(n)]


def random_case(rng: random.Random) -> dict[str, Any]:
    dtype = rng.choice(FLOATS + FLOATS + INTEGERS)
    n = rng.randrange(1, 9)
    values: list[Any] = random_numbers(rng, n)
    if dtype.startswith("complex"):
        values = [list(v) for v in zip(values, random_numbers(rng, n), strict=True)]
    elif dtype == "bool":
        values = [rng.random() < 0.5 for _ in range(n)]
    elif dtype in INTEGERS:
        info = np.iinfo(dtype)
        high = min(int(info.max), 10 ** rng.randrange(1, 19))
        values = [rng.randrange(max(int(info.min), -high), high + 1) for _ in range(n)]
    shape = rng.choice(
        [
            (),
            (rng.randrange(25),),
            (rng.randrange(1, 1500),),
            (rng.randrange(1, 12), rng.randrange(1, 12)),
            (rng.randrange(60), rng.randrange(60)),
            (rng.randrange(3), rng.randrange(5), rng.randrange(8)),
        ]
    )
    options: dict[str, Any] = {}
    if rng.random() < 0.5:
        choices = {
            "precision": range(9),
            "threshold": (0, 5, 10, 100),
            "edgeitems": range(6),
            "linewidth": (0, 1, 10, 40, 60, 100, 200),
            "profile": ("default", "short", "full", "unknown"),
            "sci_mode": (True, False, None),
        }
        for name, values_ in choices.items():
            if rng.random() < 0.35:
                options[name] = rng.choice(list(values_))
    grad = dtype in FLOATS and rng.random() < 0.3
    return {"dtype": dtype, "shape": shape, "values": values, "options": options, "grad": grad}


# --- the tests -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(0, 240, 20))
def test_recorded(number: int) -> None:
    cases = json.loads(GOLDEN.read_text())
    assert len(cases) == 240
    for case in cases[number : number + 20]:
        a = array_of(case["values"], tuple(case["shape"]), case["dtype"])
        assert shown(a, case["options"], case["grad"]) == case["text"], case


def torch_tensor(torch: Any, a: np.ndarray) -> Any:
    if a.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(a.astype(np.float32)).to(torch.bfloat16)
    return torch.from_numpy(a)


def torch_text(torch: Any, a: np.ndarray, options: dict[str, Any], grad: bool) -> str:
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**options)
    try:
        return repr(torch_tensor(torch, a).detach().requires_grad_(grad))
    finally:
        torch.set_printoptions(profile="default")


@pytest.mark.parametrize("seed", range(6))
def test_live(seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = random.Random(seed)
    for _ in range(60):
        case = random_case(rng)
        a = array_of(case["values"], case["shape"], case["dtype"])
        want = torch_text(torch, a, case["options"], case["grad"])
        assert shown(a, case["options"], case["grad"]) == want, case


def test_suffixes_of_empty_tensors() -> None:
    assert repr(from_numpy(np.zeros(0, np.float32))) == "tensor([])"
    assert repr(from_numpy(np.zeros((0, 3), np.float32))) == "tensor([], size=(0, 3))"
    assert repr(from_numpy(np.zeros(0, np.int64))) == "tensor([], dtype=torch.int64)"


def test_the_default_dtype_is_not_named() -> None:
    t, z = from_numpy(np.ones(1)), from_numpy(np.ones(1, np.complex128))
    before = dtypes.get_default_dtype()
    dtypes.set_default_dtype(dtypes.float64)
    try:
        assert (repr(t), repr(z)) == ("tensor([1.])", "tensor([1.+0.j])")
        single = from_numpy(np.ones(1, np.float32))
        assert repr(single) == "tensor([1.], dtype=torch.float32)"
    finally:
        dtypes.set_default_dtype(before)
    assert repr(t) == "tensor([1.], dtype=torch.float64)"


def test_subclasses_show_their_name() -> None:
    class Weights(Tensor):
        pass

    t = object.__new__(Weights)
    t._a, t._n, t._x = np.eye(2, dtype=np.float32), None, None
    assert repr(t) == "Weights([[1., 0.],\n         [0., 1.]])"
    assert format(t) == repr(t)


def test_format() -> None:
    half = from_numpy(np.array(0.5))
    assert f"{half:.3f} {half} {half:>5} {half!r}" == (
        "0.500 0.5   0.5 tensor(0.5000, dtype=torch.float64)"
    )
    assert f"{from_numpy(np.array(7)):03d}" == "007"
    row = from_numpy(np.ones(2, np.float32))
    assert f"{row}" == "tensor([1., 1.])"
    with pytest.raises(TypeError, match="unsupported format string passed to Tensor.__format__"):
        format(row, ".3f")


def test_options_are_kept_and_restored() -> None:
    before = printing.get_printoptions()
    assert before == {
        "precision": 4,
        "threshold": 1000,
        "edgeitems": 3,
        "linewidth": 80,
        "sci_mode": None,
    }
    with printing.printoptions(precision=2, sci_mode=True):
        assert printing.get_printoptions()["precision"] == 2
        with printing.printoptions(edgeitems=1):
            assert printing.get_printoptions()["sci_mode"] is True
    assert printing.get_printoptions() == before
    printing.set_printoptions(sci_mode=True)
    printing.set_printoptions(precision=3)  # leaving sci_mode out resets it
    assert printing.get_printoptions()["sci_mode"] is None


def test_large_arrays_are_not_walked() -> None:
    # Zero strides: a walk over every element of this would take hours.
    a = np.broadcast_to(np.float32(1.5), (10**6, 10**6))
    assert printing.format_array(a).startswith("[[1.5000, 1.5000, 1.5000,  ..., 1.5000,")


def test_a_seeded_script_prints_what_pytorch_prints(capsys: pytest.CaptureFixture[str]) -> None:
    wengert.manual_seed(0)
    x = wengert.ones(2, 2, requires_grad=True)
    z = x**2 * x * 3
    print("z:", z)
    print("out:", z.mean())
    a = wengert.randn(2, 2)
    print(a, (a * 3) / (a - 1))
    v = wengert.randn(3, requires_grad=True)
    y = v * 2
    while y.data.norm() < 1000:
        y = y * 2
    y.backward(wengert.tensor([0.1, 1.0, 0.0001]))
    print(y)
    print(v.grad)
    assert capsys.readouterr().out == SCRIPT


# PyTorch 2.13
SCRIPT = """\
z: tensor([[3., 3.],
        [3., 3.]], grad_fn=<MulBackward0>)
out: tensor(3., grad_fn=<MeanBackward0>)
tensor([[ 1.5410, -0.2934],
        [-2.1788,  0.5684]]) tensor([[ 8.5453,  0.6806],
        [ 2.0562, -3.9514]])
tensor([-1110.5509, -1432.1617,   413.0272], grad_fn=<MulBackward0>)
tensor([1.0240e+02, 1.0240e+03, 1.0240e-01])
"""


def record() -> None:
    """Write golden/printing.json from the installed PyTorch."""
    import torch

    rng = random.Random(0)
    cases = []
    while len(cases) < 240:
        case = random_case(rng)
        a = array_of(case["values"], case["shape"], case["dtype"])
        text = torch_text(torch, a, case["options"], case["grad"])
        if len(text) < 1200:
            cases.append({**case, "text": text})
    lines = ",\n".join(json.dumps(case) for case in cases)
    GOLDEN.write_text(f"[\n{lines}\n]\n")
    print(f"{len(cases)} cases, {GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    record()
