"""Sequences of different lengths: padded to one tensor, or packed without the padding.

A packed sequence holds the rows of all sequences by time step: first rows of all, second rows of
those that have one, and so on. The sequences stand by falling length, so that each step's rows
are those of the first batch_sizes[t] sequences.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ...api import functions as T
from ...base import dtypes
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pad_packed_sequence",
    "pad_sequence", "unpad_sequence", "pack_sequence", "unpack_sequence",
]  # fmt: skip


class PackedSequence_(NamedTuple):
    """The fields of a PackedSequence."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(PackedSequence_):
    """Rows of several sequences without padding; made by pack_padded_sequence and pack_sequence.

    data (rows, *), batch_sizes (steps) on the CPU; sorted_indices and unsorted_indices: the order
    by length and its inverse, or None if the sequences came sorted.

    Raises AssertionError where batch_sizes is absent and data is no pair.

    >>> nn.utils.rnn.pack_sequence([torch.ones(3), torch.ones(1)]).batch_sizes
    tensor([2, 1, 1])
    >>> x = nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])])
    >>> [y.data.dtype for y in (x.double(), x.float(), x.half(), x.long(), x.int(), x.short())]
    [torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.int16]
    >>> x.char().data.dtype, x.byte().data.dtype, x.to("cpu").is_cuda, x.cpu().is_pinned()
    (torch.int8, torch.uint8, False, False)
    """

    def __new__(
        cls, data: Any, batch_sizes: Tensor | None = None, sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:  # fmt: skip
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU: make packed sequences with pack_sequence or "
                "pack_padded_sequence"
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """data in another dtype or on another device, the indices with it.

        Raises RuntimeError where a device is unknown.
        """
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        order = [
            None if i is None else i.to(data.device)
            for i in (self.sorted_indices, self.unsorted_indices)
        ]
        return type(self)(data, self.batch_sizes, *order)

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """On the GPU."""
        return self.to(*(args or ("cuda",)), **kwargs)

    def cpu(self) -> PackedSequence:
        """On the CPU."""
        return self.to("cpu")

    def double(self) -> PackedSequence:
        """data as float64."""
        return self.to(dtypes.float64)

    def float(self) -> PackedSequence:
        """data as float32."""
        return self.to(dtypes.float32)

    def half(self) -> PackedSequence:
        """data as float16."""
        return self.to(dtypes.float16)

    def long(self) -> PackedSequence:
        """data as int64."""
        return self.to(dtypes.int64)

    def int(self) -> PackedSequence:
        """data as int32."""
        return self.to(dtypes.int32)

    def short(self) -> PackedSequence:
        """data as int16."""
        return self.to(dtypes.int16)

    def char(self) -> PackedSequence:
        """data as int8."""
        return self.to(dtypes.int8)

    def byte(self) -> PackedSequence:
        """data as uint8."""
        return self.to(dtypes.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether data is on the GPU."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether data is in pinned memory."""
        return self.data.is_pinned()

    def pin_memory(self) -> PackedSequence:
        """With data in pinned memory."""
        return type(self)(self.data.pin_memory(), *self[1:])


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another.

    permutation is of shape (n,). Raises TypeError where permutation is no tensor; RuntimeError
    where permutation holds complex numbers.

    >>> nn.utils.rnn.invert_permutation(torch.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    return None if permutation is None else T.argsort(permutation)


@clear_errors
def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:  # fmt: skip
    """The rows within lengths of a padded batch (time, batch, *), or batch first.

    enforce_sorted: RuntimeError unless lengths fall; False sorts and remembers the order.

    batch_first: batch in front: (N, T, ...). input: the input.

    Raises TypeError where input is no tensor or lengths is of the wrong type; IndexError where
    input has a shape that does not fit.

    >>> x = torch.tensor([[1., 2., 3.], [4., 0., 0.]])
    >>> nn.utils.rnn.pack_padded_sequence(x, [3, 1], batch_first=True).data
    tensor([1., 4., 2., 3.])
    """
    x = input
    length: Any = T.as_tensor(lengths, dtype=dtypes.int64, device="cpu")
    order = None
    if not enforce_sorted:
        length, order = T.sort(length, descending=True)
        order = order.to(x.device)
        x = x.index_select(0 if batch_first else 1, order)
    if batch_first:
        x = x.transpose(0, 1)
    sizes = length.tolist()
    if len(sizes) != x.shape[1]:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} "
            f"(batch_size={x.shape[1]})"
        )
    if any(a < b for a, b in zip(sizes, sizes[1:])):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if not sizes or sizes[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if sizes[0] > x.shape[0]:
        raise RuntimeError(
            f"the longest sequence has length {sizes[0]}, but the padded input has only "
            f"{x.shape[0]} steps"
        )
    steps = T.arange(sizes[0])
    batch_sizes = (length.unsqueeze(0) > steps.unsqueeze(1)).sum(1)
    rows = _rows(batch_sizes, len(sizes)).to(x.device)
    data = x.flatten(0, 1).index_select(0, rows)
    return PackedSequence(data, batch_sizes, order)


def _rows(batch_sizes: Tensor, batch: int) -> Tensor:
    """Where the packed rows are in the padded batch with its first two dimensions joined."""
    inside = T.arange(batch).unsqueeze(0) < batch_sizes.unsqueeze(1)
    return inside.flatten().nonzero().squeeze(1)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """(padded, lengths): the inverse of pack_padded_sequence.

    total_length: pad to this many steps; ValueError if the longest sequence is longer.

    batch_first: batch in front: (N, T, ...). padding_value: what is behind the ends.

    Raises TypeError where sequence is of the wrong type.

    >>> packed = nn.utils.rnn.pack_sequence([torch.ones(3), torch.ones(1)])
    >>> nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)[1]
    tensor([3, 1])
    """
    data, sizes, _, back = sequence
    steps, batch = sizes.size(0), int(sizes[0])
    length = steps if total_length is None else total_length
    if length < steps:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total_length} and max sequence length being {steps}"
        )
    shape = (length * batch, *data.shape[1:])
    padded = T.full(shape, padding_value, dtype=data.dtype, device=data.device)
    padded = padded.index_copy(0, _rows(sizes, batch).to(data.device), data)
    padded = padded.view((length, batch, *data.shape[1:]))
    lengths = (sizes.unsqueeze(1) > T.arange(batch).unsqueeze(0)).sum(0)
    if batch_first:
        padded = padded.transpose(0, 1)
    if back is not None:
        padded = padded.index_select(0 if batch_first else 1, back)
        lengths = lengths[back.cpu()]
    return padded, lengths


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:  # fmt: skip
    """Sequences (length, *) in one tensor (longest, batch, *), or batch first.

    sequences: tensors (T_i, ...). batch_first: batch in front: (N, T, ...). padding_value: what
    is behind the ends. padding_side: 'right' or 'left'.

    Raises RuntimeError where sequences is of the wrong type or sequences is empty.

    >>> nn.utils.rnn.pad_sequence([torch.ones(2), torch.ones(1)], batch_first=True)
    tensor([[1., 1.],
            [1., 0.]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    parts = list(sequences)
    if not parts:
        raise RuntimeError("pad_sequence: received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    longest = max(p.size(0) for p in parts)
    padded = []
    for p in parts:
        p = p.to(parts[0].dtype)  # the first one tells
        missing = longest - p.size(0)
        if missing:
            shape = (missing, *p.shape[1:])
            fill = T.full(shape, padding_value, dtype=p.dtype, device=p.device)
            p = T.cat([p, fill] if padding_side == "right" else [fill, p])
        padded.append(p)
    return T.stack(padded, 0 if batch_first else 1)


@clear_errors
def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded batch: the inverse of pad_sequence.

    padded_sequences: a tensor (T, N, ...). lengths: how many steps of each count, (N,).
    batch_first: batch in front: (N, T, ...).

    Raises TypeError where lengths is no tensor or lengths has a shape that does not fit; ValueError
    where lengths has a shape that does not fit; IndexError where padded_sequences has a shape that
    does not fit.

    >>> [t.shape[0] for t in nn.utils.rnn.unpad_sequence(torch.ones(3, 2), torch.tensor([3, 1]))]
    [3, 1]
    """
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    if len(rows) != len(lengths):
        raise ValueError(f"unpad_sequence: {len(lengths)} lengths for {len(rows)} sequences")
    return [row[: int(n)] for row, n in zip(rows, lengths)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (length, *) packed; enforce_sorted as in pack_padded_sequence.

    sequences: tensors (T_i, ...).

    Raises TypeError where sequences is of the wrong type; RuntimeError where sequences is empty or
    sequences is too long.

    >>> nn.utils.rnn.pack_sequence([torch.tensor([1., 2.]), torch.tensor([3.])]).data
    tensor([1., 3., 2.])
    """
    lengths = T.as_tensor([s.size(0) for s in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a packed one: the inverse of pack_sequence.

    packed_sequences: a PackedSequence.

    Raises TypeError where packed_sequences is of the wrong type; ValueError where packed_sequences
    has another length.

    >>> packed = nn.utils.rnn.pack_sequence([torch.ones(2), torch.ones(1)])
    >>> nn.utils.rnn.unpack_sequence(packed)
    [tensor([1., 1.]), tensor([1.])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
