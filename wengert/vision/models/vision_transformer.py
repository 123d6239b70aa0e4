"""The vision transformer (arXiv:2010.11929)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from ... import nn
from ...api import functions as T
from ...api.assertions import _assert
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn import functional as F
from ..ops.misc import MLP, Conv2dNormActivation
from ._api import agreed, model, published

__all__ = [
    "ConvStemConfig", "ViT_B_16_Weights", "ViT_B_32_Weights", "ViT_H_14_Weights",
    "ViT_L_16_Weights", "ViT_L_32_Weights", "VisionTransformer", "interpolate_embeddings",
    "vit_b_16", "vit_b_32", "vit_h_14", "vit_l_16", "vit_l_32",
]  # fmt: skip

ViT_B_16_Weights = published("ViT_B_16_Weights")
ViT_B_32_Weights = published("ViT_B_32_Weights")
ViT_L_16_Weights = published("ViT_L_16_Weights")
ViT_L_32_Weights = published("ViT_L_32_Weights")
ViT_H_14_Weights = published("ViT_H_14_Weights")

Layer = Callable[..., nn.Module]
layer_norm = partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """One convolution of those that may come before the transformer.

    out_channels: channels of the result. kernel_size: the size of a window. stride: steps
    between windows. norm_layer: the class, or a function, that makes a norm of so many
    channels; None: the model's own. activation_layer: the class that makes activations.

    >>> ConvStemConfig(out_channels=8, kernel_size=3, stride=2).stride
    2
    """

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Layer = nn.BatchNorm2d
    activation_layer: Layer = nn.ReLU


class MLPBlock(MLP):
    """Two linear layers with GELU between them."""

    _version = 2

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float) -> None:
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, dropout=dropout)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                nn.init.normal_(m.bias, std=1e-6)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        for old, new in (("linear_1", 0), ("linear_2", 3)):  # names before version 2
            for kind in ("weight", "bias"):
                if (key := f"{prefix}{old}.{kind}") in state_dict:
                    state_dict[f"{prefix}{new}.{kind}"] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)


class EncoderBlock(nn.Module):
    """Attention and an MLP, each after a norm and beside a shortcut; (N, L, hidden_dim)."""

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Layer = layer_norm,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(
            hidden_dim, num_heads, dropout=attention_dropout, batch_first=True
        )
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input: Tensor) -> Tensor:
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Positions added, then blocks, then a norm."""

    def __init__(
        self, seq_length: int, num_layers: int, num_heads: int, hidden_dim: int, *rest: Any
    ) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(T.empty(1, seq_length, hidden_dim).normal_(std=0.02))
        _, dropout, _, norm_layer = rest
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential()
        for i in range(num_layers):
            block = EncoderBlock(num_heads, hidden_dim, *rest)
            self.layers.add_module(f"encoder_layer_{i}", block)
        self.ln = norm_layer(hidden_dim)

    def forward(self, input: Tensor) -> Tensor:
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """A transformer over the patches of an image and a class token; output (N, num_classes).

    Args:
        image_size: the side of the images; patch_size: that of the patches, which divides it.
        representation_size: the width of a hidden layer before the output, if there is to be one.
        conv_stem_configs: convolutions in place of the one that makes a vector of each patch.

    dropout: the probability of dropout. norm_layer: the class, or a function, that makes a norm of
    so many channels; None: the model's own. num_layers: how many blocks. num_heads: how many heads
    of attention. hidden_dim: the width. mlp_dim: the width inside a block. attention_dropout: the
    probability of dropout of attention weights.

    Raises AssertionError where image_size is negative or 0 or does not fit, patch_size, num_heads
    or hidden_dim does not fit or x has a shape that does not fit; ValueError where num_heads is
    negative or 0 or hidden_dim is 0; RuntimeError where image_size or num_heads is a tensor of
    several numbers, patch_size is negative, 0 or a tensor of several numbers, hidden_dim is
    negative or a tensor of several numbers, mlp_dim or num_classes is negative or x holds integers,
    booleans or complex numbers; IndexError where x has a shape that does not fit.

    >>> net = VisionTransformer(32, 16, 1, 2, 8, 8, num_classes=3)
    >>> net(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    @clear_errors
    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: Layer = layer_norm,
        conv_stem_configs: list[ConvStemConfig] | None = None,
    ) -> None:
        super().__init__()
        if image_size % patch_size != 0:
            raise AssertionError("Input shape indivisible by patch size!")
        self.image_size = image_size
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.mlp_dim = mlp_dim
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.num_classes = num_classes
        self.representation_size = representation_size
        self.norm_layer = norm_layer
        self.conv_proj = self.patches(conv_stem_configs)
        self.class_token = nn.Parameter(T.zeros(1, 1, hidden_dim))
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.encoder = Encoder(self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout,
                               attention_dropout, norm_layer)  # fmt: skip
        self.heads = nn.Sequential()
        if representation_size is not None:
            self.heads.add_module("pre_logits", nn.Linear(hidden_dim, representation_size))
            self.heads.add_module("act", nn.Tanh())
        head = nn.Linear(representation_size or hidden_dim, num_classes)
        self.heads.add_module("head", head)
        last: Any = self.conv_proj
        if isinstance(last, nn.Conv2d):
            nn.init.trunc_normal_(last.weight, std=math.sqrt(1 / (3 * patch_size**2)))
        else:
            last = last.conv_last
            nn.init.normal_(last.weight, std=math.sqrt(2.0 / hidden_dim))
        nn.init.zeros_(last.bias)
        if representation_size is not None:
            hidden: Any = self.heads.pre_logits
            nn.init.trunc_normal_(hidden.weight, std=math.sqrt(1 / hidden_dim))
            nn.init.zeros_(hidden.bias)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)

    def patches(self, stem: list[ConvStemConfig] | None) -> nn.Module:
        """The convolution, or convolutions, that make tokens of an image.

        The convolution, or convolutions, that make tokens of an image.

        stem: convolutions instead of patches; None: patches.

        >>> VisionTransformer(32, 16, 1, 2, 8, 8).patches(None).kernel_size
        (16, 16)
        """
        if stem is None:
            return nn.Conv2d(3, self.hidden_dim, self.patch_size, stride=self.patch_size)
        layers = nn.Sequential()
        channels = 3
        for i, part in enumerate(stem):
            conv = Conv2dNormActivation(
                channels, part.out_channels, part.kernel_size, part.stride,
                norm_layer=part.norm_layer, activation_layer=part.activation_layer,
            )  # fmt: skip
            layers.add_module(f"conv_bn_relu_{i}", conv)
            channels = part.out_channels
        layers.add_module("conv_last", nn.Conv2d(channels, self.hidden_dim, kernel_size=1))
        return layers

    def forward(self, x: Tensor) -> Tensor:
        for name, length in (("height", x.shape[2]), ("width", x.shape[3])):
            wrong = f"Wrong image {name}! Expected {self.image_size} but got {length}!"
            _assert(length == self.image_size, wrong)
        x = self.conv_proj(x).flatten(2).permute(0, 2, 1)
        token = self.class_token.expand(x.shape[0], -1, -1)
        return self.heads(self.encoder(T.cat([token, x], dim=1))[:, 0])


@clear_errors
def interpolate_embeddings(
    image_size: int,
    patch_size: int,
    model_state: dict[str, Tensor],
    interpolation_mode: str = "bicubic",
    reset_heads: bool = False,
) -> dict[str, Tensor]:
    """A state dict with the positions interpolated for images of another size.

    reset_heads: leave out the heads where the size is another. image_size: of the new images, in
    pixels. patch_size: height and width of a patch, in pixels. model_state: a state dict.
    interpolation_mode: as of nn.functional.interpolate.

    The positions are of shape (1, length, D). Raises TypeError where image_size, patch_size or
    model_state is of the wrong type; RuntimeError where image_size is negative, 0 or a tensor of
    several numbers or patch_size is negative or a tensor of several numbers or does not fit.

    >>> state = {"encoder.pos_embedding": torch.zeros(1, 5, 8)}
    >>> interpolate_embeddings(64, 16, state)["encoder.pos_embedding"].shape
    torch.Size([1, 17, 8])
    """
    positions = model_state["encoder.pos_embedding"]
    if positions.shape[0] != 1:
        raise ValueError(f"Unexpected position embedding shape: {positions.shape}")
    old, new = math.isqrt(positions.shape[1] - 1), image_size // patch_size
    if old == new:
        return model_state
    if old * old != positions.shape[1] - 1:
        raise ValueError(f"{positions.shape[1] - 1} positions are not those of a square")
    token, grid = positions[:, :1], positions[:, 1:]
    planes = grid.permute(0, 2, 1).reshape(1, -1, old, old)
    planes = F.interpolate(planes, size=new, mode=interpolation_mode, align_corners=True)
    model_state["encoder.pos_embedding"] = T.cat([token, planes.flatten(2).permute(0, 2, 1)], dim=1)
    if reset_heads:
        return {key: v for key, v in model_state.items() if not key.startswith("heads")}
    return model_state


def transformer(
    shape: tuple[int, int, int, int, int], weights: Any, kwargs: dict[str, Any]
) -> VisionTransformer:
    """A transformer of a patch size, layers, heads, and widths outside and inside of the MLPs."""
    if weights is not None:
        agreed(kwargs, "image_size", weights.meta["min_size"][0])
    net = VisionTransformer(kwargs.pop("image_size", 224), *shape, **kwargs)
    if weights is not None:
        net.load_state_dict(weights.get_state_dict(check_hash=True))
    return net


@model(ViT_B_16_Weights)
def vit_b_16(weights: Any = None, **kwargs: Any) -> VisionTransformer:
    """The base transformer with patches of 16 x 16; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return transformer((16, 12, 12, 768, 3072), weights, kwargs)


@model(ViT_B_32_Weights)
def vit_b_32(weights: Any = None, **kwargs: Any) -> VisionTransformer:
    """The base transformer with patches of 32 x 32; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return transformer((32, 12, 12, 768, 3072), weights, kwargs)


@model(ViT_L_16_Weights)
def vit_l_16(weights: Any = None, **kwargs: Any) -> VisionTransformer:
    """The large transformer with patches of 16 x 16; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return transformer((16, 24, 16, 1024, 4096), weights, kwargs)


@model(ViT_L_32_Weights)
def vit_l_32(weights: Any = None, **kwargs: Any) -> VisionTransformer:
    """The large transformer with patches of 32 x 32; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return transformer((32, 24, 16, 1024, 4096), weights, kwargs)


@model(ViT_H_14_Weights)
def vit_h_14(weights: Any = None, **kwargs: Any) -> VisionTransformer:
    """The huge transformer with patches of 14 x 14; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return transformer((14, 32, 16, 1280, 5120), weights, kwargs)
