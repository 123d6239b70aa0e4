"""The orthogonal polynomials as ufuncs in machine code: the recurrences in the dtype of x, the
closed forms in double precision.

What they mean is in `orthogonal_polynomials.py`, which also serves where there is no compiler.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.compiler import Target, has_symbol
from ..kernels.simd import Ufunc
from .direct import Elements
from .fused_elements import F32, Word
from .orthogonal_polynomials import CLOSED_FORM, HERMITE_LIMIT

F64 = np.dtype(np.float64)

# lines that compute the first degree, %first, from %y; and a step, %next, from %y %q %p and the
# degree %kf; T is the type
CHEBYSHEV = """  %yy = fadd T %y, %y
  %yq = fmul T %yy, %q
  %next = fsub T %yq, %p"""
FIRST = {
    "t": "  %first = fadd T %y, -0.0",
    "u": "  %first = fadd T %y, %y",
    "v": "  %f = fadd T %y, %y\n  %first = fsub T %f, 1.0",
    "w": "  %f = fadd T %y, %y\n  %first = fadd T %f, 1.0",
    "h": "  %first = fmul T %y, 2.0",
    "he": "  %first = fadd T %y, -0.0",
    "l": "  %first = fsub T 1.0, %y",
    "p": "  %first = fadd T %y, -0.0",
}
HERMITE = """  %yq = fmul T %y, %q
  %kp = fmul T %kf, %p
  %d = fsub T %yq, %kp
  %next = fmul T %d, SCALE"""
ODD = """  %k2 = fadd T %kf, %kf
  %odd = fadd T %k2, 1.0
  %kp = fmul T %kf, %p
  %k1f = fadd T %kf, 1.0
FACTOR
  %yq = fmul T %factor, %q
  %d = fsub T %yq, %kp
  %next = fdiv T %d, %k1f"""
STEP = {
    **dict.fromkeys("tuvw", CHEBYSHEV),
    "h": HERMITE.replace("SCALE", "2.0"),
    "he": HERMITE.replace("SCALE", "1.0"),
    "l": ODD.replace("FACTOR", "  %factor = fsub T %odd, %y"),
    "p": ODD.replace("FACTOR", "  %factor = fmul T %odd, %y"),
}
# %closed from the angle %a and the degree %nd
CLOSED = {
    "t": "  %b = fmul double %nd, %a\n  %closed = call double @cos(double %b)",
    "u": """  %n1 = fadd double %nd, 1.0
  %b = fmul double %n1, %a
  %above = call double @sin(double %b)
  %below = call double @sin(double %a)
  %closed = fdiv double %above, %below""",
}
HALVES = """  %n1 = fadd double %nd, 0.5
  %b = fmul double %n1, %a
  %above = call double @F(double %b)
  %half = fmul double %a, 0.5
  %below = call double @F(double %half)
  %closed = fdiv double %above, %below"""
CLOSED |= {"v": HALVES.replace("@F", "@cos"), "w": HALVES.replace("@F", "@sin")}

_TEXT = """target triple = "TRIPLE"
declare double @acos(double)
declare double @cos(double)
declare double @sin(double)

define void @run(ptr %args, ptr %dims, ptr %steps, ptr %data) {
entry:
  %count = load i64, ptr %dims
  %px = load ptr, ptr %args
  %an = getelementptr ptr, ptr %args, i64 1
  %pn = load ptr, ptr %an
  %ao = getelementptr ptr, ptr %args, i64 2
  %po = load ptr, ptr %ao
  %sx = load i64, ptr %steps
  %bn = getelementptr i64, ptr %steps, i64 1
  %sn = load i64, ptr %bn
  %bo = getelementptr i64, ptr %steps, i64 2
  %so = load i64, ptr %bo
  br label %test
test:
  %i = phi i64 [ 0, %entry ], [ %i1, %put ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %body, label %done
body:
  %i1 = add i64 %i, 1
  %ix = mul i64 %i, %sx
  %in = mul i64 %i, %sn
  %io = mul i64 %i, %so
  %atx = getelementptr i8, ptr %px, i64 %ix
  %atn = getelementptr i8, ptr %pn, i64 %in
  %ato = getelementptr i8, ptr %po, i64 %io
  %x = load T, ptr %atx
  %nf = load T, ptr %atn
SHIFT
  %small = fcmp olt T %nf, 1.0e9
  %least = select i1 %small, T %nf, T 1.0e9
  %number = fcmp ogt T %least, -1.0e9
  %within = select i1 %number, T %least, T -1.0
  %beyond = fcmp uge T %nf, 0x43E0000000000000
  %given = select i1 %beyond, T -1.0, T %within
  %n = fptosi T %given to i64
  %some = icmp sgt i64 %n, 0
  br i1 %some, label %degree, label %constant
constant:
  %none = icmp slt i64 %n, 0
  %c = select i1 %none, T 0.0, T 1.0
  br label %put
degree:
FIRST
LIMIT
loop:
  %k = phi i64 [ 1, %START ], [ %k1, %again ]
  %p = phi T [ 1.0, %START ], [ %q, %again ]
  %q = phi T [ %first, %START ], [ %next, %again ]
  %on = icmp slt i64 %k, %n
  %is = fcmp ord T %q, %q
  %go = and i1 %on, %is
  br i1 %go, label %again, label %put
again:
  %k1 = add i64 %k, 1
  %kf = sitofp i64 %k to T
STEP
  br label %loop
put:
  %r = phi T [ %c, %constant ], [ %q, %loop ], [ %other, %others ]
  store T %r, ptr %ato
  br label %test
done:
  ret void
}
"""
_CLOSED = """  %far = icmp sgt i64 %n, DEGREE
  %low = fcmp ogt T %y, -1.0
  %high = fcmp olt T %y, 1.0
  %between = and i1 %low, %high
  %angle = and i1 %far, %between
  br i1 %angle, label %others, label %loop
others:
  %yd = EXTEND
  %nd = sitofp i64 %n to double
  %a = call double @acos(double %yd)
CLOSED
  %other = NARROW
  br label %put"""
_LIMIT = """  %over = icmp sgt i64 %n, DEGREE
  br i1 %over, label %others, label %loop
others:
  %zero = fsub T %y, %y
  %other = fdiv T %zero, 0.0
  br label %put"""
_PLAIN = """  br label %loop
others:
  %other = fadd T 0.0, 0.0
  br label %put"""


def text(target: Target, kind: str, shifted: bool, t: str) -> str:
    """IR of the loop of a polynomial over float or double."""
    limit = _PLAIN
    if kind in CLOSED:
        extend = "fpext float %y to double" if t == "float" else "fadd double %y, -0.0"
        narrow = "fptrunc double %closed to float" if t == "float" else "fadd double %closed, -0.0"
        limit = _CLOSED.replace("EXTEND", extend).replace("NARROW", narrow)
        limit = limit.replace("CLOSED", CLOSED[kind]).replace("DEGREE", str(CLOSED_FORM))
    elif kind in ("h", "he"):
        limit = _LIMIT.replace("DEGREE", str(HERMITE_LIMIT[4 if t == "float" else 8]))
    shift = "  %x2 = fadd T %x, %x\n  %y = fsub T %x2, 1.0" if shifted else "  %y = fadd T %x, -0.0"
    lines = _TEXT.replace("TRIPLE", target.triple).replace("SHIFT", shift)
    lines = lines.replace("FIRST", FIRST[kind]).replace("LIMIT", limit).replace("STEP", STEP[kind])
    return re.sub(r"\bT\b", t, lines.replace("%START", "%degree"))


def polynomial(name: str) -> Callable[[Word], Word]:
    """word(x, n)"""
    shifted, kind = name.startswith("shifted"), name.rpartition("_")[2]

    def ufunc(t: str, letter: str) -> Ufunc:
        return Ufunc(name, 3 * letter, 2, lambda target: text(target, kind, shifted, t))

    def wrapped(general: Word) -> Word:
        loops = {F32: ufunc("float", "f"), F64: ufunc("double", "d")}

        def f(x: Any, n: Any) -> Any:
            if type(x) is type(n) is np.ndarray and x.dtype is n.dtype and x.dtype in loops:
                u = loops[x.dtype]
                run = u.run
                if run is None and not u.made and known():
                    run = u.compile()
                if run is not None:
                    return run(x, n)
            return general(x, n)

        found = {"f": loops[F32].loop, "d": loops[F64].loop}
        f.elements = Elements(found, (0, 1))  # type: ignore[attr-defined]
        return f

    return wrapped


def known() -> bool:
    """Whether loops find the C library's functions of angles."""
    return all(map(has_symbol, ("acos", "cos", "sin")))


NAMES = [f"{s}chebyshev_polynomial_{k}" for k in "tuvw" for s in ("", "shifted_")]
NAMES += ["hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l"]
WORDS = {name: polynomial(name) for name in (*NAMES, "legendre_polynomial_p")}
