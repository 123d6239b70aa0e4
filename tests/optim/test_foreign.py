"""An optimizer that somebody else has written, with the helpers of torch.optim.optimizer."""

import wengert as torch
from wengert.optim.optimizer import (
    Optimizer,
    _default_to_fused_or_foreach,
    _dispatch_sqrt,
    _get_value,
    _use_grad_for_differentiable,
    _view_as_real,
)


class Halving(Optimizer):
    def __init__(self, params, differentiable=False):
        super().__init__(params, {"lr": 1.0, "differentiable": differentiable})

    @_use_grad_for_differentiable
    def step(self, closure=None):
        self.recorded = torch.is_grad_enabled()
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(p.grad * group["lr"])


def test_grad_mode_of_a_step():
    p = torch.nn.Parameter(torch.ones(2))
    p.sum().backward()
    optimizer = Halving([p])
    optimizer.step()
    assert not optimizer.recorded and p.tolist() == [0.0, 0.0] and torch.is_grad_enabled()


def test_helpers():
    assert _default_to_fused_or_foreach([torch.ones(1)], False, use_fused=True) == (False, False)
    assert _dispatch_sqrt(4.0) == 2.0 and _get_value(torch.tensor(3.0)) == 3.0
    rows = [torch.ones(2, dtype=torch.complex64)]
    _view_as_real(rows)
    assert rows[0].shape == (2, 2)
