"""PyTorch's database of operators and samples, without what it does for tests of its own at each
sample: looking through the stack for the test that asks, and noting for devices that are not there
from where they were given a seed, which together took ten times what samples and comparisons take.
"""

from __future__ import annotations

import random

import numpy as np
import torch
from torch.testing._internal import common_utils
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo import core

__all__ = ["op_db"]


def set_seed(seed: int | None = None) -> None:
    """What samples are drawn from, on this machine's processor."""
    seed = common_utils.SEED if seed is None else seed
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


common_utils.extract_test_fn = core.extract_test_fn = lambda: None  # no test of PyTorch's asks
if not torch.cuda.is_available():
    common_utils.set_rng_seed = set_seed
