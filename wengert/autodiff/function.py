"""User-defined differentiable functions: `Function` with forward, backward and their context.

What does not live here: the node that a call records (`function_node.py`), what a Function means
inside of function transforms (`function_levels.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..base.advice import advise
from ..base.modes import no_grad, state
from ..engine.tensor import Tensor, wrap
from .function_levels import apply as at_levels
from .function_node import recorded


class Function:
    """Base of user-defined differentiable functions: subclass with static forward and backward,
    call apply.

    forward(ctx, *args) or forward(*args) with setup_context(ctx, inputs, output); backward(ctx,
    *grad_outputs) returns one gradient (or None) for each argument of forward. backward may use
    any operations: it is itself differentiable.

    >>> class Square(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * g
    >>> Square.apply(torch.tensor(3.0, requires_grad=True))
    tensor(9., grad_fn=<SquareBackward>)
    """

    generate_vmap_rule = False
    _root: Any  # Function itself

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        advise(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all"
            " static, so you should invoke them on the class itself:"
            f" {type(self).__name__}.apply(...)",
            DeprecationWarning,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            f"{type(self).__name__} is a function to be used through its class: call "
            f"{type(self).__name__}.apply(...), with a static forward and backward"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; override.

        >>> class Double(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return 2 * x
        >>> Double.apply(torch.ones(2))
        tensor([2., 2.])
        """
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Fill ctx from inputs and output, when forward takes no ctx; override.

        >>> class Square(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(x):
        ...         return x * x
        ...     @staticmethod
        ...     def setup_context(ctx, inputs, output):
        ...         ctx.save_for_backward(*inputs)
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         return 2 * ctx.saved_tensors[0] * g
        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> torch.autograd.grad(Square.apply(x), x)
        (tensor(6.),)
        """
        raise NotImplementedError("setup_context is not implemented.")

    if TYPE_CHECKING:  # overrides name the gradients one by one

        @staticmethod
        def backward(ctx: Any, *grad_outputs: Any, **kwargs: Any) -> Any: ...
    else:

        @staticmethod
        def backward(ctx, *grad_outputs):
            """Gradients of the arguments, from those of the outputs; override.

            >>> class Clipped(torch.autograd.Function):
            ...     @staticmethod
            ...     def forward(ctx, x):
            ...         return x.clone()
            ...     @staticmethod
            ...     def backward(ctx, g):
            ...         return g.clamp(-1, 1)
            >>> x = torch.tensor(3.0, requires_grad=True)
            >>> (5 * Clipped.apply(x)).backward()
            >>> x.grad
            tensor(1.)
            """
            raise NotImplementedError(
                "You must implement either the backward or vjp method for your custom"
                " autograd.Function to use it with backward mode AD."
            )

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Tangents of the outputs, from those of the arguments; override for forward mode.

        ctx: what forward has kept. Tangents have the shapes of their inputs.

        >>> class Double(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return 2 * x
        ...     @staticmethod
        ...     def jvp(ctx, t):
        ...         return 2 * t
        >>> torch.func.jvp(Double.apply, (torch.ones(2),), (torch.ones(2),))[1]
        tensor([2., 2.])
        """
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with"
            " forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """The outputs of whole batches, and where these have the batch; override for vmap, or set
        generate_vmap_rule = True.

        info: batch_size and randomness. in_dims: for each of args the dimension of the batch,
        None where there is none.

        >>> class Double(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(x):
        ...         return 2 * x
        ...     @staticmethod
        ...     def setup_context(ctx, inputs, output): ...
        ...     @staticmethod
        ...     def vmap(info, in_dims, x):
        ...         return 2 * x, in_dims[0]
        >>> torch.func.vmap(Double.apply)(torch.ones(2))
        tensor([2., 2.])
        """
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap static method or"
            " set generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward and record the node. Tensors have any shape. Raises what forward raises;
        TypeError where an argument is no tensor.
        """
        if state.levels:
            return at_levels(cls, args, kwargs)
        return recorded(cls, args, kwargs)


Function._root = Function  # where what users override is found in its first form
Function.vjp = Function.backward  # type: ignore[attr-defined]


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a backward as not differentiable again: a second derivative through it raises
    RuntimeError.

    fn: the backward.

    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     @torch.autograd.function.once_differentiable
    ...     def backward(ctx, g):
    ...         return 2 * g
    >>> x = torch.ones(1, requires_grad=True)
    >>> torch.autograd.grad(Double.apply(x), x)
    (tensor([2.]),)
    """

    @functools.wraps(fn)
    def wrapper(ctx: Any, *args: Any) -> Any:
        with no_grad():
            out = fn(ctx, *args)
        if not state.grad or not any(isinstance(a, Tensor) and a._n is not None for a in args):
            return out
        outs = out if isinstance(out, tuple) else (out,)
        marked = tuple(
            [
                (
                    Twice.apply(o, ctx, *[a for a in args if isinstance(a, Tensor)])
                    if isinstance(o, Tensor)
                    else o
                )
                for o in outs
            ]
        )
        return marked if isinstance(out, tuple) else marked[0]

    return wrapper


class Twice(Function):
    """Passes a value on and refuses to be differentiated."""

    @staticmethod
    def forward(ctx: Any, x: Any, marked: Any, *sources: Any) -> Any:
        ctx.marked = f"{marked.name()}, recorded at {marked.where()}"
        return wrap(x._a)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable: "
            f"{ctx.marked}\n  Write its backward in differentiable operations, without the mark."
        )


class InplaceFunction(Function):
    """Kept for programs that subclass it; the same as Function.

    >>> class AddOne(torch.autograd.function.InplaceFunction):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.mark_dirty(x)
    ...         return x.add_(1)
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return g
    >>> AddOne.apply(torch.zeros(2))
    tensor([1., 1.])
    """
