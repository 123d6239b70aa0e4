"""Prints what `import wengert` costs beside `import numpy`: `python tools/import_time.py`.

Only a report. The aim is 1.5 times NumPy's time plus 60 ms; a test sees to it that no heavy package
is imported on the way.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

CODE = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def milliseconds(package: str, environment: dict[str, str]) -> float:
    command = [sys.executable, "-c", CODE.format(package)]
    return 1000 * float(subprocess.check_output(command, env=environment))


def main() -> None:
    """The least of eight fresh processes in turns: all but the first find the modules compiled."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        rounds = [[milliseconds(p, environment) for p in ("numpy", "wengert")] for _ in range(8)]
    numpy, wengert = map(min, zip(*rounds))
    print(f"numpy {numpy:.0f} ms, wengert {wengert:.0f} ms (aim: {1.5 * numpy + 60:.0f} ms)")


if __name__ == "__main__":
    main()
