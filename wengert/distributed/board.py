"""The board of a group whose ranks share a host: what each rank is calling, for all to see.
Beside it, in the same memory, are the words of `signals.py`.

A rank writes the number and the text of an operation into its row of a shared window before it
posts it. Another text under the same number is a mismatch, which all find within a millisecond; a
lower number at a deadline names who has not come.
"""

from __future__ import annotations

import struct
import time
from typing import Any

import numpy as np

from .signals import BYTES, Signals

__all__ = ["Board"]

SLOTS, SLOT = 64, 128  # operations that are remembered, and bytes for each
KEY = 8
number_of = struct.Struct("q")


class Board:
    """Rows of slots in memory that all ranks of a group see."""

    def __init__(self, MPI: Any, comm: Any) -> None:
        self.window = MPI.Win.Allocate_shared(SLOTS * SLOT + BYTES, 1, comm=comm)
        seen = [np.frombuffer(self.window.Shared_query(r)[0], np.uint8) for r in range(comm.size)]
        self.rows = [s[: SLOTS * SLOT].data for s in seen]
        self.mine = self.rows[comm.rank]
        seen[comm.rank][:] = 0
        self.others = [(r, row) for r, row in enumerate(self.rows) if r != comm.rank]
        self.texts: dict[Any, bytes] = {}
        self.signals = Signals([s[SLOTS * SLOT :] for s in seen], comm.rank)
        comm.Barrier()

    def write(self, number: int, call: Any) -> bytes:
        """Announce an operation; returns what the others will have written if all is well."""
        text = self.texts.get(call)
        if text is None:
            text = str(call).encode()[: SLOT - KEY - 1].ljust(SLOT - KEY, b"\0")
            if len(self.texts) < 1024:
                self.texts[call] = text
        at = number % SLOTS * SLOT
        key = number_of.pack(number)
        row = self.mine
        row[at + KEY : at + SLOT] = text
        row[at : at + KEY] = key  # last: a number is there when its text is
        return key + text

    def agrees(self, number: int, expected: bytes) -> bool:
        """Whether all rows have what is expected, in the quickest way."""
        at = number % SLOTS * SLOT
        return all([row[at : at + SLOT] == expected for _, row in self.others])

    def others_say(self, number: int, expected: bytes) -> list[tuple[int, str]]:
        """(rank, text) of those who call something else under this number."""
        found = self._different(number, expected)
        if found:  # where stores may be seen out of order, the text may be the older one
            time.sleep(1e-3)
            found = self._different(number, expected)
        return found

    def _different(self, number: int, expected: bytes) -> list[tuple[int, str]]:
        at = number % SLOTS * SLOT
        found = []
        for rank, row in self.others:
            theirs = bytes(row[at : at + SLOT])
            if theirs != expected and theirs[:KEY] == expected[:KEY]:
                found.append((rank, theirs[KEY:].rstrip(b"\0").decode(errors="replace")))
        return found

    def behind(self, number: int) -> list[int]:
        """The ranks that have not announced an operation of this number yet."""
        at = number % SLOTS * SLOT
        return [r for r, row in self.others if number_of.unpack(row[at : at + KEY])[0] < number]
