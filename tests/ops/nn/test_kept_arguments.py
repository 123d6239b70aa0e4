"""What was made of checked arguments is kept, in several modules: arguments that equal those and
are refused are refused then, too.
"""

from __future__ import annotations

import pytest

import wengert as torch
from wengert.nn import functional as F

CALLS = [
    (lambda n: F.adaptive_avg_pool1d(torch.ones(1, 2, 4), n), 2),
    (lambda n: F.adaptive_avg_pool2d(torch.ones(1, 2, 4, 4), (n, 3)), 2),
    (lambda n: F.adaptive_avg_pool3d(torch.ones(1, 2, 4, 4, 4), (3, n, 3)), 2),
    (lambda n: F.adaptive_max_pool2d(torch.ones(1, 2, 4, 4), (n, 1)), 1),
    (lambda n: F.interpolate(torch.ones(1, 2, 4), (n,)), 3),
    (lambda n: F.interpolate(torch.ones(1, 2, 4, 4), [3, n], mode="bilinear"), 3),
    (lambda n: F.unfold(torch.ones(1, 2, 4, 4), n), 2),
    (lambda n: F.unfold(torch.ones(1, 2, 4, 4), (2, 2), dilation=(n, 1)), 1),
    (lambda n: F.conv2d(torch.ones(1, 2, 4, 4), torch.ones(2, 2, 1, 1), stride=(n, 1)), 1),
    (lambda n: F.max_pool2d(torch.ones(1, 2, 4, 4), (n, 2)), 2),
    (lambda n: F.pad(torch.ones(1, 2, 4), (n, 1), mode="reflect"), 1),
    (lambda n: torch.fft.fft(torch.ones(4), 4, n), 0),
    (lambda n: torch.fft.fftn(torch.ones(4, 4), None, (0, n)), 1),
    (lambda n: torch.movedim(torch.ones(2, 3), (0, n), (1, 0)), 1),
    (lambda n: torch.unbind(torch.ones(2, 3), n), 1),
    (lambda n: torch.chunk(torch.ones(2, 3), 2, n), 1),
    (lambda n: torch.ones(2, 3).sum((0, n)), 1),
    (lambda n: torch.ones(2, 3).reshape((3, n)), 2),
]


@pytest.mark.parametrize("place", range(len(CALLS)))
def test_equal_numbers_of_another_type_are_refused(place: int) -> None:
    call, n = CALLS[place]
    for _ in range(6):
        call(n)
    with pytest.raises((TypeError, IndexError)):
        call(float(n))
