"""The compiler of this machine, and machine code from kernels' text.

Here: `Target`, a processor to write code for; `load`, the addresses of functions whose text is made
only if the machine code is not in the cache. Not here: the text (`lanes.py`), the cache on disk
(`cache.py`), object files in memory (`objects.py`) and who runs the code (`workers.py`).

Everything works without llvmlite: `target()` is None then, and callers have NumPy. Where all code
is in the cache, and `objects.py` knows its files, llvmlite is not imported.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from ..base.uninterrupted import uninterrupted
from . import objects


class Target(NamedTuple):
    """A processor: LLVM's names of it, and what the kernels' blocks depend on."""

    triple: str
    cpu: str
    features: str
    bytes: int  # of a vector
    registers: int  # that hold vectors

    @property
    def x86(self) -> bool:
        return self.triple.startswith(("x86_64", "i386", "i686"))

    @property
    def arm(self) -> bool:
        return self.triple.startswith(("aarch64", "arm64"))

    @property
    def masks(self) -> bool:
        """Whether loads and stores under a mask cost what others do."""
        return self.bytes == 64

    def lanes(self, word: str) -> int:
        """How many numbers of a type a vector holds."""
        return self.bytes // {"float": 4, "double": 8, "i32": 4, "i64": 8, "i8": 1}[word]

    @classmethod
    def x86_64(cls, cpu: str, features: str = "", width: int = 16) -> Target:
        """A processor by LLVM's name for it; width: bytes of its vectors."""
        return cls("x86_64-unknown-linux-gnu", cpu, features, width, 32 if width == 64 else 16)

    @classmethod
    def aarch64(cls, cpu: str = "generic") -> Target:
        return cls("aarch64-unknown-linux-gnu", cpu, "+neon", 16, 32)


# those that make most of the difference: all of LLVM's take three times as long for little more
PASSES = ["always_inliner", "sroa", "instruction_combine", "simplify_cfg", "new_gvn"]


class _Compiler:
    """LLVM, set up for one processor."""

    def __init__(self, target: Target) -> None:
        import llvmlite.binding as llvm

        if target.triple.startswith(llvm.get_default_triple().partition("-")[0]):
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
        else:
            llvm.initialize_all_targets()
            llvm.initialize_all_asmprinters()
        self.llvm, self.target = llvm, target
        self.machine = self.processor()
        self.version = f"{llvm.llvm_version_info} {target}"
        self.engine: Any = None  # of all code that stays: one for each takes three times as long
        self.told: set[str] = set()  # symbols that LLVM knows of

    def processor(self) -> Any:
        """What LLVM knows of the processor. An engine that is closed takes it along."""
        t = self.target
        return self.llvm.Target.from_triple(t.triple).create_target_machine(
            cpu=t.cpu, features=t.features, opt=2, jit=True
        )

    def parse(self, text: str) -> Any:
        module = self.llvm.parse_assembly(text)
        module.verify()
        return module

    def object(self, text: str, passes: bool = False) -> bytes:
        module = self.parse(text)
        if passes:
            options = self.llvm.create_pipeline_tuning_options(speed_level=2)
            manager = self.llvm.create_new_module_pass_manager()
            for name in PASSES:
                getattr(manager, f"add_{name}_pass")()
            manager.run(module, self.llvm.create_pass_builder(self.machine, options))
        return self.machine.emit_object(module)

    def link(
        self, code: bytes, names: Sequence[str], passing: bool = False
    ) -> tuple[list[int], Any]:
        """Addresses of names, and what they live as long as. passing: whether it may be closed."""
        for name in _symbols.keys() - self.told:
            self.llvm.add_symbol(name, _symbols[name])
            self.told.add(name)
        engine = self.made(self.processor()) if passing else self.staying()
        engine.add_object_file(self.llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        found = [engine.get_global_value_address(name) for name in names]
        if not all(found):
            raise RuntimeError(f"machine code without {names}")
        return found, engine

    def made(self, machine: Any) -> Any:
        empty = self.llvm.parse_assembly(f'target triple = "{self.target.triple}"')
        return self.llvm.create_mcjit_compiler(empty, machine)

    def staying(self) -> Any:
        if self.engine is None:
            self.engine = self.made(self.machine)
        return self.engine


_lock = threading.RLock()
_compilers: dict[Target, _Compiler] = {}
_host: list[Target | None] = []
_versions: dict[Target, str] = {}  # of compilers that need not be made yet
_symbols: dict[str, int] = {}  # what kernels call by name, and where that is
PASSING: dict[int, Any] = {}  # first address of code that may be given back -> what gives it back
_gone: list[int] = []  # those that nobody will call


def target() -> Target | None:
    """The processor of this machine, or None where there is no compiler for it."""
    if not _host:
        uninterrupted(_find_once)
    return _host[0]


def _find_once() -> None:
    with _lock:
        if not _host:
            _host.append(_find_host())


def _find_host() -> Target | None:
    from . import cache

    about = _machine()
    entry = None if about is None else cache.entry(("host", about), "")
    known = cache.read(entry)
    if known is not None:
        *fields, version = json.loads(known)
        host = Target(*fields)
        _versions[host] = version
        return host
    try:
        import llvmlite.binding as llvm

        features = llvm.get_host_cpu_features()
        wide = 64 if features.get("avx512f") and features.get("avx512vl") else 0
        width = wide or (32 if features.get("avx2") and features.get("fma") else 16)
        host = Target(
            llvm.get_default_triple(),
            llvm.get_host_cpu_name(),
            features.flatten(),
            width,
            32 if wide else 16,
        )
        if host.arm:
            host = Target(host.triple, host.cpu, host.features, 16, 32)
        if not (host.x86 or host.arm) or sys.maxsize < 1 << 40:
            return None
        _compilers[host] = _Compiler(host)
        cache.write(entry, json.dumps([*host, _compilers[host].version]).encode())
        return host
    except (ImportError, OSError, RuntimeError):
        return None


def _machine() -> tuple[Any, ...] | None:
    """What decides which compiler there is, and what it says of this processor; None where that
    cannot be told without it.
    """
    found = importlib.util.find_spec("llvmlite") if objects.HERE else None
    if found is None or not found.submodule_search_locations:
        return None
    library = os.path.join(found.submodule_search_locations[0], "binding", "libllvmlite.so")
    try:
        facts = os.stat(library)
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as f:
            first = f.read(1 << 13).partition("\n\n")[0].splitlines()
    except OSError:
        return None
    said = [
        x for x in first if x.startswith(("vendor", "cpu family", "model", "stepping", "flags"))
    ]
    return library, facts.st_size, facts.st_mtime_ns, said


def compiler(target: Target) -> _Compiler:
    found = _compilers.get(target)
    return uninterrupted(_compiler, target) if found is None else found


def _compiler(target: Target) -> _Compiler:
    with _lock:
        if target not in _compilers:
            _compilers[target] = _Compiler(target)
        return _compilers[target]


def load(
    target: Target,
    key: object,
    text: Callable[[], str],
    names: Sequence[str],
    passes: bool = False,
    passing: bool = False,
) -> list[int]:
    """Addresses of the functions and variables `names` of the module `text()`.

    key: what the text depends on, apart from the target and from the files of this folder; its
    `repr` must say it all. passes: have LLVM improve the text first, which hand-made text of
    kernels does not need. passing: whether `unload` may give the code back.
    """
    found = _kept(target, key, names, passing)
    if found is None:
        found = uninterrupted(_load, target, key, text, names, passes, passing)
    return found


def _kept(target: Target, key: object, names: Sequence[str], passing: bool) -> list[int] | None:
    """The addresses, where that takes the cache alone, and no LLVM, of which an interrupt could
    leave something half made.
    """
    if target not in _versions or not objects.HERE:
        return None
    from . import cache  # what it needs is not worth importing before there is code to keep

    code = cache.read(cache.entry(key, _versions[target]))
    return None if code is None else _placed(code, _tagged(key, names), passing)


def _placed(code: bytes, names: Sequence[str], passing: bool) -> list[int] | None:
    """The addresses of an object file's names; None where LLVM has to put it into memory."""
    with suppress(IndexError):  # another thread may be doing it
        while _gone:
            PASSING.pop(_gone.pop())()
    try:
        found, place = objects.place(code, names, _address)
    except objects.Unlike:
        return None
    if passing:
        PASSING[found[0]] = place.leave
    return found


def _tagged(key: object, names: Sequence[str]) -> list[str]:
    """The names in the object file: in one engine of LLVM's, names are different."""
    from . import cache

    tag = cache.digest((key, names))
    return [f"{name}.{tag}" for name in names]


def _load(
    target: Target, key: object, text: Callable[[], str], names: Sequence[str], passes: bool,
    passing: bool,
) -> list[int]:  # fmt: skip
    from . import cache

    with _lock:
        c = compiler(target)
        _versions[target] = c.version
        entry = cache.entry(key, c.version)
        tagged = _tagged(key, names)
        code = cache.read(entry)
        if code is not None:
            try:
                return _linked(c, code, tagged, passing)
            except RuntimeError:
                pass  # not an object file of ours: made again
        code = c.object(_renamed(text(), names, cache.digest((key, names))), passes)
        cache.write(entry, code)
        return _linked(c, code, tagged, passing)


def _linked(c: _Compiler, code: bytes, names: Sequence[str], passing: bool) -> list[int]:
    found = _placed(code, names, passing)
    if found is None:
        found, engine = c.link(code, names, passing)
        if passing:
            PASSING[found[0]] = engine.close
    return found


def _renamed(text: str, names: Sequence[str], tag: str) -> str:
    """A module with other names for what is asked of it; its other functions are its own."""
    asked = f"(?:{'|'.join(map(re.escape, names))})"
    own = re.compile(rf"^define (?!internal )([^@\n]*@(?!{asked}\())", re.MULTILINE)
    return re.sub(rf"@({asked})(?![\w.$])", rf"@\1.{tag}", own.sub(r"define internal \1", text))


def unload(address: int) -> None:
    """Give back `passing` machine code of which this is the first address, which nobody will call:
    when other code is loaded, since finalizers say this wherever they run.
    """
    _gone.append(address)


def keep_for_good() -> None:
    """Never give machine code back, where llvmlite does not know that the process ends."""
    engines = [x.__self__ for x in PASSING.values() if hasattr(x.__self__, "detach")]
    for c in _compilers.values():
        for ref in (*engines, c.engine, c.machine):
            if ref is not None:
                ref.detach()


def assembly(target: Target, text: str) -> str:
    """What the compiler makes of a module, for people and for tests."""
    return uninterrupted(_assembly, target, text)


def _assembly(target: Target, text: str) -> str:
    with _lock:
        c = compiler(target)
        return str(c.machine.emit_assembly(c.parse(text)))


def define_symbol(name: str, function: Any) -> None:
    """Let kernels call a C function by name."""
    where = function if isinstance(function, int) else ctypes.cast(function, _P).value
    _symbols.setdefault(name, where or 0)


def has_symbol(name: str) -> bool:
    """Whether kernels find a C function of this name in the process."""
    return bool(_address(name)) if objects.HERE else uninterrupted(_has_symbol, name)


def _address(name: str) -> int:
    """Where a C function is, where LLVM need not be asked."""
    return _symbols.get(name) or objects.process(name)


def _has_symbol(name: str) -> bool:
    import llvmlite.binding as llvm

    with _lock:
        host = target()
        if host is not None:
            c = compiler(host)
            c.staying()  # LLVM looks into the process once it has an engine
        return name in _symbols or bool(llvm.address_of_symbol(name))


_P = ctypes.c_void_p

if hasattr(os, "register_at_fork"):  # a child must not find the compiler in the middle of its work
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )
