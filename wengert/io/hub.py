"""torch.hub: models by name from a folder's hubconf.py, and files from the cache of downloads.

Nothing is fetched from the network: what is not in the cache is asked for with the address and the
place where to put it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlparse

from ..engine.error_context import clear_errors
from .reading import load as load_file

__all__ = [
    "download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url",
    "set_dir",
]  # fmt: skip

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
_dir: str | None = None


def _get_torch_home() -> str:
    """$TORCH_HOME, or ~/.cache/torch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))


def get_dir() -> str:
    """The folder of the cache: what set_dir chose, $TORCH_HOME/hub, or ~/.cache/torch/hub.

    >>> torch.hub.get_dir().endswith("hub")
    True
    """
    return _dir if _dir is not None else os.path.join(_get_torch_home(), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Choose the folder of the cache.

    d: the folder.

    Raises TypeError where d is no path.

    >>> before = torch.hub.get_dir()
    >>> torch.hub.set_dir("models")
    >>> torch.hub.get_dir()
    'models'
    >>> torch.hub.set_dir(before)
    """
    global _dir
    _dir = os.path.expanduser(d)


def _not_there(url: str, path: str) -> RuntimeError:
    return RuntimeError(
        f"{url} is not in the cache, and wengert downloads nothing: fetch the file and put it at "
        f"{path}"
    )


def _check_hash(path: str, prefix: str) -> None:
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest() if sys.version_info >= (
            3, 11) else hashlib.sha256(file.read()).hexdigest()  # fmt: skip
    if not found.startswith(prefix):
        raise RuntimeError(f'invalid hash value (expected "{prefix}", got "{found}") of {path}')


def download_url_to_file(
    url: str, dst: str, hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Have the file of an address at dst: it is there already, or it is a `file:` address.

    RuntimeError where it would have to be downloaded, or for another content than hash_prefix says.

    url: where it would come from. progress: accepted.
    """
    parts = urlparse(url)
    if parts.scheme == "file":
        content = Path(parts.path).read_bytes()
        partial = Path(f"{dst}.partial")
        partial.write_bytes(content)
        if hash_prefix:
            try:
                _check_hash(str(partial), hash_prefix)
            except RuntimeError:
                partial.unlink()
                raise
        os.replace(partial, dst)
    elif not os.path.exists(dst):
        raise _not_there(url, dst)
    elif hash_prefix:
        _check_hash(dst, hash_prefix)


def load_state_dict_from_url(
    url: str, model_dir: str | None = None, map_location: Any = None, progress: bool = True,
    check_hash: bool = False, file_name: str | None = None, weights_only: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """torch.load of the file that an address has in the cache.

    model_dir: its folder (default: `checkpoints` in get_dir()); file_name: its name there.
    check_hash: compare it with the hash in its name. RuntimeError if it is not there. url: where it
    would come from. map_location: as for torch.load. progress: accepted. weights_only: as for
    torch.load.
    """
    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    name = file_name or os.path.basename(urlparse(url).path)
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        if urlparse(url).scheme != "file":
            raise _not_there(url, path)
        os.makedirs(folder, exist_ok=True)
        download_url_to_file(url, path)
    found = HASH_REGEX.search(name) if check_hash else None
    if found:
        _check_hash(path, found.group(1))
    loaded: dict[str, Any] = load_file(path, map_location=map_location, weights_only=weights_only)
    return loaded


def _folder_of(repo_or_dir: str, source: str) -> str:
    """The local folder of sources."""
    if source.lower() not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source.lower() == "local":
        return str(repo_or_dir)
    repo, _, ref = repo_or_dir.partition(":")
    owner, _, name = repo.partition("/")
    stem = "_".join([owner, name, *([ref.replace("/", "_")] if ref else [])])
    folders = [os.path.join(get_dir(), s) for s in (stem, f"{stem}_main", f"{stem}_master")]
    for folder in folders:
        if os.path.isdir(folder):
            return folder
    raise RuntimeError(
        f"{repo_or_dir} is not in the cache, and wengert downloads nothing: put the repository at "
        f"{folders[-1] if not ref else folders[0]}, or load it with source='local'"
    )


def _entries(folder: str) -> ModuleType:
    """The module hubconf.py of a folder, run with the folder on the search path."""
    path = os.path.join(folder, "hubconf.py")
    sys.path.insert(0, folder)
    try:
        spec = importlib.util.spec_from_file_location("hubconf", path)
        if spec is None or spec.loader is None or not os.path.exists(path):
            raise FileNotFoundError(f"{path}: torch.hub reads the models of a folder there")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    for needed in getattr(module, "dependencies", ()):
        if importlib.util.find_spec(needed) is None:
            raise RuntimeError(f"Missing dependencies: {needed}")
    return module


def _entry(folder: str, model: str) -> Any:
    if not isinstance(model, str):
        raise ValueError("Invalid input: model should be a string of function name")
    f = getattr(_entries(folder), model, None)
    if f is None or not callable(f):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")
    return f


def load(
    repo_or_dir: str, model: str, *args: Any, source: str = "github", trust_repo: Any = "check",
    force_reload: bool = False, verbose: bool = True, skip_validation: bool = False, **kwargs: Any,
) -> Any:  # fmt: skip
    """What the function `model` of a hubconf.py returns for the further arguments.

    repo_or_dir: a folder (source="local"), or "owner/name[:ref]" of a repository in the cache. Its
    code is run. trust_repo: accepted. force_reload: accepted. verbose: accepted. skip_validation:
    accepted.

    Raises FileNotFoundError where there is no hubconf.py.
    """
    return _entry(_folder_of(repo_or_dir, source), model)(*args, **kwargs)


@clear_errors
def list(  # noqa: A001
    github: str, force_reload: bool = False, skip_validation: bool = False,
    trust_repo: Any = "check", verbose: bool = True, source: str = "github",
) -> Any:  # fmt: skip
    r"""The names of the models of a hubconf.py.

    github: "owner/name:branch", or a folder with source="local". force_reload: accepted.
    skip_validation: accepted. trust_repo: accepted. verbose: accepted. source: 'github' or 'local'.

    Raises FileNotFoundError where there is no hubconf.py; TypeError where source is of the wrong
    type; ValueError where source is unknown.

    >>> with open("hubconf.py", "w") as file:
    ...     print("def tiny(): return nn.Linear(2, 1)", file=file)
    >>> torch.hub.list(".", source="local")
    ['tiny']
    """
    module = _entries(_folder_of(github, source))
    return [n for n in dir(module) if callable(getattr(module, n)) and not n.startswith("_")]


def help(  # noqa: A001
    github: str, model: str, force_reload: bool = False, skip_validation: bool = False,
    trust_repo: Any = "check", source: str = "github",
) -> Any:  # fmt: skip
    """The docstring of a model of a hubconf.py.

    github: "owner/name:branch", or a folder with source="local". force_reload: accepted.
    skip_validation: accepted. trust_repo: accepted. source: 'github' or 'local'.

    Raises FileNotFoundError where there is no hubconf.py.
    """
    return _entry(_folder_of(github, source), model).__doc__
