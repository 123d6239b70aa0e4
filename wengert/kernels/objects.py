"""Object files put into memory without LLVM, whose library takes 40 ms to load.

Here: ELF files of x86-64 on Linux as the compiler writes them, which say every reference to another
place as an address of 64 bits. Not here: the text (`lanes.py`), the compiler, which puts all other
files into memory itself (`compiler.py`).

What is executed cannot be written to, and is given back only if somebody says so (`Placed.leave`).
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import struct
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

HERE = sys.platform == "linux" and platform.machine() == "x86_64" and sys.maxsize > 1 << 40
ELF = b"\x7fELF\x02\x01\x01"  # of 64 bits, the lowest first
RELOCATABLE, X86_64 = 1, 62  # what kind of file, and for what processor
SYMBOLS, RELOCATIONS, NOTHING, UNWINDING = 2, 4, 8, 0x70000001  # types of sections
WRITEABLE, PRESENT = 1, 2  # flags of sections
ABSOLUTE = 1  # the reference that is an address of 64 bits
UNDEFINED, FIXED = 0, 0xFFF1  # sections of symbols that are in none
SECTION, SYMBOL, REFERENCE = map(struct.Struct, ("<IIQQQQIIQQ", "<IBBHQQ", "<QQq"))


class Unlike(Exception):
    """The file holds something that is not done here."""


class Placed(NamedTuple):
    """Where something is in memory."""

    start: int
    size: int

    def leave(self) -> None:
        """Give the memory back."""
        _libc().munmap(self.start, self.size)


def place(
    code: bytes, names: Sequence[str], symbol: Callable[[str], int]
) -> tuple[list[int], Placed]:
    """Put an object file into memory: the addresses of names, and where it is.

    symbol: gives the address of a name that the file does not define; 0 if nobody knows it. Unlike:
    the file, or this system, is not what is known here.
    """
    if not HERE or code[:7] != ELF or struct.unpack_from("<HH", code, 16) != (RELOCATABLE, X86_64):
        raise Unlike("another kind of file")
    (table,), (count,) = struct.unpack_from("<Q", code, 40), struct.unpack_from("<H", code, 60)
    sections = [SECTION.unpack_from(code, table + k * SECTION.size) for k in range(count)]
    at, content, written = _laid_out(code, sections)
    # at last there is a place for what can be written to: on pages of its own
    start = _memory(len(content))
    place = Placed(start, len(content))
    try:
        found: dict[str, int] = {}
        for _, kind, _, _, where, size, link, _, _, _ in sections:
            if kind == SYMBOLS:
                known = _symbols(code, where, size, sections[link][4], at, start, found)
        for _, kind, _, _, where, size, _, about, _, _ in sections:
            if kind == RELOCATIONS and about in at:
                for offset, info, more in REFERENCE.iter_unpack(code[where : where + size]):
                    if info & 0xFFFFFFFF != ABSOLUTE:
                        raise Unlike("another kind of reference")
                    target = known[info >> 32]
                    value = symbol(target) if isinstance(target, str) else target
                    if not value:
                        raise Unlike(f"nobody knows {target}")
                    struct.pack_into("<Q", content, at[about] + offset, value + more)
        ctypes.memmove(start, (ctypes.c_char * len(content)).from_buffer(content), len(content))
        if _libc().mprotect(start, written, mmap.PROT_READ | mmap.PROT_EXEC):
            raise Unlike("this system lets nobody execute what was written")
        return [found[name] for name in names], place
    except (Unlike, KeyError) as e:
        place.leave()
        raise Unlike(str(e)) from None


def _laid_out(
    code: bytes, sections: list[tuple[int, ...]]
) -> tuple[dict[int, int], bytearray, int]:
    """(where each section goes, the content of them all, how much of it is not written to)."""
    at: dict[int, int] = {}
    content = bytearray()
    written = 0
    for writeable in (0, WRITEABLE):
        for k, (_, kind, flags, _, where, size, _, _, alignment, _) in enumerate(sections):
            if kind != UNWINDING and flags & PRESENT and flags & WRITEABLE == writeable:
                content += bytes(-len(content) % (alignment or 1))
                at[k] = len(content)
                content += bytes(size) if kind == NOTHING else code[where : where + size]
        content += bytes(-len(content) % mmap.PAGESIZE)
        written = written or len(content)
    return at, content, written


def _symbols(
    code: bytes, where: int, size: int, strings: int, at: dict[int, int], start: int,
    found: dict[str, int],
) -> list[int | str]:  # fmt: skip
    """The address of each symbol, or its name where that is elsewhere; named ones go to found."""
    known: list[int | str] = []
    for name, _, _, section, value, _ in SYMBOL.iter_unpack(code[where : where + size]):
        said = code[strings + name : code.index(b"\0", strings + name)].decode() if name else ""
        if section == UNDEFINED:
            known.append(said)
        elif section == FIXED:
            known.append(value)
        else:
            place = start + at.get(section, 0) + value
            known.append(place)
            if said and section in at:
                found[said] = place
    return known


def _memory(size: int) -> int:
    """New memory, by its address."""
    start = _libc().mmap(
        None, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0
    )
    if start in (None, ctypes.c_void_p(-1).value):
        raise Unlike("no memory")
    return int(start)


_library: list[ctypes.CDLL] = []


def _libc() -> ctypes.CDLL:
    """The C library of this process."""
    if not _library:
        c, p, n, i = ctypes.CDLL(None), ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
        c.mmap.restype, c.mmap.argtypes = p, [p, n, i, i, i, ctypes.c_int64]
        c.mprotect.argtypes, c.munmap.argtypes = [p, n, i], [p, n]
        _library.append(c)
    return _library[0]


def process(name: str) -> int:
    """The address of a C function that this process has loaded; 0 if there is none."""
    try:
        return ctypes.cast(getattr(_libc(), name), ctypes.c_void_p).value or 0
    except AttributeError:
        return 0
