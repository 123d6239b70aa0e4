"""Products of bfloat16 matrices, rounded the way PyTorch rounds them on a CPU.

Here: `product`, single precision sums of exact products in PyTorch's order; `product_plus`, which
adds and rounds once, as `addmm` does; `norm`. Added in another order, a few in a hundred thousand
results come out one bfloat16 step apart; iterations that square matrices over and over make many
of those. Not here: `matmul`, which does not promise the last bit.

PyTorch's order, as observed from version 2.13 with AVX-512: up to 4096 multiplications a loop of
its own (four sums in turn, or eight lanes where both matrices lie along the summed dimension);
above, oneDNN's: one sum, of every pair of neighbours the second first, begun anew every 512 or
1024. On processors without AVX-512 PyTorch itself adds in another order.
"""

from __future__ import annotations

import numpy as np

from ..kernels.compiler import target
from ..kernels.native import Code, Host, address

SMALL = 4096  # multiplications
# up to here, OpenBLAS's kernels for AVX-512 too add one after the other if the left factor is
# transposed
CHAINED = 384
ROWS, VECTORS = 6, 2  # of a tile that stays in registers
LANES = 16


def rounded(x: np.ndarray) -> np.ndarray:
    """x to the nearest bfloat16 number, in float32; halves go to even.

    >>> rounded(np.float32([1 + 2**-8, 1 + 2**-7])).tolist()
    [1.0, 1.0078125]
    """
    bits = np.asarray(x, np.float32).view(np.uint32)
    up = bits >> np.uint32(16)
    up &= np.uint32(1)
    up += np.uint32(0x7FFF)
    up += bits
    up &= np.uint32(0xFFFF0000)
    return up.view(np.float32)


def norm(x: np.ndarray) -> np.float32:
    """The root of the sum of squares, added in eight lanes, rounded to bfloat16.

    >>> float(norm(np.full((2, 2), 3, "f4")))
    6.0
    """
    squares = x.ravel("K") ** 2
    whole = squares.size - squares.size % 16
    lanes = np.add.reduce(squares[:whole].reshape(-1, 8), 0)
    for at in range(whole, squares.size):
        lanes[at % 8] += squares[at]
    return np.float32(rounded(np.sqrt(np.add.accumulate(lanes)[-1])))


def product(a: np.ndarray, b: np.ndarray, along: bool = False) -> np.ndarray:
    """a @ b in float32 for matrices (m, k) and (k, n) whose elements are bfloat16 numbers.

    along: a and the transpose of b lie in memory row by row, so that a small product is taken
    along the rows.

    >>> product(np.eye(2, dtype="f4"), np.full((2, 3), 2, "f4")).tolist()
    [[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]
    """
    (m, k), n = a.shape, b.shape[1]
    if m * n * k <= SMALL:
        return _in_lanes(a, b) if along else _in_turns(a, b)
    block = 512 if k <= 1024 else 1024
    out = _paired(a[:, :block], b[:block])
    for start in range(block, k, block):
        out += _paired(a[:, start : start + block], b[start : start + block])
    return out


def product_plus(
    beta: float, c: np.ndarray, alpha: float, a: np.ndarray, b: np.ndarray, along: bool = False
) -> np.ndarray:
    """beta * c + alpha * (a @ b), rounded to bfloat16; the product as in `product`.

    >>> product_plus(1.0, np.ones((1, 1), "f4"), 2.0, *[np.ones((1, 1), "f4")] * 2).item()
    3.0
    """
    out = product(a, b, along)
    if alpha != 1:
        out *= np.float32(alpha)
    # A fused multiply-add: float64 holds the product exactly.
    wide = c * np.float64(np.float32(beta))
    wide += out
    return rounded(wide)


def _in_turns(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Four sums that take turns, the first one with what is left over."""
    k = a.shape[1]
    whole = k - k % 4
    columns = a.T
    first = np.r_[0:whole:4, whole:k]
    out = columns[first].T @ b[first]
    for turn in range(1, 4):
        out += columns[turn:whole:4].T @ b[turn:whole:4]
    return out


def _in_lanes(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Eight registers of eight lanes, then one register, then single numbers."""
    terms = a[:, None, :] * b.T
    k = a.shape[1]
    wide, whole = k - k % 64, k - k % 16
    sums = np.zeros((*terms.shape[:2], 64), np.float32)
    for start in range(0, wide, 64):
        sums += terms[..., start : start + 64]
    total = _halved(sums)
    rest = np.zeros((*terms.shape[:2], 8), np.float32)
    for start in range(wide, whole, 8):
        rest += terms[..., start : start + 8]
    total += _halved(rest)
    for at in range(whole, k):
        total += terms[..., at]
    return total


def _halved(sums: np.ndarray) -> np.ndarray:
    """The sum over the last dimension, the second half added to the first until one is left."""
    while sums.shape[-1] > 1:
        half = sums.shape[-1] // 2
        sums = sums[..., :half] + sums[..., half:]
    return sums[..., 0]


def _paired(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One sum after the other, of every two neighbours the second first."""
    k = a.shape[1]
    left, right = _swapped(a.T), _swapped(b)
    host = target()
    if k > CHAINED or host is not None and host.bytes < 64:
        run = _chain.compile()  # at once: results must not change when it begins to pay
        if run is not None:
            return _tiled(run, left, right)
    return left.T @ right


def _swapped(x: np.ndarray) -> np.ndarray:
    """A contiguous copy of x with every two neighbouring rows exchanged."""
    out = np.empty(x.shape, np.float32)
    even = len(x) - len(x) % 2
    out[0:even:2], out[1:even:2], out[even:] = x[1:even:2], x[0:even:2], x[even:]
    return out


def _tiled(run: object, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left.T @ right by machine code, from both factors in panels of a tile's width."""
    (k, m), n = left.shape, right.shape[1]
    width = VECTORS * LANES
    high, wide = -(-m // ROWS), -(-n // width)
    a = _panels(left, high, ROWS)
    b = _panels(right, wide, width)
    out = np.empty((wide, high * ROWS, width), np.float32)
    run(address(a), address(b), address(out), high, wide, k)  # type: ignore[operator]
    return out.transpose(1, 0, 2).reshape(high * ROWS, wide * width)[:m, :n]


def _panels(x: np.ndarray, count: int, width: int) -> np.ndarray:
    """x (k, any) as (count, k, width), filled up with zeros."""
    k, n = x.shape
    padded = np.zeros((k, count * width), np.float32)
    padded[:, :n] = x
    return np.ascontiguousarray(padded.reshape(k, count, width).transpose(1, 0, 2))


def _text(host: Host) -> str:
    vector = f"<{LANES} x float>"
    width, tile = VECTORS * LANES, ROWS * VECTORS * LANES
    fused = host.fuses()
    sums = [(r, v) for r in range(ROWS) for v in range(VECTORS)]
    begin = [
        f"  %s{r}{v} = phi {vector} [ zeroinitializer, %row ], [ %t{r}{v}, %step ]" for r, v in sums
    ]
    body = []
    for v in range(VECTORS):
        body.append(f"  %bp{v} = getelementptr float, ptr %bk, i64 {v * LANES}")
        body.append(f"  %b{v} = load {vector}, ptr %bp{v}, align 4")
    for r in range(ROWS):
        body.append(f"  %ap{r} = getelementptr float, ptr %ak, i64 {r}")
        body.append(f"  %a{r} = load float, ptr %ap{r}")
        body.append(f"  %i{r} = insertelement {vector} poison, float %a{r}, i64 0")
        body.append(
            f"  %x{r} = shufflevector {vector} %i{r}, {vector} poison, "
            f"<{LANES} x i32> zeroinitializer"
        )
        for v in range(VECTORS):
            if fused:
                body.append(
                    f"  %t{r}{v} = call {vector} @llvm.fma.v{LANES}f32({vector} %x{r}, "
                    f"{vector} %b{v}, {vector} %s{r}{v})"
                )
            else:  # the product of two bfloat16 numbers is exact: nothing but speed is lost
                body.append(f"  %m{r}{v} = fmul {vector} %x{r}, %b{v}")
                body.append(f"  %t{r}{v} = fadd {vector} %s{r}{v}, %m{r}{v}")
    end = []
    for r, v in sums:
        end.append(f"  %op{r}{v} = getelementptr float, ptr %o, i64 {r * width + v * LANES}")
        end.append(f"  store {vector} %s{r}{v}, ptr %op{r}{v}, align 4")
    lines = "\n".join
    return f"""
declare {vector} @llvm.fma.v{LANES}f32({vector}, {vector}, {vector})
define void @run(ptr noalias %a, ptr noalias %b, ptr noalias %out, i64 %high, i64 %wide, i64 %k) {{
entry:
  br label %column
column:
  %j = phi i64 [ 0, %entry ], [ %jnext, %down ]
  %jmore = icmp slt i64 %j, %wide
  br i1 %jmore, label %rows, label %done
rows:
  %bo0 = mul i64 %j, %k
  %bo = mul i64 %bo0, {width}
  %bj = getelementptr float, ptr %b, i64 %bo
  br label %row
row:
  %i = phi i64 [ 0, %rows ], [ %inext, %store ]
  %ao0 = mul i64 %i, %k
  %ao = mul i64 %ao0, {ROWS}
  %ai = getelementptr float, ptr %a, i64 %ao
  br label %head
head:
  %q = phi i64 [ 0, %row ], [ %qnext, %step ]
{lines(begin)}
  %qmore = icmp slt i64 %q, %k
  br i1 %qmore, label %step, label %store
step:
  %bq = mul i64 %q, {width}
  %bk = getelementptr float, ptr %bj, i64 %bq
  %aq = mul i64 %q, {ROWS}
  %ak = getelementptr float, ptr %ai, i64 %aq
{lines(body)}
  %qnext = add i64 %q, 1
  br label %head
store:
  %oo0 = mul i64 %j, %high
  %oo1 = add i64 %oo0, %i
  %oo = mul i64 %oo1, {tile}
  %o = getelementptr float, ptr %out, i64 %oo
{lines(end)}
  %inext = add i64 %i, 1
  %imore = icmp slt i64 %inext, %high
  br i1 %imore, label %row, label %down
down:
  %jnext = add i64 %j, 1
  br label %column
done:
  ret void
}}
"""


_chain = Code(_text, "pppiii")
