"""`wengert env` and `--version`: what a bug report needs to say about the machine."""

from __future__ import annotations

import importlib
import os
import platform
import sys

from ..base.version import installed

__all__ = ["report"]

PACKAGES = ("wengert", "numpy", "scipy", "ml_dtypes", "llvmlite", "cupy", "torch")


def blas() -> str:
    """The linear algebra library that NumPy was built with."""
    import numpy

    found = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()


def cores() -> str:
    affinity = getattr(os, "sched_getaffinity", None)
    usable = len(affinity(0)) if affinity else os.cpu_count()
    limits = [f"{k}={os.environ[k]}" for k in sorted(os.environ) if k.endswith("_NUM_THREADS")]
    return ", ".join([f"{usable} of {os.cpu_count()} cores usable", *limits])


def devices() -> str:
    """The devices that tensors can live on here."""
    cuda = importlib.import_module("wengert").cuda
    names = [f"cuda:{i} ({cuda.get_device_name(i)})" for i in range(cuda.device_count())]
    return ", ".join(["cpu", *names])


def native() -> str:
    """Whether calls run as machine code, or why not."""
    calls = importlib.import_module("wengert.native_calls")
    calls.start(wait=True)
    said: str = calls.State.said
    return said


def report() -> str:
    """Versions, BLAS, threads and devices, one a line.

    >>> print(report().splitlines()[0].split()[0])
    python
    """
    threads = importlib.import_module("wengert").get_num_threads()
    facts = {"python": f"{sys.version.split()[0]} {sys.executable}"}
    facts |= {"system": platform.platform()}
    facts |= {package: installed(package) for package in PACKAGES}
    facts |= {"native": native()}
    facts |= {"blas": blas(), "threads": f"{threads} ({cores()})", "devices": devices()}
    return "\n".join(f"{name:<10} {fact}" for name, fact in facts.items())
