"""Made by tools/make_stubs.py from the declarations: do not edit."""

import builtins
from collections.abc import Sequence
from typing import Any, overload

from numpy import ndarray as _ndarray

from .api.generator import Generator as _Generator
from .base.devices import device as _device_class
from .base.dtypes import dtype as _dtype
from .base.formats import layout as _layout
from .base.formats import memory_format as _memory_format
from .base.size import Size as Size
from .engine.tensor import Tensor as Tensor
from . import return_types as _return_types

_Real = builtins.int | builtins.float | builtins.bool
_Number = builtins.int | builtins.float | builtins.bool | builtins.complex
_Device = _device_class | builtins.str | builtins.int

from wengert.api.hardware import SparseSemiStructuredTensor as SparseSemiStructuredTensor
def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: _Number = ..., alpha: _Number = ...) -> Tensor: ...
from wengert.api.facts import as_sparse_gradcheck as as_sparse_gradcheck
from wengert.api.facts import check_sparse_tensor_invariants as check_sparse_tensor_invariants
def log_softmax(input: Tensor, dim: builtins.int, *, dtype: _dtype | None = ...) -> Tensor: ...
def mm(mat1: Tensor, mat2: Tensor, reduce: builtins.str | None = ...) -> Tensor: ...
def sampled_addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: _Number = ..., alpha: _Number = ..., out: Tensor | None = ...) -> Tensor: ...
def softmax(input: Tensor, dim: builtins.int, *, dtype: _dtype | None = ...) -> Tensor: ...
def spdiags(diagonals: Tensor, offsets: Tensor, shape: Sequence[builtins.int], layout: _layout | None = ...) -> Tensor: ...
def sum(input: Tensor, dim: Any = ..., dtype: _dtype | None = ...) -> Tensor: ...
from wengert.api.hardware import to_sparse_semi_structured as to_sparse_semi_structured
