"""Writes the type stubs of the public functions and of Tensor from their declarations.

    python tools/make_stubs.py            # write stubs/wengert-stubs/
    python tools/make_stubs.py --check    # tell whether it is current

The functions of torch, nn.functional, linalg and the like are made at first use, so that editors
and type checkers find nothing in the sources; the declarations say all of it. Modules whose
functions are plain Python (nn, optim, data) carry their annotations themselves: the stub package is
marked partial, and what it lacks is looked up in wengert.

Of NumPy's names `axis`, `keepdims` and `x2` are written, `x`, `a` and `x1` are not: with them
nearly every function would have two signatures, and editors would show both.
"""

from __future__ import annotations

import keyword
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import wengert
import wengert.nn.functional
from wengert.base import dtypes
from wengert.base.absent import catalogue
from wengert.declare.declaration import NUMPY, Overload, Parameter, other_names
from wengert.declare.registry import FUNCTIONS, METHODS, Declared
from wengert.engine.tensor import Tensor

FOLDER = Path(__file__).parent.parent / "stubs" / "wengert-stubs"
KINDS = {
    "Tensor": "Tensor", "Scalar": "_Number", "int": "builtins.int", "float": "builtins.float",
    "bool": "builtins.bool", "str": "builtins.str", "complex": "builtins.complex",
    "ScalarType": "_dtype", "Device": "_Device", "Layout": "_layout", "any": "Any",
    "MemoryFormat": "_memory_format", "Generator": "_Generator", "None": "None", "Storage": "Any",
    "Tensor?": "Tensor | None", "Size": "Size", "ndarray": "_ndarray",
}  # fmt: skip
NUMBERS = {"int", "float", "Scalar"}  # as arguments; where a list will do, a Size does too
PATHS = {  # namespace -> file
    "nn.functional": "nn/functional/__init__.pyi",
    "linalg": "linalg.pyi",
    "fft": "fft.pyi",
    "special": "special.pyi",
    "masked": "masked/__init__.pyi",
    "signal.windows": "signal/windows.pyi",
}
HEAD = '''"""Made by tools/make_stubs.py from the declarations: do not edit."""

import builtins
from collections.abc import Sequence
from typing import Any, overload

from numpy import ndarray as _ndarray

from {dots}api.generator import Generator as _Generator
from {dots}base.devices import device as _device_class
from {dots}base.dtypes import dtype as _dtype
from {dots}base.formats import layout as _layout
from {dots}base.formats import memory_format as _memory_format
from {dots}base.size import Size as Size
from {dots}engine.tensor import Tensor as Tensor
from {dots} import return_types as _return_types

_Real = builtins.int | builtins.float | builtins.bool
_Number = builtins.int | builtins.float | builtins.bool | builtins.complex
_Device = _device_class | builtins.str | builtins.int
'''
ARITHMETIC = "add sub mul truediv floordiv mod pow and or xor lshift rshift"
TENSOR = """
class Tensor:
    shape: Size
    dtype: _dtype
    device: _device_class
    layout: _layout
    grad: Tensor | None
    data: Tensor
    grad_fn: Any
    requires_grad: builtins.bool
    is_leaf: builtins.bool
    grad_dtype: _dtype | None
    output_nr: builtins.int
    is_sparse: builtins.bool
    is_cuda: builtins.bool
    is_cpu: builtins.bool
    is_meta: builtins.bool
    is_ipu: builtins.bool
    is_maia: builtins.bool
    is_mkldnn: builtins.bool
    is_mps: builtins.bool
    is_mtia: builtins.bool
    is_nested: builtins.bool
    is_quantized: builtins.bool
    is_sparse_csr: builtins.bool
    is_vulkan: builtins.bool
    is_xla: builtins.bool
    is_xpu: builtins.bool
    retains_grad: builtins.bool
    ndim: builtins.int
    itemsize: builtins.int
    nbytes: builtins.int
    name: builtins.str | None
    T: Tensor
    H: Tensor
    mT: Tensor
    mH: Tensor
    real: Tensor
    imag: Tensor
    _version: builtins.int
    _base: Tensor | None
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def __getitem__(self, key: Any) -> Tensor: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def __len__(self) -> builtins.int: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __bool__(self) -> builtins.bool: ...
    def __int__(self) -> builtins.int: ...
    def __float__(self) -> builtins.float: ...
    def __complex__(self) -> builtins.complex: ...
    def __index__(self) -> builtins.int: ...
    def __contains__(self, element: Any) -> builtins.bool: ...
    def __array__(self, dtype: Any = ...) -> Any: ...
    def __hash__(self) -> builtins.int: ...
    def __neg__(self) -> Tensor: ...
    def __pos__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __invert__(self) -> Tensor: ...
    def __matmul__(self, other: Tensor) -> Tensor: ...
    def __rmatmul__(self, other: Any) -> Tensor: ...
    @overload
    def size(self, dim: None = ...) -> Size: ...
    @overload
    def size(self, dim: builtins.int) -> builtins.int: ...
    @overload
    def stride(self, dim: None = ...) -> builtins.tuple[builtins.int, ...]: ...
    @overload
    def stride(self, dim: builtins.int) -> builtins.int: ...
    def _nnz(self) -> builtins.int: ...
    def sparse_dim(self) -> builtins.int: ...
    def dense_dim(self) -> builtins.int: ...
    def is_coalesced(self) -> builtins.bool: ...
"""


def annotation(p: Parameter) -> str:
    """The type of an argument."""
    found = []
    for kind in p.type.kinds:
        if kind.endswith("]"):
            base = kind[: kind.index("[")]
            found.append(f"Sequence[{KINDS[base]}]")
            if kind[-2] != "[":
                found.append(KINDS[base])
        else:
            found.append(KINDS[kind])
    if p.type.optional:
        found.append("None")
    return "Any" if "Any" in found else " | ".join(dict.fromkeys(found))


def returned(o: Overload, name: str, named: dict[str, list[str]]) -> str:
    """The type of the result."""
    text = o.returns
    if not text.startswith("("):
        if text == "Scalar":
            return "_Real"  # as PyTorch says it: results are hardly ever complex
        return "builtins.tuple[Tensor, ...]" if text == "Tensor[]" else KINDS[text]
    parts = [part.strip().split() for part in text[1:-1].split(",")]
    if any(len(part) == 1 for part in parts):
        return f"builtins.tuple[{', '.join(['Tensor' for _ in parts])}]"
    plain = name.rstrip("_")
    named[plain] = [
        f"{field}: {'builtins.tuple[Tensor, ...]' if kind == 'Tensor[]' else 'Tensor'}"
        for kind, field in parts
    ]
    return f"_return_types.{plain}"


def arguments(
    o: Overload, method: bool, inplace: bool, spread: bool, foreign: frozenset[str], numpys: str
) -> str | None:
    """The list of arguments, None if Python cannot write it. spread: sizes given one by one.
    foreign: NumPy's names that are taken; numpys: the argument that goes by such a name.
    """
    words: list[str] = []
    keywords: list[str] = []
    aside: list[str] = []
    for i, p in enumerate(o.parameters):
        if keyword.iskeyword(p.name):
            return None
        if method and i == 0:
            words.append("self")
        elif p.name == numpys:
            keywords.append(f"{NUMPY[numpys][0]}: {annotation(p)}")
        elif p.star and spread:
            kind = p.type.kinds[0]
            words.append(f"*{p.name}: {KINDS[kind.partition('[')[0]]}")
        else:
            (keywords if p.keyword or keywords else words).append(
                f"{p.name}: {annotation(p)}{'' if p.required else ' = ...'}"
            )
            if p.name == "keepdim" and "keepdims" in foreign:
                aside = [f"keepdims: {annotation(p)} = ..."]
    if o.out and not inplace:
        many = o.returns.startswith("(")
        kind = "builtins.tuple[Tensor, ...]" if many else "Tensor"
        keywords.append(f"out: {kind} | None = ...")
    keywords += aside
    if keywords and not any(w.startswith("*") for w in words):
        words.append("*")
    return ", ".join([*words, *keywords])


def function(
    name: str, d: Declared, method: bool, named: dict[str, list[str]], indent: str = ""
) -> Iterator[str]:
    """The lines of a function or method, an overload for each way to call it."""
    inplace = d.inplace and name.endswith("_") and not d.name.endswith("_")
    forms: list[str] = []
    overloads = d.methods if method else d.functions
    foreign = frozenset(other_names(overloads, d.foreign))
    for o in overloads:
        if o.old:
            continue
        result = "Tensor" if inplace else returned(o, name, named)
        ways = [(spread, "") for spread in spreads(o)]
        ways += [
            (False, p.name)
            for p in o.parameters
            if p.name in ("dim", "other") and NUMPY[p.name][0] in foreign
        ]
        for spread, numpys in ways:
            words = arguments(o, method, inplace, spread, foreign, numpys)
            if words is None:
                words = "self, *args: Any, **kwargs: Any" if method else "*args: Any, **kwargs: Any"
            form = f"{indent}def {name}({words}) -> {result}: ..."
            if form not in forms:
                forms.append(form)
    for form in forms:
        if len(forms) > 1:
            yield f"{indent}@overload"
        yield form


def spreads(o: Overload) -> tuple[bool, ...]:
    """Whether sizes may be given one by one: both ways if they may, tensors only so."""
    stars = [p for p in o.parameters if p.star]
    if not stars:
        return (False,)
    return (True, False) if stars[0].type.kinds[0].endswith("]") else (True,)


def head(depth: int) -> str:
    """What every stub begins with; depth: of its package, that of torch's own is 1."""
    dots = "." * depth
    return HEAD.format(dots=dots)


def home(value: Any, name: str) -> str | None:
    """The module of wengert that a public class or function is defined in under its own name."""
    module = getattr(value, "__module__", "") or ""
    for candidate in (module, getattr(getattr(value, "__wrapped__", None), "__module__", "")):
        ours = bool(candidate) and candidate.startswith("wengert.") and candidate in sys.modules
        if ours and getattr(sys.modules[candidate], name, None) is value:
            return candidate
    for candidate, found in sorted(sys.modules.items()):
        inner = candidate.startswith(("wengert.base.", "wengert.api.", "wengert.engine."))
        if inner and vars(found).get(name) is value:
            return candidate
    return None


def of_module(module: Any, table: dict[str, Any], named: dict[str, list[str]]) -> str:
    """The stub of a front module: its declared functions, and where its other names come from."""
    package = module.__name__
    lines = [head(package.count(".") + hasattr(module, "__path__"))]
    torchs = catalogue().get(package.replace("wengert", "torch", 1), {})  # some are made when read
    for name in sorted({*dir(module), *table, *torchs}):
        if name.startswith("_") or name in ("Tensor", "Size", "annotations"):
            continue
        d = table.get(name)
        if isinstance(d, Declared):
            lines += function(name, d, False, named)
            continue
        try:
            value = getattr(module, name)
        except (AttributeError, ImportError, RuntimeError):
            continue
        if isinstance(value, types.ModuleType):
            if value.__name__ == f"{package}.{name}":
                lines.append(f"from . import {name} as {name}")
        elif isinstance(value, dtypes.dtype):
            lines.append(f"{name}: _dtype")
        elif isinstance(value, float):
            lines.append(f"{name}: builtins.float")
        elif callable(value):
            where = home(value, name)
            lines.append(f"from {where} import {name} as {name}" if where else f"{name}: Any")
        else:
            lines.append(f"{name}: {'None' if value is None else 'Any'}")
    return "\n".join(lines) + "\n"


def of_tensor(named: dict[str, list[str]]) -> str:
    """The stub of the file that Tensor is in."""
    text = head(2).replace("from ..engine.tensor import Tensor as Tensor\n", "")
    text = text.replace("import Sequence", "import Iterator, Sequence")
    text = text.replace("import dtype as _dtype\n", "import dtype as _dtype\n", 1)
    lines = [text, TENSOR.rstrip()]
    for word in ARITHMETIC.split():
        lines.append(f"    def __{word}__(self, other: Any) -> Tensor: ...")
        lines.append(f"    def __r{word}__(self, other: Any) -> Tensor: ...")
        lines.append(f"    def __i{word}__(self, other: Any) -> Tensor: ...")
    for word in ("eq", "ne"):
        same = f"    def __{word}__(self, other: object) -> Tensor: ..."
        lines.append(f"{same}  # type: ignore[override]")
    for word in ("lt", "le", "gt", "ge"):
        lines.append(f"    def __{word}__(self, other: Any) -> Tensor: ...")
    for name in sorted({*METHODS, *[n for n in dir(Tensor) if not n.startswith("_")]}):
        d = METHODS.get(name)
        if f"\n    {name}: " in TENSOR or f"def {name}(" in TENSOR:
            continue
        if isinstance(d, Declared):
            lines += function(name, d, True, named, "    ")
        elif callable(getattr(Tensor, name, None)):
            lines.append(f"    def {name}(self, *args: Any, **kwargs: Any) -> Any: ...")
    lines.append("\ndef __getattr__(name: builtins.str) -> Any: ...")
    return "\n".join(lines) + "\n"


def of_namespace(namespace: str, named: dict[str, list[str]]) -> str:
    """The stub of one of torch's namespaces."""
    lines = [head(PATHS[namespace].count("/") + 1)]
    for name, d in sorted(FUNCTIONS[namespace].items()):
        if isinstance(d, Declared):
            lines += function(name, d, False, named)
    lines.append("\ndef __getattr__(name: builtins.str) -> Any: ...")
    return "\n".join(lines) + "\n"


def stubs() -> dict[str, str]:
    """File -> text."""
    named: dict[str, list[str]] = {}
    files = {
        "__init__.pyi": of_module(wengert, FUNCTIONS[""], named),
        "nn/__init__.pyi": of_module(wengert.nn, {}, named),
        "cuda/__init__.pyi": of_module(wengert.cuda, {}, named),
        "cpu/__init__.pyi": of_module(wengert.cpu, {}, named),
        "sparse.pyi": of_module(wengert.sparse, FUNCTIONS["sparse"], named),
        "signal/__init__.pyi": "from . import windows as windows\n",
        "engine/__init__.pyi": "",
        "engine/tensor.pyi": of_tensor(named),
    }
    files |= {path: of_namespace(space, named) for space, path in PATHS.items()}
    lines = ['"""Made by tools/make_stubs.py from the declarations: do not edit."""', ""]
    lines += ["import builtins", "from typing import Any, NamedTuple", ""]
    lines += ["from .engine.tensor import Tensor", ""]
    for name, fields in sorted(named.items()):
        lines += [f"class {name}(NamedTuple):", *[f"    {f}" for f in fields], ""]
    lines.append("def __getattr__(name: builtins.str) -> Any: ...")
    files["return_types.pyi"] = "\n".join(lines) + "\n"
    files["py.typed"] = "partial\n"
    return files


def main() -> int:
    files = stubs()
    there = {p.relative_to(FOLDER).as_posix() for p in FOLDER.rglob("*") if p.is_file()}
    stale = [f for f, t in files.items() if f not in there or (FOLDER / f).read_text() != t]
    stale += sorted(there - files.keys())
    if "--check" in sys.argv[1:]:
        for file in stale:
            print(f"stubs/wengert-stubs/{file} is not what the declarations say: run {__file__}")
        return 1 if stale else 0
    for file, text in files.items():
        path = FOLDER / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    print(f"{len(files)} files in {FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
