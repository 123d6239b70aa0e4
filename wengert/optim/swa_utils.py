"""`torch.optim.swa_utils`: averages of a model's weights over its training (SWA and EMA)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any, Literal

from ..api import functions as T
from ..base.modes import no_grad
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from ..nn.module import Module
from .lr_scheduler.scheduler import LRScheduler, per_group
from .optimizer import Optimizer

__all__ = [
    "AveragedModel",
    "SWALR",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Tensor, Tensor, Any], Tensor]
MultiAverage = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """The exponential moving average, as a function of (average, current, number averaged).

    decay: the share that the average keeps. Raises ValueError unless it is in [0, 1]; TypeError
    where decay is of the wrong type; RuntimeError where decay is a tensor of several numbers.

    >>> torch.optim.swa_utils.get_ema_avg_fn(0.5)(torch.tensor(1.0), torch.tensor(3.0), 1)
    tensor(2.)
    """
    if not 0.0 <= decay <= 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )

    @no_grad()
    def average(mean: Tensor, current: Tensor, count: Any) -> Tensor:
        return decay * mean + (1 - decay) * current

    return average


def get_swa_avg_fn() -> Average:
    """The equally weighted average, as a function of (average, current, number averaged).

    >>> torch.optim.swa_utils.get_swa_avg_fn()(torch.tensor(1.0), torch.tensor(3.0), 1)
    tensor(2.)
    """

    @no_grad()
    def average(mean: Tensor, current: Tensor, count: Any) -> Tensor:
        return mean + (current - mean) / (count + 1)

    return average


def _in_place(average: Average) -> MultiAverage:
    """average, applied to lists of tensors in place."""

    @no_grad()
    def update(means: Sequence[Tensor], currents: Sequence[Tensor], count: Any) -> None:
        for mean, current in zip(means, currents):
            mean.copy_(average(mean, current, count))

    return update


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """The exponential moving average of lists of tensors, in place.

    decay: how much of the average is kept.

    Raises TypeError where decay is of the wrong type; ValueError where decay is not in [0, 1];
    RuntimeError where decay is a tensor of several numbers.

    >>> mean = [torch.tensor(1.0)]
    >>> torch.optim.swa_utils.get_ema_multi_avg_fn(0.5)(mean, [torch.tensor(3.0)], 1)
    >>> mean
    [tensor(2.)]
    """
    return _in_place(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> MultiAverage:
    """The equally weighted average of lists of tensors, in place.

    >>> mean = [torch.tensor(1.0)]
    >>> torch.optim.swa_utils.get_swa_multi_avg_fn()(mean, [torch.tensor(3.0)], 1)
    >>> mean
    [tensor(2.)]
    """
    return _in_place(get_swa_avg_fn())


class AveragedModel(Module):
    """A copy of a model whose parameters are averages over what `update_parameters` is shown.

    model: to be copied. device: where to keep the copy. avg_fn: new average from (average,
    current, number averaged), or multi_avg_fn, which changes lists in place; neither: all weigh
    the same. use_buffers: average the buffers too, instead of copying the latest. Raises
    AssertionError for both functions.

    >>> model = torch.nn.Linear(1, 1)
    >>> averaged = torch.optim.swa_utils.AveragedModel(model)
    >>> averaged.update_parameters(model)
    >>> averaged.n_averaged
    tensor(1)
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", T.tensor(0, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The averaged model's output."""
        return self.module(*args, **kwargs)

    @no_grad()
    @clear_errors
    def update_parameters(self, model: Module) -> None:
        """Take the parameters of model into the average; the first time they are copied.

        Raises RuntimeError where the parameters have other shapes.
        """

        def tensors(m: Module) -> list[Tensor]:
            every = chain(m.parameters(), m.buffers()) if self.use_buffers else m.parameters()
            return [t.detach() for t in every]

        means = tensors(self.module)
        currents = [t.to(mean.device) for t, mean in zip(tensors(model), means)]
        if self.n_averaged == 0:
            for mean, current in zip(means, currents):
                mean.copy_(current)
        else:
            update = self.multi_avg_fn or _in_place(self.avg_fn or get_swa_avg_fn())
            alike: dict[Any, tuple[list[Tensor], list[Tensor]]] = {}
            for mean, current in zip(means, currents):
                lists = alike.setdefault((mean.device, mean.dtype), ([], []))
                lists[0].append(mean)
                lists[1].append(current)
            for (device, _), lists in alike.items():
                update(*lists, self.n_averaged.to(device))
        if not self.use_buffers:
            for mean, current in zip(self.module.buffers(), model.buffers()):
                mean.detach().copy_(current.detach().to(mean.device))
        self.n_averaged += 1


@no_grad()
@clear_errors
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the statistics of a model's batch normalizations anew, in one pass over loader.

    loader: batches, each a tensor or a sequence that begins with one. device: where to move them
    first.

    The inputs have any shape that the model takes. Raises TypeError where loader is of the wrong
    type.

    >>> net = nn.Sequential(nn.BatchNorm1d(1))
    >>> torch.optim.swa_utils.update_bn([torch.ones(4, 1)], net)
    >>> net[0].running_mean
    tensor([1.])
    """
    from ..nn.normalization import _BatchNorm

    momenta = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    if not momenta:
        return
    was_training = model.training
    model.train()
    for m in momenta:
        m.reset_running_stats()
        m.momentum = None  # the plain average
    for batch in loader:
        x = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(x if device is None else x.to(device))
    for m, momentum in momenta.items():
        m.momentum = momentum
    model.train(was_training)


def _linear(t: float) -> float:
    return t


def _cosine(t: float) -> float:
    return (1 - math.cos(math.pi * t)) / 2


class SWALR(LRScheduler):
    """From the current rate to swa_lr in anneal_epochs epochs, and constant from there.

    swa_lr: a number, or a list of one per group. anneal_strategy: "cos" or "linear". Raises
    ValueError for other strategies and for an anneal_epochs that is no integer >= 0.

    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.5)
    >>> scheduler = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.25, anneal_epochs=1)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    @clear_errors
    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        for lr, group in zip(per_group("swa_lr", optimizer, swa_lr), optimizer.param_groups):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._choose(anneal_strategy)
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _choose(self, strategy: str) -> None:
        self._anneal_strategy = strategy
        self.anneal_func = _cosine if strategy == "cos" else _linear

    def get_lr(self) -> list[Any]:
        """The rates, further on the way from the first ones to swa_lr."""
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        length = max(1, self.anneal_epochs)
        before = self.anneal_func(max(0, min(1, (step - 1) / length)))
        now = self.anneal_func(max(0, min(1, step / length)))
        rates = []
        for group in self.optimizer.param_groups:
            lr, end = group["lr"], group["swa_lr"]
            first = end if before == 1 else (lr - before * end) / (1 - before)
            rates.append(end * now + first * (1 - now))
        return rates

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and the function."""
        return {k: v for k, v in super().state_dict().items() if k != "anneal_func"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what state_dict() returned."""
        super().load_state_dict(state_dict)
        self._choose(self._anneal_strategy)
