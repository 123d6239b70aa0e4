"""The examples in the docstrings run and print what they say."""

import contextlib
import doctest
import importlib
import pkgutil
import sys

import numpy
import pytest

import wengert
from wengert import audio, text, vision
from wengert import distributed as dist
from wengert.io import options
from wengert.vision import transforms, tv_tensors
from wengert.vision.transforms import v2

MODULES = [m.name for m in pkgutil.walk_packages(wengert.__path__, "wengert.")]
MODULES.remove("wengert.as_torch")  # importing it makes this process's torch ours
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
USUAL = {"torch": wengert, "nn": wengert.nn, "F": wengert.nn.functional}
USUAL |= {"wengert": wengert, "viz": wengert.viz, "np": numpy, "dist": dist}
USUAL |= {"torchvision": vision, "torchtext": text, "torchaudio": audio}
USUAL |= {"transforms": transforms, "v2": v2, "tv_tensors": tv_tensors}


@pytest.fixture(autouse=True)
def surroundings(keep_rng, tmp_path, monkeypatch):
    """Examples may draw random numbers, write files and register packages of torch.save."""
    monkeypatch.chdir(tmp_path)
    before = options.PACKAGES[:]
    yield
    options.PACKAGES[:] = before


def failures(thing, name, names, module=None):
    """How many examples of a module, class or function fail; each prints what it gave."""
    wengert.manual_seed(0)
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    for test in finder.find(thing, name, module=module, globs={**names, **USUAL}):
        with group_of_one(test):
            runner.run(test)
    return runner.failures


@contextlib.contextmanager
def group_of_one(test):
    """The process group in which examples of torch.distributed stand, unless they start one."""
    text = "".join(example.source for example in test.examples)
    here = test.globs.get("__name__", "").startswith("wengert.distributed") and text
    if here and "init_process_group" not in text and "init_rpc" not in text:
        dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    try:
        yield
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_modules(name):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if "pip install 'wengert[" not in str(error):
            raise
        pytest.skip(str(error))
    assert failures(module, name, vars(module)) == 0


def found_in_its_module(thing):
    home = sys.modules.get(getattr(thing, "__module__", None))
    return getattr(home, getattr(thing, "__name__", ""), None) is thing


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("space", ["", "nn.functional", "linalg", "fft", "special", "Tensor"])
def test_functions_built_from_ops(space):
    home = wengert
    for part in filter(None, space.split(".")):
        home = getattr(home, part)
    failed = []
    for name in dir(home):
        thing = getattr(home, name, None)
        text = getattr(thing, "__doc__", None) or ""
        if isinstance(thing, type) or not callable(thing) or found_in_its_module(thing):
            continue
        if ">>>" in text:
            names = getattr(thing, "__globals__", {})
            failed += [name] * failures(thing, name, names, module=False)
    assert failed == []
