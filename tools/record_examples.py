"""Records the losses of the examples under PyTorch in tests/golden/examples.json.

Run it with a Python that has PyTorch, after an example has changed what it computes. The tests run
the examples with wengert and compare.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "tests" / "golden" / "examples.json"
SHORT = {
    "autograd_tour": ["--steps", "50"],
    "char_lstm": ["--steps", "50"],
    "digits": ["--epochs", "2"],
    "spiral": ["--steps", "50"],
}


def losses(name: str, options: list[str]) -> list[float]:
    """The losses of one short run of an example with this Python's PyTorch."""
    with tempfile.TemporaryDirectory() as folder:
        script = str(ROOT / "examples" / f"{name}.py")
        command = [sys.executable, script, *options, "--losses", f"{folder}/losses.json"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return json.loads(Path(folder, "losses.json").read_text())


def main() -> None:
    record = {name: {"options": o, "losses": losses(name, o)} for name, o in SHORT.items()}
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in record.items())
    RECORD.write_text(f"{{\n{rows}\n}}\n")


if __name__ == "__main__":
    main()
