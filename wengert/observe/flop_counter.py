"""FlopCounterMode: counts floating-point operations of products and convolutions, by module.

An operation counts for all modules whose forward is running; its share of the reverse pass counts
for the same ones, when the reverse pass comes to it.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from ..base.pytree import tree_map
from ..engine.op import Op
from ..engine.op_modes import Mode
from ..nn.hooks import register_module_forward_hook, register_module_forward_pre_hook
from ..ops.aten import OpOverload, OpOverloadPacket, operator

__all__ = ["FlopCounterMode", "register_flop_formula"]

# op -> (PyTorch's operators forward and backward, how often the reverse pass repeats the work for
# each input that wants its gradient)
PRODUCTS = {
    "matmul": ("mm", "mm"), "mm": ("mm", "mm"), "bmm": ("bmm", "bmm"), "linear": ("addmm", "mm"),
    "batched_matmul": ("bmm", "bmm"), "addmm": ("addmm", "mm"), "baddbmm": ("baddbmm", "bmm"),
    "conv": ("convolution", "convolution_backward"),
    "conv_input": ("convolution", "convolution_backward"),
    "attention": (
        "_scaled_dot_product_flash_attention_for_cpu",
        "_scaled_dot_product_flash_attention_for_cpu_backward",
    ),
}  # fmt: skip
FORMULAS: dict[Any, Callable[..., int]] = {}  # what users registered


def register_flop_formula(targets: Any, get_raw: bool = False) -> Callable[..., Any]:
    """Decorator: how to count an operator, torch.ops.NAMESPACE.NAME, from the shapes of its
    arguments, with out_shape by name.

    targets: the operators. get_raw: with the tensors instead of shapes, and out_val.

    >>> from wengert.utils.flop_counter import FlopCounterMode, register_flop_formula
    >>> @register_flop_formula(torch.ops.aten.sin)
    ... def of_sin(x_shape, *args, out_shape=None, **kwargs):
    ...     return 10
    >>> with FlopCounterMode(display=False) as counter:
    ...     y = torch.sin(torch.ones(2))
    >>> counter.get_total_flops()
    10
    """

    def enter(f: Callable[..., Any]) -> Callable[..., Any]:
        for target in targets if isinstance(targets, (list, tuple)) else [targets]:
            FORMULAS[key(target)] = f if get_raw else of_shapes(f)
        return f

    return enter


def key(target: Any) -> Any:
    """What formulas are found by: the name of PyTorch's operator, or the user's operator."""
    return target.word if isinstance(target, (OpOverloadPacket, OpOverload)) else target


def of_shapes(f: Callable[..., int]) -> Callable[..., int]:
    """A formula of tensors from one of their shapes."""

    def counted(*args: Any, out_val: Any = None, **kwargs: Any) -> int:
        args, kwargs, out_shape = tree_map(in_shape, (args, kwargs, out_val))
        return f(*args, out_shape=out_shape, **kwargs)

    return counted


def in_shape(a: Any) -> Any:
    """The shape of a tensor; anything else as it is."""
    return shape(a) if hasattr(a, "shape") else a


def shape(a: Any) -> tuple[int, ...]:
    return tuple(getattr(a, "shape", ()))


def flops_of(name: str, args: Any, result: Any) -> int:
    """Floating-point operations of an op on these arrays."""
    out = math.prod(shape(result[0] if isinstance(result, tuple) else result))
    if name in ("matmul", "mm", "bmm", "batched_matmul", "linear"):
        if name == "matmul" and (len(shape(args[0])) < 2 or len(shape(args[1])) < 2):
            return 0  # as PyTorch, which counts products of matrices
        return 2 * out * shape(args[0])[-1]
    if name in ("addmm", "baddbmm"):
        return 2 * out * shape(args[1])[-1]
    if name == "conv":
        return 2 * out * math.prod(shape(args[1])[1:])
    if name == "conv_input":
        x, w = shape(args[0]), shape(args[1])
        return 2 * x[0] * math.prod(x[2:]) * math.prod(w)
    q, k, v = (shape(a) for a in args[:3])
    return 2 * math.prod(q) * k[-2] + 2 * math.prod(q[:-1]) * k[-2] * v[-1]


class Counting(Mode):
    """Takes part in the ops that are counted."""

    def __init__(self, counter: FlopCounterMode) -> None:
        self.counter = counter
        self.last: tuple[Op | None, int] = (None, 0)

    def wants(self, op: Op) -> bool:
        """The products, and what users have formulas for."""
        return op.name in PRODUCTS or op.name in self.counter.formulas

    def sees(self, name: Any) -> bool:
        """The user's own operators."""
        return not isinstance(name, str) and name in self.counter.formulas

    def call(self, name: Any, args: Any, kwargs: Any, proceed: Any) -> Any:
        """An operator of the user's, counted by its formula."""
        result = proceed(args, kwargs)
        n = self.counter.formulas[name](*args, **kwargs, out_val=result)
        self.counter.add(name, n, self.counter.open)
        return result

    def implementation(self, op: Op, f: Any) -> Any:
        """f, counted."""

        def counted(*args: Any, **kwargs: Any) -> Any:
            result = f(*args, **kwargs)
            name = PRODUCTS.get(op.name, (op.name,))[0]
            if op.name in ("linear", "matmul"):
                bias = op.name == "linear" and len(args) > 2 and args[2] is not None
                batch = op.name == "matmul" and len(shape(args[1])) > 2
                name = "addmm" if bias else "bmm" if batch else "mm"
            own = self.counter.formulas.get(name)
            if own is not None:
                n = own(*args, **kwargs, out_val=result)
                self.last = (None, 0)
            else:
                n = flops_of(op.name, args, result)
                self.last = (op, n)
            self.counter.add(operator(name), n, self.counter.open)
            return result

        return counted

    def recorded(self, node: Any) -> None:
        """Count the node's share of the reverse pass when it comes to it."""
        op, n = self.last
        if op is None or type(node).op is not op or not n:
            return
        wanted = sum(p is not None for p in node.parents[: 2 if op.name != "attention" else 3])
        if op.name == "addmm" or op.name == "baddbmm":
            wanted = sum(p is not None for p in node.parents[1:3])
        times = 2.5 if op.name == "attention" else wanted
        where, name = list(self.counter.open), PRODUCTS[op.name][1]
        node.register_prehook(lambda grads: self.counter.add(operator(name), int(n * times), where))


class FlopCounterMode:
    """Context manager that counts floating-point operations; prints a table when it is left.

    mods: accepted; modules are found by themselves. depth: how deep the table goes. display:
    whether to print it. custom_mapping: more formulas, by operator.

    >>> with FlopCounterMode(display=False) as counter:
    ...     y = nn.Linear(4, 5)(torch.ones(2, 4))
    >>> counter.get_total_flops()
    80
    >>> with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
    ...     y = torch.ones(2, 3) @ torch.ones(3, 4)
    >>> counter.get_total_flops(), list(counter.get_flop_counts()), "Global" in counter.get_table()
    (48, ['Global'], True)
    """

    def __init__(
        self, mods: Any = None, depth: int = 2, display: bool = True, custom_mapping: Any = None
    ) -> None:
        self.depth, self.display = depth, display
        self.flop_counts: Any = defaultdict(lambda: defaultdict(int))
        self.open: list[str] = ["Global"]
        own = {key(target): f if getattr(f, "_get_raw", False) else of_shapes(f)
               for target, f in (custom_mapping or {}).items()}  # fmt: skip
        self.formulas = {**FORMULAS, **own}
        self._mode = Counting(self)
        self._handles: list[Any] = []
        self._names: list[tuple[Any, str]] = []

    def add(self, target: Any, n: int, where: list[str]) -> None:
        """Count an operation for modules."""
        for path in dict.fromkeys(where):
            self.flop_counts[path][target] += n

    def _enter_module(self, module: Any, args: Any) -> None:
        if not self._names:
            path = type(module).__name__
        else:
            parent, above = self._names[-1]
            known = next((n for n, m in parent.named_modules() if m is module), None)
            path = f"{above}.{known}" if known else f"{above}.{type(module).__name__}"
        self._names.append((module, path))
        self.open.append(path)

    def _leave_module(self, module: Any, args: Any, output: Any) -> None:
        while self._names and self._names.pop()[0] is not module:
            self.open.pop()
        self.open.pop()

    def __enter__(self) -> FlopCounterMode:
        self.flop_counts.clear()
        self._handles = [
            register_module_forward_pre_hook(self._enter_module),
            register_module_forward_hook(self._leave_module, always_call=True),
        ]
        self._mode.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._mode.__exit__(*exc)
        for handle in self._handles:
            handle.remove()
        self.open, self._names = ["Global"], []
        if self.display and exc[0] is None:
            sys.stdout.write(self.get_table(self.depth) + "\n")

    def get_total_flops(self) -> int:
        """All operations."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[OpOverloadPacket, int]]:
        """Path of a module -> operator -> operations."""
        return {k: dict(v) for k, v in self.flop_counts.items() if v}

    def get_table(self, depth: int | None = None) -> str:
        """The counts as text."""
        depth = self.depth if depth is None else depth
        total = self.get_total_flops()
        rows = []
        tops = {k for k in self.flop_counts if "." not in k and k != "Global"}
        one = len(tops) == 1 and sum(self.flop_counts[next(iter(tops))].values()) == total
        for path in sorted(self.flop_counts, key=lambda k: (k != "Global", k)):
            level = path.count(".")
            if level >= depth or path == "Global" and one or not self.flop_counts[path]:
                continue
            counts = self.flop_counts[path]
            rows.append((path, sum(counts.values())))
            rows += [(f"- {shown(op)}", n) for op, n in counts.items()]
        cells = [(name, readable(n), f"{n / total:.2%}" if total else "0.00%") for name, n in rows]
        head = ("Module", "FLOP", "% Total")
        widths = [max([len(head[i]) + 2 * (i > 0), *[len(c[i]) for c in cells]]) for i in range(3)]
        lines = [f"{head[0]:<{widths[0]}}  {head[1]:>{widths[1]}}  {head[2]:>{widths[2]}}"]
        lines.append("  ".join(["-" * w for w in widths]))
        lines += [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}" for a, b, c in cells]
        return "\n".join(lines)


def shown(op: Any) -> str:
    """An operator as a table names it."""
    return (
        f"aten.{op.word}" if isinstance(op, OpOverloadPacket) else op._qualname.replace("::", ".")
    )


def readable(n: int) -> str:
    """A count with a letter for thousands, millions and so on."""
    power = min(max(0, (len(str(n)) - 1) // 3), 5)
    return str(n) if not power else f"{n / 1000**power:.3f}{' KMBTP'[power]}"
