"""Prints what `import wengert` costs beside `import numpy`: `python tools/import_time.py`.

Only a report. The aim is 1.5 times NumPy's time plus 60 ms; a test sees to it that no heavy package
is imported on the way.
"""

from __future__ import annotations

import subprocess
import sys

CODE = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def milliseconds(package: str) -> float:
    """The least of five fresh processes."""
    command = [sys.executable, "-c", CODE.format(package)]
    runs = [subprocess.run(command, capture_output=True, check=True) for _ in range(5)]
    return 1000 * min(float(run.stdout) for run in runs)


def main() -> None:
    numpy, wengert = milliseconds("numpy"), milliseconds("wengert")
    print(f"numpy {numpy:.0f} ms, wengert {wengert:.0f} ms (aim: {1.5 * numpy + 60:.0f} ms)")


if __name__ == "__main__":
    main()
