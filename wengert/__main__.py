"""`python -m wengert`: the same command as `wengert`. The command itself lives in `wengert.cli`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
