"""A stand-in for CuPy that takes PTX, holds launches against the parameters that the PTX declares,
and runs the kernel's threads on this machine.
"""

import contextlib
import functools
import re
import types
from typing import NamedTuple

import numpy as np

from wengert.arrays import cuda_random
from wengert.compiler import launched
from wengert.kernels import gpu, gpu_kernels, gpu_norms, gpu_pools
from wengert.optim import launches

DTYPES = {"float*": np.float32, "i64*": np.int64, "double*": np.float64, "i8*": np.bool_}
NUMBERS = {"u64": np.int64, "b64": np.int64, "f32": np.float32, "f64": np.float64}
FACTS = {"multiProcessorCount": 2, "maxThreadsPerMultiProcessor": 256}


def kernels():
    """All kernels of ours by name."""
    made = (
        *gpu_norms.COLUMNS.values(),
        *gpu_pools.POOLS.values(),
        *cuda_random.KERNELS.values(),
        *launches.KERNELS.values(),
    )
    rows = {**gpu_kernels.ROWS, **gpu_norms.ROWS}
    chains = {name: launcher.kernel for name, launcher in launched.KERNELS.items()}
    return {**gpu_kernels.KERNELS, **rows, **{k.name: k for k in made}, **chains}


class Place(NamedTuple):
    """Which device an array is on."""

    id: int


def there(found):
    """What NumPy gives, on the device."""
    if isinstance(found, tuple):
        return type(found)(map(there, found)) if type(found) is tuple else found
    return found.view(Array) if type(found) is np.ndarray else found


class Array(np.ndarray):
    """An array of a device."""

    device = Place(0)

    @property
    def data(self):
        return types.SimpleNamespace(ptr=self.ctypes.data)


class Function:
    """CuPy's Function: takes what Function.__call__ takes."""

    def __init__(self, module, name):
        self.module, self.kernel = module, kernels()[name]
        self.code = gpu.OnHost(self.kernel)

    def __call__(self, grid, block, args, shared_mem=0, stream=None):
        lib = self.module.lib
        assert type(grid) is type(block) is type(args) is tuple and len(grid) == len(block) == 1
        assert block[0] == self.kernel.width and 0 < grid[0] < 2**31
        declared = self.module.params[self.kernel.name]
        assert len(declared) == len(args)
        for kind, a, (_, what) in zip(declared, args, self.kernel.params):
            if isinstance(a, Array):
                assert kind == "u64" and a.dtype == DTYPES[what] and a.flags.c_contiguous
            else:
                assert NUMBERS[kind] is type(a)
        lib.launches.append(self.kernel.name)
        plain = [a if isinstance(a, Array) else a.item() for a in args]
        self.code.run(grid[0], *plain)
        if lib.spoil:
            plain[-1].flat[0] += 1


class Module:
    """CuPy's Module of PTX."""

    def __init__(self, lib):
        self.lib, self.params = lib, {}

    def load(self, cubin):
        assert type(cubin) is bytes
        if self.lib.refuse:
            raise RuntimeError("CUDA_ERROR_INVALID_PTX")
        text = cubin.decode()
        assert ".target sm_80" in text
        for name, params in re.findall(r"\.visible \.entry (\w+)\((.*?)\)", text, re.S):
            self.params[name] = re.findall(r"\.param \.(\w+)", params)

    def get_function(self, name):
        assert name in self.params
        return Function(self, name)


class Device(contextlib.nullcontext):
    """CuPy's Device."""

    def __init__(self, capability):
        super().__init__()
        self.compute_capability = capability


class Stand:
    """NumPy under the names of CuPy, whose arrays know their device."""

    ndarray = Array

    def __init__(self, capability="90"):
        self.launches, self.refuse, self.spoil = [], False, False
        device = lambda i: Device(capability)
        self.cuda = types.SimpleNamespace(
            Device=device,
            runtime=types.SimpleNamespace(getDevice=lambda: 0, getDeviceProperties=lambda i: FACTS),
            get_current_stream=lambda: types.SimpleNamespace(is_capturing=lambda: False, ptr=7),
            function=types.SimpleNamespace(Module=lambda: Module(self)),
        )

    def empty(self, shape, dtype=float):
        wrong = 113 if np.dtype(dtype).kind in "biu" else np.nan
        return np.full(shape, wrong, dtype).view(Array)

    def zeros(self, shape, dtype=float):
        return np.zeros(shape, dtype).view(Array)

    def asarray(self, a, dtype=None):
        return a if isinstance(a, Array) and dtype is None else np.array(a, dtype).view(Array)

    def asnumpy(self, a):
        return np.array(a)

    def __getattr__(self, name):
        f = getattr(np, name)
        if isinstance(f, (np.ufunc, type)) or not callable(f):
            return f
        return functools.wraps(f)(lambda *args, **kwargs: there(f(*args, **kwargs)))
