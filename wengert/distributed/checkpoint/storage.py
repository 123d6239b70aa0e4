"""Checkpoints of many ranks in a folder: each writes its parts, a manifest says what lies where.

The manifest is written last and takes its place at once, so that a folder always holds a whole
checkpoint: the old one until then, the new one from then on. Loading takes whatever parts a rank
needs, so that the number of ranks may differ.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from ...api import functions as T
from ...base.modes import no_grad
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...io import reading, writing
from ..objects import _gather
from ..process_group import ProcessGroup, is_initialized, pick
from ..tensor._utils import compute_local_shape_and_global_offset
from ..tensor.dtensor import DTensor
from ..tensor.placement_types import Shard

__all__ = [
    "CheckpointException", "FileSystemReader", "FileSystemWriter", "async_save", "load",
    "load_state_dict", "load_whole", "save", "save_state_dict",
]  # fmt: skip

MANIFEST = ".metadata"
Path_ = str | os.PathLike[str]


class CheckpointException(RuntimeError):
    """A checkpoint that is not there, is damaged, or lacks what is asked for."""


class FileSystemWriter:
    """Where save() writes: a folder. The other options are accepted.

    path: the folder.

    Raises TypeError where path is of the wrong type.

    >>> from wengert.distributed import checkpoint
    >>> writer = checkpoint.FileSystemWriter("saved")
    >>> saved = checkpoint.save({"w": torch.ones(2)}, storage_writer=writer)
    """

    def __init__(self, path: Path_, *args: Any, **kwargs: Any) -> None:
        self.path = Path(path)


class FileSystemReader:
    """Where load() reads: a folder.

    path: the folder.

    Reading raises CheckpointException where there is no checkpoint at path.

    Raises TypeError where path is of the wrong type.

    >>> from wengert.distributed import checkpoint
    >>> saved = checkpoint.save({"w": torch.ones(2)}, checkpoint_id="saved")
    >>> sorted(checkpoint.FileSystemReader("saved").read_metadata())
    ['entries', 'name', 'version']
    """

    def __init__(self, path: Path_, *args: Any, **kwargs: Any) -> None:
        self.path = Path(path)

    def read_metadata(self) -> dict[str, Any]:
        """The manifest: for each key its shape, dtype and parts."""
        return manifest_of(self.path)


def folder_of(checkpoint_id: Any, storage: Any, what: str) -> Path:
    """The folder that was given in either way."""
    if checkpoint_id is None and storage is None:
        raise ValueError(f"{what}: give checkpoint_id, the folder of the checkpoint")
    return Path(checkpoint_id) if checkpoint_id is not None else Path(storage.path)


def flattened(state: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(path, leaf) of a nest of dicts and lists; what has a state_dict is taken by it."""
    if hasattr(state, "state_dict") and not isinstance(state, (dict, Tensor)):
        state = state.state_dict()
    if isinstance(state, dict):
        for k, v in state.items():
            yield from flattened(v, f"{prefix}{json.dumps(k) if type(k) is not str else k}/")
    elif isinstance(state, (list, tuple)) and any(isinstance(v, (Tensor, dict)) for v in state):
        for i, v in enumerate(state):
            yield from flattened(v, f"{prefix}[{i}]/")
    else:
        yield prefix[:-1], state


def part_of(t: Tensor) -> tuple[list[int], list[int], list[int]]:
    """(shape of the whole, where this rank's part begins, shape of the part)."""
    whole = list(t.shape)
    if not isinstance(t, DTensor):
        return whole, [0] * len(whole), whole
    part, start = compute_local_shape_and_global_offset(whole, t.device_mesh, t.placements)
    return whole or [1], list(start), list(part)


def first_holder(t: Tensor) -> bool:
    """Whether this rank writes its part: the first of those that have the same."""
    if not isinstance(t, DTensor):
        return pick(None).me == 0 if is_initialized() else True
    return all(
        isinstance(p, Shard) or t.device_mesh.get_group(d).me == 0
        for d, p in enumerate(t.placements)
    )


@no_grad()
def save(
    state_dict: dict[str, Any], *, checkpoint_id: Path_ | None = None, storage_writer: Any = None,
    planner: Any = None, process_group: ProcessGroup | None = None, no_dist: bool = False,
    use_collectives: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Write a checkpoint: a nest of dicts with tensors, DTensors and plain values.

    All ranks call this together; each writes the parts that it has, rank 0 what all have alike.
    Until the end an older checkpoint in the folder stays as it is.

    Args:
        state_dict: what to write; objects with state_dict() are asked for it.
        checkpoint_id: the folder. storage_writer: instead of it, a FileSystemWriter.
        process_group: the ranks; all by default. planner is accepted.

    Raises:
        OSError: the folder cannot be written.
        CheckpointException: another rank could not write its parts.

    no_dist: without other processes. use_collectives: accepted.

    Tensors have any shape. Raises TypeError where checkpoint_id is of the wrong type.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = torch.distributed.checkpoint.save({"w": torch.ones(2)}, checkpoint_id=folder)
    >>> state = {"w": torch.zeros(2)}
    >>> torch.distributed.checkpoint.load(state, checkpoint_id=folder)
    >>> state["w"]
    tensor([1., 1.])
    """
    folder = folder_of(checkpoint_id, storage_writer, "save")
    group = None if no_dist or not is_initialized() else pick(process_group)
    me = 0 if group is None else group.me
    name = uuid.uuid4().hex[:12]
    if group is not None:
        name = _gather(group, name, "checkpoint.save")[0]
    entries, tensors, problem = {}, {}, None
    file = f"{name}_{me}.distcp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for key, value in flattened(state_dict):
            if isinstance(value, Tensor):
                whole, start, part = part_of(value)
                if first_holder(value) and 0 not in part:
                    kept = value.to_local() if isinstance(value, DTensor) else value
                    tensors[key] = kept.detach()
                    entries[key] = {
                        "shape": whole, "dtype": str(value.dtype)[6:],
                        "parts": [{"file": file, "start": start, "shape": part}],
                    }  # fmt: skip
                elif 0 in whole and me == 0:
                    entries[key] = {"shape": whole, "dtype": str(value.dtype)[6:], "parts": []}
            elif me == 0:
                tensors[key] = value
                entries[key] = {"object": file}
        writing.save(tensors, folder / file)
    except Exception as e:  # all ranks have to learn of it before any goes on
        problem = f"{type(e).__name__}: {e}"
        if group is None:
            raise
    parts = [(entries, problem)] if group is None else _gather(
        group, (entries, problem), "checkpoint.save")  # fmt: skip
    for rank, (_, p) in enumerate(parts):
        if p is not None:
            with contextlib.suppress(OSError):
                (folder / file).unlink()
            raise CheckpointException(f"save: rank {rank} could not write its parts: {p}")
    merged: dict[str, Any] = {}
    for found, _ in parts:
        for key, entry in found.items():
            if key in merged and "parts" in entry:
                merged[key]["parts"] += entry["parts"]
            else:
                merged[key] = entry
    manifest = {"version": 1, "name": name, "entries": merged}
    if me == 0:
        publish(folder, manifest)
    if group is not None:
        _gather(group, None, "checkpoint.save")
    return manifest


def publish(folder: Path, manifest: dict[str, Any]) -> None:
    """Put the manifest into its place, and take away the files of the checkpoint before."""
    part = folder / f"{MANIFEST}.{manifest['name']}"
    with open(part, "w", encoding="utf-8") as f:
        json.dump(manifest, f)
        f.flush()
        os.fsync(f.fileno())
    os.replace(part, folder / MANIFEST)
    for old in [*folder.glob("*.distcp"), *folder.glob(f"{MANIFEST}.*")]:
        if not old.name.startswith(manifest["name"] + "_"):
            with contextlib.suppress(OSError):
                old.unlink()


def async_save(state_dict: dict[str, Any], **options: Any) -> Future[dict[str, Any]]:
    """save(), which is over when this returns; result() of what it gives is what save() returns.

    state_dict: names and values, in dicts and lists.

    Tensors have any shape. Raises TypeError where checkpoint_id is of the wrong type;
    CheckpointException where it is a folder that cannot be written.

    >>> from wengert.distributed import checkpoint
    >>> saved = checkpoint.async_save({"w": torch.ones(2)}, checkpoint_id="saved").result()
    """
    known = ("checkpoint_id", "storage_writer", "planner", "process_group")
    done: Future[dict[str, Any]] = Future()
    done.set_result(save(state_dict, **{k: v for k, v in options.items() if k in known}))
    return done


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a folder."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        entries = found["entries"]
    except FileNotFoundError:
        raise CheckpointException(f"{folder} has no checkpoint: {MANIFEST} is missing") from None
    except (OSError, ValueError, KeyError, TypeError, UnicodeError) as e:
        raise CheckpointException(
            f"{folder / MANIFEST} is not a manifest of wengert's: {e}"
        ) from None
    if not isinstance(entries, dict):
        raise CheckpointException(f"{folder / MANIFEST} is not a manifest of wengert's")
    return found


class Files:
    """The files of a checkpoint, each read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: dict[str, Any] = {}

    def get(self, name: str, key: str) -> Any:
        """What a file has under a key."""
        if Path(name).name != name:
            raise CheckpointException(f"{self.folder}: {name!r} is not a file of the checkpoint")
        if name not in self.held:
            try:
                self.held[name] = reading.load(self.folder / name, weights_only=True)
            except FileNotFoundError:
                raise CheckpointException(f"{self.folder / name} is missing") from None
        try:
            return self.held[name][key]
        except (KeyError, TypeError):
            raise CheckpointException(f"{self.folder / name} has no {key!r}") from None


def fill(target: Tensor, key: str, entry: dict[str, Any], files: Files) -> None:
    """Copy what the checkpoint has of a tensor, or of a rank's part, into it."""
    whole, start, part = part_of(target)
    if "parts" not in entry or list(entry["shape"]) != whole:
        raise CheckpointException(
            f"load: {key!r} has shape {entry.get('shape', 'none: it is no tensor')} in the "
            f"checkpoint and {whole} here"
        )
    here = target.to_local() if isinstance(target, DTensor) else target
    here, missing = here.detach(), here.numel()
    for p in entry["parts"]:
        low = [max(a, b) for a, b in zip(start, p["start"])]
        high = [min(a + n, b + m) for a, n, b, m in zip(start, part, p["start"], p["shape"])]
        if any(h <= a for a, h in zip(low, high)):
            continue
        source = files.get(p["file"], key)
        theirs = tuple([slice(a - b, h - b) for a, h, b in zip(low, high, p["start"])])
        ours = tuple([slice(a - b, h - b) for a, h, b in zip(low, high, start)])
        view = here[ours] if ours else here
        view.copy_(source[theirs] if theirs else source)
        missing -= view.numel()
    if missing > 0:
        raise CheckpointException(f"load: the checkpoint lacks {missing} elements of {key!r}")


@no_grad()
def load(
    state_dict: dict[str, Any], *, checkpoint_id: Path_ | None = None, storage_reader: Any = None,
    planner: Any = None, process_group: ProcessGroup | None = None, no_dist: bool = False,
) -> None:  # fmt: skip
    """Fill a nest of dicts from a checkpoint: tensors and DTensors in place, other values replaced.

    The number of ranks may differ from when it was written. Objects with load_state_dict get their
    part at the end. planner: DefaultLoadPlanner(allow_partial_load=True) leaves what the checkpoint
    lacks as it is.

    Raises:
        CheckpointException: the checkpoint is missing or damaged, or lacks a key or a shape.

    state_dict: names and values, in dicts and lists. checkpoint_id: the folder of the checkpoint.
    storage_reader: a FileSystemReader instead of checkpoint_id. process_group: the ranks that take
    part; None: all. no_dist: without other processes.

    Tensors have the shapes of those that were written. Raises TypeError where checkpoint_id is of
    the wrong type.

    >>> from wengert.distributed import checkpoint
    >>> saved = checkpoint.save({"w": torch.ones(2)}, checkpoint_id="saved")
    >>> state = {"w": torch.zeros(2)}
    >>> checkpoint.load(state, checkpoint_id="saved")
    >>> state
    {'w': tensor([1., 1.])}
    """
    folder = folder_of(checkpoint_id, storage_reader, "load")
    entries, files = manifest_of(folder)["entries"], Files(folder)
    wanted = dict(flattened(state_dict))
    lacking = sorted(wanted.keys() - entries.keys())
    if lacking and not getattr(planner, "allow_partial_load", False):
        raise CheckpointException(
            f"load: the checkpoint in {folder} has no {lacking[0]!r}"
            + (f" and {len(lacking) - 1} more of what is asked for" if len(lacking) > 1 else "")
        )
    put(state_dict, "", entries, files)


@clear_errors
def save_state_dict(
    state_dict: dict[str, Any], storage_writer: FileSystemWriter, process_group: Any = None,
    coordinator_rank: int = 0, no_dist: bool = False, planner: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """The older name of save().

    state_dict: names and values, in dicts and lists. storage_writer: a FileSystemWriter instead of
    checkpoint_id. process_group: the ranks that take part; None: all. coordinator_rank: accepted.
    no_dist: without other processes. planner: accepted.

    Tensors have any shape. Raises TypeError where storage_writer is of the wrong type.

    >>> from wengert.distributed import checkpoint
    >>> writer = checkpoint.FileSystemWriter("saved")
    >>> saved = checkpoint.save_state_dict({"w": torch.ones(2)}, writer)
    """
    group = {"process_group": process_group, "no_dist": no_dist, "planner": planner}
    return save(state_dict, storage_writer=storage_writer, **group)


@clear_errors
def load_state_dict(
    state_dict: dict[str, Any], storage_reader: FileSystemReader, process_group: Any = None,
    coordinator_rank: int = 0, no_dist: bool = False, planner: Any = None,
) -> None:  # fmt: skip
    """The older name of load().

    state_dict: names and values, in dicts and lists. storage_reader: a FileSystemReader instead of
    checkpoint_id. process_group: the ranks that take part; None: all. coordinator_rank: accepted.
    no_dist: without other processes. planner: accepted.

    Tensors have the shapes of those that were written. Raises CheckpointException where state_dict
    is of the wrong type; TypeError where storage_reader is of the wrong type.

    >>> from wengert.distributed import checkpoint
    >>> saved = checkpoint.save({"w": torch.ones(2)}, checkpoint_id="saved")
    >>> state = {"w": torch.zeros(2)}
    >>> checkpoint.load_state_dict(state, checkpoint.FileSystemReader("saved"))
    >>> state
    {'w': tensor([1., 1.])}
    """
    group = {"process_group": process_group, "no_dist": no_dist, "planner": planner}
    load(state_dict, storage_reader=storage_reader, **group)


def put(state: Any, prefix: str, entries: dict[str, Any], files: Files) -> Any:
    """Fill one level of a nest; gives what takes the place of a value."""
    if hasattr(state, "state_dict") and not isinstance(state, (dict, Tensor)):
        inner = state.state_dict()
        put(inner, prefix, entries, files)
        state.load_state_dict(inner)
        return state
    if isinstance(state, dict):
        for k in state:
            name = json.dumps(k) if type(k) is not str else k
            state[k] = put(state[k], f"{prefix}{name}/", entries, files)
        return state
    if isinstance(state, (list, tuple)) and any(isinstance(v, (Tensor, dict)) for v in state):
        return type(state)(put(v, f"{prefix}[{i}]/", entries, files) for i, v in enumerate(state))
    key = prefix[:-1]
    if key not in entries:  # a planner has allowed it
        return state
    entry = entries[key]
    if isinstance(state, Tensor):
        fill(state, key, entry, files)
        return state
    if "object" not in entry:
        raise CheckpointException(f"load: {key!r} is a tensor in the checkpoint and none here")
    return files.get(entry["object"], key)


@no_grad()
def load_whole(folder: Path_) -> dict[str, Any]:
    """Everything in a checkpoint as whole tensors on one process, by flat keys."""
    where = Path(folder)
    files, found = Files(where), {}
    for key, entry in manifest_of(where)["entries"].items():
        if "object" in entry:
            found[key] = files.get(entry["object"], key)
        else:
            found[key] = T.empty(entry["shape"], dtype=getattr(T, entry["dtype"], None))
            fill(found[key], key, entry, files)
    return found
