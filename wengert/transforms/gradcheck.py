"""Derivatives against finite differences: gradcheck, gradgradcheck.

Complex inputs are checked along the real and the imaginary direction apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..api import functions as T
from ..autodiff.dual import Dual
from ..autodiff.grad_api import grad
from ..base.advice import advise
from ..base.formats import strided
from ..base.modes import enable_grad, no_grad
from ..engine.tensor import Tensor
from .forward import jvp as forward_jvp
from .reverse import vjp
from .vmap import vmap

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """Raised by gradcheck and gradgradcheck where derivatives are wrong."""


def _tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _is_float(t: Any) -> bool:
    return isinstance(t, Tensor) and t.dtype.is_inexact


def gradcheck(
    func: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5,
    rtol: float = 1e-3, raise_exception: bool = True, nondet_tol: float = 0.0,
    check_undefined_grad: bool = True, check_grad_dtypes: bool = False,
    check_batched_grad: bool = False, check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False, check_backward_ad: bool = True, fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:  # fmt: skip
    """Whether the derivatives of func agree with finite differences.

    Args:
        func: takes tensors (and other things), returns a tensor or a tuple.
        inputs: what func is given; derivatives are checked where requires_grad is set, best in
            float64.
        eps, atol, rtol: step of the differences, and the tolerances.
        raise_exception: raise GradcheckError where something is wrong, instead of returning False.
        nondet_tol: how far two backward passes may be apart.
        check_undefined_grad: also see that missing gradients of outputs are understood.
        check_batched_grad, check_batched_forward_grad: also compare vmap with a loop.
        check_forward_ad, check_backward_ad: which modes are checked.
        fast_mode: one random direction instead of every element.
        masked: of sparse inputs only the elements that they store are moved.

    check_grad_dtypes: compare dtypes, too.

    Tensors have any shape. Raises TypeError where func cannot be called; ValueError where inputs is
    no tensor, has a shape that does not fit or holds integers or booleans.

    >>> torch.autograd.gradcheck(torch.sin, torch.ones(3, dtype=torch.float64, requires_grad=True))
    True
    """
    if not check_forward_ad and not check_backward_ad:
        raise AssertionError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True"
        )
    if check_batched_grad and not check_backward_ad:
        raise AssertionError(
            "Setting check_batched_grad=True requires check_backward_ad to be True"
        )
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError(
            "Setting check_batched_forward_grad=True requires check_forward_ad to be True"
        )
    given = tuple([x if masked else _materialized(x) for x in _tuple(inputs)])
    check = _Check(func, given, eps, atol, rtol, fast_mode)
    try:
        if not check.prepare():
            return True
        if check_backward_ad:
            check.backward(nondet_tol)
        if check_forward_ad:
            check.forward()
        if check_batched_grad:
            check.batched_backward()
        if check_batched_forward_grad:
            check.batched_forward()
        if check_backward_ad and check_undefined_grad:
            check.undefined()
        if check_backward_ad and check_grad_dtypes:
            check.dtypes()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _sparse(t: Any) -> bool:
    return isinstance(t, Tensor) and t.layout is not strided


def _materialized(t: Any) -> Any:
    """A sparse tensor that stores all elements, zeros too; anything else as it is."""
    if not _sparse(t) or not t.requires_grad:
        return t
    whole = t.detach().to_dense()
    places = T.ones_like(whole).to_sparse().indices()
    full = T.sparse_coo_tensor(places, whole.reshape(-1), whole.shape, is_coalesced=True)
    return full.to_sparse(layout=t.layout).requires_grad_()


def _stored(t: Any) -> Tensor:
    """The numbers of an input that are moved."""
    return t._values() if _sparse(t) else t


def _at_stored(g: Tensor, t: Any) -> Tensor:
    """A gradient at the places that the sparse tensor t stores."""
    if not _sparse(t):
        return g
    g = g.to_dense() if _sparse(g) else g
    return g[tuple(t.detach()._indices().unbind(0))]


class _Check:
    """One call of gradcheck."""

    def __init__(
        self, func: Any, inputs: tuple[Any, ...], eps: float, atol: float, rtol: float, fast: bool
    ) -> None:
        self.func, self.inputs, self.eps = func, inputs, eps
        self.atol, self.rtol, self.fast = atol, rtol, fast
        self.which = [i for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]

    def prepare(self) -> bool:
        """Check the inputs and run the function; False if there is nothing to check."""
        if not self.which:
            raise ValueError(
                "gradcheck expects at least one input tensor to require gradient, but none of the "
                "them have requires_grad=True."
            )
        for i in self.which:
            t = _stored(self.inputs[i])
            if t.dtype.name not in ("float64", "complex128"):
                advise(
                    f"Input #{i} requires gradient and is not a double precision floating point or "
                    "complex. This check will likely fail if all the inputs are not of double "
                    "precision floating point or complex.",
                )
            if t.numel() > 1 and 0 in [s for s, n in zip(t.stride(), t.shape) if n > 1]:
                raise RuntimeError(
                    f"The {i}th input has a dimension with stride 0. gradcheck only supports "
                    "inputs that are non-overlapping to be able to compute the numerical gradients "
                    "correctly. You should call .contiguous on the input before passing it to "
                    "gradcheck."
                )
        self.outs = self.call(self.inputs)
        self.live = [i for i, o in enumerate(self.outs) if _is_float(o) and o.requires_grad]
        if self.outs and not self.live:
            for i, _, change in self.moves():
                if any(bool((d != 0).any()) for d in change):
                    raise GradcheckError(
                        f"Numerical gradient for function expected to be zero: the outputs do not "
                        f"require grad, but depend on input {i}"
                    )
            return False
        return True

    def call(self, inputs: Any) -> tuple[Any, ...]:
        with enable_grad():
            outs = _tuple(self.func(*inputs))
            if any(_sparse(o) and o.requires_grad for o in outs):
                raise ValueError(
                    "Sparse output is not supported at gradcheck yet. Please call"
                    " to_dense(masked_grad=...) on the output of fn for gradcheck."
                )
            return outs

    # ---- directions

    def directions(self, t: Tensor) -> list[Tensor]:
        """The directions in which an input is moved: every element, or a random one of all."""
        units = [1.0, 1j] if t.dtype.is_complex else [1.0]
        if self.fast:
            v = T.randn(t.shape, dtype=t.dtype)
            return [v * u / max(float(v.abs().norm()), 1e-12) for u in units]
        found = []
        for j in range(t.numel()):
            for u in units:
                e = T.zeros(t.numel(), dtype=t.dtype)
                e[j] = u
                found.append(e.reshape(t.shape))
        return found

    def moves(self, which: Any = None) -> list[tuple[int, Tensor, list[Tensor]]]:
        """(input, direction, changes of the outputs) for all directions, by central differences."""
        found = []
        for i in self.which:
            memory = _stored(
                self.inputs[i]
            ).data  # moved itself: the function may have it from elsewhere
            before = memory.clone()
            for v in self.directions(before):
                sides = []
                try:
                    for step in (self.eps, -self.eps):
                        memory.copy_(before + v * step)
                        outs = self.call(self.inputs)
                        if which is None:
                            sides.append([o.detach().clone() for o in outs if _is_float(o)])
                        else:
                            sides.append([outs[o].detach().clone() for o in which])
                finally:
                    memory.copy_(before)
                found.append((i, v, [(a - b) / (2 * self.eps) for a, b in zip(*sides)]))
        return found

    def close(self, a: Tensor, n: Tensor) -> bool:
        return bool(T.allclose(a, n, rtol=self.rtol, atol=self.atol))

    # ---- the checks

    def cotangents(self, o: Tensor) -> list[Tensor]:
        """The directions in which an output's gradient is asked for."""
        return self.directions(o.detach())

    def backward(self, nondet_tol: float) -> None:
        """Reverse mode: for cotangent c and direction v, Re<c, J v> = Re<grad(c), v>."""
        changes = self.moves(self.live)
        ins = [self.inputs[i] for i in self.which]
        for k, index in enumerate(self.live):
            out = self.outs[index]
            for c in self.cotangents(out):
                gs = self.reverse(out, ins, c)
                again = self.reverse(out, ins, c)
                for i, a, b in zip(self.which, gs, again):
                    if a.numel() and float((a - b).abs().max()) > nondet_tol:
                        raise GradcheckError(
                            "Backward is not reentrant, i.e., running backward with same input "
                            "and grad_output multiple times gives different values, although "
                            f"analytical gradient matches numerical gradient: input {i}, output "
                            f"{index}. The tolerance for nondeterminism was {nondet_tol}."
                        )
                got = dict(zip(self.which, gs))
                for i, v, change in changes:
                    numeric, analytic = _inner(c, change[k]), _inner(got[i], v)
                    if not self.close(analytic, numeric):
                        raise self.wrong("", i, index, v, numeric, analytic)

    def wrong(
        self, mode: str, i: int, index: int, v: Tensor, numeric: Tensor, analytic: Tensor
    ) -> GradcheckError:
        return GradcheckError(
            f"Jacobian{mode} mismatch for output {index} with respect to input {i},\n"
            f"numerical: {numeric.tolist()}\nanalytical: {analytic.tolist()}\n"
            f"along the direction {v.tolist()} of the input"
        )

    @staticmethod
    def reverse(out: Tensor, ins: Any, c: Any) -> list[Tensor]:
        gs = grad(out, ins, c, retain_graph=True, allow_unused=True)
        for x, g in zip(ins, gs):
            if g is not None and g.shape != x.shape:
                raise GradcheckError(
                    f"grad is incorrect size: {tuple(g.shape)} for an input of {tuple(x.shape)}"
                )
        return [
            T.zeros_like(_stored(x)) if g is None else _at_stored(g, x) for x, g in zip(ins, gs)
        ]

    def tangents(self, i: int, v: Tensor) -> list[Tensor]:
        """Forward mode: the changes of the outputs along a direction of input i."""

        def of_one(x: Tensor) -> tuple[Any, ...]:
            full = [t.detach() if isinstance(t, Tensor) else t for t in self.inputs]
            full[i] = x
            outs = self.call(full)
            return tuple([outs[o] for o in self.live])

        return list(forward_jvp(of_one, (self.inputs[i].detach(),), (v,))[1])

    def forward(self) -> None:
        """Forward mode: its tangents are the finite differences."""
        for i, v, change in self.moves(self.live):
            for index, a, n in zip(self.live, self.tangents(i, v), change):
                if not self.close(a, n):
                    raise self.wrong(" computed with forward mode", i, index, v, n, a)

    def batched_backward(self) -> None:
        """Two cotangents at once give what each gives alone."""
        ins = [self.inputs[i] for i in self.which]
        for index in self.live:
            out = self.outs[index]
            cs = [T.randn(out.shape, dtype=out.dtype) for _ in range(2)]
            alone = [self.reverse(out, ins, c) for c in cs]
            try:
                both = grad(
                    out, ins, T.stack(cs), retain_graph=True, allow_unused=True,
                    is_grads_batched=True,
                )  # fmt: skip
            except RuntimeError as e:
                raise GradcheckError(
                    "While computing batched gradients, got: an error that a loop does not give.\n"
                    f"{e}"
                ) from e
            for i, a, b, g in zip(self.which, *alone, both):
                if g is not None and not self.close(g, T.stack([a, b])):
                    raise GradcheckError(
                        f"For output {index} and input {i}, the gradients of a batch differ from "
                        f"those of its elements:\n{g.tolist()}\n{T.stack([a, b]).tolist()}"
                    )

    def batched_forward(self) -> None:
        """Two tangents at once give what each gives alone."""
        for i in self.which:
            t = self.inputs[i].detach()
            vs = [T.randn(t.shape, dtype=t.dtype) for _ in range(2)]
            alone = [self.tangents(i, v) for v in vs]
            both = vmap(lambda v, i=i: tuple(self.tangents(i, v)))(T.stack(vs))
            for index, a, b, g in zip(self.live, *alone, both):
                if not self.close(g, T.stack([a, b])):
                    raise GradcheckError(
                        f"For output {index} and input {i}, the tangents of a batch differ from "
                        "those of its elements"
                    )

    def undefined(self) -> None:
        """A pass that starts at one output only must not need the others' gradients."""
        ins = [self.inputs[i] for i in self.which]
        for index in self.live:
            out = self.outs[index]
            gs = self.reverse(out, ins, T.zeros_like(out.detach()))
            for i, g in zip(self.which, gs):
                if bool((g != 0).any()):
                    raise GradcheckError(
                        "Expected all input grads to be undefined or zero when all output grads "
                        f"are undefined or zero: input {i}, output {index}"
                    )

    def dtypes(self) -> None:
        """Gradients have the dtype of their inputs."""
        ins = [self.inputs[i] for i in self.which]
        for index in self.live:
            out = self.outs[index]
            for x, g in zip(ins, self.reverse(out, ins, T.ones_like(out.detach()))):
                if g.dtype is not x.dtype:
                    raise GradcheckError(
                        f"The gradient of a {x.dtype} input is {g.dtype}, for output {index}"
                    )


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """The real part of the inner product of two tensors."""
    with no_grad():
        if a.dtype.is_complex or b.dtype.is_complex:
            return T.real((T.conj(a) * b).sum())
        return (a * b).sum()


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6,
    atol: float = 1e-5, rtol: float = 1e-3, gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True, nondet_tol: float = 0.0, check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False, check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False, check_rev_over_rev: bool = True, fast_mode: bool = False,
    masked: bool = False,
) -> bool:  # fmt: skip
    """Whether the second derivatives of func agree with differences of the first.

    Args as in gradcheck; grad_outputs: the cotangents (random if None), which are checked too;
    check_fwd_over_rev, check_rev_over_rev: how second derivatives are taken.

    inputs: tensors that require grad, in float64. eps: the step of the finite differences. atol:
    absolute tolerance. rtol: relative tolerance. raise_exception: raise an error instead of
    returning False. nondet_tol: how much two passes may differ. check_grad_dtypes: compare dtypes,
    too. gen_non_contig_grad_outputs: with cotangents that are not contiguous. check_undefined_grad:
    accepted. check_batched_grad: accepted. fast_mode: one random direction. masked: accepted.

    grad_outputs have the shapes of the outputs. Raises TypeError where func cannot be called or
    inputs is of the wrong type; ValueError where inputs holds integers or booleans; GradcheckError
    where inputs holds complex numbers.

    >>> x = torch.ones(3, dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradgradcheck(torch.sin, x)
    True
    """
    if not check_fwd_over_rev and not check_rev_over_rev:
        raise AssertionError(
            "Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True"
        )
    ins = _tuple(inputs)
    with enable_grad():
        outs = [o for o in _tuple(func(*ins)) if _is_float(o) and o.requires_grad]
    if grad_outputs is None:
        cots = tuple([T.randn(o.shape, dtype=o.dtype) for o in outs])
        if gen_non_contig_grad_outputs:
            cots = tuple([T.stack([c, c], -1).select(-1, 0) for c in cots])
        cots = tuple([c.detach().requires_grad_() for c in cots])
    else:
        cots = _tuple(grad_outputs)
    n = len(cots)
    wants = [isinstance(x, Tensor) and x.requires_grad for x in ins]

    def first(*args: Any) -> tuple[Any, ...]:
        given, cs = list(args[:-n]), args[-n:]

        def values(*picked: Any) -> tuple[Any, ...]:
            it = iter(picked)
            full = [next(it) if want else x for want, x in zip(wants, given)]
            return tuple([o for o in _tuple(func(*full)) if _is_float(o) and o.requires_grad])

        picked = [x for want, x in zip(wants, given) if want]
        if any(isinstance(x._a, Dual) for x in (*picked, *cs)):
            return tuple(vjp(values, *picked)[1](tuple(cs)))
        with enable_grad():
            picked = [x if x.requires_grad else x.detach().requires_grad_() for x in picked]
            gs = grad(values(*picked), picked, cs, create_graph=True, allow_unused=True)
        return tuple([T.zeros_like(x) if g is None else g for x, g in zip(picked, gs)])

    options: dict[str, Any] = {
        "eps": eps, "atol": atol, "rtol": rtol, "raise_exception": raise_exception,
        "nondet_tol": nondet_tol, "check_undefined_grad": check_undefined_grad,
        "check_grad_dtypes": check_grad_dtypes, "check_batched_grad": check_batched_grad,
        "fast_mode": fast_mode,
    }  # fmt: skip
    return gradcheck(
        first, (*ins, *cots), check_backward_ad=check_rev_over_rev,
        check_forward_ad=check_fwd_over_rev, **options,
    )  # fmt: skip
