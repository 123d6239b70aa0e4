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

from wengert.base.errors import AcceleratorError as AcceleratorError
BFloat16Storage: Any
BFloat16Tensor: Any
BoolStorage: Any
BoolTensor: Any
ByteStorage: Any
ByteTensor: Any
from wengert.api.cuda_graphs import CUDAGraph as CUDAGraph
from wengert.api.cuda_memory import CUDAPluggableAllocator as CUDAPluggableAllocator
CharStorage: Any
CharTensor: Any
ComplexDoubleStorage: Any
ComplexFloatStorage: Any
from wengert.api.cuda_api import CudaError as CudaError
from wengert.api.cuda_api import DeferredCudaCallError as DeferredCudaCallError
DoubleStorage: Any
DoubleTensor: Any
from wengert.api.cuda_api import Event as Event
from wengert.api.cuda_api import ExternalStream as ExternalStream
FloatStorage: Any
FloatTensor: Any
from wengert.api.cuda_api import GreenContext as GreenContext
HalfStorage: Any
HalfTensor: Any
IntStorage: Any
IntTensor: Any
LongStorage: Any
LongTensor: Any
from wengert.api.cuda_memory import MemPool as MemPool
from wengert.base.errors import OutOfMemoryError as OutOfMemoryError
ShortStorage: Any
ShortTensor: Any
from wengert.api.cuda_api import Stream as Stream
from wengert.api.streams import StreamContext as StreamContext
from . import amp as amp
from wengert.api.cuda_memory import caching_allocator_alloc as caching_allocator_alloc
from wengert.api.cuda_memory import caching_allocator_delete as caching_allocator_delete
from wengert.api.cuda_memory import caching_allocator_disabled as caching_allocator_disabled
from wengert.api.cuda_memory import caching_allocator_enable as caching_allocator_enable
from wengert.api.cuda_api import can_device_access_peer as can_device_access_peer
from wengert.api.cuda_memory import change_current_allocator as change_current_allocator
from wengert.api.cuda_api import check_error as check_error
from wengert.api.cuda_api import clock_rate as clock_rate
from . import comm as comm
from wengert.api.cuda_runtime import cudaStatus as cudaStatus
from wengert.api.cuda_runtime import cudart as cudart
from wengert.api.cuda_api import current_blas_handle as current_blas_handle
from wengert.api.cuda_api import current_device as current_device
from wengert.api.cuda_api import current_solver_handle as current_solver_handle
from wengert.api.cuda_api import current_stream as current_stream
default_generators: Any
from wengert.api.cuda_api import default_stream as default_stream
from wengert.api.cuda_api import device as device
from wengert.api.cuda_api import device_count as device_count
from wengert.api.cuda_memory import device_memory_used as device_memory_used
from wengert.api.cuda_api import device_of as device_of
from wengert.api.cuda_memory import empty_cache as empty_cache
from . import gds as gds
from wengert.api.cuda_memory import get_allocator_backend as get_allocator_backend
from wengert.api.cuda_api import get_arch_list as get_arch_list
from wengert.api.cuda_api import get_device_capability as get_device_capability
from wengert.api.cuda_api import get_device_name as get_device_name
from wengert.api.cuda_api import get_device_properties as get_device_properties
from wengert.api.cuda_api import get_gencode_flags as get_gencode_flags
from wengert.api.cuda_memory import get_per_process_memory_fraction as get_per_process_memory_fraction
from wengert.api.cuda_api import get_rng_state as get_rng_state
from wengert.api.cuda_api import get_rng_state_all as get_rng_state_all
from wengert.api.cuda_api import get_stream_from_external as get_stream_from_external
from wengert.api.cuda_api import get_sync_debug_mode as get_sync_debug_mode
from wengert.api.cuda_graphs import graph as graph
from wengert.api.cuda_graphs import graph_pool_handle as graph_pool_handle
from . import graphs as graphs
from . import green_contexts as green_contexts
has_half: Any
has_magma: Any
from wengert.api.cuda_memory import host_memory_stats as host_memory_stats
from wengert.api.cuda_memory import host_memory_stats_as_nested_dict as host_memory_stats_as_nested_dict
from wengert.api.cuda_api import init as init
from wengert.api.cuda_api import initial_seed as initial_seed
from wengert.api.cuda_api import ipc_collect as ipc_collect
from wengert.api.cuda_api import is_available as is_available
from wengert.api.cuda_api import is_bf16_supported as is_bf16_supported
from wengert.api.cuda_api import is_current_stream_capturing as is_current_stream_capturing
from wengert.api.cuda_api import is_initialized as is_initialized
from wengert.api.cuda_api import is_tf32_supported as is_tf32_supported
from . import jiterator as jiterator
from wengert.api.cuda_memory import list_gpu_processes as list_gpu_processes
from wengert.api.cuda_graphs import make_graphed_callables as make_graphed_callables
from wengert.api.cuda_api import manual_seed as manual_seed
from wengert.api.cuda_api import manual_seed_all as manual_seed_all
from wengert.api.cuda_memory import max_memory_allocated as max_memory_allocated
from wengert.api.cuda_memory import max_memory_cached as max_memory_cached
from wengert.api.cuda_memory import max_memory_reserved as max_memory_reserved
from wengert.api.cuda_memory import mem_get_info as mem_get_info
from . import memory as memory
from wengert.api.cuda_memory import memory_allocated as memory_allocated
from wengert.api.cuda_memory import memory_cached as memory_cached
from wengert.api.cuda_memory import memory_reserved as memory_reserved
from wengert.api.cuda_memory import memory_snapshot as memory_snapshot
from wengert.api.cuda_memory import memory_stats as memory_stats
from wengert.api.cuda_memory import memory_stats_as_nested_dict as memory_stats_as_nested_dict
from wengert.api.cuda_memory import memory_summary as memory_summary
from wengert.api.cuda_api import memory_usage as memory_usage
from . import nccl as nccl
from . import nvtx as nvtx
from wengert.api.cuda_api import power_draw as power_draw
from . import profiler as profiler
from . import random as random
from wengert.api.cuda_memory import reset_accumulated_host_memory_stats as reset_accumulated_host_memory_stats
from wengert.api.cuda_memory import reset_accumulated_memory_stats as reset_accumulated_memory_stats
from wengert.api.cuda_memory import reset_max_memory_allocated as reset_max_memory_allocated
from wengert.api.cuda_memory import reset_max_memory_cached as reset_max_memory_cached
from wengert.api.cuda_memory import reset_peak_host_memory_stats as reset_peak_host_memory_stats
from wengert.api.cuda_memory import reset_peak_memory_stats as reset_peak_memory_stats
from wengert.api.cuda_api import seed as seed
from wengert.api.cuda_api import seed_all as seed_all
from wengert.api.cuda_api import set_device as set_device
from wengert.api.cuda_memory import set_per_process_memory_fraction as set_per_process_memory_fraction
from wengert.api.cuda_api import set_rng_state as set_rng_state
from wengert.api.cuda_api import set_rng_state_all as set_rng_state_all
from wengert.api.streams import set_stream as set_stream
from wengert.api.cuda_api import set_sync_debug_mode as set_sync_debug_mode
from . import sparse as sparse
from wengert.api.cuda_api import stream as stream
from . import streams as streams
from wengert.api.cuda_api import synchronize as synchronize
from wengert.api.cuda_api import temperature as temperature
from . import tunable as tunable
from wengert.api.cuda_memory import use_mem_pool as use_mem_pool
from wengert.api.cuda_api import utilization as utilization
