"""torch.cuda.jiterator: functions from CUDA C++; refused when they are made."""

from ..api.hardware import _create_jit_fn, _create_multi_output_jit_fn

__all__ = ["_create_jit_fn", "_create_multi_output_jit_fn"]
