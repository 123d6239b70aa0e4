"""The pages of the reference, made from declarations, docstrings and rules while the site is built.

A hook of MkDocs (see mkdocs.yml): nothing is written into docs/.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

FIELDS = {  # folders of ops, with the titles of their pages
    "creation": "Creating tensors",
    "math": "Mathematics, element by element",
    "reduce": "Reductions, sorting, statistics",
    "shape": "Shapes, joining, splitting",
    "index": "Indexing and gathering",
    "linalg": "Products of matrices",
    "random": "Random numbers",
    "signal": "Signals",
    "sparse": "Sparse tensors",
    "nn": "Layers as functions of torch",
    "loss": "Losses as functions of torch",
    "": "Settings and questions",
}
SPACES = {"nn.functional": "nn.functional", "linalg": "linalg", "fft": "fft", "special": "special"}
CLASSES = {  # modules whose classes and functions have docstrings of their own
    "nn": ("nn", "Modules"),
    "optim": ("optim", "Optimizers"),
    "optim.lr_scheduler": ("lr_scheduler", "Learning-rate schedules"),
    "utils.data": ("data", "Data sets and loaders"),
    "autograd": ("autograd", "Differentiation"),
    "func": ("func", "Function transforms"),
    "distributions": ("distributions", "Probability distributions"),
    "amp": ("amp", "Mixed precision"),
    "nn.init": ("init", "Starting values"),
    "nn.utils": ("nn-utils", "Helpers of networks"),
    "nn.utils.rnn": ("nn-utils-rnn", "Sequences of unequal lengths"),
    "nn.utils.prune": ("nn-utils-prune", "Pruning"),
    "utils.checkpoint": ("checkpoint", "Computing again instead of keeping"),
    "utils.tensorboard": ("tensorboard", "Event files"),
    "profiler": ("profiler", "Where the time goes"),
    "compiler": ("compiler", "Compiled functions"),
    "fx": ("fx", "Graphs of Python calls"),
    "jit": ("jit", "Scripted and traced modules"),
    "export": ("export", "Programs of modules"),
    "library": ("library", "Operators of your own"),
    "cuda": ("cuda", "GPUs"),
    "distributed": ("distributed", "Several processes"),
    "vision.transforms": ("vision-transforms", "Transforms of images"),
    "vision.transforms.v2": ("vision-transforms-v2", "Transforms of images, boxes and masks"),
    "vision.models": ("vision-models", "Models of images"),
    "vision.datasets": ("vision-datasets", "Data sets of images"),
    "vision.ops": ("vision-ops", "Boxes, regions, layers"),
    "text.data": ("text-data", "Texts in batches"),
    "text.vocab": ("text-vocab", "Words and vectors"),
    "audio.functional": ("audio-functional", "Sounds"),
    "audio.transforms": ("audio-transforms", "Transforms of sounds"),
    "train": ("train", "Training loops"),
    "viz": ("viz", "Pictures"),
}
OTHERS = {"vision": "torchvision", "text": "torchtext", "audio": "torchaudio"}  # what scripts say
OURS = {"train", "viz"}


def escaped(text: str) -> str:
    """Text of a docstring for Markdown; what stands in backticks stays as it is."""
    parts = re.split(r"(`[^`\n]*`)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([*_<>\[\]|#])", r"\\\1", part) for part in parts
    )


def sentences(block: str) -> list[str]:
    """The lines of a paragraph, or what it says of one argument after the other."""
    lines = block.split("\n")
    if all(re.match(r"\*{0,2}\w+: ", line) for line in lines) and len(lines) > 1:
        return lines
    return re.split(r"(?<=\.)\s+(?=\*{0,2}\w+: )", re.sub(r"\s*\n\s*", " ", block))


def described(doc: str, own: str = "") -> Iterator[str]:
    """The Markdown of a docstring: paragraphs, a list of arguments, examples."""
    for block in re.split(r"\n\s*\n", doc.strip()):
        told = sentences(block)
        if block.lstrip().startswith(">>>"):
            yield f"```pycon\n{block}\n```"
        elif all(re.match(r"\*{0,2}\w+: ", row) for row in told):
            rows = [row.partition(": ") for row in told]
            yield "\n".join(f"- `{name}`: {escaped(text)}" for name, _, text in rows)
        else:
            yield escaped(block)
    if own:
        yield own


def formulas(f: Any) -> str:
    """The gradients of the op behind a function, and where it is written."""
    from wengert.engine.op import Op
    from wengert.engine.plan import public_name
    from wengert.observe.explain_ops import file_of, gradients

    body = f.declared.body
    op = body if isinstance(body, Op) else None
    lines: list[str] = []
    if op is not None:
        names = {i: public_name(op, i) for i in op.arrays}
        for _, text in gradients(op, names):
            if text.startswith("of ") and "by the rule below" not in text:
                lines.append(f"- gradient {escaped(text)}")
    source = op.fwd if op is not None else inspect.unwrap(body)
    with contextlib.suppress(TypeError):
        lines.append(f"\nDefined in `{file_of(source)}`.")
    return "\n".join(lines).strip()


def function_entry(path: str, f: Any) -> str:
    if f.declared.name != path.rpartition(".")[2]:
        return f"## {path}\n\nAnother name of `{f.declared.name}`."
    heads, _, rest = (f.__doc__ or "").partition("\n\n")
    heads = "\n".join(wrapped(head) for head in heads.split("\n"))
    parts = [f"## {path}", f"```text\n{heads}\n```", *described(rest, formulas(f))]
    return "\n\n".join(part for part in parts if part)


def wrapped(head: str) -> str:
    """A signature, over several lines where it is long."""
    return textwrap.fill(head, 88, subsequent_indent="    ", break_long_words=False)


def field_of(d: Any) -> str:
    """The folder of ops in which a function is defined."""
    from wengert.engine.op import Op

    body = d.body.fwd if isinstance(d.body, Op) else inspect.unwrap(d.body)
    module = getattr(body, "__module__", "")
    found = re.match(r"wengert\.ops\.(\w+)\.", module)
    return found[1] if found and found[1] in FIELDS else ""


def class_entry(name: str, thing: Any) -> str:
    doc = inspect.getdoc(thing) or ""
    try:
        signature = str(inspect.signature(thing)).replace("'", "")
    except (ValueError, TypeError):
        signature = "(...)"
    signature = re.sub(r" -> None$", "", signature)
    head = wrapped(name.rpartition(".")[2] + signature)
    parts = [f"## {name}", f"```text\n{head}\n```", *described(doc)]
    return "\n\n".join(part for part in parts if part)


def pages() -> dict[str, tuple[str, str]]:
    """file name -> (title, Markdown)."""
    import importlib

    import wengert as torch
    from wengert.declare.registry import FUNCTIONS, METHODS, Declared

    found: dict[str, tuple[str, str]] = {}
    by_field: dict[str, list[str]] = {field: [] for field in FIELDS}
    for name, d in sorted(FUNCTIONS[""].items()):
        f = getattr(torch, name, None)
        written_over = name.endswith("_") and name[:-1] in FUNCTIONS[""]
        if isinstance(d, Declared) and hasattr(f, "declared") and name[0] != "_":
            if written_over:
                continue
            by_field[field_of(d)].append(function_entry(f"torch.{name}", f))
    for field, title in FIELDS.items():
        found[f"torch-{field or 'settings'}"] = (f"torch: {title}", "\n\n".join(by_field[field]))
    methods = []
    same = []
    for name, d in sorted(METHODS.items()):
        if not isinstance(d, Declared) or name[0] == "_":
            continue
        f = getattr(torch.Tensor, name)
        if FUNCTIONS[""].get(name) is d:
            same.append(f"`{name}`")
        elif not name.endswith("_") or name[:-1] not in METHODS:
            methods.append(function_entry(f"Tensor.{name}", f))
        else:
            same.append(f"`{name}`")
    intro = (
        "These are described with the functions of torch of the same name (those that end in an"
        " underscore write the result over the tensor): " + ", ".join(same) + "."
    )
    found["tensor"] = ("Tensor", "\n\n".join([intro, *methods]))
    for space, file in SPACES.items():
        module = importlib.import_module(f"wengert.{space}")
        entries = [
            function_entry(f"torch.{space}.{name}", getattr(module, name))
            for name, d in sorted(FUNCTIONS[space].items())
            if name[0] != "_" and hasattr(getattr(module, name, None), "declared")
        ]
        found[file] = (f"torch.{space}", "\n\n".join(entries))
    for space, (file, title) in CLASSES.items():
        module = importlib.import_module(f"wengert.{space}")
        first, _, rest = space.partition(".")
        path = f"{OTHERS[first]}.{rest}" if first in OTHERS else f"torch.{space}"
        path = f"wengert.{space}" if space in OURS else path
        entries = [class_entry(f"{path}.{n}", t) for n, t in public_of(module)]
        found[file] = (f"{path}: {title}", "\n\n".join(entries))
    return {name: (title, f"# {title}\n\n{text}\n") for name, (title, text) in found.items()}


def public_of(module: ModuleType) -> list[tuple[str, Any]]:
    """The classes and functions that a module offers, by name."""
    names = getattr(module, "__all__", None) or [n for n in dir(module) if n[0] != "_"]
    found = []
    for name in sorted(names):
        thing = getattr(module, name, None)
        ours = getattr(thing, "__module__", "") or ""
        if callable(thing) and ours.startswith(("wengert", "torch")):
            found.append((name, thing))
    return found


_pages: dict[str, tuple[str, str]] = {}


def on_config(config: Any) -> Any:
    """Puts the pages into the navigation."""
    _pages.update(pages())
    listed = [{title: f"reference/{name}.md"} for name, (title, _) in _pages.items()]
    for entry in config["nav"]:
        if "Reference" in entry:
            entry["Reference"] = [{"What holds for all": "reference/index.md"}, *listed]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages to the site."""
    from mkdocs.structure.files import File

    for name, (_, text) in _pages.items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files
