"""torch.autograd.functional: products with Jacobians and Hessians, and these matrices themselves.

Reverse mode with the ordinary graph, so that functions may use tensors from outside. The transforms
that compose freely are in `reverse.py` and `forward.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..api import functions as T
from ..autodiff.grad_api import grad
from ..base.modes import enable_grad
from ..engine.tensor import Tensor
from .forward import jvp as forward_jvp
from .vmap import vmap

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = Tensor | Sequence[Tensor]


def _tuple(x: Any, name: str, function: str) -> tuple[bool, tuple[Tensor, ...]]:
    """(whether x was a tuple, x as a tuple), checked."""
    if isinstance(x, Tensor):
        return False, (x,)
    if not isinstance(x, tuple):
        raise TypeError(
            f"The {name} given to {function} must be either a Tensor or a tuple of Tensors but the "
            f"given {name} has type {type(x)}."
        )
    for i, t in enumerate(x):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"The {name} given to {function} must be either a Tensor or a tuple of Tensors but "
                f"the value at index {i} has type {type(t)}."
            )
    return True, tuple(x)


def _leaves(inputs: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    """The inputs as tensors to differentiate at; with create_graph they keep their history."""
    if create_graph:
        return tuple(
            [x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs]
        )
    return tuple([x.detach().requires_grad_() for x in inputs])


def _called(
    func: Callable[..., Any], inputs: tuple[Tensor, ...], name: str
) -> tuple[bool, tuple[Tensor, ...]]:
    out = func(*inputs)
    if not isinstance(out, (Tensor, tuple, list)):
        raise TypeError(
            f"The outputs of the user-provided function given to {name} must be either a Tensor or "
            "a tuple of Tensors but the given outputs of the user-provided function has type "
            f"{type(out)}."
        )
    return _tuple(out, "outputs of the user-provided function", name)


def _vectors(v: Any, like: tuple[Tensor, ...], many: bool, what: str) -> tuple[Tensor, ...]:
    """v checked against what it is multiplied with; a one where that is a single number."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if {what} contains a single element or a Tensor "
                "with a single element: pass a v of the same shape"
            )
        return (T.ones_like(like[0]),)
    _, vs = _tuple(v, "v", "the product")
    if len(vs) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(vs)}."
        )
    for i, (a, b) in enumerate(zip(vs, like)):
        if a.shape != b.shape:
            where = f"Entry {i} in v" if len(like) > 1 else "v"
            raise RuntimeError(f"{where} has invalid size: should be {b.shape} but got {a.shape}.")
    return vs


def _strict_outputs(outs: tuple[Tensor, ...], name: str) -> None:
    for i, o in enumerate(outs):
        if not o.requires_grad:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs "
                f"must be computed in a differentiable manner from the input when running {name} "
                "in strict mode."
            )


def _gradients(
    outs: tuple[Tensor, ...], ins: tuple[Tensor, ...], vs: Any, create: bool, strict: bool = False,
    retain: bool | None = None, what: str = "The output", name: str = "",
) -> tuple[Any, ...]:  # fmt: skip
    """grad() that gives None where nothing depends, or, strict, an error."""
    live = [(o, v) for o, v in zip(outs, vs) if o.requires_grad]
    if not live:
        got: tuple[Any, ...] = (None,) * len(ins)
    else:
        got = grad(
            [o for o, _ in live], ins, [v for _, v in live], allow_unused=True, create_graph=create,
            retain_graph=retain,
        )  # fmt: skip
    if strict:
        for i, g in enumerate(got):
            if g is None:
                raise RuntimeError(
                    f"{what} of the user-provided function is independent of input {i}. This is "
                    f"not allowed in strict mode{' of ' + name if name else ''}."
                )
            if create and not g.requires_grad:
                raise RuntimeError(
                    f"The gradient of the user-provided function with respect to input {i} is "
                    "independent of the inputs. This is not allowed in strict mode when "
                    "create_graph=True."
                )
    return got


def _filled(gs: Sequence[Any], like: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple([T.zeros_like(x) if g is None else g for g, x in zip(gs, like)])


def _given(results: tuple[Tensor, ...], many: bool, create_graph: bool) -> Any:
    """Results as the caller asked for them."""
    if not create_graph:
        results = tuple([r.detach() if r.requires_grad else r for r in results])
    return results if many else results[0]


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """(func(*inputs), v times the Jacobian of func).

    Args:
        func: takes tensors, returns a tensor or a tuple.
        inputs: a tensor or a tuple.
        v: like the outputs; may be left out for a single number.
        create_graph: let the results be differentiated again.
        strict: raise RuntimeError where an output does not depend on an input.

    inputs have any shape, v has the shapes of the outputs. Raises TypeError where func cannot be
    called or inputs is no tensor.

    >>> torch.autograd.functional.vjp(lambda x: x.exp().sum(), torch.zeros(2))[1]
    tensor([1., 1.])
    """
    with enable_grad():
        many_in, ins = _tuple(inputs, "inputs", "vjp")
        ins = _leaves(ins, create_graph)
        many_out, outs = _called(func, ins, "vjp")
        if strict:
            _strict_outputs(outs, "vjp")
        vs = _vectors(v, outs, many_out, "the user-provided function returns a single element and")
        gs = _gradients(outs, ins, vs, create_graph, strict)
        products = _filled(gs, ins)
    return _given(outs, many_out, create_graph), _given(products, many_in, create_graph)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """(func(*inputs), the Jacobian of func times v), by differentiating the reverse pass.

    Args as in vjp, but v is like the inputs.

    create_graph: record the pass itself, for derivatives of derivatives. strict: raise
    RuntimeError where an output does not depend on an input.

    inputs have any shape, v has the shapes of the inputs. Raises TypeError where func cannot be
    called or inputs is no tensor.

    >>> torch.autograd.functional.jvp(lambda x: x * x, torch.tensor(3.0))[1]
    tensor(6.)
    """
    with enable_grad():
        many_in, ins = _tuple(inputs, "inputs", "jvp")
        ins = _leaves(ins, create_graph)
        vs = _vectors(v, ins, many_in, "the input to the user-provided function")
        many_out, outs = _called(func, ins, "jvp")
        if strict:
            _strict_outputs(outs, "jvp")
        # the product is linear in these, so that its derivative there is what is wanted
        dummies = tuple([T.zeros_like(o, requires_grad=True) for o in outs])
        gs = _gradients(outs, ins, dummies, True, strict)
        live = [(g, v) for g, v in zip(gs, vs) if g is not None and g.requires_grad]
        if live:
            got = grad(
                [g for g, _ in live], dummies, [v for _, v in live], allow_unused=True,
                create_graph=create_graph,
            )  # fmt: skip
        else:
            got = (None,) * len(outs)  # type: ignore[assignment]  # as grad with allow_unused
        products = _filled(got, outs)
    return _given(outs, many_out, create_graph), _given(products, many_out, create_graph)


def jacobian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The Jacobian of func: a tensor of the output's shape followed by the input's.

    Args:
        func, inputs, create_graph, strict: as in vjp.
        vectorize: all rows in one pass instead of one after another.
        strategy: "reverse-mode", or "forward-mode" (columns; needs vectorize=True).

    Returns a tensor; a tuple over the inputs and around it a tuple over the outputs where these
    are tuples.

    inputs have any shape. Raises TypeError where func cannot be called or inputs is of the wrong
    type; RuntimeError where inputs holds integers, booleans or complex numbers.

    >>> torch.autograd.functional.jacobian(torch.exp, torch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            f'Expected strategy to be either "forward-mode" or "reverse-mode", not {strategy!r}'
        )
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError(
                "torch.autograd.functional.jacobian: `create_graph=True` and "
                '`strategy="forward-mode"` are not supported together: use torch.func.jacfwd'
            )
        if not vectorize:
            raise NotImplementedError(
                'jacobian: strategy="forward-mode" computes all columns at once: pass '
                "vectorize=True"
            )
    if strict and vectorize:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorize=True` are not "
            "supported together. Please either set `strict=False` or `vectorize=False`."
        )
    many_in, ins = _tuple(inputs, "inputs", "jacobian")
    if strategy == "forward-mode":
        return _columns(func, ins, many_in)
    with enable_grad():
        ins = _leaves(ins, create_graph)
        many_out, outs = _called(func, ins, "jacobian")
        if strict:
            _strict_outputs(outs, "jacobian")
        rows = _rows_at_once if vectorize else _rows
        table = [rows(i, o, ins, create_graph, strict) for i, o in enumerate(outs)]
    if not create_graph:
        table = [[g.detach() for g in row] for row in table]
    result = tuple([tuple(row) if many_in else row[0] for row in table])
    return result if many_out else result[0]


def _rows(
    index: int, out: Tensor, ins: tuple[Tensor, ...], create: bool, strict: bool
) -> list[Tensor]:
    """One output's Jacobians, row after row."""
    parts: list[list[Tensor]] = [[] for _ in ins]
    flat = out.reshape(-1)
    for j in range(out.numel()):
        if out.requires_grad:
            gs = _gradients(
                (flat[j],), ins, (None,), create, strict, True, f"Output {index}", "jacobian"
            )
        else:
            gs = (None,) * len(ins)
        for part, g in zip(parts, _filled(gs, ins)):
            part.append(g)
    return [
        T.stack(part).reshape((*out.shape, *x.shape))
        if part
        else x.new_zeros((*out.shape, *x.shape))
        for part, x in zip(parts, ins)
    ]


def _rows_at_once(
    index: int, out: Tensor, ins: tuple[Tensor, ...], create: bool, strict: bool
) -> list[Tensor]:
    """One output's Jacobians in one pass."""
    n = out.numel()
    if not out.requires_grad or not n:
        return [x.new_zeros((*out.shape, *x.shape)) for x in ins]
    rows = T.eye(n, dtype=out.dtype, device=out.device).reshape(n, *out.shape)
    gs = grad(
        out, ins, rows, retain_graph=True, create_graph=create, allow_unused=True,
        is_grads_batched=True,
    )  # fmt: skip
    return [
        x.new_zeros((*out.shape, *x.shape)) if g is None else g.reshape((*out.shape, *x.shape))
        for g, x in zip(gs, ins)
    ]


def _columns(func: Callable[..., Any], ins: tuple[Tensor, ...], many_in: bool) -> Any:
    """The Jacobian by forward mode: one column for each element of the inputs, all at once."""
    ins = tuple([x.detach() for x in ins])
    found: dict[str, Any] = {}

    def push(*tangents: Tensor) -> tuple[Tensor, ...]:
        def wrapped(*xs: Tensor) -> tuple[Tensor, ...]:
            found["many"], outs = _called(func, xs, "jacobian")
            return outs

        return tuple(forward_jvp(wrapped, ins, tangents)[1])

    table: list[list[Tensor]] = []
    for i, x in enumerate(ins):
        n = x.numel()
        basis = T.eye(n, dtype=x.dtype, device=x.device).reshape(n, *x.shape)

        def one(t: Tensor, i: int = i) -> tuple[Tensor, ...]:
            return push(*[t if j == i else T.zeros_like(y) for j, y in enumerate(ins)])

        columns = vmap(one)(basis)
        table.append([c.movedim(0, -1).reshape((*c.shape[1:], *x.shape)).detach() for c in columns])
    by_output = [tuple([row[o] for row in table]) for o in range(len(table[0]))]
    result = tuple([row if many_in else row[0] for row in by_output])
    return result if found["many"] else result[0]


def _scalar(func: Callable[..., Any], name: str) -> Callable[..., Tensor]:
    """func, checked to return one number."""

    def checked(*xs: Tensor) -> Tensor:
        out = func(*xs)
        many, outs = _tuple(out, "outputs of the user-provided function", name)
        if many or not isinstance(outs[0], Tensor):
            raise RuntimeError(
                f"The function given to {name} should return a single Tensor, got {type(out)}"
            )
        if outs[0].numel() != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {name} should contain a single "
                f"element, but it has shape {tuple(outs[0].shape)}"
            )
        return outs[0].reshape(())

    return checked


def hessian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The second derivatives of a function with one number as its result.

    Args as in jacobian; outer_jacobian_strategy: how the Jacobian of the gradient is computed.

    Returns a tensor of the input's shape twice; for a tuple of inputs a tuple of tuples.

    create_graph: record the pass itself, for derivatives of derivatives. strict: raise RuntimeError
    where an output does not depend on an input. vectorize: all rows at once, by vmap. func: the
    function.

    inputs have any shape. Raises TypeError where func cannot be called or inputs is no tensor.

    >>> torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.ones(2))
    tensor([[6., 0.],
            [0., 6.]])
    """
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode", not '
            f"{outer_jacobian_strategy!r}"
        )
    many, ins = _tuple(inputs, "inputs", "hessian")
    checked = _scalar(func, "hessian")

    def gradient(*xs: Tensor) -> tuple[Tensor, ...]:
        if outer_jacobian_strategy == "forward-mode":
            from .reverse import grad as functional_grad

            return tuple(functional_grad(checked, tuple(range(len(xs))))(*xs))
        out = checked(*xs)
        if strict:
            _strict_outputs((out,), "hessian")
        gs = _gradients((out,), xs, (None,), True, strict, what="The output")
        return _filled(gs, xs)

    table = jacobian(
        gradient, ins, create_graph=create_graph, strict=strict, vectorize=vectorize,
        strategy=outer_jacobian_strategy,
    )  # fmt: skip
    return table if many else table[0][0]


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """(func(*inputs), v times the Hessian of func), for a function with one number as its result.

    Args as in vjp, but v is like the inputs.

    create_graph: record the pass itself, for derivatives of derivatives. strict: raise
    RuntimeError where an output does not depend on an input.

    inputs have any shape, v has the shapes of the inputs. Raises TypeError where func cannot be
    called or inputs or v is no tensor.

    >>> torch.autograd.functional.vhp(lambda x: (x**3).sum(), torch.ones(2), torch.ones(2))[1]
    tensor([6., 6.])
    """
    return _hessian_product("vhp", func, inputs, v, create_graph, strict)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """(func(*inputs), the Hessian of func times v): as vhp, since Hessians are symmetric.

    create_graph: record the pass itself, for derivatives of derivatives. strict: raise
    RuntimeError where an output does not depend on an input.

    inputs have any shape, v has the shapes of the inputs. Raises TypeError where func cannot be
    called or inputs or v is no tensor.

    >>> torch.autograd.functional.hvp(lambda x: (x**3).sum(), torch.ones(2), torch.ones(2))[1]
    tensor([6., 6.])
    """
    return _hessian_product("hvp", func, inputs, v, create_graph, strict)


def _hessian_product(
    name: str, func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool
) -> tuple[Any, Any]:
    with enable_grad():
        many, ins = _tuple(inputs, "inputs", name)
        ins = _leaves(ins, create_graph)
        vs = _vectors(v, ins, many, "the input to the user-provided function")
        out = _scalar(func, name)(*ins)
        if strict:
            _strict_outputs((out,), name)
        first = _gradients((out,), ins, (None,), True, strict)
        live = [(g, w) for g, w in zip(first, vs) if g is not None and g.requires_grad]
        got: tuple[Any, ...] = (None,) * len(ins)
        if live:
            got = grad(
                [g for g, _ in live], ins, [w for _, w in live], allow_unused=True,
                create_graph=create_graph,
            )  # fmt: skip
        if strict and any(g is None for g in got):
            i = [g is None for g in got].index(True)
            raise RuntimeError(
                f"The gradient of the user-provided function is independent of input {i}. This is "
                "not allowed in strict mode."
            )
        products = _filled(got, ins)
    return _given((out,), False, create_graph), _given(products, many, create_graph)
