"""Classifier and Regressor: networks as scikit-learn estimators, with skorch's argument names.

Here: parameters, checks of the data, what is fitted and what is predicted. Not here: the loop
(loop.py) and the default network (mlp.py). This module imports scikit-learn and is reached as
`wengert.sklearn`.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import nn, optim
from ..api import functions as T
from ..api import generator, interop
from ..base import dtypes
from ..base.aliases import NamedInit
from ..base.columns import gaps, strangers
from ..base.modes import no_grad
from ..data import DataLoader, Subset, TensorDataset
from ..engine.tensor import Tensor
from ..nn.parameter import is_lazy
from .loop import as_tensor, outputs, train
from .mlp import MLP

__all__ = ["Classifier", "Regressor"]

PREFIXES = ("module", "criterion", "optimizer", "iterator_train", "iterator_valid")
Self = TypeVar("Self", bound="_Net")


class _Net(NamedInit, BaseEstimator):
    """What both estimators share; the parameters are described in Classifier."""

    def __init__(
        self,
        module: Any = None,
        *,
        criterion: Any = None,
        optimizer: Any = optim.Adam,
        lr: float = 0.01,
        max_epochs: int = 50,
        batch_size: int = 128,
        iterator_train: Any = DataLoader,
        iterator_valid: Any = DataLoader,
        train_split: float | Callable[..., Any] | None = None,
        callbacks: Sequence[Any] | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        device: str = "cpu",
        random_state: Any = None,
        **kwargs: Any,
    ) -> None:
        self.module = module
        self.criterion = criterion
        self.optimizer = optimizer
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.iterator_train = iterator_train
        self.iterator_valid = iterator_valid
        self.train_split = train_split
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.verbose = verbose
        self.device = device
        self.random_state = random_state
        for name, value in kwargs.items():
            setattr(self, name, value)
        if strange := [name for name in kwargs if not _nested(name)]:
            self._strange = strange  # fit refuses them: scikit-learn lets no __init__ raise

    # ---- parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters, those of the parts (`module__hidden`) among them."""
        strange = getattr(self, "_strange", ())
        given = {k: v for k, v in vars(self).items() if _nested(k) or k in strange}
        return {**super().get_params(deep), **given}

    def set_params(self: Self, **params: Any) -> Self:
        """Change parameters; the parts are made anew by the next fit.

        Raises ValueError for a name that is no parameter.
        """
        own = {k: v for k, v in params.items() if not _nested(k)}
        super().set_params(**own)
        for name, value in params.items():
            if name not in own:
                setattr(self, name, value)
        return self

    def _of(self, prefix: str) -> dict[str, Any]:
        """The arguments given for one part."""
        start = prefix + "__"
        return {k[len(start) :]: v for k, v in vars(self).items() if k.startswith(start)}

    def _loader(self, kind: Any, dataset: Any, prefix: str, **usual: Any) -> Any:
        return kind(dataset, **{"batch_size": self.batch_size, **usual, **self._of(prefix)})

    # ---- fitting

    def fit(self: Self, X: Any, y: Any) -> Self:
        """Train a new network, or with warm_start the present one, for max_epochs epochs.

        Args:
            X: (n_samples, n_features) numbers, or (n_samples, ...) for a module that takes them:
                an array, a frame or a tensor.
            y: (n_samples,) targets; for a regressor also (n_samples, n_outputs).

        Raises ValueError for data that scikit-learn refuses. After an interruption (Ctrl-C) the
        estimator has the weights and the history trained so far.
        """
        fresh = not (self.warm_start and hasattr(self, "module_"))
        return self._fit(X, y, fresh, self.max_epochs, None)

    def _fit(self: Self, X: Any, y: Any, fresh: bool, epochs: int, classes: Any) -> Self:
        if strange := getattr(self, "_strange", None):
            raise TypeError(
                f"{type(self).__name__}() got an unexpected keyword argument {strange[0]!r}: "
                "arguments of the parts are written " + ", ".join(f"{p}__<name>" for p in PREFIXES)
            )
        _check_columns(X)
        X, y = validate_data(
            self, _plain(X), _plain(y), reset=fresh, allow_nd=True,
            multi_output=isinstance(self, Regressor), y_numeric=isinstance(self, Regressor),
        )  # fmt: skip
        y = self._targets(y, fresh, classes)
        if fresh:
            self._draws = check_random_state(self.random_state)
        with self._seeded():
            if fresh:
                self._make_parts(X)
            dataset, held_out = self._split(TensorDataset(self._inputs(X), self._as_target(y)), y)
            train(self, dataset, held_out, epochs)
        return self

    def _make_parts(self, X: np.ndarray) -> None:
        self.history_: list[dict[str, Any]] = []
        criterion = self._make("criterion", self.criterion or self._default_criterion)
        self.criterion_ = criterion.to(self.device)
        self.module_ = self._make_module(X).to(self.device)
        if any(is_lazy(p) for p in self.module_.parameters()):
            self.module_.eval()
            with no_grad():
                self.module_(self._inputs(X[:1]).to(self.device))
        arguments = {"lr": self.lr, **self._of("optimizer")}
        self.optimizer_ = self.optimizer(self.module_.parameters(), **arguments)

    def _make_module(self, X: np.ndarray) -> Any:
        if self.module is not None:
            return self._make("module", self.module)
        return MLP(int(np.prod(X.shape[1:])), self._n_outputs(), **self._of("module"))

    def _make(self, prefix: str, kind: Any) -> Any:
        """A part: what kind makes of its arguments; a module that exists already is copied."""
        if isinstance(kind, nn.Module):
            if self._of(prefix):
                raise TypeError(
                    f"{prefix}={type(kind).__name__}(...) exists already, so {prefix}__ arguments "
                    f"cannot reach it: pass the class, {prefix}={type(kind).__name__}"
                )
            return copy.deepcopy(kind)
        return kind(**self._of(prefix))

    def _split(self, dataset: Any, y: np.ndarray) -> tuple[Any, Any]:
        """(training data, held-out data or None)."""
        if self.train_split is None:
            return dataset, None
        if callable(self.train_split):
            return self.train_split(dataset, y)
        indices = np.arange(len(y))
        stratify = y if isinstance(self, Classifier) else None
        first, second = train_test_split(
            indices, test_size=self.train_split, stratify=stratify, random_state=self._draws
        )
        return Subset(dataset, first.tolist()), Subset(dataset, second.tolist())

    @contextlib.contextmanager
    def _seeded(self) -> Any:
        """Random numbers follow from random_state, and the default generator is as it was after.

        Without a random_state they are the default generator's: `manual_seed` rules them.
        """
        if self.random_state is None:
            yield
            return
        with _undisturbed():
            generator.manual_seed(int(self._draws.randint(2**31 - 1)))
            yield

    # ---- data

    def _inputs(self, X: np.ndarray) -> Tensor:
        if isinstance(self.module_, MLP) and X.dtype.kind != "f":
            X = X.astype(np.float64)
        return as_tensor(X, self._dtype())

    def _dtype(self) -> Any:
        """The dtype that the network computes in."""
        floats = [p.dtype for p in self.module_.parameters() if p.dtype.is_floating_point]
        return floats[0] if floats else dtypes.get_default_dtype()

    def _outputs(self, X: Any) -> Tensor:
        """The network's results for checked samples."""
        check_is_fitted(self, "module_")
        _check_columns(X)
        X = validate_data(self, _plain(X), reset=False, allow_nd=True)
        with no_grad(), _undisturbed():  # a loader draws a seed whether it needs one or not
            return T.cat([self._result(out).to("cpu") for out in outputs(self, self._inputs(X))])

    # what the two estimators define

    _default_criterion: Any

    def _targets(self, y: np.ndarray, fresh: bool, classes: Any) -> np.ndarray:
        raise NotImplementedError

    def _as_target(self, y: np.ndarray) -> Tensor:
        raise NotImplementedError

    def _n_outputs(self) -> int:
        raise NotImplementedError

    def _loss(self, out: Tensor, y: Tensor) -> Any:
        raise NotImplementedError

    def _result(self, out: Tensor) -> Tensor:
        return out

    def _right(self, out: Any, y: Tensor) -> int | None:
        """How many of a batch's results are right; None where that makes no sense."""
        return None


class Classifier(ClassifierMixin, _Net):
    """A network as a scikit-learn classifier.

    Args:
        module: makes the network: a Module class, or any function that returns a Module; or a
            Module, which is copied. None makes an `MLP` of the sizes of the data.
        criterion: class of the loss. None is CrossEntropyLoss, for modules that return a score for
            each class. BCEWithLogitsLoss takes one score (two classes), NLLLoss log-probabilities;
            with other losses the module's results are taken to be probabilities.
        optimizer: class of the optimizer.
        lr: its learning rate.
        max_epochs: passes over the data in each fit.
        batch_size: samples in a step, and in a batch of predictions.
        iterator_train, iterator_valid: class of the loader in training, and in validation and
            prediction. Training shuffles.
        train_split: a share of the samples to hold out, whose loss is in the history; or a
            function of (dataset, y) that returns two datasets; None holds nothing out.
        callbacks: `wengert.train.Callback`s.
        warm_start: whether fit goes on with the network of the last fit.
        verbose: 1 prints a line for each epoch.
        device: where to train: "cpu", "cuda".
        random_state: int or RandomState that weights, order and dropout follow from. None takes
            the default generator, which `manual_seed` seeds.
        **kwargs: arguments of the parts, as in `module__hidden=(64, 64)`,
            `optimizer__weight_decay=0.01`, `iterator_train__num_workers=2`.

    Attributes: `module_`, `criterion_`, `optimizer_`, `history_` (a dict for each epoch),
    `classes_`, `n_features_in_`.

    Raises TypeError where max_epochs is of the wrong type; ValueError where random_state, X or y is
    of the wrong type, random_state is negative or X or y has another length.

    >>> net = Classifier(max_epochs=100, random_state=0)
    >>> net.fit([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["no", "yes", "yes", "no"])
    Classifier(max_epochs=100, random_state=0)
    >>> net.predict([[0.0, 1.0]])
    array(['yes'], dtype='<U3')
    """

    classes_: np.ndarray
    _default_criterion = nn.CrossEntropyLoss

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Classifier:
        """Train for one pass over (X, y), going on from where the network is.

        Args:
            X: (n_samples, ...) as for fit.
            y: (n_samples,) classes.
            classes: all classes that will ever come; needed in the first call if its y lacks some.

        Raises ValueError for a class that was not there in the first call.

        >>> from wengert.sklearn import Classifier
        >>> X, y = np.arange(4.0, dtype=np.float32).reshape(4, 1), np.array(["a", "b", "a", "b"])
        >>> net = Classifier(nn.Linear(1, 2), verbose=False).partial_fit(X, y, classes=["a", "b"])
        >>> len(net.partial_fit(X, y).history_)
        2
        """
        return self._fit(X, y, not hasattr(self, "module_"), 1, classes)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probabilities of the classes, in the order of `classes_`: (n_samples, n_classes).

        X: rows of features.

        Raises ValueError where X is of the wrong type.

        >>> from wengert.sklearn import Classifier
        >>> X, y = np.arange(4.0, dtype=np.float32).reshape(4, 1), np.array(["a", "b", "a", "b"])
        >>> Classifier(nn.Linear(1, 2), verbose=False).fit(X, y).predict_proba(X).shape
        (4, 2)
        """
        out = self._outputs(X)
        return out.numpy()

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each sample: (n_samples,).

        X: rows of features.

        Raises ValueError where X is of the wrong type, X is empty or X is too short.
        """
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]

    def _targets(self, y: np.ndarray, fresh: bool, classes: Any) -> np.ndarray:
        check_classification_targets(y)
        if fresh:
            self.classes_ = np.unique(y if classes is None else classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes={classes!r}, but the network was made for {self.classes_}")
        known = np.isin(y, self.classes_)
        if not known.all():
            raise ValueError(
                f"y has classes that the network was not made for: {np.unique(y[~known])}. It "
                f"knows {self.classes_}; name all classes in the first partial_fit, or fit anew"
            )
        return np.searchsorted(self.classes_, y)

    def _as_target(self, y: np.ndarray) -> Tensor:
        return interop.from_numpy(y.astype(np.int64))

    def _n_outputs(self) -> int:
        one = isinstance(self.criterion_, nn.BCEWithLogitsLoss)
        return 1 if one else len(self.classes_)

    def _loss(self, out: Tensor, y: Tensor) -> Any:
        if isinstance(self.criterion_, nn.BCEWithLogitsLoss | nn.BCELoss):
            y = y.reshape(out.shape).to(out.dtype)
        return self.criterion_(out, y)

    def _right(self, out: Any, y: Tensor) -> int | None:
        if not isinstance(out, Tensor):
            return None
        if out.ndim == 1 or out.shape[1] == 1:  # one score, or probability, of the second class
            logits = isinstance(self.criterion_, nn.BCEWithLogitsLoss)
            found = out.reshape(len(y)) > (0.0 if logits else 0.5)
        else:
            found = out.argmax(1)
        return int((found == y).sum())

    def _result(self, out: Tensor) -> Tensor:
        """The network's results as probabilities."""
        if isinstance(self.criterion_, nn.CrossEntropyLoss):
            return out.softmax(1)
        if isinstance(self.criterion_, nn.NLLLoss):
            return out.exp()
        if isinstance(self.criterion_, nn.BCEWithLogitsLoss):
            out = out.sigmoid()
        if out.ndim == 1 or out.shape[1] == 1:
            out = out.reshape(-1, 1)
            return T.cat([1 - out, out], 1)
        return out


class Regressor(RegressorMixin, _Net):
    """A network as a scikit-learn regressor, for one target or several.

    Args: as for Classifier; criterion None is MSELoss. Targets far from the range of -1 to 1 are
    better learned inside scikit-learn's TransformedTargetRegressor with a StandardScaler.

    module: the network. optimizer: the class of the optimizer. batch_size: examples a batch.
    iterator_train: accepted. iterator_valid: accepted. train_split: which part is kept for
    validation. callbacks: Callbacks. warm_start: go on from the last fit. verbose: print progress.
    device: where it is trained.

    Raises TypeError where module__hidden, max_epochs, lr or y is of the wrong type; ValueError
    where lr or random_state is negative, random_state or X is of the wrong type or X or y has
    another length.

    >>> net = Regressor(module__hidden=(), max_epochs=300, lr=0.1, random_state=0)
    >>> net.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).predict([[3.0]]).round(1)
    array([7.])
    """

    _default_criterion = nn.MSELoss

    def partial_fit(self, X: Any, y: Any) -> Regressor:
        """Train for one pass over (X, y), going on from where the network is.

        Args:
            X: (n_samples, ...) as for fit.
            y: (n_samples,) or (n_samples, n_outputs), as in the first call.

        Raises TypeError where y is of the wrong type; ValueError where X is of the wrong type.

        >>> from wengert.sklearn import Regressor
        >>> X, y = np.arange(4.0, dtype=np.float32).reshape(4, 1), np.arange(4.0, dtype=np.float32)
        >>> len(Regressor(nn.Linear(1, 1), verbose=False).partial_fit(X, y).history_)
        1
        """
        return self._fit(X, y, not hasattr(self, "module_"), 1, None)

    def predict(self, X: Any) -> np.ndarray:
        """The network's results, of the shape and float dtype of the targets it was fitted to.

        X: rows of features.

        Raises ValueError where X is of the wrong type, X is empty or X is too short.
        """
        out = self._outputs(X).numpy()
        return out.reshape(len(out), *self._shape).astype(self._float, copy=False)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _targets(self, y: np.ndarray, fresh: bool, classes: Any) -> np.ndarray:
        if fresh:
            self._shape = y.shape[1:]
            self._float = y.dtype if y.dtype.kind == "f" else np.dtype(np.float32)
        elif y.shape[1:] != self._shape:
            raise ValueError(
                f"y has shape {y.shape}, but the network was made for (n, {self._shape})"
            )
        return y

    def _as_target(self, y: np.ndarray) -> Tensor:
        return as_tensor(y.astype(np.float64), self._dtype())

    def _n_outputs(self) -> int:
        return int(np.prod(self._shape, dtype=int))

    def _loss(self, out: Tensor, y: Tensor) -> Any:
        return self.criterion_(out.reshape(y.shape) if out.numel() == y.numel() else out, y)


def _nested(name: str) -> bool:
    """Whether a parameter is an argument of a part, as in optimizer__weight_decay."""
    prefix, found, rest = name.partition("__")
    return bool(found and rest) and prefix in PREFIXES


@contextlib.contextmanager
def _undisturbed() -> Any:
    """The default generator is afterwards as it was before."""
    before = generator.get_rng_state()
    try:
        yield
    finally:
        generator.set_rng_state(before)


def _check_columns(X: Any) -> None:
    """ValueError that names the columns of a frame that hold no numbers, or lack some."""
    if wrong := strangers(X) or gaps(X):
        raise ValueError(wrong)


def _plain(a: Any) -> Any:
    return a.detach().cpu().numpy() if isinstance(a, Tensor) else a
