"""`wengert kernel`: a kernel for Jupyter in which `import torch` is wengert from the start."""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from pathlib import Path

from .usage import refuse

__all__ = ["kernel", "spec"]

NAME, SHOWN = "wengert", "Python (torch = wengert)"


def spec(shown: str = SHOWN) -> dict[str, object]:
    """What Jupyter starts: this Python, with the aliases, and IPython's kernel in it.

    >>> spec()["argv"][1:4]
    ['-m', 'wengert', 'run']
    """
    argv = [sys.executable, "-m", "wengert", "run", "-m", "ipykernel_launcher",
            "--ext=wengert.api.ipython"]  # fmt: skip
    return {
        "argv": [*argv, "-f", "{connection_file}"],
        "display_name": shown,
        "language": "python",
        "metadata": {"debugger": True},
    }


def kernel(words: list[str]) -> int:
    """Install or remove the kernel, as the words after `wengert kernel` say; the exit code."""
    action, options = (words[0], words[1:]) if words else ("", [])
    given = {option.partition("=")[0]: option.partition("=")[2] for option in options}
    strange = [o for o in given if o not in ("--user", "--prefix", "--name", "--display-name")]
    if action not in ("install", "remove") or strange:
        return refuse("kernel needs install or remove, and knows --user, --prefix=DIR, "
                      "--name=NAME, --display-name=TEXT")  # fmt: skip
    try:
        manager = importlib.import_module("jupyter_client.kernelspec").KernelSpecManager()
        importlib.import_module("ipykernel")
    except ImportError as error:
        print(f"wengert: {error.name} is missing: pip install notebook", file=sys.stderr)
        return 1
    name = given.get("--name") or NAME
    if action == "remove":
        if name not in manager.find_kernel_specs():
            print(f"wengert: there is no kernel {name!r}", file=sys.stderr)
            return 1
        manager.remove_kernel_spec(name)
        print(f"removed the kernel {name!r}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        text = json.dumps(spec(given.get("--display-name") or SHOWN), indent=1)
        (Path(folder) / "kernel.json").write_text(text, encoding="utf-8")
        prefix = None if "--user" in given else given.get("--prefix") or sys.prefix
        place = manager.install_kernel_spec(folder, name, user=prefix is None, prefix=prefix)
    print(f"installed the kernel {name!r} in {os.fspath(place)}: choose it in Jupyter or VS Code")
    return 0
