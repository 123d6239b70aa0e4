"""Steps of optimizers as one launch on CUDA, over a stand-in for CuPy (`cupy_stand.py`)."""

import re
import shutil
import subprocess
import warnings

import numpy as np
import pytest
from cupy_stand import Array, Stand
from optim import trajectories

import wengert as torch
from wengert.arrays.cupy_library import CuPyLibrary
from wengert.kernels import compiler, gpu
from wengert.optim import chunks, launches, native

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="no compiler for this machine")
CASES = [c for c in trajectories.CASES if c[0] not in ("LBFGS", "Adafactor")]


def there(rows):
    """Arrays of rows on the device."""
    return [tuple(None if a is None else np.array(a).view(Array) for a in row) for row in rows]


def steps(name, options, count=6):
    """What an optimizer asks of its batches on the CPU: the rows before, formula, gradients,
    scalars, the rows after.
    """
    found, whole = [], chunks.Batch.run

    def run(batch, formula, gradients, scalars):
        before, given = there(batch.rows), [np.array(g) for g in gradients]
        whole(batch, formula, gradients, scalars)
        found.append((before, formula, given, list(scalars), there(batch.rows)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks.Batch, "run", run)
        trajectories.train(
            torch,
            name,
            {**options, "foreach": True},
            count,
            "float32",
            ((70, 31), (5,), (2, 2), ()),
        )
    return found


def close(rows, want):
    for row, expected in zip(rows, want, strict=True):
        for a, b in zip(row, expected, strict=True):
            if a is not None:
                np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6, equal_nan=True)


@pytest.mark.parametrize("case", CASES, ids=trajectories.label)
def test_steps_are_launches(case):
    stand = Stand()
    lib = CuPyLibrary(stand)
    asked = steps(*case)
    assert asked
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for before, formula, gradients, scalars, after in asked:
            (gradients,) = there([gradients])
            batch = chunks.Batch(lib, before)
            kept = there(before)
            batch.steps = chunks.WARM
            batch.run(formula, gradients, scalars)  # may be the first, which is compared
            close(batch.rows, after)
            for row, old in zip(batch.rows, kept):
                for a, b in zip(row, old):
                    if a is not None:
                        a[...] = b
            launched = len(stand.launches)
            batch.run(formula, gradients, scalars)
            close(batch.rows, after)
            assert len(stand.launches) == launched + 1  # small ones and large ones


def test_gradients_that_come_from_elsewhere():
    """The table that a kernel reads is new where a gradient has moved; what a kernel cannot read
    goes through CuPy's calls.
    """
    stand = Stand()
    before, formula, gradients, scalars, _ = steps("SGD", {"lr": 0.5}, 1)[0]
    batch = chunks.Batch(CuPyLibrary(stand), there(before))
    (gradients,) = there([gradients])
    want = [row[0].copy() for row in before]
    moved = [g.copy() for g in gradients]
    bent = [g.copy() for g in gradients]
    bent[0] = np.asfortranarray(bent[0]).view(Array)
    wide = [g.astype(np.float64) for g in gradients]
    for turn, given in enumerate((gradients, gradients, gradients, gradients, moved, bent, wide)):
        batch.run(formula, given, scalars)
        want = [w - np.float32(0.5) * g for w, g in zip(want, gradients)]
        for row, w in zip(batch.rows, want):
            np.testing.assert_allclose(row[0], w, rtol=1e-5, atol=1e-6)
        assert len(stand.launches) == [0, 0, 1, 2, 3, 3, 3][turn]


def test_a_kernel_that_differs_is_not_believed(monkeypatch):
    before, formula, gradients, scalars, after = steps("SGD", {"lr": 0.25}, 1)[0]
    (gradients,) = there([gradients])
    launches.KERNELS.pop(formula, None)
    monkeypatch.setitem(native.OPS, "sub", lambda x, y: x + y)
    batch = chunks.Batch(CuPyLibrary(Stand()), before)
    batch.steps = chunks.WARM
    with pytest.warns(RuntimeWarning, match="kernel step[0-9]+ differs from the general way"):
        batch.run(formula, gradients, scalars)
    close(batch.rows, after)
    launches.KERNELS.pop(formula)


@pytest.mark.parametrize("chip", ["sm_80", "sm_90", "sm_100", "sm_120"])
def test_ptx(chip, tmp_path):
    for case in CASES:
        for _, formula, *_ in steps(*case, 2):
            kernel = launches.kernel(formula)
            text = gpu.ptx(kernel, chip)
            assert f".target {chip}" in text
            assert re.search(rf"\.visible \.entry {kernel.name}\(", text)
            if (ptxas := shutil.which("ptxas")) is not None:
                source = tmp_path / "step.ptx"
                source.write_text(text)
                subprocess.run(
                    [ptxas, "-arch", chip, "-o", tmp_path / "step.cubin", source], check=True
                )
