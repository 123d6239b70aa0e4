"""The `wengert` command: reads the command line and calls the part that does the work.

`run` (a PyTorch script on wengert) is in `run.py` with its import aliases in `alias.py`, `check`
(what a script would miss) in `check.py`, `kernel` (for Jupyter) in `kernel.py`; the report of
versions and devices is in `env.py`, the text of usage in `usage.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .usage import USAGE, refuse

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the `wengert` command with the arguments argv and return its exit code.

    argv: the words after the command's name; None means those of this process.
    Exceptions of a script that is run, SystemExit and KeyboardInterrupt among them, pass through.

    >>> main(["--version"])  # doctest: +ELLIPSIS
    wengert ...
    0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    command = words.pop(0) if words else "--help"
    if command == "run":
        from .run import run

        return run(words)
    if command == "check":
        from .check import check

        return check(words) if words else refuse("check needs scripts or folders")
    if command == "typings":
        from .typings import typings

        return typings(*words or ["typings"]) if len(words) < 2 else refuse("typings: one folder")
    if command == "kernel":
        from .kernel import kernel

        return kernel(words)
    if command in ("-h", "--help", "help"):
        print(USAGE)
        return 0
    if command not in ("-V", "--version", "env"):
        return refuse(unknown(command))
    if words:
        return refuse(f"wengert {command} takes no arguments, and got {' '.join(words)!r}")
    if command in ("-V", "--version"):
        from ..base.version import installed

        print("wengert", installed("wengert"))
        return 0
    from .env import report

    print(report())
    return 0


def unknown(command: str) -> str:
    """What to say of a word that is no command."""
    from difflib import get_close_matches

    close = get_close_matches(command, ["run", "check", "kernel", "typings", "env"], 1)
    if close:
        return f"unknown command {command!r}: did you mean {close[0]!r}?"
    return f"unknown command {command!r}; to run a script: wengert run {command}"
