"""Examples of docstrings with one argument of one call spoiled, and the errors that follow."""

from __future__ import annotations

import ast
import contextlib
import doctest
import functools
import inspect
import io
import os
import shutil
import signal
import sys
import traceback
import typing

import wengert

TENSOR, UNFIT = "torch.ones(7, 11)", "has a shape that does not fit"
WRONG, SEVERAL = "is of the wrong type", "is a tensor of several numbers"
# what stands in an argument's place, and what it is then said to be, by what stood there
SPOILED = {  # no ints for names: they may be those of files, and 3 is one that is open
    "tensor": {
        "object()": "is no tensor",
        "({}).new_ones(7, 11)": UNFIT,
        "({})[None]": UNFIT,
        "({})[0]": UNFIT,
        "({})[..., :-1]": UNFIT,
        "({}).long()": "holds integers",
        "({}).bool()": "holds booleans",
        "({}).cfloat()": "holds complex numbers",
        "({}) - 100": "holds values out of range",
    },
    "int": {"'a'": WRONG, "-1": "is negative", "0": "is 0", "99": "does not fit", TENSOR: SEVERAL},
    "float": {"'a'": WRONG, "-1.0": "is negative", "2.0": "is above 1", TENSOR: SEVERAL},
    "str": {"3.5": WRONG, "'nosuch'": "is unknown"},
    "bool": {},
    "sequence": {
        "3": WRONG,
        "()": "is empty",
        "({})[:-1]": "is too short",
        "({}) * 2": "is too long",
    },
    "function": {"3": "cannot be called"},
    "other": {"object()": WRONG},
}
# what is true of the argument itself, wherever the error appears
ANYWHERE = {WRONG, SEVERAL, "is negative", "is unknown", "cannot be called"}
SECONDS = 10.0


class Raised(typing.NamedTuple):
    """An error, the argument that was spoiled, and how; whether the call with that argument or what
    is true of the argument itself led to it, and whether the thing was called, not a method of it.
    """

    error: BaseException
    argument: str
    how: str
    follows: bool
    direct: bool


class Late(BaseException):
    """The example did not end in time."""


def late(*_):
    raise Late


def sort_of(value):
    if isinstance(value, wengert.Tensor):
        return "tensor"
    for types, sort in (((bool,), "bool"), ((int,), "int"), ((float,), "float"), ((str,), "str")):
        if isinstance(value, types):
            return sort
    if isinstance(value, (list, tuple)):
        return "sequence"
    return "function" if inspect.isfunction(value) else "other"


def source(text):
    """The statements of a docstring's examples."""
    parts = doctest.DocTestParser().parse(text)
    return "".join(part.source for part in parts if isinstance(part, doctest.Example))


class Watched(ast.NodeTransformer):
    """Every call as watch(number, function, ...), in the order of the text."""

    def __init__(self):
        self.number = 0

    def visit_Call(self, node):
        number = self.number
        self.number += 1
        self.generic_visit(node)
        given = [ast.Constant(number), node.func, *node.args]
        return ast.Call(ast.Name("watch", ast.Load()), given, node.keywords)


def calls_in(tree):
    """The calls of a tree in the order in which Watched counts them."""
    if isinstance(tree, ast.Call):
        yield tree
    for child in ast.iter_child_nodes(tree):
        yield from calls_in(child)


def is_call_of(thing, function, args=()):
    """Whether a call is one of a function, or one that a class or an object of it answers."""
    plain = getattr(function, "__func__", function)
    if plain is thing or getattr(plain, "__wrapped__", None) is thing:
        return True
    if isinstance(thing, type):
        if isinstance(function, type):
            return issubclass(function, thing)
        held = (function, getattr(function, "__self__", None), *args)
        return any([isinstance(x, thing) for x in held])
    same = getattr(plain, "declared", None) is getattr(thing, "declared", plain)
    return same and getattr(plain, "__name__", "") == thing.__name__


def is_own_call(thing, function):
    """Whether a call is one of a thing itself: a function, a class, or an object of the class."""
    if isinstance(thing, type):
        made = isinstance(function, type) and issubclass(function, thing)
        return made or isinstance(function, thing)
    return is_call_of(thing, function)


def named(function, args):
    """The names of the positional arguments of a call."""
    if isinstance(function, wengert.nn.Module):
        function = function.forward
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return [""] * len(args)
    found = []
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            found += [p.name] * (len(args) - len(found))
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            found.append(p.name)
    return (found + [""] * len(args))[: len(args)]


def is_ours(error):
    """Whether it was raised in the package, or by what the package called, not by an example."""
    frames = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    known = [name for name in frames if "wengert" in name or name == "<example>"]
    return bool(known) and known[-1] != "<example>" and "contracts" not in known[-1]


class Example:
    """The examples of a docstring, which call a thing."""

    def __init__(self, thing, text, names, around=contextlib.nullcontext):
        self.thing, self.names, self.around = thing, names, around
        self.text = source(text)
        self.calls = {}  # number of a call of the thing: names and sorts of its arguments
        self.inside = self.seen = None
        if self.text:
            self.run(ast.parse(self.text))

    def watch(self, number, function, /, *args, **kwargs):
        ours = is_call_of(self.thing, function, args)
        if ours and number not in self.calls and is_call_of(self.thing, function):
            rows = [(i, n, sort_of(x)) for i, (n, x) in enumerate(zip(named(function, args), args))]
            self.calls[number] = rows + [(n, n, sort_of(x)) for n, x in kwargs.items()]
        self.seen = self.seen or ours
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if ours and self.inside is None:
                self.inside = (error, number, is_own_call(self.thing, function))
            raise

    def run(self, tree):
        """The error that a call of the thing raises in a tree's statements, the call's number, and
        whether it is one of the thing itself.
        """
        self.inside = None
        if os.path.isdir("nosuch"):  # what an example before has written under the unknown name
            shutil.rmtree("nosuch")
        elif os.path.exists("nosuch"):
            os.remove("nosuch")
        tree = ast.fix_missing_locations(Watched().visit(tree))
        names = {**self.names, "watch": self.watch}
        wengert.manual_seed(0)
        alarm = signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        quiet = io.StringIO()
        try:
            with (
                contextlib.redirect_stdout(quiet),
                contextlib.redirect_stderr(quiet),
                self.around(self.text, names),
            ):
                exec(compile(tree, "<example>", "exec"), names)
        except (Exception, Late, SystemExit):
            pass
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, alarm)
            wengert.set_grad_enabled(True)
            wengert.set_default_dtype(wengert.float32)
            wengert.set_default_device(None)
        return self.inside

    def spoiled(self):
        """(number of the call, where the argument stands, its name, template, words)."""
        for number, arguments in list(self.calls.items())[:4]:
            for at, name, sort in arguments:
                for template, how in SPOILED[sort].items():
                    yield number, at, name, template, how

    def raised(self, number, at, name, template, how):
        """The error of the call with one argument spoiled, None if there is none."""
        tree = ast.parse(self.text)
        call = list(calls_in(tree))[number]
        if isinstance(at, int):
            if len(call.args) <= at or any(isinstance(a, ast.Starred) for a in call.args):
                return None
            old = call.args[at]
        else:
            slot = next((k for k in call.keywords if k.arg == at), None)
            if slot is None:
                return None
            old = slot.value
        new = ast.parse(template.format(ast.unparse(old)), mode="eval").body
        if isinstance(at, int):
            call.args[at] = new
        else:
            slot.value = new
        found = self.run(tree)
        if found is None or not is_ours(found[0]):
            return None
        error, at, direct = found
        # an object remembers what it was made with
        follows = at == number or how in ANYWHERE or direct and isinstance(self.thing, type)
        return Raised(error, name, how, follows, direct)


def texts(thing, owner=None):
    """The docstrings whose examples may call a thing: its own, its bases', its class's."""
    if isinstance(thing, type):
        found = [(c.__dict__.get("__doc__"), c.__init__.__doc__) for c in thing.__mro__]
        found = [text for pair in found for text in pair]
    else:
        found = [thing.__doc__]
        if owner is not None:
            name = thing.__name__
            found += [getattr(c.__dict__.get(name), "__doc__", None) for c in owner.__mro__]
            found += texts(owner)
    return list(dict.fromkeys([t for t in found if isinstance(t, str) and ">>>" in t]))


@functools.cache
def names_of(module):
    return dict(vars(sys.modules[module])) if module in sys.modules else {}
