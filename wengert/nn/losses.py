"""Loss layers: each holds the arguments of the function of the same name in `nn.functional`.

reduction is 'mean', 'sum' or 'none' everywhere; size_average and reduce are its forms before
PyTorch 1.0. AdaptiveLogSoftmaxWithLoss is in `adaptive.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.advice import advise
from ..engine.tensor import Tensor
from . import functional as F
from .module import Module

__all__ = [
    "L1Loss", "NLLLoss", "NLLLoss2d", "PoissonNLLLoss", "GaussianNLLLoss", "KLDivLoss", "MSELoss",
    "BCELoss", "BCEWithLogitsLoss", "HingeEmbeddingLoss", "MultiLabelMarginLoss", "SmoothL1Loss",
    "HuberLoss", "SoftMarginLoss", "CrossEntropyLoss", "MultiLabelSoftMarginLoss",
    "CosineEmbeddingLoss", "MarginRankingLoss", "MultiMarginLoss", "TripletMarginLoss",
    "TripletMarginWithDistanceLoss", "CTCLoss",
]  # fmt: skip


def legacy_reduction(size_average: bool | None, reduce: bool | None) -> str:
    """The reduction that the two old flags meant."""
    word = "none" if reduce is False else "sum" if size_average is False else "mean"
    advise(
        f"size_average and reduce args will be deprecated, please use reduction='{word}' instead.",
    )
    return word


class _Loss(Module):
    """How the losses of the elements become one."""

    reduction: str

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        old = size_average is not None or reduce is not None
        self.reduction = legacy_reduction(size_average, reduce) if old else reduction


class _WeightedLoss(_Loss):
    """A loss with a weight for each class or element."""

    weight: Tensor | None

    def __init__(
        self, weight: Tensor | None = None, size_average: bool | None = None,
        reduce: bool | None = None, reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class L1Loss(_Loss):
    """|input - target|.

    size_average: old form of reduction. reduce: old form of reduction. reduction: 'mean', 'sum' or
    'none': what is made of the terms. input and target broadcast. Raises TypeError where input or
    target is no tensor; RuntimeError where input or target holds booleans.

    >>> nn.L1Loss()(torch.tensor([1.0, 2.0]), torch.zeros(2))
    tensor(1.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class NLLLoss(_WeightedLoss):
    """-input[target], of log-probabilities.

    input (N, C), (C) or (N, C, ...); target (N), () or (N, ...) of class indices. weight (C);
    targets equal to ignore_index do not count.

    size_average: old form of reduction. reduce: old form of reduction. reduction: 'mean', 'sum' or
    'none': what is made of the terms. Raises TypeError where input or target is no tensor;
    ValueError or RuntimeError where their shapes do not fit; IndexError where target holds values
    out of range; RuntimeError where it holds booleans or complex numbers; NotImplementedError where
    input holds integers or booleans.

    >>> nn.NLLLoss()(torch.log(torch.tensor([[0.5, 0.5]])), torch.tensor([1]))
    tensor(0.6931)
    """

    def __init__(
        self, weight: Tensor | None = None, size_average: bool | None = None,
        ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(
            input, target, weight=self.weight, ignore_index=self.ignore_index,
            reduction=self.reduction,
        )  # fmt: skip


class NLLLoss2d(NLLLoss):
    """Old name of NLLLoss."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        advise("NLLLoss2d is an old name of NLLLoss", FutureWarning)
        super().__init__(*args, **kwargs)


class PoissonNLLLoss(_Loss):
    """exp(input) - target * input, or input - target * log(input) with log_input=False.

    full: add Stirling's approximation of log(target!).

    size_average: old form of reduction. eps: added to the variance or the norm, against division by
    zero. reduce: old form of reduction. reduction: 'mean', 'sum' or 'none': what is made of the
    terms. input and target broadcast. Raises TypeError where log_input or target is no tensor;
    RuntimeError where log_input or target has a shape that does not fit.

    >>> nn.PoissonNLLLoss()(torch.zeros(2), torch.ones(2))
    tensor(1.)
    """

    def __init__(
        self, log_input: bool = True, full: bool = False, size_average: bool | None = None,
        eps: float = 1e-8, reduce: bool | None = None, reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps,
            reduction=self.reduction,
        )  # fmt: skip


class GaussianNLLLoss(_Loss):
    """(log(var) + (input - target) ** 2 / var) / 2, var at least eps.

    full: add the Stirling term of the target. reduction: 'mean', 'sum' or 'none': what is made of
    the terms. target broadcasts to input; var, too, or it lacks the last dim. Raises TypeError
    where input, target or var is no tensor; ValueError where input or var has a shape that does not
    fit or var holds values out of range; RuntimeError where input or target holds booleans or var
    holds integers or booleans; NotImplementedError where var holds complex numbers.

    >>> nn.GaussianNLLLoss()(torch.zeros(2), torch.ones(2), torch.ones(2))
    tensor(0.5000)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(None, None, reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )


class KLDivLoss(_Loss):
    """target (log(target) - input), input being log-probabilities.

    reduction: also 'batchmean', the divergence per sample. log_target: target is logarithms too.

    size_average: old form of reduction. reduce: old form of reduction. input and target broadcast.
    Raises TypeError where input or target is no tensor; ValueError where reduction is of the wrong
    type or reduction is unknown; RuntimeError where input or target holds integers, booleans or
    complex numbers.

    >>> nn.KLDivLoss(reduction="sum")(torch.zeros(1), torch.ones(1))
    tensor(0.)
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean", log_target: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class MSELoss(_Loss):
    """(input - target) ** 2.

    size_average: old form of reduction. reduce: old form of reduction. reduction: 'mean', 'sum' or
    'none': what is made of the terms. input and target broadcast. Raises TypeError where input or
    target is no tensor; NotImplementedError where input or target holds complex numbers;
    RuntimeError where input or target has a shape that does not fit.

    >>> nn.MSELoss()(torch.tensor([1.0, 3.0]), torch.zeros(2))
    tensor(5.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class BCELoss(_WeightedLoss):
    """-(target log(input) + (1 - target) log(1 - input)), of probabilities.

    RuntimeError for inputs outside [0, 1]; logits go to BCEWithLogitsLoss.

    size_average: old form of reduction. reduce: old form of reduction. reduction: 'mean', 'sum' or
    'none': what is made of the terms. input has any shape, target the same. Raises ValueError where
    input or target has a shape that does not fit.

    >>> nn.BCELoss()(torch.tensor([0.5]), torch.ones(1))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """BCELoss of sigmoid(input), without overflow; pos_weight scales the positive targets' part.

    size_average: old form of reduction. reduce: old form of reduction. reduction: 'mean', 'sum' or
    'none': what is made of the terms. weight: a factor for each element or class, a tensor; None:
    ones. input has any shape, target the same. Raises TypeError where input or target is no tensor;
    ValueError where input or target has a shape that does not fit; RuntimeError where input holds
    complex numbers or target holds integers, booleans or complex numbers; NotImplementedError where
    input holds integers or booleans.

    >>> nn.BCEWithLogitsLoss()(torch.zeros(1), torch.ones(1))
    tensor(0.6931)
    """

    def __init__(
        self, weight: Tensor | None = None, size_average: bool | None = None,
        reduce: bool | None = None, reduction: str = "mean", pos_weight: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class HingeEmbeddingLoss(_Loss):
    """input where target is 1, max(0, margin - input) where it is -1.

    size_average: old form of reduction. reduce: old form of reduction. reduction: 'mean', 'sum' or
    'none': what is made of the terms. input and target broadcast. Raises TypeError where input or
    target is no tensor; RuntimeError where input holds integers or booleans; NotImplementedError
    where input holds complex numbers.

    >>> nn.HingeEmbeddingLoss()(torch.zeros(2), torch.tensor([1.0, -1.0]))
    tensor(0.5000)
    """

    def __init__(
        self, margin: float = 1.0, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class MultiLabelMarginLoss(_Loss):
    """Sum over each wanted class j and other class i of max(0, 1 - (x_j - x_i)) / C.

    target: the wanted classes, ended by -1.

    size_average: old form of reduction. reduce: old form of reduction. reduction: 'mean', 'sum' or
    'none': what is made of the terms. input (N, C) or (C), target the same. Raises TypeError where
    input or target is no tensor; RuntimeError where input or target has a shape that does not fit,
    target holds values out of range or target holds booleans or complex numbers;
    NotImplementedError where input holds integers or booleans.

    >>> nn.MultiLabelMarginLoss()(torch.zeros(1, 2), torch.tensor([[0, -1]]))
    tensor(0.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """d ** 2 / (2 beta) where d = |input - target| < beta, else d - beta / 2.

    size_average: old form of reduction. reduce: old form of reduction. reduction: 'mean', 'sum' or
    'none': what is made of the terms. input and target broadcast. Raises TypeError where input or
    target is no tensor; NotImplementedError where input or target holds complex numbers.

    >>> nn.SmoothL1Loss()(torch.tensor([2.0]), torch.zeros(1))
    tensor(1.5000)
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean", beta: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """d ** 2 / 2 where d = |input - target| <= delta, else delta (d - delta / 2).

    reduction: 'mean', 'sum' or 'none': what is made of the terms. input and target broadcast.
    Raises TypeError where input or target is no tensor; RuntimeError where input holds integers or
    booleans or target holds complex numbers; NotImplementedError where input holds complex numbers.

    >>> nn.HuberLoss()(torch.tensor([2.0]), torch.zeros(1))
    tensor(1.5000)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        if not isinstance(delta, (float, int)):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class SoftMarginLoss(_Loss):
    """log(1 + exp(-target * input)), target being 1 or -1.

    size_average: old form of reduction. reduce: old form of reduction. reduction: 'mean', 'sum' or
    'none': what is made of the terms. input and target broadcast. Raises TypeError where input or
    target is no tensor; RuntimeError where input or target has a shape that does not fit or input
    holds integers or booleans.

    >>> nn.SoftMarginLoss()(torch.zeros(1), torch.ones(1))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class CrossEntropyLoss(_WeightedLoss):
    """-log_softmax(input)[target], of logits.

    input (N, C), (C) or (N, C, ...); target: class indices (N), () or (N, ...), or probabilities
    of input's shape. weight (C); label_smoothing spreads that part of a target over all classes.

    size_average: old form of reduction. ignore_index: a target that does not count. reduce: old
    form of reduction. reduction: 'mean', 'sum' or 'none': what is made of the terms. Raises
    TypeError where input or target is no tensor; ValueError or RuntimeError where their shapes do
    not fit; IndexError where target holds values out of range; RuntimeError where it holds booleans
    or complex numbers; NotImplementedError where input holds no real numbers.

    >>> nn.CrossEntropyLoss()(torch.zeros(1, 2), torch.tensor([1]))
    tensor(0.6931)
    """

    def __init__(
        self, weight: Tensor | None = None, size_average: bool | None = None,
        ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input, target, weight=self.weight, ignore_index=self.ignore_index,
            reduction=self.reduction, label_smoothing=self.label_smoothing,
        )  # fmt: skip


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """Mean over classes of BCEWithLogitsLoss.

    size_average: old form of reduction. reduce: old form of reduction. reduction: 'mean', 'sum' or
    'none': what is made of the terms. input (*, C), target the same. Raises TypeError where input
    or target is no tensor; RuntimeError where target holds booleans; NotImplementedError where
    input holds integers or booleans.

    >>> nn.MultiLabelSoftMarginLoss()(torch.zeros(1, 2), torch.ones(1, 2))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(
            input, target, weight=self.weight, reduction=self.reduction
        )


class CosineEmbeddingLoss(_Loss):
    """1 - cos where target is 1, max(0, cos - margin) where it is -1.

    input1, input2 (N, D) or (D); target (N) or ().

    size_average: old form of reduction. reduce: old form of reduction. reduction: 'mean', 'sum' or
    'none': what is made of the terms. Raises TypeError where input1, input2 or target is no tensor;
    RuntimeError where input1, input2 or target has a shape that does not fit; NotImplementedError
    where input1 or input2 holds complex numbers.

    >>> nn.CosineEmbeddingLoss()(torch.ones(1, 2), torch.ones(1, 2), torch.ones(1)).abs() < 1e-6
    tensor(True)
    """

    def __init__(
        self, margin: float = 0.0, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class MarginRankingLoss(_Loss):
    """max(0, margin - target (input1 - input2)), target being 1 or -1.

    size_average: old form of reduction. reduce: old form of reduction. reduction: 'mean', 'sum' or
    'none': what is made of the terms. All three broadcast, with as many dims. Raises TypeError
    where input1, input2 or target is no tensor; RuntimeError where input1, input2 or target has a
    shape that does not fit or input1, input2 or target holds booleans; NotImplementedError where
    input1, input2 or target holds complex numbers.

    >>> nn.MarginRankingLoss()(torch.zeros(1), torch.ones(1), torch.ones(1))
    tensor(1.)
    """

    def __init__(
        self, margin: float = 0.0, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class MultiMarginLoss(_WeightedLoss):
    """Sum over classes i other than the target y of max(0, margin - x_y + x_i) ** p / C.

    input (N, C) or (C); target (N) or () of class indices; p is 1 or 2.

    size_average: old form of reduction. reduce: old form of reduction. reduction: 'mean', 'sum'
    or 'none': what is made of the terms.

    Raises TypeError where input or target is no tensor; RuntimeError where input or target has a
    shape that does not fit, target holds values out of range or target holds booleans or complex
    numbers; NotImplementedError where input holds integers, booleans or complex numbers.

    >>> nn.MultiMarginLoss()(torch.zeros(1, 2), torch.tensor([0]))
    tensor(0.5000)
    """

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
        size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError(f"only p == 1 and p == 2 supported, got {p}")
        if weight is not None and weight.dim() != 1:
            raise ValueError(
                f"MultiMarginLoss: expected weight to be None or 1D tensor, got {weight.dim()}D"
            )
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight,
            reduction=self.reduction,
        )  # fmt: skip


def _positive(name: str, margin: float) -> float:
    if margin <= 0:
        raise ValueError(f"{name}: expected margin to be greater than 0, got {margin} instead")
    return margin


class TripletMarginLoss(_Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d being the p-norm.

    anchor, positive, negative (N, D) or (D). swap: take d(positive, negative) if it is smaller.

    eps: added to the variance or the norm, against division by zero. size_average: old form of
    reduction. reduce: old form of reduction. reduction: 'mean', 'sum' or 'none': what is made
    of the terms.

    Raises TypeError where anchor, positive or negative is no tensor; RuntimeError where anchor,
    positive or negative has a shape that does not fit or anchor, positive or negative holds
    booleans.

    >>> nn.TripletMarginLoss()(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2))
    tensor(0.)
    """

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False,
        size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.margin = _positive("TripletMarginLoss", margin)
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor, positive, negative, margin=self.margin, p=self.p, eps=self.eps,
            swap=self.swap, reduction=self.reduction,
        )  # fmt: skip


class TripletMarginWithDistanceLoss(_Loss):
    """TripletMarginLoss with a distance function of one's own (default: PairwiseDistance).

    reduction: 'mean', 'sum' or 'none': what is made of the terms. margin: the distance that is
    demanded. swap: use the distance of positive and negative if it is smaller.

    All three are of shape (*, D). Raises TypeError where distance_function cannot be called or
    anchor, positive or negative is no tensor; RuntimeError where anchor, positive or negative has a
    shape that does not fit or anchor, positive or negative holds booleans.

    >>> loss = nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: (a - b).abs().sum(1))
    >>> loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2))
    tensor(0.)
    """

    def __init__(
        self, *, distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0, swap: bool = False, reduction: str = "mean",
    ) -> None:  # fmt: skip
        from .distance import PairwiseDistance

        super().__init__(reduction=reduction)
        self.margin = _positive("TripletMarginWithDistanceLoss", margin)
        self.distance_function = distance_function or PairwiseDistance()
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function,
            margin=self.margin, swap=self.swap, reduction=self.reduction,
        )  # fmt: skip


class CTCLoss(_Loss):
    """-log of the probability that a sequence of log_probs reads as the target.

    log_probs (T, N, C) or (T, C); targets (N, S), (S) or all in one row; lengths (N) or ().

    blank: the number of the class blank. reduction: 'mean', 'sum' or 'none': what is made of
    the terms. zero_infinity: losses that are infinite count as zero.

    Raises TypeError where log_probs or targets is no tensor or input_lengths or target_lengths is
    of the wrong type; IndexError where log_probs has a shape that does not fit or targets holds
    values out of range; RuntimeError where log_probs or targets has a shape that does not fit or
    input_lengths or target_lengths has another length; NotImplementedError where log_probs holds
    integers, booleans or complex numbers.

    >>> nn.CTCLoss()(torch.zeros(2, 1, 2), torch.tensor([[1]]), [2], [1]).shape
    torch.Size([])
    """

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction,
            self.zero_infinity,
        )  # fmt: skip
