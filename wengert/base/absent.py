"""What to say where wengert lacks something: whether PyTorch has it, and what to do instead.

The names that PyTorch has are in `torch_names.txt`, which `tools/record_names.py` writes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["Missing", "absent", "advice", "catalogue", "not_yet", "unsupported"]

# path -> why it is not there, and what to do instead; the longest path that fits counts
ADVICE = {
    "torchtext": (
        "this part of torchtext, which is archived upstream, is not in wengert: there are data, "
        "vocab, datasets, legacy; for the rest use Python or the `datasets` package"
    ),
    "torchaudio": (
        "this part of torchaudio is not in wengert: there are load and save, functional, "
        "transforms and two data sets"
    ),
    "torchvision.extension": "torchvision's C++ operators are functions of torchvision.ops here",
    "torchvision._meta_registrations": "torchvision's operators need none here",
    "torchvision._autograd_registrations": "torchvision's operators need none here",
    "torchvision.datasets.video_utils": (
        "videos are not read here: read their frames with OpenCV or PyAV"
    ),
    "torch.utils.cpp_extension": (
        "there is no C++ in wengert: write the function in Python (torch.library.custom_op, "
        "torch.autograd.Function), with Numba, or for a GPU with CuPy's RawKernel"
    ),
    "torch.classes": "classes compiled against PyTorch cannot be loaded: write them in Python",
    "torch.ao": "quantization is not in wengert: use float16 or bfloat16 weights",
    "torch.quantization": "quantization is not in wengert: use float16 or bfloat16 weights",
    "torch.nested": "pad (nn.utils.rnn.pad_sequence) and mask",
    "torch.distributed": (
        "this part of torch.distributed is not in wengert: docs/distributed.md says what is"
    ),
    "torch.distributed.rpc": (
        "this part of remote calls is not in wengert: docs/distributed.md says what is"
    ),
    "torch._inductor": "PyTorch's code generator is not in wengert: use torch.compile",
    "torch.xpu": "Intel's GPUs are not supported: use the CPU or CUDA",
    "torch.mps": "Apple's GPUs are not supported: use the CPU",
    "torch.mtia": "this accelerator is not supported: use the CPU or CUDA",
    "torch.package": "packages of code are not in wengert: save a state_dict with torch.save",
    "torch.onnx.symbolic": "symbolic functions belong to PyTorch's old exporter: torch.onnx.export",
    "torch._C._profiler": "PyTorch's C++ profiler is not here: use torch.profiler",
    "torch.utils.mobile_optimizer": "PyTorch's mobile runtime is not in wengert",
    "torch.Tensor.map_": "write it with torch functions, which are much faster than a Python call",
    "torch.cuda.gds": "files read by a GPU are not supported: read on the CPU and copy",
    "torch.float8": "this 8-bit float is not in wengert: use float8_e4m3fn or float8_e5m2",
    "torch.qint": "quantized tensors are not in wengert: use int8 and a scale",
    "torch.quint": "quantized tensors are not in wengert: use uint8 and a scale",
    "torch.nn.Dense": "write torch.nn.Linear(in_features, out_features)",
    "torch.nn.avg_pool": "write torch.nn.AvgPool2d(kernel_size), or AvgPool1d",
    "torch.nn.functional.pool": "write torch.nn.functional.max_pool2d or avg_pool2d",
    "torch.nn.functional.to_tensor": "it is torchvision.transforms.functional.to_tensor",
    "torch.backends.cudnn.determinstic": "write deterministic",
    "torch.Tensor.names": "named dimensions are gone from PyTorch: use comments, or einops",
    "torch.Tensor.q": "quantized tensors are not in wengert: use int8 and a scale",
    "torch.Tensor.qscheme": "quantized tensors are not in wengert: use int8 and a scale",
    "torch.Tensor.int_repr": "quantized tensors are not in wengert: use int8 and a scale",
    "torch.Tensor.dequantize": "quantized tensors are not in wengert: use int8 and a scale",
    "torch.Tensor.xpu": "Intel's GPUs are not supported: use the CPU or CUDA",
    "torch.Tensor.ipu": "this accelerator is not supported: use the CPU or CUDA",
    "torch.Tensor.mtia": "this accelerator is not supported: use the CPU or CUDA",
    "torch.Tensor.to_mkldnn": "MKL's own layout is not in wengert: use the tensor as it is",
    "torch.quantize_per_tensor": "quantized tensors are not in wengert: use int8 and a scale",
    "torch.quantize_per_channel": "quantized tensors are not in wengert: use int8 and scales",
}


@functools.cache
def _lines() -> list[str]:
    import pkgutil  # rarely needed

    return (pkgutil.get_data("wengert.base", "torch_names.txt") or b"").decode("ascii").splitlines()


@functools.cache
def names_of(module: str) -> dict[str, str]:
    """public name -> "function", "class", "module" or "value", as a module of PyTorch's has them.

    Of one module, as `from . import name` asks a package for each name before it imports it.
    """
    found: dict[str, str] = {}
    for line in _lines():
        if line.startswith(module + " "):
            _, kind, *names = line.split()
            found.update(dict.fromkeys(names, kind))
    return found


def catalogue() -> dict[str, dict[str, str]]:
    """module -> what `names_of` says of it, for all that PyTorch has."""
    return {
        module: names_of(module) for module in dict.fromkeys(x.partition(" ")[0] for x in _lines())
    }


def advice(path: str) -> str | None:
    """What to do where a path of PyTorch's is not there, or None."""
    fits = [p for p in ADVICE if path == p or path.startswith((p + ".", p + "_")) or (
        path.startswith(p) and p[-1].isdigit())]  # fmt: skip
    fits += [p for p in ADVICE if path.startswith(p) and p.rpartition(".")[2] in ("qint", "quint")]
    if fits:
        return ADVICE[max(fits, key=len)]
    if path.startswith("torchvision.") and "._" in path:
        public = path[: path.index("._")]
        return f"a private part of torchvision: use what {public} gives"
    return None


def unsupported(path: str) -> ModuleNotFoundError:
    """The error of an import of something that is not there."""
    what = advice(path) or "this part of PyTorch is not in wengert yet"
    return ModuleNotFoundError(f"No module named {path!r}: {what}", name=path)


def not_yet(module: str, name: str) -> AttributeError:
    """The error of a name that a module of PyTorch's path, or Tensor, lacks.

    >>> print(not_yet("torch", "quantize_per_tensor"))
    module 'torch' has no attribute 'quantize_per_tensor': quantized tensors are not in wengert: \
use int8 and a scale
    >>> print(not_yet("torch", "sigmod"))
    module 'torch' has no attribute 'sigmod', and neither has PyTorch's: did you mean 'sigmoid'?
    """
    names = names_of(module)
    owner = "'Tensor' object" if module == "torch.Tensor" else f"module {module!r}"
    head = f"{owner} has no attribute {name!r}"
    path = f"{module}.{name}"
    told = advice(path)
    if told is not None and (
        name in names or path in ADVICE or path.startswith(("torch.ao", "torch.dist"))
    ):
        text = f"{head}: {told}"
    elif name in names:
        kind = names[name]
        text = f"{head}: PyTorch has a {kind} of this name, which is not in wengert yet"
    else:
        # of one first letter: libraries ask for names by hasattr, and two thousand take 10 ms
        text = head + _hint(name, [n for n in names if n[:1] == name[:1]])
    return AttributeError(text, name=name, obj=None)


def _hint(name: str, alike: list[str]) -> str:
    if not alike:
        return ""
    import difflib

    close = difflib.get_close_matches(name, alike, 1, 0.75)
    return f", and neither has PyTorch's: did you mean {close[0]!r}?" if close else ""


def absent(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module of PyTorch's path that has no other use for one."""

    def __getattr__(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        raise not_yet(module, name)

    return __getattr__


class Missing:
    """The attribute of a class that PyTorch's has and ours lacks: reading it raises AttributeError
    with advice. A `__getattr__` in its place would make every read of every attribute take three
    times as long.
    """

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        raise not_yet(self.module, self.name)
