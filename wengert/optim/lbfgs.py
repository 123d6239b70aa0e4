"""L-BFGS: quasi-Newton steps from the last differences of gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..api import functions as T
from ..base.modes import enable_grad, no_grad
from ..engine.tensor import Tensor
from .checks import check_lr
from .hyperparameters import number
from .linesearch import Point, strong_wolfe
from .optimizer import Optimizer, Params
from .step import as_real


class LBFGS(Optimizer):
    """Limited-memory BFGS: one group of parameters, several calls of the closure per step.

    params: tensors or (name, tensor) pairs. lr: step length, or the first one that the line search
    tries. max_iter, max_eval: the most iterations and evaluations per step (max_eval: max_iter *
    1.25 by default). tolerance_grad: stop when no element of the gradient is larger.
    tolerance_change: stop when loss or parameters change less. history_size: how many differences
    are kept, each as large as all parameters. line_search_fn: None or "strong_wolfe". Parameters
    have any shape. Raises ValueError for a negative lr and for several groups.

    >>> x = torch.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((x - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> loss = optimizer.step(closure)
    >>> (x - 1).abs().max() < 1e-5
    tensor(True)
    """

    def __init__(
        self,
        params: Params,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )
        if len(self.param_groups) != 1:
            raise ValueError(
                "LBFGS doesn't support per-parameter options (parameter groups): "
                "give all parameters in one"
            )

    @property
    def _params(self) -> list[Tensor]:
        return self.param_groups[0]["params"]

    def _flat_grad(self) -> Tensor:
        """All gradients in one vector."""
        parts = []
        for p in self._params:
            g = T.zeros_like(p) if p.grad is None else p.grad
            parts.append(as_real(g.to_dense() if g.is_sparse else g).reshape(-1))
        return T.cat(parts)

    def _move(self, direction: Tensor, t: Any) -> None:
        """Add t times a vector to the parameters."""
        i = 0
        for p in map(as_real, self._params):
            n = p.numel()
            p.add_(direction[i : i + n].view_as(p), alpha=number(t))
            i += n

    @no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]  # it needs one
        """Iterate up to max_iter times; returns the first loss.

        closure: evaluates the model, calls backward() and returns the loss.

        Raises TypeError where closure cannot be called; AssertionError if a group was added.
        """
        if len(self.param_groups) != 1:
            raise AssertionError(
                f"Expected exactly one param_group, but got {len(self.param_groups)}"
            )
        closure = enable_grad()(closure)
        group = self.param_groups[0]
        lr, most = number(group["lr"]), group["max_iter"]
        search, small = group["line_search_fn"], group["tolerance_change"]
        if search not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        # one state for all, kept with the first parameter: loading it converts to that one's dtype
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first_loss = closure()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        g = self._flat_grad()
        if largest(g) <= group["tolerance_grad"]:
            return first_loss

        for iteration in range(1, most + 1):
            state["n_iter"] += 1
            d = self._direction(g, state)
            previous_loss = state["prev_loss"] = loss
            first = state["n_iter"] == 1
            t = min(1.0, 1.0 / number(g.abs().sum())) * lr if first else lr
            state["t"] = t
            slope = number(g @ d)
            if slope > -small:  # not a direction of descent
                break
            if search is not None:
                loss, g, t, used = self._search(
                    closure, Point(0.0, loss, g, slope), t, d, group["max_eval"] - evaluations
                )
                state["t"] = t
                self._move(d, t)
            else:
                self._move(d, t)
                used = 0
                if iteration != most:  # the next step begins with an evaluation of its own
                    loss = float(closure())
                    g = self._flat_grad()
                    used = 1
            evaluations += used
            state["func_evals"] += used
            if (
                evaluations >= group["max_eval"]
                or largest(g) <= group["tolerance_grad"]
                or largest(d * t) <= small
                or abs(loss - previous_loss) < small
            ):
                break
        return first_loss

    def _direction(self, g: Tensor, state: dict[str, Any]) -> Tensor:
        """The quasi-Newton direction at gradient g; the history in state takes in the last move."""
        if state["n_iter"] == 1:
            state.update(d=g.neg(), old_dirs=[], old_stps=[], ro=[], H_diag=1)
        else:
            directions, steps, ro = state["old_dirs"], state["old_stps"], state["ro"]
            size = self.param_groups[0]["history_size"]
            y = g - state["prev_flat_grad"]
            s = state["d"] * state["t"]
            ys = y @ s
            if number(ys) > 1e-10:
                if len(directions) == size:
                    for history in (directions, steps, ro):
                        history.pop(0)
                directions.append(y)
                steps.append(s)
                ro.append(1.0 / ys)
                state["H_diag"] = ys / (y @ y)
            # the inverse Hessian times g: newest difference to oldest, and back
            al = state.setdefault("al", [None] * size)
            q = g.neg()
            for i in range(len(directions) - 1, -1, -1):
                al[i] = (steps[i] @ q) * ro[i]
                q.sub_(directions[i] * al[i])
            q = q * state["H_diag"]
            for i in range(len(directions)):
                q.add_(steps[i] * (al[i] - (directions[i] @ q) * ro[i]))
            state["d"] = q
        state["prev_flat_grad"] = g.clone()
        return state["d"]

    def _search(
        self, closure: Callable[[], Any], start: Point, t: float, d: Tensor, most: int
    ) -> tuple[float, Tensor, float, int]:
        """Loss, gradient, step length and number of evaluations of a line search along d."""
        origin = [p.clone() for p in self._params]

        def evaluate(t: float) -> tuple[float, Tensor]:
            self._move(d, t)
            loss, g = float(closure()), self._flat_grad()
            for p, x in zip(self._params, origin):
                p.copy_(x)
            return loss, g

        found, used = strong_wolfe(evaluate, lambda g: number(g @ d), t, start, largest(d), most)
        return found.f, found.g, found.t, used


def largest(x: Tensor) -> float:
    """The largest absolute value."""
    return number(x.abs().max())
