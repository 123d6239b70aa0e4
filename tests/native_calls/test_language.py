"""The language of machine code: what its functions compute."""

import ctypes

import pytest

from wengert.kernels import compiler
from wengert.native_calls.language import Signature, Unit

TEXT = '''
def power(x: int, n: int) -> int:
    """By squaring."""
    r = 1
    while n > 0:
        if n & 1 == 1:
            r = r * x
        x = x * x
        n = n >> 1
    return r

def second(n: int) -> int:
    """The first divisor, by a loop that is left."""
    for d in range(2, n):
        if n % d != 0:
            continue
        return d
    return n

def careful(p: ptr, n: int) -> bool:
    return p and ints(p)[0] == n or n == -7

def mean(p: f32s, n: int) -> f64:
    total = 0.0
    for i in range(n):
        total = total + p[i]
    return total / f64(n)

def swap(p: ints):
    room = ints(array(2))
    room[0] = p[0]
    p[0] = p[1]
    p[1] = room[0]

def word(p: ptr) -> int:
    return p.second + p.small * LIMIT

def called(f: ptr, n: int) -> int:
    return call_int(f, n) + call_int(OBJECT, n)
'''


@pytest.fixture(scope="module")
def functions():
    target = compiler.target()
    if target is None:
        pytest.skip("no llvmlite")
    unit = Unit({"second": (8, "int"), "small": (4, "i32")}, {"LIMIT": 100}, {}, ["OBJECT"])
    names = ["power", "second", "careful", "mean", "swap", "word", "called"]
    unit.add(TEXT, exported=names)
    at = compiler.load(target, TEXT, unit.assembly, [*names, "table"], passes=True)
    assert unit.table == {"OBJECT": 0}
    return dict(zip([*names, "table"], at))


def test_numbers_loops_and_memory(functions):
    word, address = ctypes.c_int64, ctypes.c_void_p
    power = ctypes.CFUNCTYPE(word, word, word)(functions["power"])
    assert power(3, 13) == 3**13 and power(-2, 3) == -8 and power(5, 0) == 1
    divisor = ctypes.CFUNCTYPE(word, word)(functions["second"])
    assert [divisor(n) for n in (15, 8, 7, 49)] == [3, 2, 7, 7]
    careful = ctypes.CFUNCTYPE(ctypes.c_bool, address, word)(functions["careful"])
    here = (word * 2)(5, 6)
    assert careful(ctypes.addressof(here), 5) and not careful(ctypes.addressof(here), 6)
    assert not careful(None, 5) and careful(None, -7)  # what is behind `and` did not run
    mean = ctypes.CFUNCTYPE(ctypes.c_double, address, word)(functions["mean"])
    assert mean(ctypes.addressof((ctypes.c_float * 3)(1, 2, 4.5)), 3) == 2.5
    ctypes.CFUNCTYPE(None, address)(functions["swap"])(ctypes.addressof(here))
    assert list(here) == [6, 5]
    fields = (ctypes.c_int32 * 4)(0, -3, 7, 0)
    assert ctypes.CFUNCTYPE(word, address)(functions["word"])(ctypes.addressof(fields)) == 7 - 300


def test_the_table_is_filled_from_outside(functions):
    word = ctypes.c_int64
    kind = ctypes.CFUNCTYPE(word, word)
    one, other = kind(lambda n: n + 1), kind(lambda n: n * 10)
    ctypes.c_void_p.from_address(functions["table"]).value = ctypes.cast(
        other, ctypes.c_void_p
    ).value
    called = ctypes.CFUNCTYPE(word, ctypes.c_void_p, word)(functions["called"])
    assert called(ctypes.cast(one, ctypes.c_void_p), 4) == 45


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("return nothing", "unknown name nothing"),
        ("return p.absent", "no field absent"),
        ("return f()", "unknown function f"),
        ("return g(p)", r"g takes \['ptr', 'int'\]"),
        ("return p * 2", "ptr beside int"),
        ("with p:\n        return p", "there is no With"),
        ("return [p]", "there is no List"),
        ("x = 1\n    return x[0]", "int has no items"),
    ],
)
def test_mistakes_are_said(text, said):
    unit = Unit({}, {}, {"g": Signature("ptr", ["ptr", "int"])}, [])
    with pytest.raises(SyntaxError, match=f"bad, line 2: {said}|bad, line 3: {said}"):
        unit.add(f"def bad(p: ptr) -> ptr:\n    {text}\n")
