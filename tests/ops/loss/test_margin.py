"""Losses with margins: what is not finite has PyTorch's value and gradient."""

import numpy as np
import pytest

import wengert
import wengert.nn.functional as F


@pytest.mark.parametrize("x", [[[0.0, np.nan, 1.0]], [[0.5, np.inf, 1.0]], [[-np.inf, 0.0, 1.0]]])
def test_margins_of_what_is_not_finite(x):
    """A nan is not above 0, and has no share; an infinite margin has no nan beside it."""
    for p in (1, 2):
        for other in (0, 2):
            t = wengert.tensor(x, requires_grad=True)
            F.multi_margin_loss(t, wengert.tensor([other]), p).backward()
            away = [c for c in range(3) if c != other and 1 - x[0][other] + x[0][c] > 0]
            slopes = [(2 * (1 - x[0][other] + x[0][c]) if p == 2 else 1) / 3 for c in away]
            want = [0.0, 0.0, 0.0]
            for c, slope in zip(away, slopes):
                want[c] = slope
            want[other] = -sum(slopes)
            np.testing.assert_allclose(t.grad[0].numpy(), want, 1e-6)
