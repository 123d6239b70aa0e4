"""The training loop of the estimators: epochs, steps, validation, prediction in batches.

It takes the estimator as `net` and uses its parts (`module_`, `criterion_`, `optimizer_`) and
parameters. Not here: what scikit-learn asks of an estimator (estimator.py).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..api import interop
from ..base.modes import no_grad
from ..data import TensorDataset
from ..engine.tensor import Tensor
from .nonfinite import warn_of_loss

__all__ = ["as_tensor", "outputs", "train"]

COLUMNS = ("epoch", "train_loss", "valid_loss", "train_acc", "valid_acc", "seconds")


def as_tensor(a: np.ndarray, dtype: Any) -> Tensor:
    """An array as a tensor: floats in the given dtype, other numbers as they are."""
    if a.dtype.kind == "f":
        a = a.astype(dtype.np, copy=not a.flags.writeable)
    return interop.from_numpy(a if a.flags.writeable else a.copy())


def train(net: Any, dataset: Any, held_out: Any, epochs: int) -> None:
    """Train net.module_ on dataset and add an entry for each epoch to net.history_: the mean loss
    of the samples, and for classifiers the share that was right. That of the training is counted
    while the weights change.
    """
    callbacks = checked(net.callbacks)
    loader = net._loader(net.iterator_train, dataset, "iterator_train", shuffle=True)
    valid = None
    if held_out is not None:
        valid = net._loader(net.iterator_valid, held_out, "iterator_valid")
    net._batches = len(loader) if hasattr(loader, "__len__") else None
    net._warned = False
    for c in callbacks:
        c.on_train_begin(net)
    for i in range(epochs):
        net._epochs_left = epochs - i
        for c in callbacks:
            c.on_epoch_begin(net)
        start = time.perf_counter()
        entry: dict[str, Any] = {"epoch": len(net.history_) + 1}
        entry |= named("train", _epoch(net, loader, callbacks))
        if valid is not None:
            entry |= named("valid", _validate(net, valid))
        entry["seconds"] = time.perf_counter() - start
        net.history_.append(entry)
        if net.verbose:
            _show(entry)
        if any([c.on_epoch_end(net) for c in callbacks]):  # a list: every callback is told
            break
    for c in callbacks:
        c.on_train_end(net)


def checked(callbacks: Any) -> list[Any]:
    """The callbacks as a list; TypeError for what is none."""
    if callbacks is None:
        return []
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks: a list is wanted, write [{type(callbacks).__name__}(...)]")
    found = list(callbacks)
    for c in found:
        if isinstance(c, type):
            raise TypeError(f"callbacks: {c.__name__} is a class, write {c.__name__}()")
        if not hasattr(c, "on_epoch_end"):
            raise TypeError(
                f"callbacks: {c!r} is no wengert.train.Callback; define a class with the "
                "methods that you need, such as on_epoch_end(self, net)"
            )
    return found


class Sums:
    """The loss and the right answers of the samples so far."""

    def __init__(self) -> None:
        self.loss, self.count = 0.0, 0
        self.right: int | None = 0

    def add(self, net: Any, loss: float, out: Any, y: Any) -> None:
        """One batch more."""
        self.loss, self.count = self.loss + loss * len(y), self.count + len(y)
        if self.right is not None:
            right = net._right(out, y)
            self.right = None if right is None else self.right + right


def named(part: str, sums: Sums) -> dict[str, float]:
    """The entries of a pass for the history."""
    n = max(sums.count, 1)
    found = {f"{part}_loss": sums.loss / n}
    return found if sums.right is None else {**found, f"{part}_acc": sums.right / n}


def _epoch(net: Any, loader: Any, callbacks: list[Any]) -> Sums:
    """One pass over the data."""
    sums = Sums()
    for number, (x, y) in enumerate(loader, 1):
        net.module_.train()
        x, y = x.to(net.device), y.to(net.device)

        found: list[Any] = []

        def closure(x: Any = x, y: Any = y, number: int = number, found: Any = found) -> Any:
            net.optimizer_.zero_grad()
            out = net.module_(x)
            loss = net._loss(out, y)
            if not net._warned and not math.isfinite(value := float(loss.detach())):
                net._warned = True  # at once, while the weights are those that gave it
                where = f"batch {number} of epoch {len(net.history_) + 1}"
                warn_of_loss(value, where, net, x, y, lambda: net._loss(net.module_(x), y))
            loss.backward()
            found[:] = [out.detach()] if isinstance(out, Tensor) else [out]
            return loss

        loss = net.optimizer_.step(closure)
        loss = loss.item() if isinstance(loss, Tensor) else float(loss)
        sums.add(net, loss, found[0], y)
        for c in callbacks:
            c.on_batch_end(net, loss)
    return sums


def _validate(net: Any, loader: Any) -> Sums:
    net.module_.eval()
    sums = Sums()
    with no_grad():
        for x, y in loader:
            y = y.to(net.device)
            out = net.module_(x.to(net.device))
            sums.add(net, net._loss(out, y).item(), out, y)
    return sums


def outputs(net: Any, x: Tensor) -> Iterator[Tensor]:
    """The module's results for x, batch by batch."""
    net.module_.eval()
    with no_grad():
        for (batch,) in net._loader(net.iterator_valid, TensorDataset(x), "iterator_valid"):
            yield net.module_(batch.to(net.device))


def _show(entry: dict[str, Any]) -> None:
    if entry["epoch"] == 1:
        print("  ".join(f"{name:>10}" for name in COLUMNS if name in entry))
    values = [entry[name] for name in COLUMNS if name in entry]
    print("  ".join(f"{v:10d}" if isinstance(v, int) else f"{v:10.4f}" for v in values))
