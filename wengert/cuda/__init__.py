"""torch.cuda: re-exports; typed constructors and sub-modules are found when first used."""

from __future__ import annotations

import importlib as _importlib
from typing import Any as _Any

from ..api.cuda_api import (
    CudaError,
    DeferredCudaCallError,
    Event,
    ExternalStream,
    GreenContext,
    Stream,
    can_device_access_peer,
    check_error,
    clock_rate,
    current_blas_handle,
    current_device,
    current_solver_handle,
    current_stream,
    default_stream,
    device,
    device_count,
    device_of,
    get_arch_list,
    get_device_capability,
    get_device_name,
    get_device_properties,
    get_gencode_flags,
    get_rng_state,
    get_rng_state_all,
    get_stream_from_external,
    get_sync_debug_mode,
    has_half,
    has_magma,
    init,
    initial_seed,
    ipc_collect,
    is_available,
    is_bf16_supported,
    is_current_stream_capturing,
    is_initialized,
    is_tf32_supported,
    manual_seed,
    manual_seed_all,
    memory_usage,
    power_draw,
    seed,
    seed_all,
    set_device,
    set_rng_state,
    set_rng_state_all,
    set_sync_debug_mode,
    stream,
    synchronize,
    temperature,
    utilization,
)
from ..api.cuda_graphs import CUDAGraph, graph, graph_pool_handle, make_graphed_callables
from ..api.cuda_memory import (
    CUDAPluggableAllocator,
    MemPool,
    caching_allocator_alloc,
    caching_allocator_delete,
    caching_allocator_disabled,
    caching_allocator_enable,
    change_current_allocator,
    device_memory_used,
    empty_cache,
    get_allocator_backend,
    get_per_process_memory_fraction,
    host_memory_stats,
    host_memory_stats_as_nested_dict,
    list_gpu_processes,
    max_memory_allocated,
    max_memory_cached,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_cached,
    memory_reserved,
    memory_snapshot,
    memory_stats,
    memory_stats_as_nested_dict,
    memory_summary,
    reset_accumulated_host_memory_stats,
    reset_accumulated_memory_stats,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_host_memory_stats,
    reset_peak_memory_stats,
    set_per_process_memory_fraction,
    use_mem_pool,
)
from ..api.cuda_runtime import cudart, cudaStatus
from ..api.hardware import _sleep as _sleep
from ..api.streams import StreamContext, set_stream
from ..base.absent import not_yet as _not_yet
from ..base.errors import AcceleratorError, OutOfMemoryError

_lazy_init = init
_PARTS = (
    "amp", "comm", "gds", "graphs", "green_contexts", "jiterator", "memory", "nccl", "nvtx",
    "profiler", "random", "sparse", "streams", "tunable",
)  # fmt: skip


def __dir__() -> list[str]:
    return sorted({*globals(), *_PARTS})


def __getattr__(name: str) -> _Any:
    if name == "default_generators":
        from ..api.generator import _of_device

        return tuple([_of_device("cuda", i) for i in range(device_count())])
    if name == "_initialized":  # what reversible networks ask before they keep the GPU's state
        return is_initialized()
    if name in _PARTS:
        return _importlib.import_module(f"{__name__}.{name}")
    if name.endswith(("Tensor", "Storage")):
        from ..api.typed import cuda_type

        return cuda_type(name)
    raise _not_yet("torch.cuda", name)
