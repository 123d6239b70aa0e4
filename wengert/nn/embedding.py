"""Tables of vectors looked up by index: Embedding, and EmbeddingBag, which reduces groups of them.

The look-up itself is in `ops/index/gather.py`.
"""

from __future__ import annotations

from typing import Any

from ..api import functions as T
from ..base.modes import no_grad
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """The table itself, with one row that may stay zero."""

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None

    def _make(
        self, weight: Tensor | None, freeze: bool, padding_idx: int | None, device: Any, dtype: Any
    ) -> None:
        rows, width = self.num_embeddings, self.embedding_dim
        if padding_idx is not None:
            if not -rows <= padding_idx < rows:
                raise AssertionError(
                    f"padding_idx must be within num_embeddings: {padding_idx} of {rows}"
                )
            padding_idx %= rows
        self.padding_idx = padding_idx
        if weight is None:
            empty = T.empty((rows, width), device=device, dtype=dtype)
            self.weight = Parameter(empty, requires_grad=not freeze)
            self.reset_parameters()
        else:
            if tuple(weight.shape) != (rows, width):
                raise AssertionError(
                    f"Shape of weight {tuple(weight.shape)} does not match num_embeddings and "
                    f"embedding_dim ({rows}, {width})"
                )
            self.weight = Parameter(weight, requires_grad=not freeze)

    def _limits(self) -> str:
        """What is printed of the arguments that limit norms and gradients."""
        s = f", max_norm={self.max_norm}" if self.max_norm is not None else ""
        if self.norm_type != 2:
            s += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            s += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        return s

    def reset_parameters(self) -> None:
        """Draw the table from the normal distribution; the padding row is zero."""
        init.normal_(self.weight)
        self._fill_padding_idx_with_zero()

    def _fill_padding_idx_with_zero(self) -> None:
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    def _input_problem(self, *args: Any) -> str | None:
        x = args[0]
        if x.is_floating_point():
            return f"it holds indices, so its dtype must be int64 or int32, not {x.dtype}"
        if x.numel() and (int(x.min()) < 0 or int(x.max()) >= self.num_embeddings):
            return (
                f"its indices are from {int(x.min())} to {int(x.max())}, but the table has rows 0 "
                f"to {self.num_embeddings - 1}"
            )
        return None


class Embedding(_Table):
    """Replaces indices by the rows of a learned table.

    input (*) of integers -> (*, embedding_dim); weight (num_embeddings, embedding_dim).
    padding_idx: a row that is zero at first and takes no gradient. max_norm: rows that are looked
    up are shortened to this norm. IndexError for indices outside the table.

    norm_type: which norm: its exponent. scale_grad_by_freq: divide gradients by how often an
    index occurs. sparse: whether the gradient of the weight is sparse. device: where the
    parameters are made; None: the default device. dtype: of the parameters; None: the default
    dtype.

    Raises RuntimeError where num_embeddings is negative or 0, embedding_dim is negative or input
    holds booleans or complex numbers.

    >>> nn.Embedding(10, 3)(torch.tensor([1, 2, 4])).shape
    torch.Size([3, 3])
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None,
        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
        sparse: bool = False, _weight: Tensor | None = None, _freeze: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self._make(_weight, _freeze, padding_idx, device, dtype)
        self.sparse = sparse

    @classmethod
    @clear_errors
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None,
        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:  # fmt: skip
        """An Embedding with a given table (rows, width), not trained unless freeze=False.

        padding_idx: a row that gets no gradient, and starts as zeros. max_norm: rows with a larger
        norm are scaled down to it. norm_type: which norm: its exponent. scale_grad_by_freq: divide
        gradients by how often an index occurs. sparse: whether the gradient of the weight is
        sparse. embeddings: the table, (num_embeddings, embedding_dim).

        Raises AssertionError where embeddings has a shape that does not fit.

        >>> nn.Embedding.from_pretrained(torch.eye(3))(torch.tensor([2]))
        tensor([[0., 0., 1.]])
        """
        rows, width = _two_dims(embeddings)
        return cls(
            rows, width, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings,
            freeze,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type,
            self.scale_grad_by_freq, self.sparse,
        )  # fmt: skip

    def extra_repr(self) -> str:
        s = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            s += f", padding_idx={self.padding_idx}"
        s += self._limits()
        return s + ", sparse=True" * bool(self.sparse)


def _two_dims(table: Tensor) -> tuple[int, int]:
    if table.dim() != 2:
        raise AssertionError(
            f"Embeddings parameter is expected to be 2-dimensional, got {table.dim()} dimensions"
        )
    return table.shape[0], table.shape[1]


class EmbeddingBag(_Table):
    """The sum, mean or maximum of the rows of each bag of indices, without the rows in between.

    input (B, N): bags of N; or (N) with offsets (B), where each bag begins. -> (B, embedding_dim).
    mode: 'sum', 'mean' or 'max'. per_sample_weights: factors, for 'sum' only.

    num_embeddings: how many rows the table has. max_norm: rows with a larger norm are scaled
    down to it. norm_type: which norm: its exponent. scale_grad_by_freq: divide gradients by how
    often an index occurs. sparse: whether the gradient of the weight is sparse.
    include_last_offset: the last offset is the end of the last bag. padding_idx: a row that
    gets no gradient, and starts as zeros. device: where the parameters are made; None: the
    default device. dtype: of the parameters; None: the default dtype.

    Raises TypeError where num_embeddings or embedding_dim is of the wrong type or input or offsets
    is no tensor; ValueError where mode is of the wrong type, mode is unknown or input or offsets
    has a shape that does not fit; RuntimeError where num_embeddings or embedding_dim is negative,
    input or offsets holds values out of range or input or offsets holds booleans or complex
    numbers.

    >>> nn.EmbeddingBag(10, 3, mode="sum")(torch.tensor([1, 2, 4]), torch.tensor([0, 2])).shape
    torch.Size([2, 3])
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = "mean",
        sparse: bool = False, _weight: Tensor | None = None, include_last_offset: bool = False,
        padding_idx: int | None = None, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self._make(_weight, False, padding_idx, device, dtype)
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset

    @classmethod
    @clear_errors
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = "mean",
        sparse: bool = False, include_last_offset: bool = False, padding_idx: int | None = None,
    ) -> EmbeddingBag:  # fmt: skip
        """An EmbeddingBag with a given table (rows, width), not trained unless freeze=False.

        max_norm: rows with a larger norm are scaled down to it. norm_type: which norm: its
        exponent. scale_grad_by_freq: divide gradients by how often an index occurs. sparse: whether
        the gradient of the weight is sparse. include_last_offset: the last offset is the end of the
        last bag. padding_idx: a row that gets no gradient, and starts as zeros. embeddings: the
        table, (num_embeddings, embedding_dim).

        Raises RuntimeError where embeddings holds integers or booleans; AssertionError where
        embeddings has a shape that does not fit.

        >>> nn.EmbeddingBag.from_pretrained(torch.eye(3))(torch.tensor([[0, 2]]))
        tensor([[0.5000, 0.0000, 0.5000]])
        """
        rows, width = _two_dims(embeddings)
        bag = cls(
            rows, width, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings,
            include_last_offset, padding_idx,
        )  # fmt: skip
        bag.weight.requires_grad = not freeze
        return bag

    def forward(
        self, input: Tensor, offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq,
            self.mode, self.sparse, per_sample_weights, self.include_last_offset,
            self.padding_idx,
        )  # fmt: skip

    def extra_repr(self) -> str:
        s = f"{self.num_embeddings}, {self.embedding_dim}"
        s += self._limits()
        s += f", mode={self.mode!r}"
        return s + (f", padding_idx={self.padding_idx}" if self.padding_idx is not None else "")
