"""Sobol' sequences beside PyTorch's."""

import pytest
from snippets import same

import wengert as w

PROGRAMS = """
e = torch.quasirandom.SobolEngine(3)
e.draw(4), e, e.draw(2), e.draw(0).shape, e.num_generated, e.reset().draw()
---
e = torch.quasirandom.SobolEngine(3, scramble=True, seed=5); e, e.draw(1), e.draw(4)
---
e = torch.quasirandom.SobolEngine(2, scramble=True); e.draw(4, dtype=torch.float64), torch.rand(2)
---
e = torch.quasirandom.SobolEngine(5); e.fast_forward(10); e.draw(3), e.fast_forward(4).draw(2)
---
e = torch.quasirandom.SobolEngine(2); show(e.draw_base2(3), e.draw_base2(3)); e.draw_base2(2)
---
torch.quasirandom.SobolEngine(21202)
---
e = torch.quasirandom.SobolEngine(2); x = torch.empty(1); e.draw(3, out=x); x
---
e = torch.quasirandom.SobolEngine(1200); e.draw(9)[:, ::97], e.sobolstate[::97]
"""


@pytest.mark.parametrize("text", PROGRAMS.split("---\n"))
def test_as_pytorch(text):
    same(text)


def test_points_fill_every_interval_once():
    x = w.quasirandom.SobolEngine(7, scramble=True, seed=1).draw(64)
    assert ((x * 64).long().sort(0).values == w.arange(64)[:, None]).all()
