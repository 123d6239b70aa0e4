"""What every test relies on: one thread per process, one Hypothesis profile, PyTorch if there.

Tests run side by side, one process per core, so a library must not take all cores for itself.
"""

import os

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

settings.register_profile("wengert", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("wengert")


@pytest.fixture
def torch():
    """PyTorch, to compare with; a test that asks for it is skipped where it is not installed."""
    return pytest.importorskip("torch")


@pytest.fixture
def keep_rng():
    """Gives wengert's default generator back as it was."""
    import wengert

    state = wengert.get_rng_state()
    yield
    wengert.set_rng_state(state)
