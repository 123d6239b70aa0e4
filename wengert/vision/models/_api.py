"""Models by name, and their published weights: the enums, and where their files are looked for.

A model's function is made here from one that builds it without weights (`model`). The list of
weights is `published.txt`; the architectures are in the files named after them.
"""

from __future__ import annotations

import fnmatch
import functools
import hashlib
import inspect
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from ...base.advice import advise
from ...engine.error_context import clear_errors
from ...io.hub import load_state_dict_from_url
from ...io.reading import load
from ..transforms import _presets
from ..transforms.interpolation import InterpolationMode

__all__ = [
    "Weights", "WeightsEnum", "get_model", "get_model_builder", "get_model_weights", "get_weight",
    "list_models", "register_model",
]  # fmt: skip

HERE = Path(__file__).parent
SITE = "https://download.pytorch.org/models/"


@dataclass(eq=False)
class Weights:
    """A file of weights, the transforms that go with it, and what is known about it.

    url: where it is published. transforms: makes them. meta: categories, accuracies and such.

    >>> weights = torchvision.models.Weights("file.pth", transforms=nn.Identity, meta={"n": 1})
    >>> weights.meta
    {'n': 1}
    """

    url: str
    transforms: Callable[..., Any]
    meta: dict[str, Any]


class WeightsEnum(Enum):
    """The published weights of a model; `DEFAULT` are the best of them."""

    @classmethod
    def verify(cls, obj: Any) -> Any:
        """obj as a member: a member itself, its name, or None."""
        if isinstance(obj, str):
            name = obj.removeprefix(f"{cls.__name__}.")
            if name not in cls.__members__:
                known = ", ".join(cls.__members__)
                raise KeyError(f"{cls.__name__} has no member {name!r}; there are {known}")
            return cls[name]
        if obj is not None and not isinstance(obj, cls):
            raise TypeError(
                f"Invalid Weight class provided; expected {cls.__name__} but received "
                f"{type(obj).__name__}."
            )
        return obj

    def get_state_dict(self, progress: bool = True, check_hash: bool = False) -> dict[str, Any]:
        """The weights' state dict from the cache, see `cached_file`.

        check_hash: also compare the file's SHA-256 with the part of it that is in its name.
        """
        path = cached_file(self.url, str(self))
        if check_hash:
            check_name(path)
        return load(path, map_location="cpu", weights_only=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self._name_}"

    @property
    def url(self) -> str:
        """Where the file is published."""
        return self.value.url

    @property
    def transforms(self) -> Callable[..., Any]:
        """Makes the transforms that the weights were trained with."""
        return self.value.transforms

    @property
    def meta(self) -> dict[str, Any]:
        """`num_params`, `categories`, accuracies and such."""
        return self.value.meta


def cached_file(url: str, what: str) -> Path:
    """The file of that URL in the cache: the folder `hub/checkpoints` of `TORCH_HOME`.

    Raises FileNotFoundError, which says where to put it, if it is not there.
    """
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = Path(os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))).expanduser()
    path = home / "hub" / "checkpoints" / url.rpartition("/")[2]
    if not path.is_file():
        raise FileNotFoundError(
            f"{what} needs the file {path.name}, and nothing is downloaded here: fetch it from "
            f"{url} and put it into {path.parent}, or set TORCH_HOME; weights=None starts from "
            "random weights"
        )
    return path


def check_name(path: Path) -> None:
    """Compare a file with the digits of its SHA-256 that stand in its name before the suffix."""
    expected = re.search(r"-([0-9a-f]{8,})\.[^.]+$", path.name)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if expected and not found.startswith(expected[1]):
        raise RuntimeError(
            f"{path} is damaged or incomplete: its SHA-256 starts with {found[:8]}, and "
            f"{expected[1]} was expected; fetch it again"
        )


# The weights of published.txt


@functools.cache
def names_of_categories(file: str) -> list[str]:
    return (HERE / f"{file}.txt").read_text(encoding="utf-8").splitlines()


@functools.cache
def lines_of_published() -> dict[str, list[str]]:
    """The lines of each enum."""
    text = (HERE / "published.txt").read_text(encoding="utf-8")
    blocks = [block.splitlines() for block in text.split("\n\n")]
    return {name: lines for name, *lines in blocks}


CATEGORIES = {"imagenet": "imagenet", "2": "person", "21": "voc", "91": "coco"}


def read_value(text: str) -> Any:
    if re.fullmatch(r"[a-z-]+", text):
        return InterpolationMode(text)
    numbers = [float(x) if "." in x or "e" in x else int(x) for x in text.split(",")]
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def read_weights(line: str) -> Weights:
    """The weights that a line of published.txt tells of."""
    file, *fields = line.split()[1:]
    known = dict(field.split("=", 1) for field in fields)
    meta: dict[str, Any] = {
        "num_params": int(known.pop("params")),
        "categories": names_of_categories(CATEGORIES[known.pop("categories", "imagenet")]),
    }
    if meta["categories"] == names_of_categories("person"):
        meta["keypoint_names"] = names_of_categories("keypoints")
    least = int(known.pop("least", 1))
    preset = known.pop("preset", "ImageClassification")
    metrics: dict[str, dict[str, float]] = {}
    for field in [f for f in known if "@" in f or ":" in f]:
        data, _, metric = field.rpartition(":")
        data = data.replace("_", " ") or "ImageNet-1K"
        metrics.setdefault(data, {})[metric] = float(known.pop(field))
    meta |= {"min_size": (least, least), "_metrics": metrics}
    arguments = {name: read_value(text) for name, text in known.items()}
    if preset == "ImageClassification":
        arguments = {"crop_size": 224, **arguments}
    transforms = partial(getattr(_presets, preset), **arguments)
    return Weights(SITE + file, transforms, meta)


def published(name: str) -> Any:
    """The enum of that name, with its members as published.txt lists them."""
    members: dict[str, Any] = {}
    for line in lines_of_published()[name]:
        member = line.split()[0]
        members[member.lstrip("*")] = read_weights(line)
        if member.startswith("*"):
            default = members[member.lstrip("*")]
    caller = inspect.currentframe().f_back.f_globals["__name__"]  # type: ignore[union-attr]
    make: Any = WeightsEnum
    enum = make(name, {**members, "DEFAULT": default}, module=caller)
    best = next(member for member in enum if member.value is default)
    enum.__doc__ = (
        f"The published weights, {', '.join(enum.__members__)}: see `WeightsEnum`.\n\n"
        f">>> {name}.DEFAULT\n{best!r}\n"
        f">>> {name}.DEFAULT.meta['num_params']\n{default.meta['num_params']}\n"
    )
    return enum


# Models by name

MODELS: dict[str, Callable[..., Any]] = {}
WEIGHTS: dict[str, type[WeightsEnum]] = {}  # by the model's name


def agreed(kwargs: dict[str, Any], name: str, value: Any) -> None:
    """Set kwargs[name], which must not have been given with another value; None is not given."""
    if kwargs.get(name) is None:
        kwargs[name] = value
    if kwargs[name] != value:
        raise ValueError(
            f"The parameter '{name}' expected value {value} but got {kwargs[name]} instead."
        )


def from_pretrained(kwargs: dict[str, Any], old: str, new: str, usual: Any) -> None:
    """Read `pretrained=True`, as it was before weights had names."""
    if old in kwargs or isinstance(kwargs.get(new), bool):
        wanted = kwargs.pop(old) if old in kwargs else kwargs.pop(new)
        first = usual if wanted else None
        advise(
            f"The parameter '{old}' is deprecated, please use '{new}' instead: this call means "
            f"{new}={first}",
        )
        if wanted and first is None:
            raise ValueError("No weights available for this model")
        kwargs[new] = first


def model(
    weights: Any, backbone: Any = None, name: str | None = None, **fixed: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function that builds a model into one that also loads weights, and list it.

    weights, backbone: the enums of the model's weights and of its backbone's (or the member that
    is the default); a builder whose parameters include `weights` loads them itself.
    fixed: arguments that the builder must get where there are weights.
    """

    def decorate(build: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(build)
        own = signature.parameters
        key = name or build.__name__
        usual: Any = backbone
        if backbone is not None and not isinstance(backbone, WeightsEnum):
            usual = next(iter(backbone))

        @functools.wraps(build)
        def make(*args: Any, **kwargs: Any) -> Any:
            if len(args) > 2:
                raise TypeError(f"{build.__name__}() takes keyword arguments only")
            kwargs |= zip(("weights", "progress"), args)
            first = None if weights is None else next(iter(weights))
            from_pretrained(kwargs, "pretrained", "weights", first)
            wanted = kwargs.pop("weights", None)
            if weights is not None:
                wanted = weights.verify(wanted)
            elif wanted is not None:
                raise ValueError(f"No weights available for model {build.__name__}")
            progress = kwargs.pop("progress", True)
            if backbone is not None:
                from_pretrained(kwargs, "pretrained_backbone", "weights_backbone", usual)
                found = usual.verify(kwargs.pop("weights_backbone", usual))
                kwargs["weights_backbone"] = None if wanted is not None else found
            if wanted is not None:
                agreed(kwargs, "num_classes", len(wanted.meta["categories"]))
                for argument, value in fixed.items():
                    agreed(kwargs, argument, value)
            if "weights" in own:
                kwargs["weights"] = wanted
            net = build(**kwargs)
            if wanted is not None and "weights" not in own:
                net.load_state_dict(wanted.get_state_dict(progress=progress, check_hash=True))
            return net

        first = [
            inspect.Parameter("weights", inspect.Parameter.KEYWORD_ONLY, default=None),
            inspect.Parameter("progress", inspect.Parameter.KEYWORD_ONLY, default=True),
        ]
        rest = [
            p.replace(kind=p.KEYWORD_ONLY) if p.kind is p.POSITIONAL_OR_KEYWORD else p
            for p in own.values()
            if p.name != "weights"
        ]
        made = signature.return_annotation
        make.__signature__ = inspect.Signature([*first, *rest], return_annotation=made)  # type: ignore[attr-defined]
        make.__doc__ = documentation(build, backbone)
        MODELS[key] = make
        if weights is not None:
            WEIGHTS[key] = weights
        return make

    return decorate


def register_model(name: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """List a function that builds a model, so that `get_model` finds it. ValueError for a name that
    is listed already.

    name: None: that of the function. The weights are those that its parameter weights is
    annotated with.

    >>> from wengert.vision.models._api import register_model
    >>> @register_model()
    ... def tiny(**config):
    ...     return nn.Linear(1, 1)
    >>> get_model("tiny")
    Linear(in_features=1, out_features=1, bias=True)
    >>> del MODELS["tiny"]
    """

    def decorate(build: Callable[..., Any]) -> Callable[..., Any]:
        key = name or build.__name__
        if key in MODELS:
            raise ValueError(f"An entry is already registered under the name '{key}'.")
        MODELS[key] = build
        told = inspect.signature(build).parameters.get("weights")
        for kind in getattr(told.annotation, "__args__", ()) if told is not None else ():
            if isinstance(kind, type) and issubclass(kind, WeightsEnum):
                WEIGHTS[key] = kind
        return build

    return decorate


def documentation(build: Callable[..., Any], backbone: Any) -> str:
    """What help() says of a model's function: its own text, with an example if it has none."""
    text = inspect.getdoc(build) or ""
    text, mark, example = text.partition(">>> ")
    told = "Raises KeyError for weights of an unknown name, TypeError for those of another model."
    text = f"{text.rstrip()}\n\n{told}\n\n{mark}{example}".rstrip()
    if ">>> " in text:
        return text
    options = "weights_backbone=None" if backbone is not None else ""
    return (
        f"{text}\n\n"
        '>>> with torch.device("meta"):  # shapes, without numbers\n'
        f"...     net = {build.__name__}({options})\n"
        f">>> type(net).__name__\n'{inspect.signature(build).return_annotation}'\n"
    )


def old_names(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of a file of models, which until 0.13 held the addresses of its weights."""

    def __getattr__(name: str) -> Any:
        if name == "model_urls":
            return {key: next(iter(WEIGHTS[key])).url for key, build in MODELS.items()
                    if build.__module__ == module and key in WEIGHTS}  # fmt: skip
        if name == "load_state_dict_from_url":
            return load_state_dict_from_url
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return __getattr__


@clear_errors
def get_model_builder(name: str) -> Callable[..., Any]:
    """The function that makes the model of that name.

    Raises ValueError for a name that `list_models` does not have; TypeError where name is of the
    wrong type.

    >>> get_model_builder("resnet18").__name__
    'resnet18'
    """
    try:
        return MODELS[name.lower()]
    except KeyError:
        raise ValueError(f"Unknown model {name}") from None


def get_model(name: str, **config: Any) -> Any:
    """A model by name; config goes to its function.

    Raises ValueError for an unknown name; TypeError where name or num_classes is of the wrong type;
    RuntimeError where num_classes is negative or a tensor of several numbers.

    >>> get_model("squeezenet1_0", num_classes=3)(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 3])
    """
    return get_model_builder(name)(**config)


def get_model_weights(name: str | Callable[..., Any]) -> type[WeightsEnum]:
    """The enum of a model's published weights.

    name: the model's name, or its function.

    Raises ValueError for an unknown name.

    >>> get_model_weights("resnet18").DEFAULT
    ResNet18_Weights.IMAGENET1K_V1
    """
    builder = get_model_builder(name) if isinstance(name, str) else name
    for key, function in MODELS.items():
        if function is builder and key in WEIGHTS:
            return WEIGHTS[key]
    raise ValueError(f"The WeightsEnum class of {name} couldn't be retrieved.")


@clear_errors
def get_weight(name: str) -> WeightsEnum:
    """The weights of a name such as "ResNet50_Weights.IMAGENET1K_V2".

    Raises ValueError for an unknown name; TypeError where name is of the wrong type.

    >>> get_weight("ResNet50_Weights.IMAGENET1K_V2").meta["num_params"]
    25557032
    """
    enum_name, dot, member = name.partition(".")
    if not dot:
        raise ValueError(f"Invalid weight name provided: '{name}'.")
    for enum in WEIGHTS.values():
        if enum.__name__ == enum_name:
            return enum[member]
    raise ValueError(
        f"The weight enum '{enum_name}' for the specific method couldn't be retrieved."
    )


def list_models(
    module: ModuleType | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
) -> list[str]:
    """The names of the models, of one module or of all, that match patterns such as "resnet*".

    exclude: patterns of names to leave out.

    Raises TypeError where include is of the wrong type.

    >>> list_models(include="alex*")
    ['alexnet']
    """
    names = {
        key
        for key, function in MODELS.items()
        if module is None or function.__module__.rpartition(".")[0] == module.__name__
    }
    patterns = lambda given: [given] if isinstance(given, str) else list(given or ())
    if include:
        names = {n for pattern in patterns(include) for n in fnmatch.filter(names, pattern)}
    for pattern in patterns(exclude):
        names -= set(fnmatch.filter(names, pattern))
    return sorted(names)
