"""How many Python functions a call enters: what a small operation costs, the same on every machine.

A call that falls back to a general way enters more, and is found here whatever the load.
"""

import sys

import pytest

import wengert as torch
from wengert.nn import functional

x = torch.randn(5, 5, requires_grad=True)
y = torch.randn(5, 5, requires_grad=True)
v = torch.randn(5)
z = torch.rand(5, 5)
i = torch.tensor([0, 2, 1])
NAMES = {"torch": torch, "F": functional, "x": x, "y": y, "v": v, "z": z, "i": i}

# call -> how many functions it may enter, its own included
LIMITS = {
    "x * y": 1,
    "x + 1": 1,
    "-x": 1,
    "x @ y": 6,
    "x.exp()": 1,
    "x.neg()": 1,
    "torch.add(x, y)": 1,
    "x.div(2.0)": 1,
    "x.sum()": 2,
    "x.sum(1)": 3,
    "x.mean(0, keepdim=True)": 5,
    "x.amax(1)": 3,
    "x.max(1)": 7,
    "x.sort()": 7,
    "x.topk(2)": 7,
    "x.cumsum(0)": 4,
    "x.argmax(1)": 2,
    "x.var(0)": 11,
    "x[0]": 3,
    "x[:2]": 9,
    "x[i]": 6,
    "x[i, i]": 8,
    "x.view(25)": 3,
    "x.transpose(0, 1)": 3,
    "x.permute(1, 0)": 3,
    "x.unsqueeze(0)": 3,
    "x.expand(2, 5, 5)": 3,
    "x.diagonal()": 3,
    "x.clone()": 2,
    "torch.zeros(3, 4)": 3,
    "torch.ones(3, 4)": 5,
    "torch.tensor([1.0, 2.0])": 6,
    "torch.zeros_like(x)": 6,
    "z.add_(1)": 4,
    "z.mul_(0.9)": 4,
    "z.neg_()": 3,
    "z.addcmul_(v, v, value=0.1)": 4,
    "z.fill_(0.0)": 6,
    "z.__setitem__(0, 1.0)": 5,
    "z.__setitem__(i, 0.0)": 4,
    "F.relu(x)": 4,
}


def entered(expression: str) -> list[str]:
    """The Python functions that an expression enters, once everything is built."""
    code = compile(expression, "<call>", "eval")
    for _ in range(3):
        eval(code, NAMES)
    found: list[str] = []

    def note(frame, event, arg):
        if event == "call" and frame.f_code is not code:
            found.append(f"{frame.f_code.co_filename}:{frame.f_code.co_name}")

    sys.setprofile(note)
    try:
        eval(code, NAMES)
    finally:
        sys.setprofile(None)
    return [f for f in found if "<listcomp>" not in f]


@pytest.mark.parametrize("call", LIMITS)
def test_a_call_goes_straight(call):
    found = entered(call)
    assert len(found) <= LIMITS[call], found
