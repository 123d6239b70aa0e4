"""The training loop of the estimators: epochs, steps, validation, prediction in batches.

It takes the estimator as `net` and uses its parts (`module_`, `criterion_`, `optimizer_`) and
parameters. Not here: what scikit-learn asks of an estimator (estimator.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..api import interop
from ..base.modes import no_grad
from ..data import TensorDataset
from ..engine.tensor import Tensor

__all__ = ["as_tensor", "outputs", "train"]

COLUMNS = ("epoch", "train_loss", "valid_loss", "seconds")


def as_tensor(a: np.ndarray, dtype: Any) -> Tensor:
    """An array as a tensor: floats in the given dtype, other numbers as they are."""
    if a.dtype.kind == "f":
        a = a.astype(dtype.np, copy=not a.flags.writeable)
    return interop.from_numpy(a if a.flags.writeable else a.copy())


def train(net: Any, dataset: Any, held_out: Any, epochs: int) -> None:
    """Train net.module_ on dataset and add an entry for each epoch to net.history_."""
    callbacks = list(net.callbacks or ())
    loader = net._loader(net.iterator_train, dataset, "iterator_train", shuffle=True)
    valid = None
    if held_out is not None:
        valid = net._loader(net.iterator_valid, held_out, "iterator_valid")
    for c in callbacks:
        c.on_train_begin(net)
    for _ in range(epochs):
        for c in callbacks:
            c.on_epoch_begin(net)
        start = time.perf_counter()
        entry = {"epoch": len(net.history_) + 1, "train_loss": _epoch(net, loader, callbacks)}
        if valid is not None:
            entry["valid_loss"] = _validate(net, valid)
        entry["seconds"] = time.perf_counter() - start
        net.history_.append(entry)
        if net.verbose:
            _show(entry)
        if any([c.on_epoch_end(net) for c in callbacks]):  # a list: every callback is told
            break
    for c in callbacks:
        c.on_train_end(net)


def _epoch(net: Any, loader: Any, callbacks: list[Any]) -> float:
    """One pass over the data; the mean loss of its samples."""
    total, count = 0.0, 0
    for x, y in loader:
        net.module_.train()
        x, y = x.to(net.device), y.to(net.device)

        def closure(x: Any = x, y: Any = y) -> Any:
            net.optimizer_.zero_grad()
            loss = net._loss(net.module_(x), y)
            loss.backward()
            return loss

        loss = float(net.optimizer_.step(closure))
        total, count = total + loss * len(x), count + len(x)
        for c in callbacks:
            c.on_batch_end(net, loss)
    return total / max(count, 1)


def _validate(net: Any, loader: Any) -> float:
    net.module_.eval()
    total, count = 0.0, 0
    with no_grad():
        for x, y in loader:
            loss = net._loss(net.module_(x.to(net.device)), y.to(net.device))
            total, count = total + float(loss) * len(x), count + len(x)
    return total / max(count, 1)


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
