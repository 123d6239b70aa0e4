"""torch.random: generators and seeds, re-exported from `api/generator.py`."""

from __future__ import annotations

from .api.generator import (
    Generator,
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .base.absent import absent as _absent

__all__ = [
    "Generator", "default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed",
    "seed", "set_rng_state",
]  # fmt: skip

__getattr__ = _absent("torch.random")
