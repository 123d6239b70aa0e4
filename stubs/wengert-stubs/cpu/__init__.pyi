"""Made by tools/make_stubs.py from the declarations: do not edit."""

import builtins
from collections.abc import Sequence
from typing import Any, overload

from numpy import ndarray as _ndarray

from ..api.generator import Generator as _Generator
from ..base.devices import device as _device_class
from ..base.dtypes import dtype as _dtype
from ..base.formats import layout as _layout
from ..base.formats import memory_format as _memory_format
from ..base.size import Size as Size
from ..engine.tensor import Tensor as Tensor
from .. import return_types as _return_types

_Real = builtins.int | builtins.float | builtins.bool
_Number = builtins.int | builtins.float | builtins.bool | builtins.complex
_Device = _device_class | builtins.str | builtins.int

from wengert.api.cpu_api import Event as Event
from wengert.api.cpu_api import Stream as Stream
from wengert.api.cpu_api import StreamContext as StreamContext
from . import amp as amp
from wengert.api.cpu_api import current_device as current_device
from wengert.api.cpu_api import current_stream as current_stream
from wengert.api.cpu_api import device_count as device_count
from wengert.api.cpu_api import is_available as is_available
from wengert.api.cpu_api import is_initialized as is_initialized
from wengert.api.cpu_api import set_device as set_device
from wengert.api.cpu_api import stream as stream
from wengert.api.cpu_api import synchronize as synchronize
