"""torch.utils.benchmark: re-exports."""

from ...observe.benchmark.compare import Colorize, Compare
from ...observe.benchmark.fuzzer import (
    FuzzedParameter,
    FuzzedSparseTensor,
    FuzzedTensor,
    Fuzzer,
    ParameterAlias,
)
from ...observe.benchmark.measurement import (
    Measurement,
    TaskSpec,
    select_unit,
    trim_sigfig,
    unit_to_english,
)
from ...observe.benchmark.timer import (
    CallgrindStats,
    FunctionCount,
    FunctionCounts,
    Language,
    Timer,
    set_torch_threads,
    timer,
)

__all__ = [
    "CallgrindStats", "Colorize", "Compare", "FunctionCount", "FunctionCounts", "FuzzedParameter",
    "FuzzedSparseTensor", "FuzzedTensor", "Fuzzer", "Language", "Measurement", "ParameterAlias",
    "TaskSpec", "Timer", "select_unit", "set_torch_threads", "timer", "trim_sigfig",
    "unit_to_english",
]  # fmt: skip
