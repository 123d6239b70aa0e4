"""AdaptiveLogSoftmaxWithLoss: softmax over very many classes, frequent ones first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..api import functions as T
from ..engine.tensor import Tensor
from . import functional as F
from .containers import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of classes sorted by frequency, cheap for the frequent ones.

    The head scores the first cutoffs[0] classes and one entry for each cluster of rarer classes;
    a cluster's tail, of div_value times less width each, scores the classes in it.
    input (N, in_features) or (in_features); target (N) or () of class indices.
    Returns (output, loss): log-probability of each target, and their negative mean.

    n_classes: how many classes there are. head_bias: whether the head has a bias. device: where
    the parameters are made; None: the default device. dtype: of the parameters; None: the
    default dtype.

    Raises TypeError where in_features, n_classes or cutoffs is of the wrong type; ValueError where
    n_classes is below 1, cutoffs is empty or cutoffs is too long; RuntimeError where in_features is
    negative, input_ or target_ has a shape that does not fit, input_ holds integers, booleans or
    complex numbers or target_ holds values out of range; NotImplementedError where target_ holds
    complex numbers.

    >>> layer = nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4, 10])
    >>> layer(torch.ones(3, 8), torch.tensor([1, 5, 19])).output.shape
    torch.Size([3])
    """

    def __init__(
        self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0,
        head_bias: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        increasing = cutoffs == sorted(set(cutoffs)) and all(int(c) == c for c in cutoffs)
        if not increasing or cutoffs[0] <= 0 or cutoffs[-1] > n_classes - 1:
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an "
                f"increasing order, where each value is between 1 and n_classes-1, got {cutoffs}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        where = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **where)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            width = int(in_features // div_value ** (i + 1))
            classes = self.cutoffs[i + 1] - self.cutoffs[i]
            down = Linear(in_features, width, bias=False, **where)
            self.tail.append(Sequential(down, Linear(width, classes, bias=False, **where)))

    def reset_parameters(self) -> None:
        """Draw all weights again.

        >>> nn.AdaptiveLogSoftmaxWithLoss(4, 10, cutoffs=[3]).reset_parameters()
        """
        self.head.reset_parameters()
        for layer in self.tail.modules():
            if isinstance(layer, Linear):
                layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        _check(input_, target_)
        batched = target_.dim() > 0
        x = input_ if batched else input_.unsqueeze(0)
        target = target_ if batched else target_.unsqueeze(0)
        if target.numel() and (int(target.min()) < 0 or int(target.max()) >= self.n_classes):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{int(target.min())}, {int(target.max())}] were found. "
            )
        head = F.log_softmax(self.head(x), dim=1)
        entry = target.clone()  # the head's entry for each target: its own, or its cluster's
        output = x.new_zeros(target.size(0))
        for i, tail in enumerate(self.tail):
            low, high = self.cutoffs[i], self.cutoffs[i + 1]
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            inside = F.log_softmax(tail(x.index_select(0, rows)), dim=1)
            wanted = (target.index_select(0, rows) - low).unsqueeze(1)
            output = output.index_copy(0, rows, inside.gather(1, wanted).squeeze(1))
            entry = entry.index_fill(0, rows, self.shortlist_size + i)
        output = output + head.gather(1, entry.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """Log-probabilities of all classes: (N, in_features) -> (N, n_classes).

        Raises TypeError where input is no tensor; IndexError where input has a shape that does not
        fit; RuntimeError where input has a shape that does not fit or input holds integers,
        booleans or complex numbers.

        >>> m = nn.AdaptiveLogSoftmaxWithLoss(4, 10, cutoffs=[3])
        >>> m.log_prob(torch.ones(2, 4)).shape, m.predict(torch.ones(2, 4)).shape
        (torch.Size([2, 10]), torch.Size([2]))
        """
        head = F.log_softmax(self.head(input), dim=1)
        parts = [head[:, : self.shortlist_size]]
        for i, tail in enumerate(self.tail):
            entry = head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(F.log_softmax(tail(input), dim=1) + entry)
        return T.cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row, without scoring tails that cannot win.

        Raises TypeError where input is no tensor; IndexError where input has a shape that does not
        fit; RuntimeError where input has a shape that does not fit or input holds integers,
        booleans or complex numbers.

        >>> m = nn.AdaptiveLogSoftmaxWithLoss(4, 10, cutoffs=[3])
        >>> m.predict(torch.ones(2, 4)).shape
        torch.Size([2])
        """
        output = T.argmax(self.head(input), dim=1)
        rare = output >= self.shortlist_size
        if bool(rare.any()):
            output[rare] = T.argmax(self.log_prob(input[rare]), dim=1)
        return output


def _check(input: Tensor, target: Tensor) -> None:
    """RuntimeError unless target is (N) and input (N, D), or () and (D)."""
    if target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.dim() == 1 and input.size(0) != target.size(0):
        raise RuntimeError("Input and target should have the same size in the batch dimension.")
    if input.dim() != target.dim() + 1:
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {target.dim() + 1}D input tensors, but found "
            f"inputs with size {tuple(input.shape)}"
        )
