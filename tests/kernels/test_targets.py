"""Kernels are assembled for processors that this machine need not have."""

from __future__ import annotations

import pytest

from wengert.kernels import (
    compiler,
    depthwise,
    distances,
    folds,
    functions,
    gamma,
    gather,
    gram,
    grid_sample,
    histogram,
    points,
    scan,
    scatter,
    small_symmetric,
    summation,
    window_pool,
)  # fmt: skip
from wengert.kernels import formulas as quick
from wengert.kernels import small_matrices as small
from wengert.kernels.simd import elements, rows

from .assembly import TARGETS, innermost_loops, products, stack_accesses

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")
NAMES = ["avx2", "sse2", "neon"]
JOBS = {
    "cumsum": (folds.fold, "float", "cumsum"),
    "cumsum back": (folds.fold, "float", "cumsum_back"),
    "running sums": (scan.along_rows, "float", False),
    "running sums back": (scan.along_rows, "double", True),
    "read along": (gather.read_along, "float", True),
    "added within": (scatter.add_within, "float"),
    "row sums": (summation.row_sums, "float", "float"),
    "sums of narrow rows": (summation.narrow_sums, "float", 2),
    "column sums": (summation.column_sums, "double", 8),
    "wide column sums": (summation.wide_column_sums, "float"),
    "max": (folds.fold, "double", "max"),
    "average": (window_pool.pool, "float", "sum"),
    "maxima": (window_pool.pool, "float", "max"),
    "lu": (small.factor, "float"),
    "solve": (small.solution, "double"),
    "slogdet": (small.determinant, "float", True),
    "depthwise": (depthwise.correlate, "float", (3, 3), (1, 1), False, True, True),
    "depthwise, stride 2": (depthwise.correlate, "float", (3, 3), (2, 1), False, False, False),
    "depthwise, weights": (depthwise.correlate_weights, "float", (3, 3), (1, 1)),
    "read": (points.read, "float"),
    "add": (points.add, "double"),
    "scatter": (scatter.add_along, "double"),
    "distances": (distances.apart, "float", 3, 2),
    "distances, counted": (distances.apart, "float", 3, 0),
    "distances, added": (distances.apart, "float", 3, 1),
    "distances, gradients": (distances.slopes, "float", 8),
    "histogram": (histogram.count, "double", True),
    "gram": (gram.columns, "float"),
    "ldl": (small_symmetric.factors, "float", "i64"),
    "grid": (grid_sample.read, "float", 2, "bicubic", "reflection"),
    "grid, gradients": (grid_sample.add, "double", 3, "bilinear", "border", True, True),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kernel", JOBS)
def test_jobs(name: str, kernel: str) -> None:
    maker, *params = JOBS[kernel]
    assert "run" in compiler.assembly(TARGETS[name], maker.text(TARGETS[name], *params))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("formula", [functions.tan, gamma.lgamma])
def test_functions(name: str, formula) -> None:
    f = functions.double(formula)
    text = elements(TARGETS[name], "ff", f, word="double", exact=True)
    assert "run" in compiler.assembly(TARGETS[name], text)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("short", [False, True])
def test_rows(name: str, short: bool) -> None:
    text = rows(TARGETS[name], "ff", (0, 1), quick.softmax, short)
    assert "run" in compiler.assembly(TARGETS[name], text)


@pytest.mark.parametrize("name", ["avx512", "zen4", "avx2", "zen3"])
@pytest.mark.parametrize("taps", [(3, 3), (5, 5), (7, 7)])
def test_rows_of_depthwise_keep_their_numbers_in_registers(name: str, taps) -> None:
    params = "float", taps, (1, 1), False, False, True
    text = compiler.assembly(TARGETS[name], depthwise.correlate.text(TARGETS[name], *params))
    rows = text[text.index("rows4:") :]
    rows = rows[: rows.index("retq")].splitlines()
    assert products(rows) >= 4 * taps[0] * taps[1] and not stack_accesses(rows)


@pytest.mark.parametrize("name", ["avx512", "zen4", "avx2", "zen3"])
def test_depthwise_keeps_its_numbers_in_registers(name: str) -> None:
    for maker, params in (
        (depthwise.correlate, ((3, 3), (1, 1), False, False, False)),
        (depthwise.correlate_weights, ((3, 3), (1, 1))),
    ):
        text = compiler.assembly(TARGETS[name], maker.text(TARGETS[name], "float", *params))
        loops = [loop for loop in innermost_loops(text) if products(loop) >= 3]
        assert loops and not any(stack_accesses(loop) for loop in loops)
