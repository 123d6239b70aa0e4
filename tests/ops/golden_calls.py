"""The calls whose results PyTorch recorded in tests/golden/operators.json, and how one is run.

A call is a Python expression of the names T (torch), F (torch.nn.functional) and the small tensors
of `arrays`. Written once, it runs on either library. Families of calls share a pattern and are made
here, single ones stand in tests/golden/operators.txt. What is compared, and how closely, is in
test_golden.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

SEED = 20260101
TABLE = Path(__file__).parent.parent / "golden" / "operators.txt"


def arrays() -> dict[str, tuple[np.ndarray, str]]:
    """Name -> values and dtype; floating and complex ones require gradients."""
    rng = np.random.default_rng(SEED)
    normal, uniform, integers = rng.standard_normal, rng.uniform, rng.integers

    def complexes(*shape: int) -> np.ndarray:
        return normal(shape) + 1j * normal(shape)

    square = normal((3, 3))
    return {
        "x": (normal((2, 3)), "float32"),
        "y": (normal((2, 3)), "float32"),
        "p": (uniform(0.2, 0.8, (2, 3)), "float32"),
        "q": (uniform(0.2, 0.8, (2, 3)), "float32"),
        "v": (normal(4), "float32"),
        "w": (normal(4), "float32"),
        "t": (normal((2, 3, 4)), "float32"),
        "o": (normal(()), "float32"),
        "none": (np.zeros((0, 3)), "float32"),
        "d": (normal((2, 3)), "float64"),
        "e": (normal((2, 3)), "float64"),
        "n": (normal((3, 3)), "float64"),
        "s": (square @ square.T + 3 * np.eye(3), "float64"),
        "r": (normal((3, 2)), "float64"),
        "g": (np.array([0.5, np.nan, -np.inf, 2.5, np.inf, -0.0]), "float64"),
        "i": (integers(-4, 6, (2, 3)), "int64"),
        "j": (integers(1, 6, (2, 3)), "int64"),
        "k": (integers(0, 3, (2, 3)), "int64"),
        "l": (np.array([0, 2, 1, 0]), "int64"),
        "u": (integers(0, 200, (2, 3)), "uint8"),
        "a": (integers(-9, 9, (2, 3)), "int32"),
        "b": (uniform(0, 1, (2, 3)) > 0.4, "bool"),
        "c": (uniform(0, 1, (2, 3)) > 0.6, "bool"),
        "z": (complexes(2, 3), "complex64"),
        "zz": (complexes(2, 3), "complex64"),
        "zn": (complexes(3, 3), "complex128"),
        "h": (normal((2, 3)), "bfloat16"),
        "hh": (normal((2, 3)), "bfloat16"),
        "f": (normal((2, 3)), "float16"),
        "seq": (normal((2, 3, 8)), "float32"),
        "img": (normal((1, 2, 5, 6)), "float32"),
        "vol": (normal((1, 2, 3, 4, 4)), "float32"),
        "k1": (normal((2, 3, 3)), "float32"),
        "k2": (normal((4, 2, 3, 2)), "float32"),
        "k3": (normal((2, 2, 2, 2, 2)), "float32"),
        "logits": (normal((4, 3)), "float32"),
        "table": (normal((5, 3)), "float32"),
        "wave": (normal(16), "float64"),
    }


def split(names: str) -> list[str]:
    return names.split()


UNARY = split(
    "abs acos acosh arccos arcsin arctan arcsinh arctanh asin asinh atan atanh ceil cos cosh "
    "deg2rad digamma erf erfc erfinv exp exp2 expm1 floor frac lgamma log log10 log1p log2 logit "
    "neg negative positive rad2deg reciprocal relu round rsqrt sgn sigmoid sign signbit sin sinc "
    "sinh sqrt square tan tanh trunc fix isnan isfinite isinf isreal isposinf isneginf i0 "
    "nan_to_num logical_not special.entr special.erfcx special.i0e special.i1 special.i1e "
    "special.log_ndtr special.ndtr special.ndtri special.expit "
    "special.gammaln special.psi"
)
BINARY = split(
    "add sub mul div true_divide remainder fmod pow maximum minimum fmax fmin atan2 "
    "arctan2 hypot copysign eq ne lt le gt ge logaddexp logaddexp2 xlogy special.xlog1py "
    "nextafter float_power rsub subtract multiply divide logical_and logical_or "
    "logical_xor isclose greater less not_equal"
)
NUMBERS = split(
    "add sub mul div true_divide remainder fmod pow copysign eq ne lt le gt ge xlogy float_power "
    "rsub subtract multiply divide greater less not_equal special.xlog1py"
)
INTEGER = split("add sub mul div floor_divide remainder fmod pow maximum minimum gcd lcm eq lt")
BITS = split("bitwise_and bitwise_or bitwise_xor")
REDUCTIONS = split(
    "sum mean prod amax amin std var logsumexp nansum nanmean all any median nanmedian mode "
    "max min argmax argmin count_nonzero aminmax norm quantile cumsum cumprod "
    "cummax cummin logcumsumexp sort argsort softmax log_softmax unbind std_mean var_mean "
    "kthvalue topk"
)
ACTIVATIONS = split(
    "celu elu gelu glu hardshrink hardsigmoid hardswish hardtanh leaky_relu logsigmoid mish relu "
    "relu6 rrelu selu silu softplus softshrink softsign tanhshrink sigmoid tanh"
)
INPLACE = split("abs ceil cos exp floor neg relu round sigmoid sin sqrt square tanh trunc zero log")
COMPLEX = split(
    "abs angle conj exp log sin cos tanh sqrt square reciprocal neg real imag sgn sigmoid "
    "view_as_real conj_physical resolve_conj isfinite acos sinh log10 rsqrt sinc"
)
HALF = split(
    "abs exp log sigmoid tanh relu sqrt rsqrt neg round floor sign cos erf log1p square "
    "reciprocal expm1"
)


def families() -> Iterator[str]:
    extra = {"quantile": "0.3, ", "kthvalue": "2, ", "topk": "2, ", "norm": "3, "}
    for name in UNARY:
        yield f"T.{name}({'1 + p' if name.endswith('acosh') else 'p'})"
        if name not in ("i0", "logit", "erfinv", "frac"):
            yield f"T.{name}(j)"
    for name in split("abs ceil floor round sign trunc isnan nan_to_num exp signbit sgn atan"):
        yield f"T.{name}(g)"
    for name in BINARY:
        yield f"T.{name}(p, q)"
        if name in NUMBERS:
            yield f"T.{name}(d, 2)"
    for name in INTEGER:
        yield f"T.{name}({'j, j' if name == 'pow' else 'i, j'})"
    for name in BITS:
        yield f"T.{name}(i, j)"
        yield f"T.{name}(b, c)"
    for name in REDUCTIONS:
        more = extra.get(name, "")
        yield f"T.{name}(x, {more}dim=1)"
        if name not in FLOATING:
            yield f"T.{name}(i, {more}dim=0)"
    for name in split("sum mean prod amax amin std var max min median argmax all any cumsum norm"):
        yield f"t.{name}({'2' if name == 'cumsum' else ''})"
        if name not in ("median", "norm", "std", "var", "argmax"):
            yield f"T.{name}(b{', 0' if name == 'cumsum' else ''}{MEAN.get(name, '')})"
    for name in ACTIVATIONS:
        yield f"F.{name}({'v' if name == 'glu' else 'x'})"
    for name in INPLACE:
        yield f"(p * 1).{name}_()"
    for name in split("add sub mul div pow remainder fmod copysign atan2"):
        yield f"(p * 1).{name}_(q)"
    for name in COMPLEX:
        yield f"T.{name}(z)"
    for name in split("add sub mul div pow eq ne"):
        yield f"T.{name}(z, zz)"
    for name in HALF:
        yield f"T.{name}(h.abs() + 0.5)"
    for name in split("add sub mul div maximum"):
        yield f"T.{name}(h, hh)"
    for name in split("exp sigmoid tanh relu sum mean"):
        yield f"T.{name}(f)"
    for name in split("fft ifft rfft hfft ihfft fft2 ifft2 rfft2 fftn ifftn rfftn fftshift"):
        yield f"T.fft.{name}({'r' if name != 'irfft' else 'z'})"
    for name in split("fft ifft irfft hfft fft2 irfft2 irfftn ifftshift"):
        yield f"T.fft.{name}(zn)"
    for name in split("hann hamming bartlett blackman kaiser"):
        yield f"T.{name}_window(7, dtype=T.float64)"


FLOATING = split(
    "mean std var nanmean norm logsumexp quantile mode softmax log_softmax std_mean var_mean "
    "logcumsumexp"
)
MEAN = {"mean": ", dtype=T.float32"}

CALLS = list(dict.fromkeys([*families(), *TABLE.read_text("utf-8").splitlines()]))


def inputs(torch: Any, call: str) -> dict[str, Any]:
    """The tensors that the call names, made anew."""
    names = set(re.findall(r"(?<![\w.'])[a-z]\w*\b", call))
    made = {}
    for name, (array, dtype) in ARRAYS.items():
        if name in names:
            plain = array.astype(np.float32) if dtype == "bfloat16" else array.astype(dtype)
            made[name] = torch.from_numpy(plain).to(getattr(torch, dtype))
            if plain.dtype.kind in "fc":
                made[name].requires_grad_()
    return made


ARRAYS = arrays()


def flat(value: Any) -> list[Any]:
    """The tensors in a result; whatever else is in it becomes one."""
    if isinstance(value, (tuple, list)) and not (value and isinstance(value[0], (int, float))):
        return [t for v in value for t in flat(v)]
    return [value]


def weights(torch: Any, y: Any) -> Any:
    """The gradient that comes in at an output: 0.25, 0.5, 0.75, ... in turn."""
    w = np.resize(np.arange(1, 8) * 0.25, tuple(y.shape))
    return torch.from_numpy(np.asarray(w * (1 - 0.5j) if y.is_complex() else w)).to(y.dtype)


def run(torch: Any, call: str) -> tuple[list[Any], dict[str, Any]]:
    """The outputs of a call and the gradients of its inputs, by name."""
    made = inputs(torch, call)
    scope = {"T": torch, "F": torch.nn.functional, "float": float, "abs": abs, **made}
    outs = flat(eval(call, scope))
    leaves = {n: t for n, t in made.items() if t.requires_grad}
    live = [y for y in outs if getattr(y, "requires_grad", False)]
    if not live:
        return outs, {}
    grads = torch.autograd.grad(
        live, list(leaves.values()), [weights(torch, y) for y in live], allow_unused=True
    )
    return outs, dict(zip(leaves, grads))


def written(value: Any) -> Any:
    """What is recorded of a result: [dtype, shape, numbers] of a tensor, else its text."""
    if not hasattr(value, "dtype"):
        return repr(tuple(value) if isinstance(value, (tuple, list)) else value)
    value = value.detach()
    dtype = str(value.dtype).split(".")[1]
    if value.is_complex():
        value = value.resolve_conj()
    if dtype in ("bfloat16", "float16"):
        value = value.float()
    array = value.resolve_neg().numpy(force=True).ravel()
    if array.dtype.kind == "c":
        array = array.view(array.real.dtype)
    digits = 8 if array.dtype.itemsize == 4 else 13
    numbers = array.tolist()
    if array.dtype.kind == "f":
        numbers = [float(f"{a:.{digits}g}") for a in numbers]
    elif dtype == "bool":
        numbers = [int(a) for a in numbers]
    return [dtype, list(value.shape), numbers]
