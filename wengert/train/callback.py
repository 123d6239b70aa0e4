"""Callback: what an estimator tells while it trains. Callbacks themselves are the user's."""

from __future__ import annotations

from typing import Any

__all__ = ["Callback"]


class Callback:
    """Base class of callbacks; a subclass defines the methods that it needs.

    `net` is the estimator: `net.module_`, `net.optimizer_`, and `net.history_`, a dict for each
    epoch so far.

    >>> class Stop(Callback):
    ...     def on_epoch_end(self, net):
    ...         return net.history_[-1]["train_loss"] < 0.1
    >>> class Told(Callback):
    ...     def on_train_begin(self, trainer):
    ...         print("begins")
    >>> Told().on_train_begin(None)
    begins
    """

    def on_train_begin(self, net: Any) -> None:
        """Before the first epoch of a call of fit or partial_fit."""

    def on_epoch_begin(self, net: Any) -> None:
        """Before each epoch.

        >>> class Told(Callback):
        ...     def on_epoch_begin(self, net):
        ...         print("epoch", len(net.history_) + 1)
        """

    def on_batch_end(self, net: Any, loss: float) -> None:
        """After each step of the optimizer; loss: that of the batch before the step.

        >>> class Told(Callback):
        ...     def on_batch_end(self, net, loss):
        ...         print(loss)
        >>> Told().on_batch_end(None, 0.5)
        0.5
        """

    def on_epoch_end(self, net: Any) -> bool | None:
        """After each epoch, which is `net.history_[-1]`. Return True to end the training.

        >>> class Stop(Callback):
        ...     def on_epoch_end(self, net):
        ...         return net.history_[-1]["train_loss"] < 0.1
        """

    def on_train_end(self, net: Any) -> None:
        """After the last epoch; not when training was ended by an exception.

        >>> class Told(Callback):
        ...     def on_train_end(self, net):
        ...         print("done")
        >>> Told().on_train_end(None)
        done
        """
