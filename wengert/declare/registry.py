"""The tables of public functions and methods, and how a function enters them.

What lives here: what stands beside a public function's body (its declaration, its other names).
What does not: the callables that users get (`signature.py`), which are made at first use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .declaration import Overload, as_function, as_method, heading, overload

FUNCTIONS: dict[str, dict[str, Any]] = {}  # namespace ("" is torch itself) -> name -> Declared
METHODS: dict[str, Any] = {}  # name -> Declared, whose first argument is the tensor


class Declared:
    """A public function: its body, an op or a function, and how users may call it.

    texts: the declarations of the overloads, as written. Those of `Tensor.NAME(...)` are the
    method's alone, if it differs.
    """

    __slots__ = (
        "body", "built", "inplace", "lines", "name", "namespace", "foreign", "short", "texts",
        "out", "whole",
    )  # fmt: skip

    def __init__(
        self, body: Any, texts: tuple[str, ...], namespace: str, name: str, foreign: bool
    ) -> None:
        self.body, self.texts, self.namespace, self.name = body, texts, namespace, name
        self.foreign = foreign  # whether NumPy's names are taken
        self.inplace: frozenset[str] | None = None  # if NAME_ is derived, what is said of it
        self.out = ""  # words about out=
        self.whole = False  # whether modes see it as one operation (op_modes.py)
        self.built: dict[tuple[str, str, str], Any] = {}  # the callables made so far
        self.lines: tuple[Any, ...] = ()  # of each overload its Line, several or None (lines.py)
        self.short: Any = None  # form(careful) -> the function to call (see fast_paths.py)

    @property
    def run(self) -> Callable[..., Any]:
        """The body, ready to call: for code of ours, which gives it what it wants."""
        return getattr(self.body, "entry", None) or self.body

    @property
    def functions(self) -> tuple[Overload, ...]:
        """The overloads of the function."""
        texts = [t for t in self.texts if heading(t)[0] != "Tensor"]
        return tuple([as_function(overload(t)) for t in texts])

    @property
    def methods(self) -> tuple[Overload, ...]:
        """The overloads of the method."""
        texts = [t for t in self.texts if heading(t)[0] == "Tensor"] or self.texts
        found = [as_method(overload(t)) for t in texts]
        return tuple([o for o in found if o is not None])

    def lines_for(self, method: bool) -> tuple[Any, ...]:
        """The lines of the overloads that functions() or methods() gives."""
        if not self.lines:
            return ()
        own = [heading(t)[0] == "Tensor" for t in self.texts]
        if not method:
            return tuple([x for x, m in zip(self.lines, own) if not m])
        found = [(t, x) for t, x, m in zip(self.texts, self.lines, own) if m or True not in own]
        return tuple([x for t, x in found if as_method(overload(t)) is not None])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.run(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<public function {self.namespace + '.' * bool(self.namespace)}{self.name}>"


def enter(table: dict[str, Any], name: str, f: Any) -> None:
    """Enter a function in a table; a name that is taken is an error."""
    if table.get(name, f) is not f:
        raise ValueError(f"{name} is registered twice: by {table[name]!r} and by {f!r}")
    table[name] = f


def declare(
    body: Any,
    texts: tuple[str, ...],
    *,
    function: bool = True,
    method: bool | None = None,
    inplace: bool | str = False,
    aliases: tuple[str, ...] = (),
    foreign: bool | None = None,
    lines: tuple[Any, ...] = (),
    whole: bool = False,
    out: str = "",
) -> Declared:
    """Enter a body in the tables under the name of its declarations, and under other names.

    method: by default, functions of torch itself are methods too. inplace: NAME_ is a method; words
    say more of it: "function" that it is one of torch too, "exact" that it converts nothing,
    "typed" that dtype= must be the tensor's,
    "unrecorded" that the tensor keeps its history, "view" that it makes the tensor another view of
    its memory, "expanded" that some of an expanded tensor's elements may be written. aliases:
    other names; one with a path ("special.expit") is a function of that namespace. foreign: whether
    NumPy's names for arguments are taken; by default everywhere but in nn.functional. lines: for
    each text a Line (see lines.py), several or None. whole: whether it is one operation to its
    users and several ops here, whose operands a mode may have to see first.
    out: words about out=, see engine/out_argument.py; "computed": it computes in the dtype of out=,
    unless dtype= is given.
    """
    namespace, name = heading(texts[0])
    if namespace == "Tensor":
        namespace, function, method = "", False, True
    d = Declared(
        body, texts, namespace, name, namespace != "nn.functional" if foreign is None else foreign
    )
    d.lines, d.whole, d.out = lines, whole, out
    d.short = getattr(body, "__wengert_short__", None)
    is_method = namespace == "" if method is None else method
    for path in (name, *aliases):
        space, dot, last = path.rpartition(".")
        if function or dot:
            enter(FUNCTIONS.setdefault(space if dot else namespace, {}), last, d)
        if is_method and not dot:
            enter(METHODS, last, d)
        if inplace and not dot:
            d.inplace = frozenset(inplace.split() if isinstance(inplace, str) else ())
            if is_method:
                enter(METHODS, last + "_", d)
            if "function" in d.inplace:
                enter(FUNCTIONS[namespace], last + "_", d)
    return d


def public(*texts: str, **facts: Any) -> Callable[[Any], Any]:
    """Make the decorated function public: @public("cat(Tensor[] tensors, int dim=0, *, out)").

    texts: the declarations of the overloads (see declaration.py), facts as for declare(). The name
    stays bound to the plain function, which other code of ours calls.
    """

    def enter_body(body: Any) -> Any:
        declare(body, texts, **facts)
        return body

    return enter_body


def public_of(name: str) -> Any:
    """The function of torch itself that users call by a name and one of them has called."""
    return FUNCTIONS[""][name].built.get(("", name, "function"))


def function(name: str, namespace: str = "") -> Callable[..., Any]:
    """The body of a public function by name: for ops composed of functions of other topics."""
    body = FUNCTIONS[namespace][name].body
    return getattr(body, "entry", None) or body
