"""How many threads kernels use: processors, quota, what the user says."""

import math

import pytest

from wengert.kernels import threads


@pytest.mark.parametrize(
    "files, most",
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ({"cpu.max": "nonsense"}, math.inf),
        ({}, math.inf),
    ],
)
def test_quota(tmp_path, files, most):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert threads.quota(str(tmp_path)) == most


def test_a_quota_limits_the_threads(monkeypatch):
    monkeypatch.setattr(threads, "quota", lambda: 0.5)
    assert threads.available() == 1
