"""What this process runs on, as text: torch.__config__ and torch.utils.collect_env."""

from __future__ import annotations

import platform
import sys

from ..api import functions as T
from ..base.version import installed

__all__ = ["get_pretty_env_info", "main", "parallel_info", "show"]

PACKAGES = ("numpy", "scipy", "llvmlite", "cupy", "ml_dtypes")


def show() -> str:
    """The libraries that compute, with their versions.

    >>> torch.__config__.show().splitlines()[0]
    'wengert computes with:'
    """
    return "wengert computes with:\n" + "".join(
        f"  - {name} {installed(name)}\n" for name in PACKAGES
    )


def parallel_info() -> str:
    """How many threads there are.

    >>> "threads" in torch.__config__.parallel_info()
    True
    """
    return f"threads: {T.get_num_threads()}, between operations: {T.get_num_interop_threads()}\n"


def get_pretty_env_info() -> str:
    """What to write into a report: versions, system, libraries.

    >>> print(torch.utils.collect_env.get_pretty_env_info())  # doctest: +ELLIPSIS
    PyTorch version: 2.13...
    """
    from ..base.version import __version__

    lines = [
        f"PyTorch version: {__version__}",
        f"OS: {platform.platform()}",
        f"Python version: {sys.version.splitlines()[0]} on {platform.machine()}",
        show() + parallel_info(),
    ]
    return "\n".join(lines)


def main() -> None:
    """Print it."""
    sys.stdout.write(get_pretty_env_info() + "\n")
