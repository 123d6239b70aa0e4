"""torch.distributions.utils: the functions of `parameters.py` under torch's name."""

from ..parameters import (
    broadcast_all,
    clamp_probs,
    euler_constant,
    lazy_property,
    log_sum_exp,
    logits_to_probs,
    probs_to_logits,
    tril_matrix_to_vec,
    vec_to_tril_matrix,
)
from ..parameters import finfo_of as _finfo
from ..parameters import standard_normal as _standard_normal
from ..parameters import sum_rightmost as _sum_rightmost

__all__ = [
    "broadcast_all", "logits_to_probs", "clamp_probs", "probs_to_logits", "lazy_property",
    "log_sum_exp", "tril_matrix_to_vec", "vec_to_tril_matrix",
]  # fmt: skip
