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
    "sparse": ("sparse", "Sparse matrices"),
    "masked": ("masked", "Reductions over a part"),
    "signal.windows": ("windows", "Windows"),
    "nested": ("nested", "Tensors of unequal lengths"),
    "random": ("random", "States of random numbers"),
    "quasirandom": ("quasirandom", "Sobol sequences"),
    "nn.attention": ("attention", "Attention"),
    "nn.attention.bias": ("attention-bias", "Causal biases"),
    "nn.attention.flex_attention": ("flex-attention", "Attention with scores of one's own"),
    "nn.grad": ("nn-grad", "Gradients of convolutions"),
    "nn.parallel": ("nn-parallel", "Several devices"),
    "nn.parameter": ("nn-parameter", "Parameters"),
    "nn.utils.parametrizations": ("parametrizations", "Constrained weights"),
    "nn.utils.parametrize": ("parametrize", "Parameters as functions of others"),
    "nn.utils.stateless": ("stateless", "Modules as functions"),
    "optim.swa_utils": ("swa", "Averages of weights"),
    "autograd.forward_ad": ("forward-ad", "Forward mode"),
    "autograd.function": ("autograd-function", "Operators of your own"),
    "autograd.functional": ("autograd-functional", "Derivatives of functions"),
    "autograd.graph": ("autograd-graph", "The recorded graph"),
    "autograd.profiler": ("autograd-profiler", "The profiler's lists"),
    "autograd.profiler_util": ("profiler-util", "The profiler's events"),
    "utils": ("utils", "Helpers"),
    "utils.benchmark": ("benchmark", "Measuring"),
    "utils.flop_counter": ("flop-counter", "Counting operations"),
    "utils.hooks": ("hooks", "Handles of hooks"),
    "utils.cpp_extension": ("cpp-extension", "Extensions in C++"),
    "utils.tensorboard.summary": ("tensorboard-summary", "Events"),
    "fx.experimental.optimization": ("fx-optimization", "Folding graphs"),
    "fx.experimental.symbolic_shapes": ("symbolic-shapes", "Symbolic shapes"),
    "fx.passes.shape_prop": ("shape-prop", "Shapes of a graph"),
    "fx.proxy": ("fx-proxy", "Proxies"),
    "fx.subgraph_rewriter": ("subgraph-rewriter", "Replacing parts of a graph"),
    "distributions.constraints": ("constraints", "Constraints"),
    "distributions.utils": ("distributions-utils", "Helpers of distributions"),
    "hub": ("hub", "Models from repositories"),
    "serialization": ("serialization", "What files may hold"),
    "overrides": ("overrides", "Taking part in functions"),
    "futures": ("futures", "Futures"),
    "testing": ("testing", "Comparing tensors"),
    "onnx": ("onnx", "ONNX"),
    "onnx.operators": ("onnx-operators", "Operators for ONNX"),
    "onnx.symbolic_helper": ("onnx-symbolic", "ONNX forms of your own"),
    "multiprocessing": ("multiprocessing", "Processes"),
    "accelerator": ("accelerator", "The device at hand"),
    "cpu": ("cpu", "The CPU as a device"),
    "mps": ("mps", "Apple's GPUs"),
    "cuda.amp": ("cuda-amp", "Mixed precision, older names"),
    "cuda.comm": ("cuda-comm", "Copies between GPUs"),
    "cuda.memory": ("cuda-memory", "Memory of GPUs"),
    "cuda.nvtx": ("nvtx", "Ranges for NVIDIA's profilers"),
    "distributed.algorithms": ("join", "Unequal numbers of batches"),
    "distributed.algorithms.ddp_comm_hooks.default_hooks": ("ddp-hooks", "Communication hooks"),
    "distributed.autograd": ("distributed-autograd", "Gradients through remote calls"),
    "distributed.checkpoint": ("distributed-checkpoint", "Checkpoints of several processes"),
    "distributed.checkpoint.staging": ("staging", "Copies of states"),
    "distributed.checkpoint.state_dict": ("checkpoint-state", "States by name"),
    "distributed.device_mesh": ("device-mesh", "Grids of ranks"),
    "distributed.elastic.multiprocessing.errors": ("elastic-errors", "Errors of processes"),
    "distributed.fsdp": ("fsdp", "Sharded parameters"),
    "distributed.fsdp.sharded_grad_scaler": ("sharded-scaler", "Scaling sharded gradients"),
    "distributed.fsdp.wrap": ("fsdp-wrap", "What is sharded"),
    "distributed.nn": ("distributed-nn", "Collectives with gradients"),
    "distributed.optim": ("distributed-optim", "Optimizers over ranks"),
    "distributed.pipelining": ("pipelining", "Pipelines"),
    "distributed.rpc": ("rpc", "Remote calls"),
    "distributed.rpc.functions": ("rpc-functions", "Remote calls that return futures"),
    "distributed.tensor": ("dtensor", "Tensors over ranks"),
    "distributed.tensor.parallel": ("tensor-parallel", "Layers over ranks"),
    "vision.io": ("vision-io", "Files of images"),
    "vision.utils": ("vision-utils", "Drawing"),
    "vision.tv_tensors": ("tv-tensors", "Tensors that say what they show"),
    "vision.transforms.functional": ("vision-functional", "Transforms as functions"),
    "vision.transforms.v2.functional": ("vision-v2-functional", "Transforms as functions, v2"),
    "vision.models.detection": ("detection", "Models that find objects"),
    "vision.models.segmentation": ("segmentation", "Models that label pixels"),
    "vision.models.feature_extraction": ("feature-extraction", "Outputs in the middle"),
    "text.datasets": ("text-datasets", "Data sets of texts"),
    "audio": ("audio", "Files of sounds"),
    "audio.datasets": ("audio-datasets", "Data sets of sounds"),
    "sklearn": ("sklearn", "Estimators"),
    "train": ("train", "Training loops"),
    "viz": ("viz", "Pictures"),
}
OTHERS = {"vision": "torchvision", "text": "torchtext", "audio": "torchaudio"}  # what scripts say
OURS = {"train", "viz", "sklearn"}
LONGEST = 24  # lines of a rule that are shown


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


def op_of(f: Any) -> tuple[Any, list[str]]:
    """The op that a function is, or is made of little else, and the names of those that it uses if
    it is composed of several.
    """
    from wengert.engine.op import OPS, Op
    from wengert.observe.explain_ops import uses

    d = f.declared
    if isinstance(d.body, Op):
        return d.body, []
    lines = [line for line in d.lines if hasattr(line, "op")]
    straight = {line.op.name: line.op for line in lines}  # where plain calls go
    used = straight | {op.name: op for op in uses(d.body)}
    own = used.get(d.name.rstrip("_")) or OPS.get(d.name)
    for few in (straight, used):
        if own is None and len(few) == 1:
            own = next(iter(few.values()))
    return own, [] if own else list(used)


def formulas(f: Any) -> str:
    """The gradients of the op behind a function, and where it is written."""
    from wengert.engine.plan import public_name
    from wengert.observe.explain_ops import file_of, gradients, with_surroundings

    op, used = op_of(f)
    lines: list[str] = []
    rules: dict[str, str] = {}  # those that no formula says: text -> of which inputs
    if op is not None:
        names = {i: public_name(op, i) for i in op.arrays}
        told = [text for _, text in gradients(op, names) if text.startswith("of ")]
        for name, text in zip(op.arrays, told):
            if text.endswith("by the rule below"):
                rule = with_surroundings(op.rules[name])
                rules[rule] = rules.get(rule, "Gradient of") + f" `{names[name]}`"
            else:
                lines.append(f"- gradient {escaped(text)}")
        if not op.differentiable and op.kind != "composite":
            lines.append("Not differentiable: the result requires no gradient.")
        if op.joint is not None:
            rules[with_surroundings(op.joint)] = "Gradients of all inputs"
    for text, title in rules.items():
        if 0 < len(text.splitlines()) <= LONGEST:
            lines.append(f"\n{title}:\n\n```python\n{text}\n```")
    if used:
        lines.append("\nComposed of " + ", ".join(f"`{name}`" for name in used[:8]) + ".")
    source = op.fwd if op is not None else inspect.unwrap(f.declared.body)
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
        path = f"{OTHERS[first]}.{rest}".rstrip(".") if first in OTHERS else f"torch.{space}"
        path = f"wengert.{space}" if space in OURS else path
        entries = [
            (function_entry if hasattr(t, "declared") else class_entry)(f"{path}.{n}", t)
            for n, t in public_of(module)
        ]
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
