"""Normalisation layers: batch, instance, layer, group, RMS, local response.

The formulas are in `ops/nn/layer_norm.py`; forms without a number of features are in `lazy.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from numbers import Integral
from typing import Any

from ..api import functions as T
from ..base.advice import advise
from ..base.dtypes import int64
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import empty

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm", "InstanceNorm1d",
    "InstanceNorm2d", "InstanceNorm3d", "LayerNorm", "GroupNorm", "RMSNorm", "LocalResponseNorm",
    "CrossMapLRN2d",
]  # fmt: skip


class _NormBase(Module):
    """Scale, shift and running statistics of batch and instance norm."""

    _version = 2

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = True, track_running_stats: bool = True, device: Any = None,
        dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        _affine(self, num_features, affine, bias, device, dtype)
        mean = var = count = None
        if track_running_stats:
            mean = T.zeros(num_features, device=device, dtype=dtype)
            var = T.ones(num_features, device=device, dtype=dtype)
            count = T.tensor(0, dtype=int64, device=device)
        self.register_buffer("running_mean", mean)
        self.register_buffer("running_var", var)
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the statistics seen so far."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weight one, bias zero, no statistics."""
        self.reset_running_stats()
        _reset_affine(self)

    def _check_input_dim(self, input: Tensor) -> None:
        raise NotImplementedError(f"{type(self).__name__} must define _check_input_dim")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *args: Any
    ) -> None:
        version = local_metadata.get("version")
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            count = self.num_batches_tracked  # files of version 1 have no count
            known = count is not None and count.device.type != "meta"
            state_dict[key] = count if known else T.tensor(0, dtype=int64)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


def _affine(module: Module, shape: Any, affine: bool, bias: bool, device: Any, dtype: Any) -> None:
    """Register weight and bias, or None in their place."""
    module.register_parameter("weight", empty(shape, device, dtype) if affine else None)
    module.register_parameter("bias", empty(shape, device, dtype) if affine and bias else None)


def _reset_affine(module: Any) -> None:
    if module.weight is not None:
        init.ones_(module.weight)
    if module.bias is not None:
        init.zeros_(module.bias)


class _BatchNorm(_NormBase):
    """Normalises each channel with the mean and variance of the batch."""

    dims: tuple[int, ...] = ()

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        training, tracked, kept = self.training, self.track_running_stats, self._buffers
        try:  # the attributes, without a search for each
            mean, var = kept["running_mean"], kept["running_var"]
            count = kept["num_batches_tracked"]
        except KeyError:
            mean, var, count = self.running_mean, self.running_var, self.num_batches_tracked
        if training and tracked and count is not None:
            count.add_(1)
            if self.momentum is None:  # the plain mean of all batches so far
                momentum = 1.0 / float(count)
        from_batch = training or (mean is None and var is None)
        if training and not tracked:
            mean = var = None
        return self._normalise(input, mean, var, from_batch, momentum)

    def _normalise(
        self, input: Tensor, mean: Tensor | None, var: Tensor | None, from_batch: bool,
        momentum: float,
    ) -> Tensor:  # fmt: skip
        return F.batch_norm(
            input, mean, var, self.weight, self.bias, from_batch, momentum, self.eps
        )

    def _check_input_dim(self, input: Tensor) -> None:
        if input._a.ndim not in self.dims:
            raise ValueError(f"expected {_either(self.dims)} input (got {input.dim()}D input)")

    def _input_problem(self, *args: Any) -> str | None:
        if args[0].dim() >= 2 and args[0].shape[1] != self.num_features:
            return f"its dimension 1 (channels) must be {self.num_features}"
        return None


def _either(dims: tuple[int, ...]) -> str:
    return " or ".join(f"{d}D" for d in dims)


class BatchNorm1d(_BatchNorm):
    """Normalises each feature over the batch (and the sequence).

    input (N, C) or (N, C, L); weight and bias (C). In training the batch's statistics are used
    and averaged into running_mean and running_var with `momentum` (None: plain average); in
    evaluation the running ones are used. ValueError for other numbers of dimensions.

    num_features: how many channels there are. eps: added to the variance or the norm, against
    division by zero. affine: whether weight and bias are learned. track_running_stats: whether
    means and variances are kept for evaluation. device: of the parameters; None: the default one.
    dtype: of the parameters; None: the default one. Raises RuntimeError where input does not fit.

    >>> nn.BatchNorm1d(3)(torch.randn(8, 3)).mean(0).abs().max() < 1e-5
    tensor(True)
    """

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalises each channel over the batch and the image; see BatchNorm1d.

    input (N, C, H, W).

    num_features: how many channels there are. eps: added to the variance or the norm, against
    division by zero. momentum: the share of a batch in the running statistics; None: their plain
    average. affine: whether weight and bias are learned. track_running_stats: whether means and
    variances are kept for evaluation. device: where the parameters are made; None: the default
    device. dtype: of the parameters; None: the default dtype. bias: whether there are terms that
    are added. Raises TypeError where num_features is of the wrong type; ValueError where input has
    a shape that does not fit; RuntimeError where num_features is negative or input holds integers,
    booleans or complex numbers.

    >>> nn.BatchNorm2d(3)(torch.randn(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Normalises each channel over the batch and the volume; see BatchNorm1d.

    input (N, C, D, H, W).

    num_features: how many channels there are. eps: added to the variance or the norm, against
    division by zero. momentum: the share of a batch in the running statistics; None: their plain
    average. affine: whether weight and bias are learned. track_running_stats: whether means and
    variances are kept for evaluation. device: where the parameters are made; None: the default
    device. dtype: of the parameters; None: the default dtype. bias: whether there are terms that
    are added. Raises TypeError where num_features is of the wrong type; ValueError where input has
    a shape that does not fit; RuntimeError where num_features is negative or input holds integers,
    booleans or complex numbers.

    >>> nn.BatchNorm3d(1)(torch.randn(2, 1, 2, 2, 2)).shape
    torch.Size([2, 1, 2, 2, 2])
    """

    dims = (5,)


class SyncBatchNorm(_BatchNorm):
    """Batch norm with statistics over all processes of a group; with one process, plain.

    input (N, C, ...), 2 dimensions or more.

    num_features: how many channels there are. eps: added to the variance or the norm, against
    division by zero. momentum: the share of a batch in the running statistics; None: their plain
    average. affine: whether weight and bias are learned. track_running_stats: whether means and
    variances are kept for evaluation. process_group: the processes that share statistics; None:
    all. device: where the parameters are made; None: the default device. dtype: of the parameters;
    None: the default dtype. bias: whether there are terms that are added. Raises TypeError where
    num_features is no int, ValueError where input has less than two dimensions.

    >>> net = nn.Sequential(nn.BatchNorm2d(3))
    >>> type(nn.SyncBatchNorm.convert_sync_batchnorm(net)[0]).__name__
    'SyncBatchNorm'
    """

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = True, track_running_stats: bool = True, process_group: Any = None,
        device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    def _normalise(
        self, input: Tensor, mean: Tensor | None, var: Tensor | None, from_batch: bool,
        momentum: float,
    ) -> Tensor:  # fmt: skip
        # A layer above this one has the groups; there is one only where that was imported.
        groups: Any = sys.modules.get("wengert.distributed")
        alone = groups is None or not groups.is_initialized()
        if alone or not from_batch or groups.get_world_size(self.process_group) < 2:
            return super()._normalise(input, mean, var, from_batch, momentum)
        return groups.sync_batch_norm.batch_norm(
            input, mean, var, self.weight, self.bias, momentum, self.eps, self.process_group
        )

    @classmethod
    @clear_errors
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The tree with every BatchNorm replaced by a SyncBatchNorm that has its parameters.

        process_group: the processes that share statistics; None: all. module: the module.
        """
        converted = module
        if isinstance(module, _BatchNorm):
            converted = cls(
                module.num_features, module.eps, module.momentum, module.affine,
                module.track_running_stats, process_group, bias=module.bias is not None,
            )  # fmt: skip
            converted._parameters.update(module._parameters)
            converted._buffers.update(module._buffers)
            converted.training = module.training
        for name, child in module.named_children():
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted


class _InstanceNorm(_NormBase):
    """Normalises each channel of each sample by itself."""

    spatial = 0

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, device: Any = None, dtype: Any = None, *,
        bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def _check_input_dim(self, input: Tensor) -> None:
        wanted = (self.spatial + 1, self.spatial + 2)
        if input.dim() not in wanted:
            raise ValueError(f"expected {_either(wanted)} input (got {input.dim()}D input)")

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        at = input.dim() - self.spatial - 1
        if input.size(at) != self.num_features:
            text = (
                f"expected input's size at dim={at} to match num_features ({self.num_features}), "
                f"but got: {input.size(at)}."
            )
            if self.affine:
                raise ValueError(text)

            advise(
                f"input's size at dim={at} does not match num_features. You can silence this "
                "warning by not passing in num_features, which is not used because affine=False",
            )
        batched = input if at == 1 else input.unsqueeze(0)
        out = F.instance_norm(
            batched, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0, self.eps,
        )  # fmt: skip
        return out if at == 1 else out.squeeze(0)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, *report: Any
    ) -> None:
        if local_metadata.get("version") is None and not self.track_running_stats:
            keys = [prefix + n for n in ("running_mean", "running_var")]
            found = [k for k in keys if k in state_dict]
            if found:  # files from before PyTorch 0.4, where statistics were kept by default
                listed = " and ".join(f'"{k}"' for k in found)
                report[2].append(
                    f"Unexpected running stats buffer(s) {listed} for {type(self).__name__} with "
                    "track_running_stats=False: remove these keys from state_dict, or set "
                    "track_running_stats=True if the statistics are needed."
                )
                for k in found:
                    state_dict.pop(k)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, *report)


class InstanceNorm1d(_InstanceNorm):
    """Normalises each channel of each sequence by itself.

    input (N, C, L) or (C, L). affine: learn a weight and bias for each channel.

    num_features: how many channels there are. eps: added to the variance or the norm, against
    division by zero. momentum: the share of a batch in the running statistics; None: their plain
    average. track_running_stats: whether means and variances are kept for evaluation. device: where
    the parameters are made; None: the default device. dtype: of the parameters; None: the default
    dtype. Raises ValueError where input has a shape that does not fit; NotImplementedError where
    input holds integers or booleans; RuntimeError where num_features is a tensor.

    >>> nn.InstanceNorm1d(2)(torch.randn(3, 2, 5)).shape
    torch.Size([3, 2, 5])
    """

    spatial = 1


class InstanceNorm2d(_InstanceNorm):
    """Normalises each channel of each image by itself.

    input (N, C, H, W) or (C, H, W).

    num_features: how many channels there are. eps: added to the variance or the norm, against
    division by zero. momentum: the share of a batch in the running statistics; None: their plain
    average. affine: whether weight and bias are learned. track_running_stats: whether means and
    variances are kept for evaluation. device: where the parameters are made; None: the default
    device. dtype: of the parameters; None: the default dtype. bias: whether terms are added. Raises
    ValueError where input has a shape that does not fit; NotImplementedError where input holds
    integers or booleans; RuntimeError where num_features is a tensor.

    >>> nn.InstanceNorm2d(2)(torch.randn(3, 2, 4, 4)).shape
    torch.Size([3, 2, 4, 4])
    """

    spatial = 2


class InstanceNorm3d(_InstanceNorm):
    """Normalises each channel of each volume by itself.

    input (N, C, D, H, W) or (C, D, H, W).

    num_features: how many channels there are. eps: added to the variance or the norm, against
    division by zero. momentum: the share of a batch in the running statistics; None: their plain
    average. affine: whether weight and bias are learned. track_running_stats: whether means and
    variances are kept for evaluation. device: where the parameters are made; None: the default
    device. dtype: of the parameters; None: the default dtype. bias: whether terms are added. Raises
    ValueError where input has a shape that does not fit; NotImplementedError where input holds
    integers or booleans; RuntimeError where num_features is a tensor.

    >>> nn.InstanceNorm3d(1)(torch.randn(1, 1, 2, 2, 2)).shape
    torch.Size([1, 1, 2, 2, 2])
    """

    spatial = 3


class LayerNorm(Module):
    """Normalises each sample over its last dimensions.

    input (*, *normalized_shape); weight and bias of normalized_shape. RuntimeError if the
    input's last dimensions are others.

    eps: added to the variance or the norm, against division by zero. elementwise_affine:
    whether a weight is learned. device: where the parameters are made; None: the default
    device. dtype: of the parameters; None: the default dtype.

    >>> nn.LayerNorm(4)(torch.arange(4.0)).sum().abs() < 1e-5
    tensor(True)
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float = 1e-5,
        elementwise_affine: bool = True, bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape = shape_of(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        _affine(self, self.normalized_shape, elementwise_affine, bias, device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight one, bias zero.

        >>> nn.LayerNorm(2).reset_parameters()
        """
        _reset_affine(self)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def _input_problem(self, *args: Any) -> str | None:
        return _last_dimensions(args[0], self.normalized_shape)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


def shape_of(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    """A shape given as one number or several."""
    n: Any = normalized_shape
    return (int(n),) if isinstance(n, Integral) else tuple(n)


def _last_dimensions(input: Tensor, shape: tuple[int, ...]) -> str | None:
    if tuple(input.shape[-len(shape) :]) != shape:
        return f"its last dimension{'s' * (len(shape) > 1)} must be {', '.join(map(str, shape))}"
    return None


class GroupNorm(Module):
    """Normalises each sample over groups of channels.

    input (N, num_channels, *); num_groups must divide num_channels (else ValueError).

    eps: added to the variance or the norm, against division by zero. affine: whether weight and
    bias are learned. device, dtype: of the parameters; None: the default ones. bias: whether terms
    are added. Raises RuntimeError where num_groups, num_channels or input does not fit.

    >>> nn.GroupNorm(3, 6)(torch.randn(2, 6, 4)).shape
    torch.Size([2, 6, 4])
    """

    @clear_errors
    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True,
        device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        _affine(self, num_channels, affine, bias, device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight one, bias zero.

        >>> nn.GroupNorm(1, 2).reset_parameters()
        """
        _reset_affine(self)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def _input_problem(self, *args: Any) -> str | None:
        if args[0].dim() < 2 or args[0].shape[1] != self.num_channels:
            return f"its dimension 1 (channels) must be {self.num_channels}"
        return None

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divides each sample by the root of its mean square over the last dimensions.

    input (*, *normalized_shape). eps: the dtype's machine epsilon if None.

    elementwise_affine: whether a weight is learned. device: where the parameters are made; None:
    the default device. Raises TypeError where normalized_shape is of the wrong type, x is no tensor
    or x holds integers; RuntimeError where normalized_shape is negative or x has a shape that does
    not fit; NotImplementedError where x holds booleans.

    >>> nn.RMSNorm(2)(torch.tensor([3.0, 4.0]))
    tensor([0.8485, 1.1314], grad_fn=<MulBackward0>)
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float | None = None,
        elementwise_affine: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape = shape_of(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = empty(self.normalized_shape, device, dtype) if elementwise_affine else None
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight one.

        >>> nn.RMSNorm(2).reset_parameters()
        """
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def _input_problem(self, *args: Any) -> str | None:
        return _last_dimensions(args[0], self.normalized_shape)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class LocalResponseNorm(Module):
    """Divides each value by (k + alpha * mean of the squares of `size` channels around) ** beta.

    input (N, C, *). Raises TypeError where size is of the wrong type or input is no tensor;
    ValueError where input has a shape that does not fit; RuntimeError where size is negative.

    >>> nn.LocalResponseNorm(2)(torch.ones(1, 4, 3)).shape
    torch.Size([1, 4, 3])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """LocalResponseNorm as Lua Torch had it; kept for models of that time.

    input (N, C, H, W). Its sliding sum never lets go of the first channel, here as there.

    alpha: the factor. beta: the factor of the input. Raises TypeError where size is of the wrong
    type; ValueError where input has a shape that does not fit; RuntimeError where input holds
    booleans.

    >>> nn.CrossMapLRN2d(3)(torch.ones(1, 4, 2, 2)).shape
    torch.Size([1, 4, 2, 2])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        n, reach = input.size(1), int((self.size - 1) / 2 + 1)
        around = [
            [float(abs(i - j) < reach or (j == 0 and i >= reach)) for j in range(n)]
            for i in range(n)
        ]
        window = T.tensor(around, dtype=input.dtype, device=input.device)
        sums = T.matmul(window, input.square().flatten(2)).view(input.shape)
        return input * (sums * (self.alpha / self.size) + self.k) ** -self.beta
