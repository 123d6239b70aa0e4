"""What is public says its public name: no helper shows through in `help` or errors."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import pytest

import wengert

# what only wengert's own modules import
INSIDE = {
    "api", "arrays", "autodiff", "base", "compiler", "declare", "engine", "kernels",
    "native_calls", "ops", "transforms", "viz",
    "as_torch",  # importing it makes this process's torch ours
}  # fmt: skip
# second names that are PyTorch's own too, or of classes that scripts may ask for either way
MEANT = {
    "distributed.member": "GroupMember", "distributed.distributed_c10d.member": "GroupMember",
    "distributed.process_group.member": "GroupMember", "types.Storage": "TypedStorage",
    "utils.data.datapipes.iter.Shuffler": "ShufflerIterDataPipe",
    "linalg.LinAlgError": "_LinAlgError", "JITException": "Error",
}  # fmt: skip
AS_PYTORCH = ("distributions.constraints.",)  # classes behind an underscore, as there


def modules():
    yield "", wengert
    for m in pkgutil.walk_packages(wengert.__path__, "wengert.", onerror=lambda name: None):
        parts = m.name.split(".")[1:]
        if parts[0] in INSIDE or any(part.startswith("_") for part in parts):
            continue
        try:
            yield ".".join(parts) + ".", import_module(m.name)
        except ImportError:  # a package that is not installed here
            continue


def public():
    for path, module in modules():
        names = getattr(module, "__all__", None) or vars(module)
        for name in [name for name in names if not name.startswith("_")]:
            f = getattr(module, name, None)  # what PyTorch has and wengert lacks says so
            of = getattr(f, "__module__", None) or ""
            if callable(f) and hasattr(f, "__name__") and of.startswith(("wengert", "torch")):
                yield path + name, f


def test_what_is_public_says_its_own_name():
    wrong, count = [], 0
    for path, f in public():
        name = path.rpartition(".")[2]
        count += 1
        if f.__name__ != MEANT.get(path, name) and not path.startswith(AS_PYTORCH):
            wrong.append(f"{path} says {f.__name__}")
        elif not inspect.isclass(f) and "<locals>" in getattr(f, "__qualname__", ""):
            wrong.append(f"{path} says {f.__qualname__}")
    assert count > 3000
    assert wrong == []


def test_second_names_of_methods_say_themselves():
    from wengert.distributed.fsdp import FSDPModule, FullyShardedDataParallel
    from wengert.distributions.transforms import SoftmaxTransform
    from wengert.text.vocab import Vocab

    for cls, name in (
        (wengert.UntypedStorage, "size"),
        (Vocab, "lookup_indices"),
        (SoftmaxTransform, "inverse_shape"),
        (FSDPModule, "set_modules_to_backward_prefetch"),
        (FullyShardedDataParallel, "full_optim_state_dict"),
    ):
        assert getattr(cls, name).__name__ == name
        assert getattr(cls, name).__qualname__ == f"{cls.__name__}.{name}"


def test_what_makes_an_object_says_its_class():
    """Python tells wrong arguments of `_Conv.__init__()`, if that is where a class has it from."""
    wrong = []
    for path, c in public():
        if not inspect.isclass(c) or path.startswith(AS_PYTORCH):
            continue
        for name in ("__init__", "__new__"):
            owner, _, _ = getattr(getattr(c, name), "__qualname__", "").rpartition(".")
            if owner.startswith("_") or "<locals>" in owner:
                wrong.append(f"{path}: {owner}.{name}")
    assert wrong == []


def test_wrong_arguments_of_a_layer_are_told_of_that_layer():
    x = wengert.ones(1, 3, 4, 4)
    for layer in (wengert.nn.Conv2d(3, 2, 1), wengert.nn.BatchNorm2d(3), wengert.nn.MaxPool2d(2)):
        name = type(layer).__name__
        with pytest.raises(TypeError, match=rf": {name}\.forward\(\) takes 2"):
            layer(x, x)
        with pytest.raises(TypeError, match=rf"^{name}\.__init__\(\) missing \d"):
            type(layer)()


def test_classes_of_users_keep_what_they_inherit():
    class _Base(wengert.nn.Module):
        def __init__(self, size):
            super().__init__()

    class Net(_Base):
        pass

    assert Net.__init__ is _Base.__init__
    assert "__init__" not in vars(type("Mine", (wengert.nn.Conv2d,), {}))


def test_operators_of_tensors_say_their_own_names():
    t, said = wengert.ones(2, 2).cfloat(), {}  # for some properties of complex numbers alone
    for name in dir(wengert.Tensor):
        f = getattr(t, name, None)
        if name.startswith("__") and callable(f):
            said[name] = getattr(f, "__qualname__", "")
            try:
                f(no_such_argument=1)
            except Exception as e:
                said[name] += str(e)
    assert len(said) > 80
    assert [name for name, text in said.items() if "<lambda>" in text or "<locals>" in text] == []
