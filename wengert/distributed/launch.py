"""`python -m wengert.distributed.launch`: the older name of wengertrun."""

from __future__ import annotations

import sys

from .run import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main([a for a in sys.argv[1:] if a not in ("--use-env", "--use_env")]))
