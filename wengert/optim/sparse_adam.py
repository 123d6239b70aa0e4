"""SparseAdam: Adam that touches only the rows a sparse gradient holds."""

from __future__ import annotations

from typing import Any

from .checks import check_betas, check_lr
from .hyperparameters import one_minus_power, root
from .optimizer import Optimizer, Params


class SparseAdam(Optimizer):
    """Adam for sparse gradients such as those of `nn.Embedding(sparse=True)`.

    Rows that a gradient does not hold stay as they are, and so do their means.

    params: dense real tensors, (name, tensor) pairs or dicts of options with a "params" entry. lr:
    learning rate. betas: decay of the two running means. eps: added to the denominator. maximize:
    ascend. Parameters have any shape. Raises ValueError for values out of range and for sparse or
    complex parameters.

    >>> p = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> p.grad = torch.tensor([0.0, 1.0]).to_sparse()
    >>> torch.optim.SparseAdam([p], lr=0.5).step()
    >>> p
    tensor([1.0000, 1.5000], requires_grad=True)
    """

    counters = ("step",)
    sparse = "only"

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        check_lr(lr)
        for name, value in (("learning rate", lr), ("epsilon value", eps)):
            if not value > 0.0:
                raise ValueError(f"Invalid {name}: {value} (it must be > 0)")
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        places = [
            ([i, j], p)
            for i, group in enumerate(self.param_groups)
            for j, p in enumerate(group["params"])
        ]
        sparse = [at for at, p in places if p.is_sparse]
        if sparse:
            raise ValueError(
                f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors"
            )
        complex_ = [at for at, p in places if p.is_complex()]
        if complex_:
            raise ValueError(
                f"Complex params at indices {complex_}: SparseAdam does not support complex "
                "parameters"
            )

    def _restore_counters(self) -> None:
        """The step of SparseAdam is a plain number."""

    def start(self, p: Any) -> dict[str, Any]:
        """No steps, zero means."""
        return {"step": 0, "exp_avg": self.like(p, 0), "exp_avg_sq": self.like(p, 0)}

    def update(
        self,
        p: Any,
        g: Any,
        state: dict[str, Any],
        *,
        lr: Any,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        """Adam, with eps added to the mean square that still has its bias."""
        beta1, beta2 = betas
        t, m, v = state["step"], state["exp_avg"], state["exp_avg_sq"]
        m.lerp_(g, 1 - beta1)
        v.lerp_(g.square(), 1 - beta2)
        rate = lr * root(one_minus_power(beta2, t)) / one_minus_power(beta1, t)
        p.sub_(m.div(v.sqrt().add(eps)), alpha=rate)
