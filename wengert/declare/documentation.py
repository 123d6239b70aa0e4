"""What help(), inspect.signature and editors show of a declared function.

What lives here: one signature for all overloads, and the text in front of a body's own. What does
not: the declarations (`declaration.py`) and the functions made of them (`signature.py`).
"""

from __future__ import annotations

import ast
import functools
import inspect
import pathlib
import re
import textwrap
from typing import Any

from ..engine.op import Op
from .declaration import Overload, Parameter, other_names

ARGUMENTS: dict[str, str] = {}  # what arguments of a name mean: filled by ops/arguments.py
# what takes several tensors of any shapes and dtypes
ANY_TENSORS = {
    "equal",
    "is_same_size",
    "is_set_to",
    "kron",
    "resize_as_",
    "result_type",
    "to",
    "type_as",
}
# of functions that are made in a loop and have no docstring of their own to stand in
EXAMPLES = pathlib.Path(__file__).parent.parent / "ops" / "examples.txt"
# which values of arguments lead to an error, "error where ...: names" in each line, as seen by
# spoiling the arguments of the examples (tests/contracts/test_errors_told.py)
ERRORS = pathlib.Path(__file__).parent.parent / "ops" / "errors.txt"
# the shapes of tensors where the kind of op does not tell them, "what is said: names" in each line;
# "elementwise" stands for what is said of ops of that kind
SHAPES = pathlib.Path(__file__).parent.parent / "ops" / "shapes.txt"


def documentation(
    name: str,
    overloads: tuple[Overload, ...],
    doc: str | None,
    names: Any,
    own: str = "",
    method: bool = False,
    body: Any = None,
) -> str:
    """How the function is called, one line an overload, what its body says, and its arguments.

    names: those under which there may be an example. own: the name of what `name` is another name
    of. method: it is a method of Tensor, and an example of the function is written as a call of it.
    body: the op or the function that it calls.
    """
    heads = [f"{name}{o} -> {o.returns}" for o in overloads if not o.old]
    text, mark, example = inspect.cleandoc(doc or "").partition(">>> ")
    parts = ["\n".join(heads), text.strip()]
    told, said = arguments(own or name, overloads), text.partition("Raises ")[0]
    left = [x for x in told if not spoken_of(x.partition(":")[0], said)]
    if shape := shapes(overloads, names, said, method, body):
        dull = [f"{n}: {ARGUMENTS.get(n)}." for n in DULL & set(WORD.findall(shape))]
        left = [x for x in left if x not in dull]
        head, _, rest = shape.partition(": ")
        of_it = [x for x in left if x.startswith(f"{head}: ")]
        left = [x for x in left if x not in of_it]
        left.insert(0, f"{of_it[0][:-1]}; {rest}" if of_it else shape)
    if left:
        parts.append("\n".join(left))
    if errors := raised(name, overloads, text, method, body, names[0]):
        parts.append(textwrap.fill(f"Raises {errors}.", 96))
    made = next(filter(None, map(example_of, names)), "")
    if mark or made:
        found = mark + example.rstrip() if mark else made
        if own and own != name:
            path = name if method else names[0]  # special.expit is torch.sigmoid
            found = found.replace(f"torch.{own}(", f"torch.{path}(")
            found = found.replace(f".{own}(", f".{name}(")
        parts.append(as_method(found, name) if method else found)
    return "\n\n".join([part for part in parts if part]) + "\n"


def example_of(path: str) -> str:
    """The example of a path; a function in place has that of its method, written as a call."""
    found, name = examples(), path.rpartition(".")[2]
    if path in found or not name.endswith("_") or f"Tensor.{name}" not in found:
        return found.get(path, "")
    call = f"torch.{path}(x"
    return (
        found[f"Tensor.{name}"]
        .replace(f"x.{name}()", f"{call})")
        .replace(f"x.{name}(", f"{call}, ")
    )


def as_method(example: str, name: str) -> str:
    """An example of torch.NAME(x, ...) as one of x.NAME(...)."""
    lines = example.split("\n")
    for i, line in enumerate(lines):
        if f".{name}(" in line and line.startswith((">>> ", "... ")):
            lines[i] = line[:4] + method_calls(line[4:], name)
    return "\n".join(lines)


def method_calls(code: str, name: str) -> str:
    """A line with its outermost call of a function of torch as one of a method."""
    try:
        tree = ast.parse(code)
    except SyntaxError:  # a piece of a longer statement
        return code
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        path, first = ast.unparse(call.func).split("."), call.args[0]
        ours = len(path) > 1 and path[0] in ("torch", "F") and path[-1] == name
        if not (ours and all(map(str.isidentifier, path))) or isinstance(
            first, (ast.Constant, ast.UnaryOp, ast.List, ast.Tuple, ast.Starred)
        ):
            continue
        text = code.encode()  # positions are counted in bytes
        given = text[first.col_offset : first.end_col_offset].decode()
        if not isinstance(first, (ast.Name, ast.Call, ast.Attribute, ast.Subscript)):
            given = f"({given})"
        rest = text[first.end_col_offset : call.end_col_offset].decode().lstrip(", ")
        return (
            f"{text[: call.col_offset].decode()}{given}.{name}({rest}"
            f"{text[call.end_col_offset :].decode()}"
        )
    return code


@functools.cache
def examples() -> dict[str, str]:
    """The examples in EXAMPLES by name: blocks of a name, what is called, what it prints."""
    blocks = EXAMPLES.read_text(encoding="utf-8").strip().split("\n\n")
    return {name: text for name, _, text in [block.partition("\n") for block in blocks]}


def arguments(function: str, overloads: tuple[Overload, ...]) -> list[str]:
    """A line for each argument of any overload whose meaning is known by its name."""
    names = dict.fromkeys(p.name for o in overloads if not o.old for p in o.parameters)
    meanings = {n: ARGUMENTS.get(f"{function}.{n}") or ARGUMENTS.get(n) for n in names}
    found = [f"{n}: {meaning}." for n, meaning in meanings.items() if meaning]
    if any(o.out for o in overloads) and "out" not in names:
        found.append("out: where the result is written; it is also returned.")
    return found


def shapes(overloads: tuple[Overload, ...], names: Any, text: str, method: bool, body: Any) -> str:
    """A line that says the shapes of the tensors, as far as a text does not."""
    changed, path = IN_PLACE in text, names[0]
    # relu of nn.functional need not take what torch.relu takes
    known = [path, *names[2:]] if "." in path and not path.startswith("Tensor.") else [*names]
    known += [n.removeprefix("Tensor.")[:-1] for n in known if changed]
    said = next(filter(None, map(shapes_said().get, known)), "")
    if not said and isinstance(body, Op) and body.kind == "elementwise":
        said = "elementwise"
    if said == "elementwise":
        said = "" if WHOLE.search(text) else of_elements(overloads, changed)
    elif said and (method or changed):
        own = overloads[0].parameters[0].name
        said = re.sub(r"\binput\b", own, said)
        said = said.replace(f"{own} broadcasts to (", f"{own} is (") if changed else said
    return said and f"{said}."


def of_elements(overloads: tuple[Overload, ...], changed: bool) -> str:
    """The shapes of the operands of what works on one element after the other."""
    given = [p for o in overloads if not o.old for p in o.parameters]
    first, *others = dict.fromkeys(p.name for p in given if "Tensor" in p.type.kinds)
    if not others:
        return f"{first}: any shape"
    if changed:
        are = "are" if len(others) > 1 else "is"
        return f"{first}: any shape, which it keeps; {' and '.join(others)} {are} broadcast to it"
    return f"{', '.join([first, *others])}: any shapes that broadcast with each other"


@functools.cache
def shapes_said() -> dict[str, str]:
    """What SHAPES says, by the path of the function."""
    lines = SHAPES.read_text(encoding="utf-8").splitlines()
    cut = [line.rpartition(": ") for line in lines]
    return {name: said for said, _, names in cut for name in names.split()}


@functools.cache
def seen() -> dict[str, list[tuple[str, str]]]:
    """The errors in ERRORS by the path of the function: (error, where)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in ERRORS.read_text(encoding="utf-8").splitlines():
        said, _, names = line.partition(": ")
        error, _, when = said.partition(" ")
        for name in names.split():
            found.setdefault(name, []).append((error, when))
    return found


def raised(
    name: str, overloads: tuple[Overload, ...], text: str, method: bool, body: Any, path: str
) -> str:
    """The errors that follow from the types of arguments, from the numbers that an op takes and
    from what was seen, without those that a text speaks of.
    """
    given = [p for o in overloads if not o.old for p in o.parameters]
    tensors = max([sum(p.type.kinds[0] == "Tensor" for p in o.parameters) for o in overloads])
    several = name not in ANY_TENSORS and (
        tensors > 1 or any(p.type.kinds[0] == "Tensor[]" for p in given)
    )
    firsts = [o.parameters[method : method + 1] for o in overloads if not o.old]
    own = any(p.type.kinds[0] != "any" for first in firsts for p in first)
    found = [
        ("TypeError", "for arguments of other types" * own),
        ("IndexError", "for a dimension that is not there" * any(map(is_dimension, given))),
        ("RuntimeError", "where shapes or dtypes do not fit" * several),
    ]
    if isinstance(body, Op):
        found.append(("NotImplementedError", "for integers and booleans" * body.inexact))
        found.append((getattr(body.real, "__name__", ""), "for complex numbers" * bool(body.real)))
    if IN_PLACE in text:
        found.append(
            ("RuntimeError", "for a leaf that requires grad and for results that do not fit")
        )
    found += seen().get(path, [])
    told: dict[str, list[str]] = {}
    for error, when in found:
        if when and error not in text:
            told.setdefault(error, []).append(when)
    parts = [f"{error} {' and '.join(whens)}" for error, whens in told.items()]
    return ("; " if any(["," in part for part in parts]) else ", ").join(parts)


def is_dimension(p: Parameter) -> bool:
    """Whether an argument is a number of a dimension, or several."""
    return p.name.strip("_012s") == "dim" and p.type.kinds[0].startswith("int")


IN_PLACE = "in place: the result replaces the elements of "
PART = re.compile(r"\w")  # of a word
WORD = re.compile(r"\w+")
# says the shapes of all operands of an elementwise op
WHOLE = re.compile(r"any shape|with broadcasting|broadcast together|; broadcast")
DULL = {"input", "other", "self", "tensor", "x"}  # whose shapes say more than their meanings


def spoken_of(name: str, text: str) -> bool:
    """Whether a text has something to say of an argument."""
    at = text.find(name)
    while at >= 0:
        end = at + len(name)
        if not PART.match(text[at - 1 : at]) and not PART.match(text[end : end + 1]):
            return True
        at = text.find(name, at + 1)
    return False


class Overloads(inspect.Signature):
    """The signature of a function with several overloads. Its parameters are those of all of them:
    positions as long as the overloads agree what stands there, the rest as *args, and every name.
    """

    of: tuple[Overload, ...] = ()

    @property
    def overloads(self) -> tuple[inspect.Signature, ...]:
        """A signature for each overload."""
        return tuple([inspect.Signature(shown_parameters((o,))) for o in self.of])


def shown_signature(overloads: tuple[Overload, ...], foreign: bool) -> inspect.Signature:
    """What takes all that any overload takes; what all need has no default. Deprecated overloads
    count as far as they agree with the others.
    """
    fresh = tuple([o for o in overloads if not o.old])
    rest = common_places([o.positional for o in fresh])[1]
    old = [o for o in overloads if o.old]
    old = [o for o in old if common_places([x.positional for x in (*fresh, o)])[1] == rest]
    found = shown_parameters((*fresh, *old))
    if other_names(overloads, foreign):
        found.append(inspect.Parameter("numpy_names", inspect.Parameter.VAR_KEYWORD))
    if len(fresh) == 1:
        return inspect.Signature(found)
    several = Overloads(found)
    several.of = fresh
    return several


def shown_parameters(overloads: tuple[Overload, ...]) -> list[inspect.Parameter]:
    """The parameters that take all that any of some overloads takes: f(size, *more) where sizes
    may be given one by one.
    """
    P = inspect.Parameter
    rows = [o.positional for o in overloads]
    names, rest = common_places(rows)
    holders: dict[str, list[Parameter]] = {}
    for o in sorted(overloads, key=lambda o: -len(o.positional)):
        for p in o.parameters:
            holders.setdefault(p.name, []).append(p)
    found: list[inspect.Parameter] = []
    optional = False
    for n in names:
        default = shown_default(holders[n], len(overloads))
        optional = optional or default is not P.empty
        if optional and default is P.empty:
            default = None
        kind = P.POSITIONAL_ONLY if rest in holders else P.POSITIONAL_OR_KEYWORD
        found.append(P(n, kind, default=default))
    if rest:
        found.append(P(rest, P.VAR_POSITIONAL))
    for n, own in holders.items():
        if n not in names and n != rest:
            default = shown_default(own, len(overloads))
            if default is P.empty and not all(p.keyword for p in own):
                default = None  # what is needed may be among *args
            found.append(P(n, P.KEYWORD_ONLY, default=default))
    if any(o.out for o in overloads) and "out" not in holders:
        found.append(P("out", P.KEYWORD_ONLY, default=None))
    return found


def common_places(rows: list[tuple[Parameter, ...]]) -> tuple[list[str], str]:
    """(what stands at the first places in all rows that are long enough, the name of *args that
    takes the others, empty if there are none).
    """
    names: list[str] = []
    for i in range(max(map(len, rows), default=0)):
        here = [row[i] for row in rows if len(row) > i]
        star = next((p for p in here if p.star), None)
        if star is not None and not star.type.kinds[0].startswith("int"):
            return names, star.name
        if len({p.name for p in here}) > 1:
            return names, "args"
        names.append(here[0].name)
        if star is not None:
            return names, "more"
    return names, ""


def shown_default(holders: list[Parameter], overloads: int) -> Any:
    """The default of an argument, given how the overloads that have it declare it."""
    own = [p.default for p in holders if not p.required]
    if own:
        return own[0]
    return None if len(holders) < overloads else inspect.Parameter.empty
