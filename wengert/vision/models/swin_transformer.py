"""Swin Transformer (arXiv:2103.14030) and its second version (arXiv:2111.09883)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from ... import nn
from ...api import functions as T
from ...base.dtypes import float32
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn import functional as F
from ..ops.misc import MLP, Permute
from ..ops.stochastic_depth import StochasticDepth
from ._api import model, published

__all__ = [
    "Swin_B_Weights", "Swin_S_Weights", "Swin_T_Weights", "Swin_V2_B_Weights", "Swin_V2_S_Weights",
    "Swin_V2_T_Weights", "SwinTransformer", "swin_b", "swin_s", "swin_t", "swin_v2_b", "swin_v2_s",
    "swin_v2_t",
]  # fmt: skip

Swin_T_Weights, Swin_V2_T_Weights = published("Swin_T_Weights"), published("Swin_V2_T_Weights")
Swin_S_Weights, Swin_V2_S_Weights = published("Swin_S_Weights"), published("Swin_V2_S_Weights")
Swin_B_Weights, Swin_V2_B_Weights = published("Swin_B_Weights"), published("Swin_V2_B_Weights")

Layer = Callable[..., nn.Module]


class PatchMerging(nn.Module):
    """Each 2 x 2 positions of (N, H, W, C) as one with 2 C channels; norm, then linear."""

    def __init__(self, dim: int, norm_layer: Layer = nn.LayerNorm) -> None:
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = self.make_norm(norm_layer)

    def make_norm(self, norm_layer: Layer) -> nn.Module:
        return norm_layer(4 * self.dim)

    def merged(self, x: Tensor) -> Tensor:
        height, width = x.shape[-3:-1]
        x = F.pad(x, (0, 0, 0, width % 2, 0, height % 2))
        corners = [(0, 0), (1, 0), (0, 1), (1, 1)]
        return T.cat([x[..., i::2, j::2, :] for i, j in corners], -1)

    def forward(self, x: Tensor) -> Tensor:
        return self.reduction(self.norm(self.merged(x)))


class PatchMergingV2(PatchMerging):
    """The same with the linear layer first."""

    def make_norm(self, norm_layer: Layer) -> nn.Module:
        return norm_layer(2 * self.dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.reduction(self.merged(x)))


def to_windows(x: Tensor, window: list[int]) -> Tensor:
    """(N, H, W, C) as (N * windows, positions of a window, C)."""
    n, height, width, channels = x.shape
    a, b = window
    x = x.view(n, height // a, a, width // b, b, channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, a * b, channels)


def from_windows(x: Tensor, window: list[int], height: int, width: int) -> Tensor:
    """What `to_windows` has cut, in one piece again."""
    a, b = window
    x = x.view(-1, height // a, width // b, a, b, x.shape[-1])
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, height, width, x.shape[-1])


def mask_between_regions(height: int, width: int, window: list[int], shift: list[int]) -> Tensor:
    """-100 for pairs of positions that only the shift has brought into one window, else 0."""
    rows = [(i >= height - window[0]) + (i >= height - shift[0]) for i in range(height)]
    columns = [(j >= width - window[1]) + (j >= width - shift[1]) for j in range(width)]
    regions = T.tensor(rows, dtype=float32)[:, None] * 3 + T.tensor(columns, dtype=float32)
    each = to_windows(regions[None, :, :, None], window).squeeze(-1)
    return (each[:, None] != each[:, :, None]) * -100.0


class ShiftedWindowAttention(nn.Module):
    """Attention inside of windows, which may be shifted; (N, H, W, dim)."""

    def __init__(
        self,
        dim: int,
        window_size: list[int],
        shift_size: list[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(window_size) != 2 or len(shift_size) != 2:
            raise ValueError("window_size and shift_size must be of length 2")
        self.window_size = window_size
        self.shift_size = shift_size
        self.num_heads = num_heads
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self.define_bias_table()
        height, width = window_size
        at = T.stack(T.meshgrid(T.arange(height), T.arange(width), indexing="ij")).flatten(1)
        apart = at[:, :, None] - at[:, None]
        index = (apart[0] + height - 1) * (2 * width - 1) + apart[1] + width - 1
        self.register_buffer("relative_position_index", index.flatten())

    def define_bias_table(self) -> None:
        count = (2 * self.window_size[0] - 1) * (2 * self.window_size[1] - 1)
        self.relative_position_bias_table = nn.Parameter(T.zeros(count, self.num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def bias_table(self) -> Tensor:
        """What attention adds for each relative position, (positions, heads)."""
        return self.relative_position_bias_table

    def get_relative_position_bias(self) -> Tensor:
        """What attention adds, (1, heads, positions, positions)."""
        size = self.window_size[0] * self.window_size[1]
        bias = self.bias_table()[self.relative_position_index].view(size, size, -1)
        return bias.permute(2, 0, 1).unsqueeze(0)

    def project(self, x: Tensor) -> Tensor:
        return self.qkv(x)

    def scores(self, q: Tensor, k: Tensor) -> Tensor:
        return (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)

    def forward(self, x: Tensor) -> Tensor:
        n, height, width, dim = x.shape
        window, heads = self.window_size, self.num_heads
        x = F.pad(x, (0, 0, 0, -width % window[1], 0, -height % window[0]))
        full_height, full_width = x.shape[1:3]
        full = (full_height, full_width)
        # a window as large as the image needs no shift
        shift = [s if w < side else 0 for s, w, side in zip(self.shift_size, window, full)]
        if any(shift):
            x = T.roll(x, shifts=(-shift[0], -shift[1]), dims=(1, 2))
        x = to_windows(x, window)
        qkv = self.project(x).reshape(*x.shape[:2], 3, heads, dim // heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        scores = self.scores(q, k) + self.get_relative_position_bias()
        if any(shift):
            mask = mask_between_regions(full_height, full_width, window, shift).to(scores.dtype)
            scores = scores.view(n, mask.shape[0], *scores.shape[1:]) + mask[None, :, None]
            scores = scores.flatten(0, 1)
        attention = F.dropout(F.softmax(scores, dim=-1), self.attention_dropout, self.training)
        x = self.proj((attention @ v).transpose(1, 2).reshape(*x.shape[:2], dim))
        x = F.dropout(x, self.dropout, self.training)
        x = from_windows(x, window, full_height, full_width)
        if any(shift):
            x = T.roll(x, shifts=(shift[0], shift[1]), dims=(1, 2))
        return x[:, :height, :width]


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """The same with cosines as scores, and a small network that gives what is added to them."""

    def __init__(self, dim: int, window_size: list[int], *args: Any, **kwargs: Any) -> None:
        super().__init__(dim, window_size, *args, **kwargs)
        heads = self.num_heads
        self.logit_scale = nn.Parameter(T.log(10 * T.ones((heads, 1, 1))))
        self.cpb_mlp = nn.Sequential(
            nn.Linear(2, 512), nn.ReLU(inplace=True), nn.Linear(512, heads, bias=False)
        )
        if self.qkv.bias is not None:
            self.qkv.bias.data[dim : 2 * dim] = 0.0

    def define_bias_table(self) -> None:
        axes = [T.arange(-(w - 1), w, dtype=float32) / (w - 1) * 8 for w in self.window_size]
        at = T.stack(T.meshgrid(*axes, indexing="ij")).permute(1, 2, 0).unsqueeze(0)
        table = T.sign(at) * T.log2(T.abs(at) + 1.0) / 3.0
        self.register_buffer("relative_coords_table", table)

    def bias_table(self) -> Tensor:
        logits = self.cpb_mlp(self.relative_coords_table).view(-1, self.num_heads)
        return 16 * T.sigmoid(logits)

    def project(self, x: Tensor) -> Tensor:
        if self.qkv.bias is None:
            return self.qkv(x)
        dim = x.shape[-1]
        bias = self.qkv.bias
        # keys have no bias
        bias = T.cat([bias[:dim], T.zeros_like(bias[:dim]), bias[2 * dim :]])
        return F.linear(x, self.qkv.weight, bias)

    def scores(self, q: Tensor, k: Tensor) -> Tensor:
        scale = self.logit_scale.clamp(max=math.log(100.0)).exp()
        return F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1) * scale


class SwinTransformerBlock(nn.Module):
    """Attention and an MLP, each after a norm and beside a shortcut."""

    attention: Layer = ShiftedWindowAttention

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: list[int],
        shift_size: list[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Layer = nn.LayerNorm,
        attn_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = (attn_layer or type(self).attention)(
            dim, window_size, shift_size, num_heads, attention_dropout=attention_dropout,
            dropout=dropout,
        )  # fmt: skip
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        widths = [int(dim * mlp_ratio), dim]
        self.mlp = MLP(dim, widths, activation_layer=nn.GELU, dropout=dropout)
        for m in self.mlp.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                nn.init.normal_(m.bias, std=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        return x + self.stochastic_depth(self.mlp(self.norm2(x)))


class SwinTransformerBlockV2(SwinTransformerBlock):
    """The same with each norm behind what it normalized before."""

    attention = ShiftedWindowAttentionV2

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        return x + self.stochastic_depth(self.norm2(self.mlp(x)))


class SwinTransformer(nn.Module):
    """Stages of blocks with windows that are shifted in every second one; output (N, num_classes).

    Args:
        embed_dim: the channels of the first stage, which double with each that follows.
        depths, num_heads: of each stage.

    dropout: the probability of dropout. norm_layer: the class, or a function, that makes a norm of
    so many channels; None: the model's own. patch_size: height and width of a patch, in pixels.
    window_size: height and width of a window, in patches. mlp_ratio: width inside a block by its
    own. attention_dropout: the probability of dropout of attention weights. stochastic_depth_prob:
    with which probability the last block is left out. block: the class of a block; None: the usual
    one. downsample_layer: what halves the size between stages.

    Raises RuntimeError where patch_size is empty, too short or too long, embed_dim is negative, 0
    or a tensor of several numbers, num_classes is negative or x has a shape that does not fit or
    holds integers, booleans or complex numbers; ValueError where window_size is empty, too short or
    too long.

    >>> net = SwinTransformer([4, 4], 8, [2], [1], [2, 2], num_classes=3)
    >>> net(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    @clear_errors
    def __init__(
        self,
        patch_size: list[int],
        embed_dim: int,
        depths: list[int],
        num_heads: list[int],
        window_size: list[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.1,
        num_classes: int = 1000,
        norm_layer: Layer | None = None,
        block: Layer | None = None,
        downsample_layer: Layer = PatchMerging,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        block = block or SwinTransformerBlock
        norm = norm_layer or partial(nn.LayerNorm, eps=1e-5)
        first = nn.Conv2d(3, embed_dim, tuple(patch_size), tuple(patch_size))
        layers: list[nn.Module] = [nn.Sequential(first, Permute([0, 2, 3, 1]), norm(embed_dim))]
        last, done, dim = sum(depths) - 1, 0, embed_dim
        for i, (depth, heads) in enumerate(zip(depths, num_heads)):
            blocks = []
            for j in range(depth):
                shift = [0 if j % 2 == 0 else w // 2 for w in window_size]
                drop = stochastic_depth_prob * float(done) / last
                blocks.append(
                    block(dim, heads, window_size, shift, mlp_ratio, dropout, attention_dropout,
                          drop, norm)
                )  # fmt: skip
                done += 1
            layers.append(nn.Sequential(*blocks))
            if i < len(depths) - 1:
                layers.append(downsample_layer(dim, norm))
                dim *= 2
        self.features = nn.Sequential(*layers)
        self.norm = norm(dim)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(dim, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.trunc_normal_(m.weight, std=0.02)
                if m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.permute(self.norm(self.features(x)))
        return self.head(self.flatten(self.avgpool(x)))


def swin(
    width: int, third: int, heads: int, drop: float, kwargs: dict[str, Any]
) -> SwinTransformer:
    """Four stages, of 2, 2, third and 2 layers, with windows of 7 x 7."""
    every = [heads, 2 * heads, 4 * heads, 8 * heads]
    kwargs = {"stochastic_depth_prob": drop, **kwargs}
    return SwinTransformer(
        [4, 4], width, [2, 2, third, 2], every, **{"window_size": [7, 7], **kwargs}
    )


def swin_v2(
    width: int, third: int, heads: int, drop: float, kwargs: dict[str, Any]
) -> SwinTransformer:
    """The same of the second version, with windows of 8 x 8."""
    second = {
        "window_size": [8, 8],
        "block": SwinTransformerBlockV2,
        "downsample_layer": PatchMergingV2,
    }
    return swin(width, third, heads, drop, {**second, **kwargs})


@model(Swin_T_Weights)
def swin_t(**kwargs: Any) -> SwinTransformer:
    """The tiny Swin Transformer; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return swin(96, 6, 3, 0.2, kwargs)


@model(Swin_S_Weights)
def swin_s(**kwargs: Any) -> SwinTransformer:
    """The small Swin Transformer; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return swin(96, 18, 3, 0.3, kwargs)


@model(Swin_B_Weights)
def swin_b(**kwargs: Any) -> SwinTransformer:
    """The base Swin Transformer; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return swin(128, 18, 4, 0.5, kwargs)


@model(Swin_V2_T_Weights)
def swin_v2_t(**kwargs: Any) -> SwinTransformer:
    """The tiny Swin Transformer V2; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return swin_v2(96, 6, 3, 0.2, kwargs)


@model(Swin_V2_S_Weights)
def swin_v2_s(**kwargs: Any) -> SwinTransformer:
    """The small Swin Transformer V2; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return swin_v2(96, 18, 3, 0.3, kwargs)


@model(Swin_V2_B_Weights)
def swin_v2_b(**kwargs: Any) -> SwinTransformer:
    """The base Swin Transformer V2; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return swin_v2(128, 18, 4, 0.5, kwargs)
