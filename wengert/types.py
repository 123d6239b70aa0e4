"""torch.types: names for annotations."""

import os as _os
from builtins import bool as _bool
from builtins import bytes as _bytes
from builtins import float as _float
from builtins import int as _int
from builtins import str as _str
from collections.abc import Sequence as _Sequence
from typing import IO as _IO
from typing import TypeAlias as _TypeAlias

from .base.devices import device as _device
from .base.size import Size as _Size
from .base.symbolic import SymBool as _SymBool
from .base.symbolic import SymFloat as _SymFloat
from .base.symbolic import SymInt as _SymInt
from .engine.tensor import Tensor
from .ops.creation.storage import TypedStorage as Storage

Number: _TypeAlias = _int | _float | _bool
Device: _TypeAlias = _device | _str | _int | None
FileLike: _TypeAlias = _str | _os.PathLike[_str] | _IO[_bytes]
IntLikeType: _TypeAlias = _int | _SymInt
FloatLikeType: _TypeAlias = _float | _SymFloat
BoolLikeType: _TypeAlias = _bool | _SymBool
PySymType: _TypeAlias = _SymInt | _SymFloat | _SymBool
_size: _TypeAlias = _Size | list[_int] | tuple[_int, ...]
_symsize: _TypeAlias = _size
_dispatchkey: _TypeAlias = _str
_TensorOrTensors: _TypeAlias = Tensor | _Sequence[Tensor]
_TensorOrTensorsOrGradEdge: _TypeAlias = _TensorOrTensors

__all__ = ["Device", "FileLike", "Number", "Storage"]
