"""Ready callbacks for the estimators: stop early, save, show, change the learning rate, log."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from ..engine.error_context import clear_errors
from ..io import load, save
from .callback import Callback
from .progress import Progress

__all__ = ["Checkpoint", "EarlyStopping", "LRSchedule", "ProgressBar", "TensorBoard"]


def watched(net: Any, monitor: str | None) -> tuple[str, float]:
    """(name, value of the last epoch) of what a callback goes by.

    None is the loss of the samples held out, or of the training where none are.
    """
    entry = net.history_[-1]
    name = monitor or ("valid_loss" if "valid_loss" in entry else "train_loss")
    if name not in entry:
        there = ", ".join(k for k in entry if k != "epoch")
        (close,) = get_close_matches(name, {*entry, "valid_loss", "valid_acc"}, 1) or [name]
        meant = f" Did you mean {close!r}?" if close != name else ""
        lacks = close.startswith("valid_") and close not in entry
        held = " Hold samples out with train_split=0.2" if lacks else ""
        raise ValueError(f"there is no {name!r} in the history, which has {there}.{meant}{held}")
    return name, float(entry[name])


class Best:
    """Remembers the best value of what is watched: the least loss, the greatest accuracy."""

    def __init__(self, monitor: str | None, min_delta: float = 0.0) -> None:
        self.monitor, self.min_delta = monitor, min_delta
        self.value = math.inf

    def improved(self, net: Any) -> bool:
        """Whether the last epoch was the best so far."""
        name, value = watched(net, self.monitor)
        signed = -value if name.endswith(("_acc", "_score")) else value
        better = signed < self.value - self.min_delta
        if better:
            self.value = signed
        return better


class EarlyStopping(Callback):
    """End the training when nothing has become better for some epochs.

    Args:
        monitor: what to watch in the history ("valid_loss", "valid_acc", "train_loss"); None: the
            loss of the samples held out, or of the training where none are.
        patience: epochs without improvement after which the training ends.
        min_delta: how much better counts as better.
        restore_best: whether the network gets the weights of the best epoch at the end.

    >>> EarlyStopping(patience=3).patience
    3
    """

    def __init__(
        self,
        monitor: str | None = None,
        patience: int = 5,
        min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.restore_best = restore_best

    def on_train_begin(self, net: Any) -> None:
        """Forget earlier trainings."""
        self._best = Best(self.monitor, self.min_delta)
        self._waited, self._weights = 0, None
        self.best_epoch_ = 0

    @clear_errors
    def on_epoch_end(self, net: Any) -> bool:
        """Whether it is enough.

        Raises TypeError where net is of the wrong type.

        >>> stop = EarlyStopping(monitor="train_loss", patience=1, restore_best=False)
        >>> class Net:
        ...     history_ = [{"epoch": 1, "train_loss": 0.5}]
        >>> stop.on_train_begin(Net)
        >>> stop.on_epoch_end(Net), stop.on_epoch_end(Net)
        (False, True)
        >>> stop.on_train_end(Net)
        """
        if self._best.improved(net):
            self._waited, self.best_epoch_ = 0, net.history_[-1]["epoch"]
            if self.restore_best:
                self._weights = copy.deepcopy(net.module_.state_dict())
            return False
        self._waited += 1
        return self._waited >= self.patience

    def on_train_end(self, net: Any) -> None:
        """Give the network its best weights back."""
        if self._weights is not None and self._waited:
            net.module_.load_state_dict(self._weights)


class Checkpoint(Callback):
    """Save the network after each epoch that was the best so far, or after each.

    Args:
        path: the file; `{epoch}` in it becomes the number of the epoch.
        monitor: as for EarlyStopping. best_only: False saves after every epoch.

    `torch.load(path)` gives "module" and "optimizer", two state dicts, and "epoch"; `restore(net)`
    puts them back.

    Raises TypeError where path or monitor is of the wrong type; ValueError where monitor is
    unknown.

    >>> Checkpoint("runs/best.pt").path
    'runs/best.pt'
    >>> class Net:  # what an estimator has
    ...     module_ = nn.Linear(1, 2)
    ...     optimizer_ = torch.optim.SGD(module_.parameters(), lr=0.1)
    ...     history_ = [{"epoch": 1, "train_loss": 0.5}]
    >>> kept = Checkpoint("best.pt", monitor="train_loss")
    >>> kept.on_train_begin(Net)
    >>> kept.on_epoch_end(Net)
    >>> kept.restore(Net), kept.saved_
    (1, ['best.pt'])
    """

    def __init__(
        self, path: str | os.PathLike[str], monitor: str | None = None, best_only: bool = True
    ) -> None:
        self.path, self.monitor, self.best_only = path, monitor, best_only
        self.saved_: list[str] = []

    def on_train_begin(self, net: Any) -> None:
        """Make the folder."""
        self._best = Best(self.monitor)
        folder = os.path.dirname(os.fspath(self.path))
        if folder:
            os.makedirs(folder, exist_ok=True)

    @clear_errors
    def on_epoch_end(self, net: Any) -> None:
        """Save, if it is time to."""
        if not self._best.improved(net) and self.best_only:
            return
        epoch = net.history_[-1]["epoch"]
        path = os.fspath(self.path).replace("{epoch}", str(epoch))
        parts = {"module": net.module_.state_dict(), "optimizer": net.optimizer_.state_dict()}
        save({**parts, "epoch": epoch}, path)
        self.saved_ = [p for p in self.saved_ if p != path] + [path]

    @clear_errors
    def restore(self, net: Any) -> int:
        """Put what was saved last into a fitted estimator; returns the epoch."""
        if not self.saved_:
            raise RuntimeError(f"Checkpoint: nothing was saved to {os.fspath(self.path)!r} yet")
        found = load(self.saved_[-1])
        net.module_.load_state_dict(found["module"])
        net.optimizer_.load_state_dict(found["optimizer"])
        return int(found["epoch"])


class ProgressBar(Callback):
    """A bar for each epoch, with the loss and what the history has, in terminals and notebooks.

    >>> ProgressBar().bar is None
    True
    >>> import contextlib, io
    >>> class Net:  # what an estimator has
    ...     history_ = [{"epoch": 1, "train_loss": 0.5}]
    ...     _epochs_left, _batches = 0, 1
    >>> bar = ProgressBar()
    >>> with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    ...     bar.on_epoch_begin(Net)
    ...     bar.on_batch_end(Net, 0.5)
    ...     bar.on_epoch_end(Net)
    """

    bar: Progress[Any] | None = None

    @clear_errors
    def on_epoch_begin(self, net: Any) -> None:
        """A new bar.

        Raises TypeError where net is of the wrong type.
        """
        last = len(net.history_) + net._epochs_left
        label = f"epoch {len(net.history_) + 1}/{last}"
        self.bar = Progress(label=label, total=net._batches)
        self.bar.draw()

    def on_batch_end(self, net: Any, loss: float) -> None:
        """One batch more."""
        if self.bar is not None:
            self.bar.step(loss=loss)

    @clear_errors
    def on_epoch_end(self, net: Any) -> None:
        """Say how the epoch went.

        Raises TypeError where net is of the wrong type.
        """
        if self.bar is not None:
            entry = net.history_[-1]
            self.bar.show(**{k: v for k, v in entry.items() if k not in ("epoch", "seconds")})
            self.bar.close()
            self.bar = None


class LRSchedule(Callback):
    """Change the learning rate by one of torch.optim.lr_scheduler's schedules.

    Args:
        policy: a schedule's class, or any function of the optimizer that returns a schedule.
        per_batch: whether it steps after each batch instead of after each epoch (OneCycleLR).
        monitor: what ReduceLROnPlateau goes by; as for EarlyStopping.
        **kwargs: the schedule's arguments.

    Raises TypeError where policy, step_size or gamma is of the wrong type.

    >>> LRSchedule(torch.optim.lr_scheduler.StepLR, step_size=10).kwargs
    {'step_size': 10}
    >>> class Net:  # what an estimator has
    ...     module_ = nn.Linear(1, 2)
    ...     optimizer_ = torch.optim.SGD(module_.parameters(), lr=0.1)
    ...     history_ = [{"epoch": 1, "train_loss": 0.5}]
    >>> halved = LRSchedule(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)
    >>> halved.on_train_begin(Net)
    >>> halved.on_batch_end(Net, loss=0.5)
    >>> halved.on_epoch_end(Net)
    >>> Net.history_[0]["lr"], Net.optimizer_.param_groups[0]["lr"]
    (0.1, 0.05)
    """

    def __init__(
        self,
        policy: Callable[..., Any],
        per_batch: bool = False,
        monitor: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.policy, self.per_batch, self.monitor, self.kwargs = policy, per_batch, monitor, kwargs

    @clear_errors
    def on_train_begin(self, net: Any) -> None:
        """Make the schedule for this training's optimizer."""
        self.schedule_ = self.policy(net.optimizer_, **self.kwargs)
        self._by_value = type(self.schedule_).__name__ == "ReduceLROnPlateau"

    def on_batch_end(self, net: Any, loss: float) -> None:
        """Step, if batches are counted."""
        if self.per_batch:
            self.schedule_.step()

    @clear_errors
    def on_epoch_end(self, net: Any) -> None:
        """Step, if epochs are counted; the history gets the rate that the epoch had."""
        net.history_[-1]["lr"] = net.optimizer_.param_groups[0]["lr"]
        if self._by_value:
            self.schedule_.step(watched(net, self.monitor)[1])
        elif not self.per_batch:
            self.schedule_.step()


class TensorBoard(Callback):
    """Log the history, and the weights every few epochs, for `tensorboard --logdir`.

    Args:
        log_dir: the folder; None: a new one under `runs/`.
        histograms: log the parameters as histograms every so many epochs; 0: never.

    Needs `pip install wengert[tensorboard]`.

    >>> class Net:  # what an estimator has
    ...     history_ = [{"epoch": 1, "train_loss": 0.5}]
    >>> log = TensorBoard("runs/first")
    >>> log.on_train_begin(Net)
    >>> log.on_epoch_end(Net)
    >>> log.on_train_end(Net)
    >>> log.log_dir
    'runs/first'
    """

    def __init__(self, log_dir: str | None = None, histograms: int = 0) -> None:
        self.log_dir, self.histograms = log_dir, histograms
        self.writer_: Any = None

    def on_train_begin(self, net: Any) -> None:
        """Open the log."""
        from ..export.tensorboard import SummaryWriter

        self.writer_ = SummaryWriter(self.log_dir)

    @clear_errors
    def on_epoch_end(self, net: Any) -> None:
        """Write the epoch.

        Raises TypeError where net is of the wrong type.
        """
        entry = dict(net.history_[-1])
        epoch = entry.pop("epoch")
        for name, value in entry.items():
            part, _, what = name.partition("_")
            self.writer_.add_scalar(f"{what}/{part}" if what else name, value, epoch)
        if self.histograms and epoch % self.histograms == 0:
            for name, p in net.module_.named_parameters():
                self.writer_.add_histogram(name, p.detach(), epoch)
        self.writer_.flush()

    def on_train_end(self, net: Any) -> None:
        """Close the log."""
        self.writer_.close()
        self.writer_ = None
