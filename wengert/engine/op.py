"""What an op is, and the registry of ops.

An op is data: a forward in the vocabulary, one vjp rule per differentiable input, a kind, and the
facts that interpreters need. What is made of it at first use is made elsewhere: the function that
users call in `entry.py`, the class of its nodes in `recording.py`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ..arrays.lookup import Namespace
from ..base import dtypes
from .implementations import Implementations, implementation
from .plan import Plan

OPS: dict[str, Op] = {}


class Op:
    """A forward, one vjp rule per input, and the facts every interpreter derives its behaviour
    from.
    """

    def __init__(
        self,
        fwd: Callable[..., Any],
        kind: str,
        *,
        name: str,
        primitive: bool,
        types: str,
        outputs: tuple[str, ...],
        hidden: tuple[str, ...],
        integer: tuple[str, ...],
        view: bool | str,
        node: str | None,
        optional: tuple[str, ...],
        inputs: int | None,
        numbers: tuple[str, ...],
        by_memory: bool,
        real: bool | type[Exception],
        inexact: bool,
        rare: tuple[str, ...],
        lacks: tuple[str, ...],
        told: Mapping[str, str | Callable[..., Any]],
        out: str,
        doc: str | None,
        keeps_order: bool,
        channels_last: tuple[int, ...],
        entry: Callable[..., Any] | None,
    ) -> None:
        self.name, self.fwd, self.kind, self.primitive = name, fwd, kind, primitive
        self.types = types
        self.view = view
        self.doc = doc or fwd.__doc__
        free, defaults, self.variadic = parameters(fwd)
        free = free[1:]  # without xp
        n = len([p for p in free if p not in defaults]) if inputs is None else inputs
        n = max(n, 1 + max((i for i, p in enumerate(free) if p in optional), default=-1))
        self.inputs = free[:n]
        self.optional = set(optional)
        # whether half precision is computed in single around the body; where dtypes may be mixed,
        # the first operand does not tell whether there is any
        mixed = types == "any" and len(self.inputs) > 1
        self.rounds = kind == "elementwise" and not primitive and not mixed
        self.static = {p: defaults.get(p, inspect.Parameter.empty) for p in free[n:]}
        self.draws = "stream" in self.static  # whether it takes numbers from a generator
        self.outputs = outputs  # names of the visible outputs; () means one, called out
        self.hidden = hidden
        self.integer = set(integer)  # outputs without gradient
        self.many = len(outputs) > 1
        # outputs that a node knows: all but the last ones, if these never get a gradient
        known = [i for i, o in enumerate(outputs) if o not in self.integer]
        self.graded = outputs[: known[-1] + 1] if known else outputs
        self.names = (outputs + hidden) if (outputs or hidden) else ("out",)
        if hidden and not outputs:
            self.outputs, self.names = ("out",), ("out", *hidden)
        self.rules: dict[str, Callable[..., Any]] = {}
        self.needs: dict[str, list[str]] = {}
        self.saved: list[str] = []
        self.joint: Callable[..., Any] | None = None
        self.part_rules: dict[str, tuple[Callable[..., Any], list[str]]] = {}
        self.jvp_rule: Callable[..., Any] | None = None
        self.batch_rule: Callable[..., Any] | None = None
        self.static_rule: Callable[..., Any] | None = None
        self.holomorphic = True
        if unknown := set(numbers) - {"first", "none", "kept", "exact"}:
            raise TypeError(f"{name}: numbers may be first, none, kept, exact, not {unknown}")
        self.number_first = "first" in numbers  # whether the first operand may be a Python number
        self.tensors_only = "none" in numbers  # whether no operand may be
        self.keeps_numbers = "kept" in numbers  # whether its rules see that an operand was a number
        self.exact_numbers = "exact" in numbers  # whether half precision does not round them
        self.by_memory = by_memory  # whether its result depends on how the input lies in memory
        # the error of complex operands, None where they are taken
        self.real = (NotImplementedError if real is True else real) or None
        self.inexact = inexact  # whether integers are refused
        kinds = {"promote": dtypes.RARE, "float": ("float8",)} if kind == "elementwise" else {}
        lacking = [k for k in kinds.get(types, ()) if k not in rare] + list(lacks)
        # dtypes without a loop
        self.lacks = frozenset([d for k in lacking for d in dtypes.GROUPS[k]])
        # whether results that are no views lie in C order, whatever the operands lie in
        own = view or keeps_order or kind in ("elementwise", "composite")
        self.in_order = not own or bool(channels_last)
        # ranks of results that lie channels last where an operand does
        self.channels_last = channels_last
        # how many of the first operands decide that
        self.deciding = min(2, len([i for i in self.inputs if i not in self.optional]) or 1)
        self.differentiable = False  # whether any rule was given
        self.node_name, self.told, self.out = node, told, out
        self.impl = Implementations(self)
        self.backward: Any = None  # see backward_step.py
        self.part: Any = None
        self.built = False  # whether it was made
        if entry is not None:
            self.entry = entry

    # ---- declaring

    def vjp(self, complex: bool = False, **rules: Callable[..., Any]) -> Op:
        """Give the rules: input name -> function whose parameter names are what it needs.

        Available names: xp, g (g_NAME for ops with several outputs), the inputs, NAME_shape and
        NAME_dtype of an input, the static arguments, the outputs (out, or their names). The graph
        knows the shape and dtype of the input a rule is for; everything else is saved.
        complex=True: the rules are right for complex arrays as they stand (without it the engine
        conjugates around them, which is right for holomorphic ops).
        """
        self.holomorphic, self.differentiable = not complex, True
        for name, rule in rules.items():
            if name not in self.arrays:
                raise TypeError(f"{self.name}: there is no input {name!r} to give a rule for")
            self.rules[name], self.needs[name] = rule, self._parameters(rule, name)
        self._save(
            [
                n
                for name, need in self.needs.items()
                for n in need
                if n not in (f"{name}_shape", f"{name}_dtype") or name == self.variadic
            ]
        )
        return self

    def vjp_part(self, **rules: Callable[..., Any]) -> Op:
        """Give rules for inputs of which a node sees a part: they add its gradient to one of the
        whole that waits, in place. `waiting` is that one; the rest as in `vjp`, which comes first.
        """
        for name, rule in rules.items():
            need = [n for n in parameters(rule)[0] if n != "waiting"]
            if bad := set(need) - {"xp", "g", *self.saved}:
                raise TypeError(
                    f"{self.name}: the rule for a part of {name} asks for {sorted(bad)}"
                )
            self.part_rules[name] = rule, parameters(rule)[0]
        return self

    def vjp_all(self, rule: Callable[..., Any], complex: bool = False) -> Op:
        """Give one rule that returns a tuple with the gradient of every input; `needs` tells it
        which are wanted.
        """
        self.holomorphic, self.joint, self.differentiable = not complex, rule, True
        self.needs = {"*": self._parameters(rule, "all inputs")}
        self._save(self.needs["*"])
        return self

    @functools.cached_property
    def plan(self) -> Plan:
        """Where rules find what they ask for, and which inputs have rules."""
        return Plan(self)

    @property
    def arrays(self) -> list[str]:
        """Names of the array inputs, the variadic one last."""
        return [*self.inputs, *([self.variadic] if self.variadic else [])]

    def _parameters(self, rule: Callable[..., Any], what: str) -> list[str]:
        known = {"xp", "g", "needs", *self.names, *self.static, *(f"g_{o}" for o in self.names)}
        for i in self.arrays:
            known |= {i, f"{i}_shape", f"{i}_dtype"}
        need = parameters(rule)[0]
        if bad := set(need) - known:
            raise TypeError(
                f"{self.name}: the rule for {what} asks for {sorted(bad)}; known are"
                f" {sorted(known)}"
            )
        return need

    def _save(self, names: list[str]) -> None:
        self.saved = [
            n
            for n in dict.fromkeys(names)
            if n not in ("xp", "g", "needs") and not n.startswith("g_")
        ]
        self.__dict__.pop("plan", None)

    def jvp(self, rule: Callable[..., Any]) -> Op:
        """Give a forward-mode rule(xp, tangents, *inputs, **static) -> tangent of the outputs."""
        self.jvp_rule = rule
        return self

    def batch(self, rule: Callable[..., Any]) -> Op:
        """Give a vmap rule(xp, size, batched flags, *inputs with the batch in front, **static)
        -> outputs, batch in front.
        """
        self.batch_rule = rule
        return self

    def batch_static(self, rule: Callable[..., Any]) -> Op:
        """Give the simpler vmap rule of an op over one array: rule(static, ndim of a logical array,
        size) -> the static arguments with the batch in front, or NotImplemented.
        """
        self.static_rule = rule
        return self

    # ---- using

    make_node: ClassVar[Callable[[Op], Any]]  # set by recording.py
    make_entry: ClassVar[Callable[[Op], Callable[..., Any]]]  # set by entry.py
    make_parts: ClassVar[Callable[[Op], Callable[..., Any]]]  # likewise
    make_public: ClassVar[Callable[..., Any]]  # set by declare/

    @functools.cached_property
    def node(self) -> Any:
        """The class of the op's nodes, made at first use."""
        return Op.make_node(self)

    @functools.cached_property
    def entry(self) -> Callable[..., Any]:
        """The public function, made at first use."""
        return Op.make_entry(self)

    @functools.cached_property
    def parts(self) -> Callable[..., Any]:
        """parts(x, keys): the results at many keys, of an op that takes one; made at first use."""
        return Op.make_parts(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.entry(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<op {self.name} ({self.kind})>"


def parameters(f: Callable[..., Any]) -> tuple[list[str], dict[str, Any], str | None]:
    """Names of a plain function's parameters, their defaults, and the name of its *args.

    inspect.signature tells the same; hundreds of calls of it make a tenth of the import's time.
    """
    written: Any = getattr(f, "__signature__", None)
    if written is not None:
        return list(written.parameters), {}, None
    code = f.__code__
    names = code.co_varnames
    n, total = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    given = f.__defaults__ or ()
    defaults = {**dict(zip(names[n - len(given) : n], given)), **(f.__kwdefaults__ or {})}
    starred = names[total] if code.co_flags & inspect.CO_VARARGS else None
    return list(names[:total]), defaults, starred


def derive(ns: Namespace, word: str) -> Any:
    """A word that a library lacks, from the op of that name."""
    op = OPS.get(word)
    if op is not None:
        return implementation(ns, op)
    f = ns.primitive(word)
    if f is None:
        raise AttributeError(f"the vocabulary has no word {word!r}")
    return f


Namespace.derive = staticmethod(derive)


def op(
    kind: str,
    *,
    name: str | None = None,
    types: str | None = None,
    outputs: str = "",
    hidden: str = "",
    integer: str = "",
    view: bool | str = False,
    node: str | None = None,
    optional: str = "",
    inputs: int | None = None,
    numbers: str = "",
    by_memory: bool = False,
    real: bool | type[Exception] = False,
    inexact: bool = False,
    rare: str = "",
    lacks: str = "",
    told: Mapping[str, str | Callable[..., Any]] | None = None,
    out: str = "",
    doc: str | None = None,
    keeps_order: bool = False,
    channels_last: tuple[int, ...] = (),
    entry: Callable[..., Any] | None = None,
    primitive: bool = False,
    public: str | tuple[str, ...] = (),
    **facts: Any,
) -> Callable[[Callable[..., Any]], Op]:
    """Define an op; the decorated function is its forward: f(xp, *array inputs, static=default,
    ...).

    types: what happens to dtypes: 'promote' (PyTorch's promotion), 'float' (promotion, then
    integers become the default float), 'same' (all inputs must agree), 'any' (taken as they are).
    numbers: which operands may be Python numbers, beside the second: words of 'first', 'none', and
    'kept' for rules that see the number instead of an array, 'exact' where half precision beside
    them is computed in single. by_memory: whether the result depends on how the input lies in
    memory. real: complex operands are refused, with an error of this type (True:
    NotImplementedError). inexact: integers and bools are refused. rare: which dtypes have a loop
    here, as few have one for them: 'unsigned' (of 16 bits and more), 'float8'. lacks: which have
    none here, though most have one for them: 'half'. doc: instead of the function's
    own. node: the name of its nodes. told: what these say of a call (`node._saved_NAME`): NAME ->
    the name here of a saved value, if it is another, or a function of saved values, by their names,
    or of `node`.
    out: what is said of out=, see out_argument.py. keeps_order: the result lies in memory as
    the first input does; otherwise that is so of elementwise ops and views alone. channels_last:
    the ranks of results that lie in memory channels last where an operand does, and else in C
    order. entry: what calls
    enter, where that is not made from the template of `entry.py`.
    outputs, hidden, integer, optional: names separated by spaces. view: the result shares its
    memory with the first input: True always, 'perhaps' where it may be a copy. public: the
    declarations of a public function that is the op and nothing more, facts as for
    declare.registry.declare().
    """

    def register(fwd: Callable[..., Any]) -> Op:
        n = name or fwd.__name__.rstrip("_")
        o = Op(
            fwd,
            kind,
            name=n,
            primitive=primitive,
            types=types or ("promote" if kind == "elementwise" else "any"),
            outputs=tuple(outputs.split()),
            hidden=tuple(hidden.split()),
            integer=tuple(integer.split()),
            view=view,
            node=node,
            optional=tuple(optional.split()),
            inputs=inputs,
            numbers=tuple(numbers.split()),
            by_memory=by_memory,
            real=real,
            inexact=inexact,
            rare=tuple(rare.split()),
            lacks=tuple(lacks.split()),
            told=told or {},
            out=out,
            doc=doc,
            keeps_order=keeps_order,
            channels_last=channels_last,
            entry=entry,
        )
        if n in OPS:
            raise ValueError(f"op {n} is defined twice")
        OPS[n] = o
        if public:
            texts = (public,) if isinstance(public, str) else public
            Op.make_public(o, texts, out=out, **facts)
        return o

    return register


def primitive(kind: str, **facts: Any) -> Callable[[Callable[..., Any]], Op]:
    """Define an op that every array namespace implements under its name; the function has only
    a docstring.
    """
    return op(kind, primitive=True, **facts)
