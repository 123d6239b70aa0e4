"""What the command line may be, and the answer to one that it may not be."""

from __future__ import annotations

import sys

USAGE = """\
usage: wengert run SCRIPT [ARGS ...]        run a PyTorch script on wengert
       wengert run -m MODULE [ARGS ...]     the same for a module
       wengert run -c CODE [ARGS ...]       the same for a line of code
       wengert run --cuda-as-cpu SCRIPT     "cuda" means the CPU, where there is no GPU
       wengert run --simulate-cuda N SCRIPT cuda:0 to cuda:N-1 are simulated, on the CPU
       wengert check SCRIPT|FOLDER ...      what scripts use that is missing or different
       wengert kernel install [--user]      a kernel for Jupyter where `import torch` is wengert
       wengert typings [FOLDER]             types of `import torch` for editors (default: typings)
       wengert env                          versions, BLAS, threads, devices
       wengert --version

`import torch` and its sub-modules mean wengert in this one process and in the processes that it
starts through multiprocessing. An installed PyTorch is neither needed nor touched. Elsewhere,
`import wengert.as_torch` as a first line does the same, and so does `pytest -p wengert.as_torch`;
`python -m wengert` is this command."""


def refuse(reason: str) -> int:
    """Say what is wrong with the command line, on stderr, and return the exit code for that."""
    print(f"wengert: {reason}\n\n{USAGE}", file=sys.stderr)
    return 2
