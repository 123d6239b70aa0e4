"""torch.ao.pruning: re-exports."""

from ...base.absent import absent as _absent
from ...nn.utils.sparsity import (
    BaseSparsifier,
    FakeSparsity,
    NearlyDiagonalSparsifier,
    WeightNormSparsifier,
    fqn_to_module,
    get_arg_info_from_tensor_fqn,
    module_to_fqn,
)
from ...nn.utils.sparsity_schedules import BaseScheduler, CubicSL, LambdaSL

__all__ = [
    "BaseScheduler", "BaseSparsifier", "CubicSL", "FakeSparsity", "LambdaSL",
    "NearlyDiagonalSparsifier", "WeightNormSparsifier", "fqn_to_module",
    "get_arg_info_from_tensor_fqn", "module_to_fqn",
]  # fmt: skip

__getattr__ = _absent("torch.ao.pruning")
