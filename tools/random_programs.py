#!/usr/bin/env python
"""Random programs of views, in-place changes, indices and hooks, beside PyTorch.

    python tools/random_programs.py --seconds 60 --seed 1

Each program makes a recorded tensor, takes views of it (under no_grad now and then), changes some
in place, writes through indices, `.data`, `detach()`, `out=`, retains gradients, registers hooks,
and runs backward. It must print the same in both libraries, or raise the same type of exception.
What differs is made smaller, line by line, and printed as a program; exits with 1 if there was any.
A segmentation fault inside a call of torch's is torch's own. Needs PyTorch. How programs run is in
`tests/snippets.py`.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

import torch

import wengert

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from snippets import shown

VIEWS = [
    "{x}[{i}]", "{x}[{i}:]", "{x}[:, {i}]", "{x}.t()", "{x}.view(-1)", "{x}.reshape(-1)[{i}:]",
    "{x}.transpose(0, 1)", "{x}.unsqueeze(0)", "{x}.expand(2, *{x}.shape)", "{x}.detach()",
    "{x}.narrow(0, {i}, 1)", "{x}[..., ::2]", "{x}.squeeze()", "{x}.unbind(0)[{i}]", "{x}[None]",
    "{x}.diagonal()", "{x}.permute(1, 0)", "{x} * {y}", "{x} + {f}", "{x}.clone()", "{x}.data",
    "{x}.sin()", "torch.cat([{x}, {x}])", "{x}[[0, {i}]]", "{x}[[[0, {i}], [0, 1]]]",
]  # fmt: skip
CHANGES = [
    "{x}.mul_({f})", "{x}.add_({y})", "{x}[{i}] = {f}", "{x}[{i}:] = {y}", "{x}.t_()",
    "{x}.zero_()",
    "{x}.copy_({y})", "{x}.transpose_(0, 1)", "{x}.unsqueeze_(0)", "{x}.squeeze_(0)", "{x} *= {f}",
    "{x}[[0, {i}]] = {f}", "{x}.data.mul_({f})", "{x}.detach().add_({f})", "{x}.sigmoid_()",
    "{x}[{x} > 1] = {f}", "{x}.masked_fill_({x} > 0, {f})", "torch.add({y}, {f}, out={x})",
    "{x}.clamp_(-1, 2)", "{x}.index_add_(0, torch.tensor([{i}]), {x}.detach()[:1])",
]  # fmt: skip
OTHERS = ["{x}.retain_grad()", "{x}.register_hook(lambda g: g * {f})", "show({x}.is_leaf)"]


def program(rng: random.Random) -> list[str]:
    """The lines of a program."""
    lines = ["x = (torch.arange(6.).reshape(2, 3) / 4).requires_grad_()", "v0 = x * 2"]
    n = 1

    def filled(text: str) -> str:
        x, y = (f"v{rng.randrange(n)}" for _ in "xy")
        return text.format(x=x, y=y, i=rng.randrange(2), f=rng.choice([2, -1, 0.5]))

    for _ in range(rng.randrange(2, 9)):
        kind = rng.random()
        quiet = "with torch.no_grad(): " if rng.random() < 0.12 else ""
        if kind < 0.5:
            lines.append(f"{quiet}v{n} = {filled(rng.choice(VIEWS))}")
            n += 1
        elif kind < 0.9:
            lines.append(quiet + filled(rng.choice(CHANGES)))
        else:
            lines.append(filled(rng.choice(OTHERS)))
    used = rng.sample(range(n), min(n, 2))
    total = " + ".join([f"(v{i} * v{i}).sum()" for i in used])
    lines.append(f"({total}).backward()")
    kept = ", ".join([f"v{i}.detach()" for i in range(n)])
    return [*lines, f"show(x.grad, {kept})"]


def differs(lines: list[str]) -> tuple[str, str] | None:
    """What both print, if it is not the same."""
    text = "\n".join(lines)
    theirs, ours = shown(torch, text), shown(wengert, text)
    return None if theirs == ours else (theirs, ours)


def smaller(lines: list[str]) -> list[str]:
    """The program without the lines that the difference does not need."""
    i = len(lines) - 2
    while i > 0:
        fewer = lines[:i] + lines[i + 1 :]
        found = differs(fewer)
        if found is not None and "NameError" not in found[0] + found[1]:
            lines = fewer
        i -= 1
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    rng, end = random.Random(options.seed), time.monotonic() + options.seconds
    tried = found = 0
    while time.monotonic() < end:
        lines = program(rng)
        tried += 1
        if differs(lines) is None:
            continue
        found += 1
        lines = smaller(lines)
        theirs, ours = differs(lines) or ("", "")
        print("\n".join(["", *lines, f"# PyTorch: {theirs}", f"# wengert: {ours}"]), flush=True)
    print(f"\n{tried} programs, {found} differ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
