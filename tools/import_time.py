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
    """The least of six fresh processes: all but the first find the modules compiled."""
    command = [sys.executable, "-c", CODE.format(package)]
    runs = [subprocess.check_output(command, env=environment) for _ in range(6)]
    return 1000 * min(map(float, runs))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        numpy, wengert = (milliseconds(name, environment) for name in ("numpy", "wengert"))
    print(f"numpy {numpy:.0f} ms, wengert {wengert:.0f} ms (aim: {1.5 * numpy + 60:.0f} ms)")


if __name__ == "__main__":
    main()
