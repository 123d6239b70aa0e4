"""Arrays: the vocabulary over each array library, found by an array's type and device.

`lookup` is the bottom: it knows no library. Which there are, is entered here; each is imported when
one of its arrays, or its device, is first met.
"""

from __future__ import annotations

from typing import Any

from . import lookup


def _cpu() -> Any:
    from . import cpu

    return cpu


def _cuda() -> Any:
    from . import cuda

    return cuda


def _meta() -> Any:
    from . import meta

    return meta


def _sim() -> Any:
    from . import sim

    return sim


lookup.DEVICES.update(cpu=_cpu, cuda=_cuda, meta=_meta, sim=_sim)
lookup.LIBRARIES.update(numpy=_cpu, ml_dtypes=_cpu, cupy=_cuda)
