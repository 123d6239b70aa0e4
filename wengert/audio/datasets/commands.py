"""Recordings of single words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...data import Dataset
from ...engine.tensor import Tensor
from ..files import load

__all__ = ["SPEECHCOMMANDS", "YESNO"]


def there(root: Any, *folders: str) -> Path:
    """The folder of a data set, or RuntimeError that says where to put it."""
    place = Path(root).expanduser().joinpath(*folders)
    if not place.is_dir():
        raise RuntimeError(f"nothing is downloaded here: unpack the data set so that {place} is "
                           "its folder")  # fmt: skip
    return place


class SPEECHCOMMANDS(Dataset[Any]):
    """Google's speech commands (Warden, 2018), in root/folder_in_archive/url: items are
    (waveform (1, time), rate, word, speaker, number). subset: None, "training", "validation" or
    "testing".

    download: accepted: nothing is downloaded.

    Raises RuntimeError if the recordings are not there.
    """

    def __init__(
        self,
        root: Any,
        url: str = "speech_commands_v0.02",
        folder_in_archive: str = "SpeechCommands",
        download: bool = False,
        subset: str | None = None,
    ) -> None:
        if subset not in (None, "training", "validation", "testing"):
            raise ValueError("SPEECHCOMMANDS: subset is training, validation, testing or None")
        self._path = there(root, folder_in_archive, url)
        lists = {n: self.listed(f"{n}_list.txt") for n in ("validation", "testing")}
        if subset in lists:
            self._walker = lists[subset]
        else:
            words = [p for p in sorted(self._path.glob("*/*.wav")) if "_nohash_" in p.name]
            words = [p for p in words if not p.parent.name.startswith("_")]
            held_back = set(lists["validation"] + lists["testing"])
            self._walker = [p for p in words if subset is None or p not in held_back]

    def listed(self, name: str) -> list[Path]:
        """The files that a list of the data set names.

        name: of the list.
        """
        path = self._path / name
        if not path.exists():
            return []
        return [self._path / line.strip() for line in path.read_text().splitlines() if line.strip()]

    def get_metadata(self, n: int) -> tuple[str, int, str, str, int]:
        """Path, rate, word, speaker and number, without the sound.

        n: the number of the item.
        """
        path = self._walker[n]
        speaker, _, number = path.stem.partition("_nohash_")
        return (
            str(path.relative_to(self._path.parent)),
            16000,
            path.parent.name,
            speaker,
            int(number),
        )

    def __getitem__(self, n: int) -> tuple[Tensor, int, str, str, int]:
        waveform, rate = load(self._walker[n])
        return waveform, rate, *self.get_metadata(n)[2:]

    def __len__(self) -> int:
        return len(self._walker)


class YESNO(Dataset[Any]):
    """Sixty recordings of eight words, in root/folder_in_archive: items are (waveform, rate,
    eight labels, 1 for yes).

    url: accepted. download: accepted: nothing is downloaded.

    Raises RuntimeError if the recordings are not there.
    """

    def __init__(
        self, root: Any, url: str = "", folder_in_archive: str = "waves_yesno",
        download: bool = False,
    ) -> None:  # fmt: skip
        self._path = there(root, folder_in_archive)
        self._walker = sorted(p.stem for p in self._path.glob("*.wav"))

    def __getitem__(self, n: int) -> tuple[Tensor, int, list[int]]:
        name = self._walker[n]
        waveform, rate = load(self._path / f"{name}.wav")
        return waveform, rate, [int(c) for c in name.split("_")]

    def __len__(self) -> int:
        return len(self._walker)
