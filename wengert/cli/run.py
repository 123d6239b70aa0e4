"""`wengert run`: executes a script, a module or a line of code as Python itself would.

argv, `__main__`, the search path, tracebacks and exit codes are those of `python SCRIPT`; only
torch's names are different, see `alias.py`.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import importlib.util
import io
import os
import sys
from collections.abc import Callable
from types import CodeType, ModuleType, TracebackType

from . import alias
from .usage import refuse

__all__ = ["run"]

ExceptHook = Callable[[type[BaseException], BaseException, TracebackType | None], object]


def run(words: list[str]) -> int:
    """Run what the words after `wengert run` name and return the exit code.

    words: SCRIPT, `-m MODULE` or `-c CODE`, then the arguments for it.
    Exceptions of the script pass through; their traceback will start in the script.
    """
    as_cpu = words[:1] == ["--cuda-as-cpu"]
    words = words[as_cpu:]
    if words[:1] == ["--simulate-cuda"]:
        if not words[1:2] or not words[1].isdigit():
            return refuse("--simulate-cuda needs the number of devices")
        os.environ["WENGERT_SIMULATE_CUDA"] = words[1]  # for this process's children too
        words = words[2:]
    if not words or words[0] in ("-m", "-c") and len(words) < 2:
        return refuse("run needs a SCRIPT, -m MODULE or -c CODE")
    if words[0].startswith("-") and words[0] not in ("-m", "-c"):
        return refuse(f"run does not know the option {words[0]}; python's go before: "
                      f"python {words[0]} -m wengert run SCRIPT")  # fmt: skip
    alias.install()
    if as_cpu:
        from ..api.cuda_as_cpu import use_cpu_for_cuda

        use_cpu_for_cuda(importlib.import_module("wengert.cuda"))
    try:
        if words[0] == "-c":
            run_code(words[1], words[2:])
        elif words[0] == "-m":
            run_module(words[1], words[2:])
        else:
            return run_script(words[0], words[1:])
    except BaseException:
        sys.excepthook = hide_runner(sys.excepthook)
        raise
    return 0


def run_script(script: str, args: list[str]) -> int:
    path = os.path.abspath(script)
    if os.path.isdir(path):
        path = os.path.join(path, "__main__.py")
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        print(f"wengert: can't open file {path!r}: {error}", file=sys.stderr)
        return 2
    search_first(os.path.dirname(os.path.realpath(path)))
    sys.argv[:] = [script, *args]
    main = ModuleType("__main__")
    main.__file__ = path
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    execute(compile(source, path, "exec", dont_inherit=True), main)
    return 0


def run_code(source: str, args: list[str]) -> None:
    search_first("")
    sys.argv[:] = ["-c", *args]
    execute(compile(source, "<string>", "exec", dont_inherit=True), ModuleType("__main__"))


def run_module(name: str, args: list[str]) -> None:
    search_first(os.getcwd())
    sys.argv[:] = ["-m", *args]
    name = alias.home_of(name) or name
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        name += ".__main__"
        spec = importlib.util.find_spec(name)
    get_code = getattr(spec and spec.loader, "get_code", None)
    code = get_code and get_code(name)
    if spec is None or code is None:
        raise ModuleNotFoundError(f"No module named {name!r} that can be run", name=name)
    sys.argv[0] = spec.origin or name
    main = ModuleType("__main__")
    main.__spec__, main.__loader__, main.__package__ = spec, spec.loader, spec.parent
    if spec.has_location:
        vars(main).update(__file__=spec.origin, __cached__=spec.cached)
    execute(code, main)


def search_first(folder: str) -> None:
    """Put the script's folder where the command's own stands in the module search path."""
    if not getattr(sys.flags, "safe_path", False):  # `python -P` starts without such an entry
        sys.path[:1] = [folder]


def execute(code: CodeType, main: ModuleType) -> None:
    vars(main).update(__builtins__=builtins)
    sys.modules["__main__"] = main
    exec(code, main.__dict__)


def hide_runner(hook: ExceptHook) -> ExceptHook:
    """The excepthook, but without this command's frames, and with a word on parts we lack."""

    def shown(kind: type[BaseException], error: BaseException, tb: TracebackType | None) -> None:
        while tb is not None and tb.tb_frame.f_code.co_filename != __file__:
            tb = tb.tb_next
        while tb is not None and tb.tb_frame.f_code.co_filename == __file__:
            tb = tb.tb_next
        at = tb
        while at is not None and at.tb_next is not None:
            if at.tb_next.tb_frame.f_code.co_filename == alias.__file__:
                at.tb_next = None  # how an import was refused
            at = at.tb_next
        hook(kind, error.with_traceback(tb), tb)
        note = alias.missing_part(error)
        if note:
            print(note, file=sys.stderr)

    return shown
