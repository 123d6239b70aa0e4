"""Makes `import torch` mean wengert in this process: an import finder placed before all others.

`torch.nn` becomes the very module `wengert.nn`, so a class or a patched attribute is the same under
both names. Nothing is written to disk. Running scripts is not here: see `run.py`.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

from ..base import absent

__all__ = ["home_of", "install", "missing_part"]

HOMES = {
    "torch": "wengert", "torchvision": "wengert.vision", "torchtext": "wengert.text",
    "torchaudio": "wengert.audio", "functorch": "wengert.functorch",
}  # fmt: skip

OWN = HOMES["torch"]

# Files of PyTorch and torchvision whose public names are all in one module here: by that module.
JOINED = {
    f"{root}.{path}": f"{HOMES[root]}.{home}"
    for root, homes in {
        "torch": {
            "ao.pruning": (
                "ao.pruning.scheduler ao.pruning.scheduler.base_scheduler "
                "ao.pruning.scheduler.cubic_scheduler ao.pruning.scheduler.lambda_scheduler "
                "ao.pruning.sparsifier ao.pruning.sparsifier.base_sparsifier "
                "ao.pruning.sparsifier.nearly_diagonal_sparsifier "
                "ao.pruning.sparsifier.weight_norm_sparsifier"
            ),
            "distributed.algorithms.model_averaging.parameters": (
                "distributed.algorithms.model_averaging.utils"
            ),
            "distributed.checkpoint": (
                "distributed.checkpoint.api distributed.checkpoint.state_dict_loader "
                "distributed.checkpoint.state_dict_saver distributed.checkpoint.filesystem"
            ),
            "distributed.optim": "distributed.optim.optimizer",
            "distributed.rpc": "distributed.rpc.api",
            "distributed.tensor": "distributed.tensor.device_mesh",
            "distributed.tensor.parallel": "distributed.tensor.parallel.api",
            "export": "export.exported_program",
            "masked": ("masked.maskedtensor masked.maskedtensor.core masked.maskedtensor.creation"),
            "utils.benchmark": (
                "utils.benchmark.utils utils.benchmark.utils.common "
                "utils.benchmark.utils.compare utils.benchmark.utils.fuzzer "
                "utils.benchmark.utils.sparse_fuzzer utils.benchmark.utils.timer"
            ),
        },
        "torchvision": {
            "datasets": (
                "datasets.caltech datasets.dtd datasets.eurosat datasets.fgvc_aircraft "
                "datasets.flowers102 datasets.food101 datasets.gtsrb datasets.imagenet "
                "datasets.imagenette datasets.omniglot datasets.oxford_iiit_pet "
                "datasets.semeion datasets.stanford_cars"
            ),
            "models": "models.mobilenet",
            "models._utils": "models.utils",
            "transforms._functional_pil": "transforms.functional_pil",
            "transforms._functional_tensor": "transforms.functional_tensor",
            "ops": (
                "ops.ciou_loss ops.diou_loss ops.focal_loss ops.giou_loss ops.ps_roi_align "
                "ops.ps_roi_pool"
            ),
        },
    }.items()
    for home, paths in homes.items()
    for path in paths.split()
}

# wengert's own layers. No path of torch leads to them, and importing `torch.tensor` as a module
# would put the package in the place of the function.
INNER = {
    "api", "arrays", "base", "cli", "engine", "kernels", "observe", "ops", "train", "transforms",
    "viz",
}  # fmt: skip


def home_of(name: str) -> str | None:
    """The module of wengert that `import name` is to give, or None where name is not torch's.

    >>> home_of("torch.nn.functional")
    'wengert.nn.functional'
    """
    root, dot, rest = name.partition(".")
    home = HOMES.get(root)
    return JOINED.get(name) or home and home + dot + rest


def find(name: str) -> ModuleType | importlib.machinery.ModuleSpec | None:
    """The module if it is loaded, else where it would be loaded from, or None."""
    if name in sys.modules:
        return sys.modules[name]
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:  # a parent is missing, or is no package
        return None


def is_package(found: ModuleType | importlib.machinery.ModuleSpec) -> bool:
    """Whether sub-modules can be imported from what `find` has found."""
    if isinstance(found, ModuleType):
        return hasattr(found, "__path__")
    return found.submodule_search_locations is not None


class Loader(importlib.abc.Loader):
    """Loads a module under an alias: hands out the one that wengert has."""

    def __init__(self, alias: str, home: str) -> None:
        self.alias, self.home = alias, home

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.home)
        self.own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just put the alias's spec on the shared module, whose relative
        # imports go by its own.
        module.__spec__ = self.own_spec
        # Parts that are loaded are known under the alias at once: an import of one would put it in
        # the place of what the package calls by that name (torch.autograd.gradcheck).
        for name, part in list(sys.modules.items()):
            if name.startswith(f"{self.home}.") and self.home not in HOMES.values():
                sys.modules.setdefault(self.alias + name[len(self.home) :], part)


class Distribution(importlib.metadata.Distribution):
    """What `importlib.metadata.version("torch")` reads: libraries ask it before they import."""

    def read_text(self, filename: str) -> str | None:
        if filename != "METADATA":
            return None
        release = str(importlib.import_module("wengert").__version__)
        return f"Metadata-Version: 2.1\nName: torch\nVersion: {release}\n"

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        raise FileNotFoundError(f"torch is an alias of wengert here and has no file {path}")


def explain(name: str) -> None:
    """Raise the error of an import that has an explanation; not for who only asks what there is."""
    asked = importlib.util.find_spec.__code__
    frame = sys._getframe(2)
    for _ in range(3):
        if frame.f_code is asked or frame.f_back is None:
            return
        frame = frame.f_back
    if absent.advice(name) is not None or name in absent.catalogue():
        raise absent.unsupported(name)


class Finder(importlib.metadata.DistributionFinder):
    """Finds torch and its sub-modules in wengert."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        home = home_of(fullname)
        if home is None:
            return None
        if fullname.startswith("torch.") and fullname.split(".")[1] in INNER:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        found = find(home)
        if found is None:
            explain(fullname)
            return None
        loader = Loader(fullname, home)
        return importlib.util.spec_from_loader(fullname, loader, is_package=is_package(found))

    def find_distributions(
        self, context: importlib.metadata.DistributionFinder.Context | None = None
    ) -> Iterable[importlib.metadata.Distribution]:
        name = None if context is None else context.name
        return iter([Distribution()] if name in (None, "torch") else [])


class Install:
    """Installs the aliases in the process that unpickles it."""

    def __reduce__(self) -> tuple[object, tuple[()]]:
        return install, ()


def install() -> None:
    """Make `import torch` give wengert, in this process and in those multiprocessing starts.

    Neighbours of torch that are installed are not looked at: they are built against PyTorch's C++
    library. Calling it again changes nothing.
    """
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    for name in [name for name in sys.modules if is_torchs(name)]:
        del sys.modules[name]
    sys.meta_path.insert(0, Finder())
    # libraries that patch torch look whether it is what it is called
    sys.modules[OWN].__name__ = "torch"
    include_children()


def is_torchs(name: str) -> bool:
    """Whether the module is torch, a part of it or one of its neighbours."""
    return name.partition(".")[0] in HOMES


def include_children() -> None:
    """Have processes that do not start as copies of this one install the aliases first.

    What is sent to them ahead of the script is pickled, and `Install` acts when it is unpickled.
    """
    from multiprocessing import set_forkserver_preload, spawn

    prepare = spawn.get_preparation_data
    spawn.get_preparation_data = lambda name: {**prepare(name), "aliases": Install()}
    set_forkserver_preload([])  # the server would import the script before it has the aliases


def missing_part(error: BaseException) -> str | None:
    """What to add to an ImportError about a part of torch that wengert does not have, or None."""
    name = getattr(error, "name", None)
    if not isinstance(error, ModuleNotFoundError) or not name or not is_torchs(name):
        return None
    if str(error) != f"No module named {name!r}":  # it is explained already
        return None
    return f"note: this script runs on wengert, which has no {name}"
