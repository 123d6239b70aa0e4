"""Compares every operator of PyTorch's own database with wengert's.

The sample inputs of op_db run on both libraries, called plainly and in every other way (gradients,
second order, forward mode, vmap, as a method, in place, with out=, written through a view), and
what differs is printed. The error inputs must raise here too, with the same type. Changed samples
are the business of random_comparison.py.
"""

from __future__ import annotations

import argparse
import collections
import functools
import os
import re
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from operator_samples import op_db  # noqa: E402

import wengert  # noqa: E402

OPERATORS = {
    op.full_name: op for op in op_db if not re.search(r"^torch\.|(^|\.)_[^_]|^jiter", op.name)
}
DTYPES = "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128"
MODES = "call grad second forward vmap method inplace operator out view error"
SPACES = (
    "",
    "nn.functional",
    "linalg",
    "special",
    "fft",
    "signal.windows",
    "masked",
    "sparse",
    "nn",
)
TOLERANCE = {"float64": 1e-7, "complex128": 1e-7, "float32": 1e-4, "complex64": 1e-4}
TOLERANCE |= {"float16": 5e-3, "bfloat16": 3e-2}
# Results that are one of several right ones, or random.
FREE = re.compile(r"svd|eig|lu|qr|lstsq|pca|ormqr|householder|geqrf|ldl|empty|memory")
TIED = re.compile(r"sort|topk|median|mode|kthvalue")
SHOWN = 100


class Array(NamedTuple):
    """A tensor as it was read."""

    values: np.ndarray
    dtype: str


class Unlike(Exception):
    """The two libraries' answers differ in kind, before any number is compared."""


class Unanswered(Exception):
    """This sample says nothing: neither right nor wrong."""


@functools.cache
def public_names() -> dict[int, str]:
    """id of each of PyTorch's public callables -> its path."""
    found: dict[int, str] = {}
    for space in (*SPACES, "Tensor"):
        home = functools.reduce(getattr, filter(None, space.split(".")), torch)
        for name in dir(home):
            value = getattr(home, name, None)
            if callable(value):
                found.setdefault(id(value), f"{space}.{name}".lstrip("."))
    return found


class Side:
    """One of the two libraries: PyTorch's objects become its own, and its results plain ones."""

    def __init__(self, library: Any) -> None:
        self.library, self.reference = library, library is torch
        self.functions: dict[int, tuple[Any, Any]] = {}

    def find(self, path: str) -> Any:
        return functools.reduce(getattr, path.split("."), self.library)

    def tensor(self, t: torch.Tensor, record: bool) -> Any:
        """Equal to t, over memory of its own with the same strides."""
        if t.is_quantized or t.is_nested or t.device.type != "cpu" or t.dtype is torch.complex32:
            raise Unanswered("not a plain tensor")
        if t.layout is torch.sparse_coo:
            parts = t.detach().coalesce()
            made = [self.tensor(p, False) for p in (parts.indices(), parts.values())]
            new = self.library.sparse_coo_tensor(*made, tuple(t.shape))
        elif t.layout is torch.sparse_csr:
            parts = t.detach()
            made = [
                self.tensor(p, False)
                for p in (parts.crow_indices(), parts.col_indices(), parts.values())
            ]
            new = self.library.sparse_csr_tensor(*made, tuple(t.shape))
        elif t.layout is not torch.strided:
            raise Unanswered(str(t.layout))
        else:
            plain = t.detach().resolve_conj().resolve_neg()
            half = plain.dtype is torch.bfloat16
            plain = plain.float() if half else plain
            flat = plain.as_strided((plain.untyped_storage().nbytes() // plain.itemsize,), (1,), 0)
            new = self.library.from_numpy(flat.numpy().copy())
            new = new.to(self.library.bfloat16) if half else new
            new = new.as_strided(tuple(t.shape), plain.stride(), plain.storage_offset())
        return new.requires_grad_() if record and t.requires_grad else new

    def take(self, x: Any, memo: dict[int, Any], record: bool = False) -> Any:
        """This library's equivalent of anything that samples hold."""
        if isinstance(x, torch.Tensor):
            if id(x) not in memo:
                memo[id(x)] = self.tensor(x, record)
            return memo[id(x)]
        if isinstance(x, (torch.dtype, torch.layout, torch.memory_format)):
            return self.find(str(x).split(".")[1])
        if isinstance(x, torch.Size):
            return self.library.Size(x)
        if isinstance(x, torch.device):
            return self.library.device(str(x))
        if isinstance(x, torch.Generator):
            return self.library.Generator().manual_seed(x.initial_seed())
        if isinstance(x, (list, tuple)):
            items = [self.take(y, memo, record) for y in x]
            return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)
        if isinstance(x, dict):
            return {k: self.take(v, memo, record) for k, v in x.items()}
        if isinstance(x, slice):
            return slice(*[self.take(y, memo) for y in (x.start, x.stop, x.step)])
        if isinstance(x, types.ModuleType) and x.__name__.split(".")[0] == "torch":
            return self.find(x.__name__[6:]) if x.__name__ != "torch" else self.library
        if callable(x) and not isinstance(x, type):
            return self.function(x)
        if type(x).__module__.startswith("torch.nn"):
            return self.find("nn." + type(x).__name__)(**vars(x))
        return x

    def function(self, f: Any) -> Any:
        """This library's equivalent of a function of PyTorch's, or of a helper of its tests."""
        if self.reference or f is None:
            return f
        if id(f) not in self.functions:
            self.functions[id(f)] = f, self._function(f)
        return self.functions[id(f)][1]

    def _function(self, f: Any) -> Any:
        if id(f) in public_names():
            return self.find(public_names()[id(f)])
        if isinstance(f, functools.partial):
            args, more = self.take(f.args, {}), self.take(f.keywords, {})
            return functools.partial(self.function(f.func), *args, **more)
        if getattr(f, "__name__", "") == "wrapper_set_seed":
            return self.seeded
        if not isinstance(f, types.FunctionType):
            raise Unanswered(f"no equivalent of {f}")
        cells = [types.CellType(self.take(c.cell_contents, {})) for c in f.__closure__ or ()]
        env = dict(f.__globals__)
        new = types.FunctionType(
            f.__code__, env, f.__name__, self.take(f.__defaults__, {}), tuple(cells)
        )
        new.__kwdefaults__ = self.take(f.__kwdefaults__, {})
        self.functions[id(f)] = f, new
        codes = [f.__code__]
        while codes:
            code = codes.pop()
            codes += [c for c in code.co_consts if isinstance(c, types.CodeType)]
            for name in set(code.co_names) & set(env):
                env[name] = self.take(env[name], {})
        return new

    def seeded(self, op: Any, *args: Any, **kwargs: Any) -> Any:
        """What PyTorch's tests call random operators through."""
        self.library.manual_seed(42)
        return op(*args, **kwargs)

    def kind(self, x: Any) -> str:
        return str(x.dtype).split(".")[-1]

    def tensors(self, x: Any) -> list[Any]:
        """The tensors in nested results, in order."""
        if isinstance(x, self.library.Tensor):
            return [x]
        inside = x.values() if isinstance(x, dict) else x if isinstance(x, (list, tuple)) else ()
        return [t for y in inside for t in self.tensors(y)]

    def noise(self, rng: np.random.Generator, like: Any) -> Any:
        name = self.kind(like)
        a = rng.standard_normal(tuple(like.shape))
        if name.startswith("complex"):
            a = a + 1j * rng.standard_normal(tuple(like.shape))
        made = self.library.from_numpy(
            np.asarray(a, "complex128" if a.dtype.kind == "c" else "float64")
        )
        return made.to(like.dtype)

    def read(self, x: Any) -> Any:
        if isinstance(x, self.library.Tensor):
            name, x = self.kind(x), x.detach()
            if "strided" not in str(x.layout):
                x = x.to_dense()
            x = x.float() if name == "bfloat16" else x
            return Array(np.array(x.resolve_conj().resolve_neg().numpy(force=True)), name)
        if isinstance(x, (list, tuple)):
            return [self.read(y) for y in x]
        if isinstance(x, dict):
            return {k: self.read(v) for k, v in x.items()}
        return x if isinstance(x, (bool, int, float, complex, type(None))) else str(x)


PYTORCH, OURS = Side(torch), Side(wengert)


def differentiate(side: Side, outs: list[Any], inputs: list[Any], rng: Any, second: bool) -> Any:
    """[which outputs are recorded, gradients, and with second the gradients of those]."""
    floats = [o for o in outs if o.is_floating_point() or o.is_complex()]
    flags = [bool(o.requires_grad) for o in floats]
    live = [o for o, flag in zip(floats, flags) if flag]
    if not live or not inputs:
        return [flags]
    cots = [side.noise(rng, o) for o in live]
    for c in cots if second else ():
        c.requires_grad_()
    grad = side.library.autograd.grad
    first = grad(live, inputs, cots, create_graph=second, allow_unused=True)
    if not second:
        return [flags, side.read(first)]
    again = [g for g in first if g is not None and g.requires_grad]
    if side.reference and not again:
        raise Unanswered("no second derivative")
    more = grad(again, [*inputs, *cots], [side.noise(rng, g) for g in again], allow_unused=True)
    return [flags, side.read(first), side.read(more)]


def evaluate(side: Side, op: Any, f: Any, sample: Any, mode: str, out: Any = None) -> Any:
    """What one library says of one sample, called in one way; random results raise Unanswered."""
    everything = [sample.input, list(sample.args), sample.kwargs]
    leaves = list({id(t): t for t in PYTORCH.tensors(everything) if t.requires_grad}.values())
    record, memo, rng = mode in ("grad", "second", "inplace"), {}, np.random.default_rng(0)
    side.library.manual_seed(0)
    state = side.library.get_rng_state()
    f = side.function(f)
    if mode == "vmap":
        return mapped(side, f, everything)
    inputs = [side.take(t, memo, record) for t in leaves]
    if mode == "forward":
        return pushed(side, f, everything, leaves, inputs, memo, rng, sample)
    x, args, kwargs = side.take(everything, memo, record)
    if mode == "inplace":
        x = x.clone()
    if mode == "out":
        buffers = [side.library.zeros(a.values.shape, dtype=side.find(a.dtype)) for a in out]
        f(x, *args, **kwargs, out=tuple(buffers) if len(buffers) > 1 else buffers[0])
        return side.read(buffers)
    result = f(x, *args, **kwargs)
    if side.reference and not torch.equal(state, torch.get_rng_state()):
        raise Unanswered("random")
    if mode == "view":
        made = side.tensors(result)
        if (
            not made
            or not isinstance(x, side.library.Tensor)
            or made[0] is x
            or not made[0].numel()
        ):
            raise Unanswered("nothing to write to")
        if (
            side.reference
            and made[0].untyped_storage().data_ptr() != x.untyped_storage().data_ptr()
        ):
            raise Unanswered("no view")
        made[0].zero_()
        return side.read(x)
    if not record:
        return side.read([result, x] if mode == "inplace" else result)
    outs = side.tensors(side.function(sample.output_process_fn_grad)(result))
    values = side.read(result) if mode == "inplace" or not FREE.search(op.name) else None
    return [values, differentiate(side, outs, inputs, rng, mode == "second")]


def mapped(side: Side, f: Any, everything: Any) -> Any:
    """vmap over two elements; PyTorch's answer is a loop, where its own vmap takes the call too."""
    batched = [t for t in PYTORCH.tensors(everything) if t.is_floating_point()]
    if not batched:
        raise Unanswered("nothing to map over")
    pairs = [torch.stack([t.detach(), t.detach().flip(tuple(range(t.dim())))]) for t in batched]

    def one(*parts: Any) -> tuple[Any, ...]:
        memo = {id(t): p for t, p in zip(batched, parts)}
        x, args, kwargs = side.take(everything, memo)
        return tuple(side.tensors(f(x, *args, **kwargs)))

    whole = [side.tensor(p, False) for p in pairs]
    got = side.library.func.vmap(one)(*whole)
    if not side.reference:
        return side.read(list(got))
    return side.read([torch.stack(o) for o in zip(*[one(*[w[i] for w in whole]) for i in (0, 1)])])


def pushed(
    side: Side, f: Any, everything: Any, leaves: Any, inputs: Any, memo: Any, rng: Any, sample: Any
) -> Any:
    forward = side.library.autograd.forward_ad
    if not inputs:
        raise Unanswered("nothing to differentiate")
    with forward.dual_level():
        for leaf, x in zip(leaves, inputs):
            memo[id(leaf)] = forward.make_dual(x, side.noise(rng, x))
        x, args, kwargs = side.take(everything, memo)
        outs = side.tensors(side.function(sample.output_process_fn_grad)(f(x, *args, **kwargs)))
        return side.read([[*forward.unpack_dual(o)][::-1] for o in outs])


# ---- comparing


def arrays(x: Any) -> list[Array]:
    """The arrays in results that were read, in order."""
    if isinstance(x, Array):
        return [x]
    inside = x.values() if isinstance(x, dict) else x if isinstance(x, list) else ()
    return [a for y in inside for a in arrays(y)]


def difference(want: Any, got: Any, loosen: float, tied: bool, at: str = "") -> str:
    """What is unlike in two answers, or nothing."""
    if isinstance(want, Array) and got is None:
        got = Array(np.zeros_like(want.values), want.dtype)
    if want is None and isinstance(got, Array):
        return f"{at} is not None" if got.values.any() else ""
    if isinstance(want, (list, dict)):
        if type(want) is not type(got) or len(want) != len(got):
            return f"structure{at}: {str(got)[:60]} instead of {str(want)[:60]}"
        keys = want if isinstance(want, dict) else range(len(want))
        found = (difference(want[k], got[k], loosen, tied, f"{at}[{k}]") for k in keys)
        return next(filter(None, found), "")
    if not isinstance(want, Array) or not isinstance(got, Array):
        same = type(want) is type(got) and (want == got or isinstance(want, (float, complex)))
        return "" if same else f"structure{at}: {str(got)[:60]} instead of {str(want)[:60]}"
    if want.dtype != got.dtype or want.values.shape != got.values.shape:
        shapes = got.values.shape, want.values.shape
        return f"kind{at}: {got.dtype}{shapes[0]} instead of {want.dtype}{shapes[1]}"
    a, b = want.values, got.values
    if a.dtype.kind not in "fc":
        return "" if tied or np.array_equal(a, b) else f"values{at}: {int((a != b).sum())} differ"
    for part in (np.real, np.imag) if a.dtype.kind == "c" else (np.asarray,):
        p, q = part(a).astype(np.float64), part(b).astype(np.float64)
        tol = TOLERANCE.get(want.dtype, 0) * loosen
        finite = np.isfinite(p) & np.isfinite(q)
        scale = np.clip(np.abs(p[finite]).max(initial=0), 1, 100)
        with np.errstate(all="ignore"):
            near = np.abs(p - q) <= tol * (np.abs(p) + 0.1 * scale)
        good = np.where(finite, near, (p == q) | (np.isnan(p) & np.isnan(q)))
        if not good.all():
            where = np.unravel_index(int(np.argmin(good)), good.shape)
            n = int((~good).sum())
            return (
                f"values{at}: {n} of {good.size} differ, {q[where]:.6g} instead of {p[where]:.6g}"
            )
    return ""


def told(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:SHOWN]}"


def builtin(error: BaseException) -> type:
    """The class of an error that both libraries share."""
    return next(c for c in type(error).__mro__ if c.__module__ == "builtins")


def ways(op: Any, dtype: torch.dtype, modes: list[str]) -> Iterator[tuple[str, Any]]:
    """(mode, function) of what an operator and a dtype allow."""
    if "call" in modes:
        yield "call", op.op
    if "method" in modes and op.method_variant:
        yield "call", op.method_variant
    if "operator" in modes and op.operator_variant:
        yield "call", op.operator_variant
    for alias in op.aliases if "method" in modes else ():
        yield "call", alias.op
    if "view" in modes:
        yield "view", op.op
    if "out" in modes and op.supports_out:
        yield "out", op.op
    inplace = [
        op.inplace_variant,
        op.inplace_operator_variant,
        *[a.inplace_variant for a in op.aliases],
    ]
    for f in filter(None, inplace if "inplace" in modes else ()):
        yield "inplace", f
    if dtype not in op.supported_backward_dtypes("cpu"):
        return
    if "grad" in modes:
        yield "grad", op.op
    if dtype is torch.float64 and "second" in modes and op.supports_gradgrad:
        yield "second", op.op
    if dtype.is_floating_point and "forward" in modes and op.supports_forward_ad:
        yield "forward", op.op
    if dtype in (torch.float32, torch.float64) and "vmap" in modes:
        yield "vmap", op.op


def compare(op: Any, f: Any, sample: Any, mode: str) -> str:
    """What differs between the libraries on one sample called in one way, or nothing."""
    out = None
    if mode == "out":
        try:
            out = arrays(evaluate(PYTORCH, op, f, sample, "call"))
        except Exception:
            return ""
    loosen = 1 if mode in ("call", "view", "out") else 10
    try:
        want = evaluate(PYTORCH, op, f, sample, mode, out)
    except Exception:
        return ""
    try:
        got = evaluate(OURS, op, f, sample, mode, out)
    except Unanswered:
        return ""
    except Exception as error:
        return told(error)
    if FREE.search(op.name) and mode in ("call", "out"):
        return ""
    return difference(want, got, loosen, bool(TIED.search(op.name)))


def refused(op: Any) -> Iterator[str]:
    """The error inputs of an operator that wengert does not refuse as PyTorch does."""
    for number, case in enumerate(op.error_inputs("cpu") if op.error_inputs_func else ()):
        sample = case.sample_input
        try:
            evaluate(PYTORCH, op, op.op, sample, "call")
            continue
        except Unanswered:
            continue
        except Exception as error:
            kind, text = builtin(error), told(error)
        try:
            evaluate(OURS, op, op.op, sample, "call")
            yield f"error input {number}: accepted; PyTorch: {text}"
        except Unanswered:
            continue
        except Exception as error:
            if not isinstance(error, kind) or (type(error) is NotImplementedError is not kind):
                yield f"error input {number}: {told(error)}; PyTorch: {text}"


def samples_of(op: Any, dtypes: list[str], count: int) -> Iterator[tuple[Any, bool, list[Any]]]:
    """Each dtype that an operator has, whether it is recorded, and its samples: about `count` of
    them, or all if that is 0.
    """
    for dtype in [getattr(torch, d) for d in dtypes]:
        if dtype not in op.dtypes:
            continue
        record = op.supports_autograd and dtype in op.supported_backward_dtypes("cpu")
        samples = list(op.sample_inputs("cpu", dtype, requires_grad=record))
        yield dtype, record, samples[:: -(-len(samples) // count)] if count else samples


def differences(name: str, dtypes: list[str], modes: list[str], limit: int) -> list[str]:
    """One line for each way of calling an operator that differs, with its first such sample."""
    warnings.simplefilter("ignore")
    op, found = OPERATORS[name], collections.OrderedDict()
    for dtype, _, samples in samples_of(op, dtypes, limit):
        for mode, f in ways(op, dtype, modes):
            for number, sample in enumerate(samples):
                bad = compare(op, f, sample, mode)
                if bad:
                    key = (mode, f, re.sub(r"[0-9.\-]+|nan|inf", "", bad)[:30])
                    found.setdefault(key, f"{mode} {str(dtype)[6:]} sample {number}: {bad}")
    lines = list(found.values())
    return lines + (list(refused(op)) if "error" in modes else [])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--filter", default="", help="regular expression on names")
    parser.add_argument("--dtypes", default=DTYPES)
    parser.add_argument("--modes", default=MODES)
    parser.add_argument("--samples", type=int, default=12, help="at most so many of each dtype")
    parser.add_argument("--part", default="0/1", help="i/n: every nth operator, from the ith on")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = [name for name in OPERATORS if re.search(options.filter, name)]
    start, step = map(int, options.part.split("/"))
    bad = 0
    for name in names[start::step]:
        try:
            lines = differences(
                name, options.dtypes.split(), options.modes.split(), options.samples
            )
        except Exception as error:
            lines = [f"no samples: {told(error)}"]
        bad += bool(lines)
        for line in lines:
            print(f"{name}: {line}", flush=True)
    print(f"{len(names[start::step])} operators, {bad} differ")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
