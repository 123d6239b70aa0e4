"""flex_attention: attention whose scores the user changes by a function of places.

The functions get index tensors of shapes that broadcast to the score matrix, so one call covers
all scores; the score matrix is made whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ...api import functions as T
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from .. import functional as F

__all__ = [
    "AuxOutput", "AuxRequest", "BlockMask", "flex_attention", "create_block_mask", "create_mask",
    "and_masks", "or_masks", "noop_mask",
]  # fmt: skip

_DEFAULT_SPARSE_BLOCK_SIZE = 128


class AuxRequest(NamedTuple):
    """What flex_attention is to return beside its result.

    lse: the logarithm of the sums. max_scores: the largest scores.

    >>> from wengert.nn.attention.flex_attention import AuxRequest
    >>> AuxRequest(lse=True)
    AuxRequest(lse=True, max_scores=False)
    """

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for: log of the sum of exp of the scores, and the largest score, by query.

    lse: the logarithm of the sums. max_scores: the largest scores. Both are of shape (B, H, L).

    >>> from wengert.nn.attention.flex_attention import AuxRequest, flex_attention
    >>> x = torch.ones(1, 1, 2, 4)
    >>> out, aux = flex_attention(x, x, x, return_aux=AuxRequest(lse=True))
    >>> aux.lse.shape
    torch.Size([1, 1, 2])
    """

    lse: Tensor | None = None
    max_scores: Tensor | None = None


MaskMod = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
ScoreMod = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


def _places(b: int, h: int, q: int, kv: int, device: Any) -> tuple[Tensor, ...]:
    """Index tensors of batch, head, query and key, one dimension each."""
    shapes = ((b, 1, 1, 1), (h, 1, 1), (q, 1), (kv,))
    return tuple([T.arange(s[0], device=device).view(s) for s in shapes])


def noop_mask(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """Lets everything through.

    batch: a number. head: a number. token_q: a number. token_kv: a number. They broadcast.

    >>> flex = torch.nn.attention.flex_attention
    >>> flex.create_mask(flex.noop_mask, None, None, 1, 2, device="cpu")[0, 0]
    tensor([[True, True]])
    """
    return T.eq(token_q, token_q)


def and_masks(*mask_mods: MaskMod) -> MaskMod:
    """The mask function that lets through what all of them do.

    Raises TypeError, where it is used, for what cannot be called.

    >>> flex = torch.nn.attention.flex_attention
    >>> near = lambda b, h, q, k: q - k < 2
    >>> mask = flex.and_masks(lambda b, h, q, k: q >= k, near)
    >>> flex.create_mask(mask, None, None, 2, 2, device="cpu")[0, 0]
    tensor([[ True, False],
            [ True,  True]])
    """

    def both(b: Tensor, h: Tensor, q: Tensor, kv: Tensor) -> Tensor:
        seen = mask_mods[0](b, h, q, kv)
        for mod in mask_mods[1:]:
            seen = seen & mod(b, h, q, kv)
        return seen

    return both


def or_masks(*mask_mods: MaskMod) -> MaskMod:
    """The mask function that lets through what one of them does.

    Raises TypeError, where it is used, for what cannot be called.

    >>> flex = torch.nn.attention.flex_attention
    >>> mask = flex.or_masks(lambda b, h, q, k: q > k, lambda b, h, q, k: q == k)
    >>> flex.create_mask(mask, None, None, 2, 2, device="cpu")[0, 0]
    tensor([[ True, False],
            [ True,  True]])
    """

    def either(b: Tensor, h: Tensor, q: Tensor, kv: Tensor) -> Tensor:
        seen = mask_mods[0](b, h, q, kv)
        for mod in mask_mods[1:]:
            seen = seen | mod(b, h, q, kv)
        return seen

    return either


def create_mask(
    mod_fn: MaskMod, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = "cpu"
) -> Tensor:
    """The boolean mask (B, H, Q_LEN, KV_LEN) of a mask function; None for B or H means 1.

    mod_fn: a function of batch, head, query and key. device: where it lies.

    Raises TypeError where mod_fn cannot be called or B, H, Q_LEN or KV_LEN is of the wrong type;
    RuntimeError where Q_LEN or KV_LEN is negative.

    >>> from wengert.nn.attention.flex_attention import create_mask
    >>> create_mask(lambda b, h, q, kv: q >= kv, None, None, 2, 2)[0, 0].int()
    tensor([[1, 0],
            [1, 1]], dtype=torch.int32)
    """
    sizes = (B or 1, H or 1, Q_LEN, KV_LEN)
    return mod_fn(*_places(*sizes, device)).expand(sizes)


class BlockMask:
    """A mask function with the sizes it is for.

    mask_mod: a function of batch, head, query and key. block: rows and columns of a block. device:
    where it lies.

    Raises TypeError, where it is used, for a mask_mod that cannot be called.

    >>> flex = torch.nn.attention.flex_attention
    >>> causal = lambda b, h, q, k: q >= k
    >>> mask = flex.create_block_mask(causal, None, None, 256, 256, device="cpu")
    >>> mask.numel(), mask.sparsity(), mask.to_dense().shape
    (65536, 25.0, torch.Size([1, 1, 2, 2]))
    """

    def __init__(
        self, mask_mod: MaskMod, sizes: tuple[int, int, int, int], block: tuple[int, int],
        device: Any = "cpu",
    ) -> None:  # fmt: skip
        self.mask_mod = mask_mod
        self.shape = sizes
        self.seq_lengths = sizes[2:]
        self.BLOCK_SIZE = block
        self.device = device

    def mask(self) -> Tensor:
        """The boolean mask of all scores."""
        return create_mask(self.mask_mod, *self.shape, device=self.device)

    def numel(self) -> int:
        """The number of scores."""
        return math.prod(self.shape)

    def to_dense(self) -> Tensor:
        """1 for each block of scores in which something is let through."""
        b, h, q, kv = self.shape
        bq, bkv = self.BLOCK_SIZE
        rows, columns = -(-q // bq), -(-kv // bkv)
        padded = F.pad(self.mask().float(), (0, columns * bkv - kv, 0, rows * bq - q))
        return (padded.view(b, h, rows, bq, columns, bkv).amax((3, 5)) > 0).int()

    def sparsity(self) -> float:
        """The percentage of blocks that are left out."""
        dense = self.to_dense()
        return 100 * (1 - float(dense.sum()) / dense.numel())

    def __repr__(self) -> str:
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%)"


def create_block_mask(
    mask_mod: MaskMod, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = "cpu",
    BLOCK_SIZE: int | tuple[int, int] = 128, _compile: bool = False, **options: Any,
) -> BlockMask:  # fmt: skip
    """A mask for flex_attention; mask_mod(b, h, q_idx, kv_idx) says what is let through.

    B: how many examples; None: one mask for all. H: how many heads; None: one mask for all. Q_LEN:
    how many queries. KV_LEN: how many keys. device: where it lies. BLOCK_SIZE: rows and columns of
    a block.

    Raises TypeError, where it is used, for a mask_mod that cannot be called.

    >>> flex = torch.nn.attention.flex_attention
    >>> causal = lambda b, h, q, k: q >= k
    >>> flex.create_block_mask(causal, None, None, 256, 256, device="cpu").shape
    (1, 1, 256, 256)
    """
    block = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
    return BlockMask(mask_mod, (B or 1, H or 1, Q_LEN, KV_LEN), block, device)


@clear_errors
def flex_attention(
    query: Tensor, key: Tensor, value: Tensor, score_mod: ScoreMod | None = None,
    block_mask: BlockMask | None = None, scale: float | None = None, enable_gqa: bool = False,
    return_lse: bool = False, kernel_options: Any = None, *, return_aux: Any = None,
) -> Any:  # fmt: skip
    """softmax(score_mod(scale q k, b, h, q_idx, kv_idx)) v, with masked scores left out.

    query (B, Hq, L, E), key (B, H, S, E), value (B, H, S, Ev); enable_gqa: Hq is a multiple of H.
    A query whose scores are all masked gives zeros. return_lse: also log of the sum of exp.

    block_mask: a BlockMask. kernel_options: accepted. return_aux: an AuxRequest.

    Raises TypeError where score_mod cannot be called; ValueError where query, key or value has a
    shape that does not fit; RuntimeError where query or key has a shape that does not fit or query,
    key or value holds integers, booleans or complex numbers.

    >>> from wengert.nn.attention.flex_attention import flex_attention
    >>> x = torch.ones(1, 2, 4, 8)
    >>> flex_attention(x, x, x, score_mod=lambda s, b, h, q, kv: s - (q - kv).abs()).shape
    torch.Size([1, 2, 4, 8])
    """
    if query.dim() != 4 or key.dim() != 4 or value.dim() != 4:
        raise ValueError("Expected query, key, and value to be 4D tensors")
    batch, heads, length, width = query.shape
    if heads != key.size(1):
        if not enable_gqa or heads % key.size(1):
            raise ValueError(
                f"Expect query and key/value to have the same number of heads but got Hq={heads} "
                f"and Hkv={key.size(1)}. Try setting enable_gqa=True for GQA."
            )
        key = key.repeat_interleave(heads // key.size(1), 1)
        value = value.repeat_interleave(heads // value.size(1), 1)
    scale = 1.0 / math.sqrt(width) if scale is None else scale
    scores = T.matmul(query, key.transpose(-2, -1)) * scale
    places = _places(batch, heads, length, key.size(2), query.device)
    if score_mod is not None:
        scores = score_mod(scores, *places)
    if block_mask is not None:
        scores = scores.masked_fill(~block_mask.mask_mod(*places), float("-inf"))
    highest = scores.detach().amax(-1, keepdim=True)
    empty = highest == float("-inf")
    weights = (scores - highest.masked_fill(empty, 0.0)).exp()
    total = weights.sum(-1, keepdim=True)
    out = T.matmul(weights / total.masked_fill(empty, 1.0), value)
    if not return_lse and return_aux is None:
        return out
    lse = (total.log() + highest.masked_fill(empty, 0.0)).squeeze(-1)
    if return_aux is None:
        return out, lse
    most = highest.squeeze(-1) if return_aux.max_scores else None
    return out, AuxOutput(lse if return_aux.lse else None, most)
