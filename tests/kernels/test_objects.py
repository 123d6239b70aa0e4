"""Object files put into memory without LLVM: what they refer to, and what is not done."""

import ctypes
import os
import subprocess
import sys

import pytest

from wengert.kernels import compiler, objects

pytestmark = pytest.mark.skipif(
    compiler.target() is None or not objects.HERE, reason="LLVM puts code into memory here"
)
TEXT = """
@table = global [3 x i64] [i64 5, i64 6, i64 ptrtoint (ptr @count to i64)]
@count = global i64 0
@room = global [1000 x i64] zeroinitializer
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare i64 @NAME(i64)

define i64 @run(i64 %n) {
  %at = getelementptr [3 x i64], ptr @table, i64 0, i64 2
  %which = load ptr, ptr %at
  %old = load i64, ptr %which
  %new = add i64 %old, %n
  store i64 %new, ptr @count
  %some = mul i64 %n, 800
  call void @llvm.memset.p0.i64(ptr @room, i8 1, i64 %some, i1 false)
  %a = load i64, ptr @room
  %r = call i64 @NAME(i64 %new)
  %sum = add i64 %r, %a
  ret i64 %sum
}
define double @half(double %x) {
  %y = fmul double %x, 0.3125
  ret double %y
}
"""


def code(name="labs"):
    host = compiler.target()
    text = f'target triple = "{host.triple}"\n' + TEXT.replace("NAME", name)
    return compiler.compiler(host).object(text)


def test_functions_data_and_what_the_process_has():
    (run, half, count), place = objects.place(code(), ["run", "half", "count"], objects.process)
    f = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(run)
    ones = 0x0101010101010101
    assert [f(0), f(3), f(4), f(0)] == [0, ones + 3, ones + 7, ones + 7]
    assert ctypes.c_int64.from_address(count).value == 7
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(half)(2.0) == 0.625
    assert place.start <= min(run, half, count) and max(run, half, count) < place.start + place.size
    place.leave()


def test_two_of_one_file_share_nothing():
    made = [objects.place(code(), ["run", "count"], objects.process) for _ in range(2)]
    run = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    assert run(made[0][0][0])(0) == 0 and run(made[0][0][0])(0) == 0
    ctypes.c_int64.from_address(made[0][0][1]).value = 7
    assert ctypes.c_int64.from_address(made[1][0][1]).value == 0
    for _, place in made:
        place.leave()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (lambda: objects.place(code("nobody_has_this"), ["run"], objects.process), "nobody_has"),
        (lambda: objects.place(code(), ["walk"], objects.process), "walk"),
        (lambda: objects.place(b"MZ" + code()[2:], ["run"], objects.process), "kind of file"),
        (lambda: objects.place(code()[:18] + b"\xb7\0" + code()[20:], [], abs), "kind of file"),
    ],
    ids=["symbol", "name", "format", "processor"],
)
def test_what_is_not_done(what, said):
    with pytest.raises(objects.Unlike, match=said):
        what()


def test_llvm_does_what_is_not_done(monkeypatch):
    def never(*_):
        raise objects.Unlike("today")

    monkeypatch.setattr(objects, "place", never)
    host, text = compiler.target(), "define i64 @seven() {\n  ret i64 7\n}\n"
    for passing in (False, True):
        key = ("seven", os.getpid(), passing)
        (where,) = compiler.load(host, key, lambda: text, ["seven"], passing=passing)
        assert ctypes.CFUNCTYPE(ctypes.c_int64)(where)() == 7


def test_a_second_process_does_not_load_llvm(tmp_path):
    program = (
        "import sys, wengert as w\n"
        "x = w.linspace(-3, 3, 30_000).reshape(100, 300).requires_grad_()\n"
        "y = w.nn.functional.gelu(x) @ w.ones(300, 7)\n"
        "w.softmax(y, 1).square().sum().backward()\n"
        "print(x.grad.sum().item(), 'llvmlite' in sys.modules)\n"
    )
    variables = {**os.environ, "WENGERT_CACHE_DIR": str(tmp_path / "code")}
    said = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=variables
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.split())
    assert said[0][0] == said[1][0]
    assert [x[1] for x in said] == ["True", "False"]
