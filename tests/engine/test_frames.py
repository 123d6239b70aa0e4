"""How many Python functions a call enters: what a small operation costs, the same on every machine.

A call that falls back to a general way enters more, and is found here whatever the load.
"""

import subprocess
import sys

import wengert as torch
from wengert.base import warmup
from wengert.nn import functional

x = torch.randn(5, 5, requires_grad=True)
y = torch.randn(5, 5, requires_grad=True)
v = torch.randn(5)
z = torch.rand(5, 5)
i = torch.tensor([0, 2, 1])
NAMES = {"torch": torch, "F": functional, "x": x, "y": y, "v": v, "z": z, "i": i}

# call -> how many functions it may enter: two more than it does, for kernels that come and go
LIMITS = {
    "x * y": 3,
    "x + 1": 3,
    "-x": 3,
    "x @ y": 9,
    "x.exp()": 3,
    "x.neg()": 3,
    "torch.add(x, y)": 3,
    "x.div(2.0)": 3,
    "x.sum()": 4,
    "x.sum(1)": 5,
    "x.mean(0, keepdim=True)": 7,
    "x.amax(1)": 5,
    "x.max(1)": 10,
    "x.sort()": 9,
    "x.topk(2)": 9,
    "x.cumsum(0)": 6,
    "x.argmax(1)": 5,
    "x.var(0)": 13,
    "x[0]": 4,
    "x[:2]": 10,
    "x[i]": 8,
    "x[i, i]": 10,
    "x.view(25)": 4,
    "x.transpose(0, 1)": 4,
    "x.permute(1, 0)": 4,
    "x.unsqueeze(0)": 4,
    "x.expand(2, 5, 5)": 4,
    "x.diagonal()": 4,
    "x.clone()": 4,
    "torch.zeros(3, 4)": 5,
    "torch.ones(3, 4)": 7,
    "torch.tensor([1.0, 2.0])": 8,
    "torch.zeros_like(x)": 8,
    "z.add_(1)": 6,
    "z.mul_(0.9)": 6,
    "z.neg_()": 5,
    "z.addcmul_(v, v, value=0.1)": 6,
    "z.fill_(0.0)": 8,
    "z.__setitem__(0, 1.0)": 7,
    "z.__setitem__(i, 0.0)": 6,
    "F.relu(x)": 6,
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


def test_calls_go_straight():
    """In a process of its own: what other tests switch on makes calls longer."""
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    warmup.used(warmup.ENOUGH)  # operators count no longer
    long = {call: entered(call) for call, limit in LIMITS.items() if len(entered(call)) > limit}
    for call, names in long.items():
        print(call, len(names), "instead of", LIMITS[call], names)
    sys.exit(1 if long else 0)
