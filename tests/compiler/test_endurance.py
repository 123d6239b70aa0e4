"""Long runs, forks, other threads, bad indices, machines without a compiler: compiled functions
stay what they are.
"""

import gc
import os
import subprocess
import sys
from collections import deque

import numpy as np
import pytest

import wengert as w
from wengert.compiler import emit
from wengert.kernels import compiler, threads

nn, F = w.nn, w.nn.functional


def training(seed=0):
    w.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 33), nn.Tanh(), nn.Dropout(0.2), nn.Linear(33, 3))
    opt = w.optim.Adam(model.parameters(), 1e-3)
    x, y = w.randn(17, 4), w.randint(0, 3, (17,))

    def step():
        opt.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return step, model


def bits(model):
    return b"".join(p.detach().numpy().tobytes() for p in model.parameters())


def test_ten_thousand_steps_twice_are_the_same():
    found = []
    for _ in range(2):
        step, model = training()
        c = w.compile(step)
        for _ in range(10_000):
            loss = c()
        assert c.calls.counts["compiled"] == 9_998
        found.append((loss.item(), bits(model)))
    assert found[0] == found[1] and found[0][0] < 0.9


def test_threads_do_not_change_numbers():
    before = threads.count()
    found = []
    try:
        for n in (1, 2, 3):
            w.set_num_threads(n)
            w.manual_seed(0)
            x = w.randn(333, 217)
            c = w.compile(lambda x: ((x * 2 + 1).tanh() * x, (x.sigmoid() * x).sum(0)))
            for _ in range(3):
                got = c(x)
            found.append(b"".join(t.numpy().tobytes() for t in got))
    finally:
        w.set_num_threads(before)
    assert len(set(found)) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_in_the_middle():
    step, model = training(1)
    c = w.compile(step)
    for _ in range(5):
        c()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for _ in range(20):
                c()
            os.write(write, np.float32(c().item()).tobytes())
        finally:
            os._exit(0)
    for _ in range(20):
        c()
    mine = np.float32(c().item()).tobytes()
    os.close(write)
    theirs = os.read(read, 4)
    os.waitpid(child, 0)
    os.close(read)
    assert mine == theirs


def test_an_index_that_is_out_of_range():
    e = nn.Embedding(10, 4)
    c = w.compile(lambda i: e(i).sum(0) * 2)
    for _ in range(3):
        good = c(w.tensor([1, 9]))
    for _ in range(2):
        with pytest.raises(IndexError):
            c(w.tensor([1, 10]))
    assert w.equal(good, c(w.tensor([1, 9]))) and c.calls.given_up == ""


def test_steps_without_a_compiler(monkeypatch):
    step, model = training(2)
    for _ in range(20):
        step()
    want = [p.detach().clone() for p in model.parameters()]
    monkeypatch.setattr(compiler, "_host", [None])
    step, model = training(2)
    c = w.compile(step)
    for _ in range(20):
        c()
    assert not any(p.program.kernels for p in c.calls.plans)
    for a, b in zip(want, model.parameters()):
        assert w.allclose(a, b, rtol=1e-4, atol=1e-5)


def test_machine_code_of_functions_that_are_gone_is_given_back(monkeypatch):
    if compiler.target() is None:
        pytest.skip("there is no compiler")
    monkeypatch.setattr(emit, "RECENT", deque(maxlen=1))
    x = w.randn(300, 70)

    def compiled(k):
        c = w.compile(lambda x: ((x * k + 1).tanh() * x + k).sigmoid() - x)
        for _ in range(2):
            got = c(x)
        assert c.calls.counts["compiled"] == 1
        return c, got.clone()

    kept, want = compiled(1.25)
    for k in range(2):
        compiled(k + 0.5)
    gc.collect()
    before = len(compiler.PASSING)
    for k in range(2, 8):
        compiled(k + 0.5)
        gc.collect()
    assert len(compiler.PASSING) <= before + 2
    assert w.equal(kept(x), want)


def test_a_process_with_compiled_functions_ends_well():
    text = """
import wengert as w
w.set_num_threads(3)
x = w.randn(400, 300)
c = w.compile(lambda x: (x * 2 + 0.625).tanh() * x)
for _ in range(4):
    c(x)
"""
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
