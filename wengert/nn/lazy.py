"""Layers that learn their input size from the first input: LazyLinear, LazyConv2d and so on.

Until then their parameters are uninitialized; with the first forward they become the ordinary
layer, class and all.
"""

from __future__ import annotations

import itertools
from typing import Any

from ..api import functions as T
from ..base.dtypes import int64
from ..base.modes import no_grad
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from .conv import (  # fmt: skip
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Size,
)
from .linear import Linear
from .normalization import (  # fmt: skip
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from .parameter import UninitializedBuffer, UninitializedParameter, is_lazy

__all__ = [
    "LazyLinear", "LazyConv1d", "LazyConv2d", "LazyConv3d", "LazyConvTranspose1d",
    "LazyConvTranspose2d", "LazyConvTranspose3d", "LazyBatchNorm1d", "LazyBatchNorm2d",
    "LazyBatchNorm3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d", "LazyInstanceNorm3d",
]  # fmt: skip


class LazyModuleMixin:
    """Put before a layer's class: initialises it at its first input, or when a state is loaded.

    A subclass defines initialize_parameters(*inputs) and may name cls_to_become.
    """

    cls_to_become: Any = None
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _non_persistent_buffers_set: set[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        me: Any = self
        self._load_hook = me._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = me.register_forward_pre_hook(
            self._infer_parameters, with_kwargs=True
        )

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give every parameter its shape, from the inputs of forward."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(is_lazy(t) for t in (*self._parameters.values(), *self._buffers.values()))

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        skipped = self._non_persistent_buffers_set
        kept = (i for i in self._buffers.items() if i[0] not in skipped)
        for name, t in itertools.chain(self._parameters.items(), kept):
            if t is not None:
                destination[prefix + name] = t if keep_vars or is_lazy(t) else t.detach()

    def _lazy_load_hook(self, state_dict: Any, prefix: str, *_: Any) -> None:
        """Take the shapes of a state dict that is about to be loaded."""
        for name, t in (*self._parameters.items(), *self._buffers.items()):
            saved = state_dict.get(prefix + name)
            if t is not None and saved is not None and is_lazy(t) and not is_lazy(saved):
                with no_grad():
                    t.materialize(saved.shape)

    def _infer_parameters(self, module: Any, args: Any, kwargs: Any = None) -> None:
        """The hook before the first forward, which it removes."""
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {module._get_name()} has not been fully initialized")
        for name in ("_initialize_hook", "_load_hook"):
            getattr(module, name).remove()
            delattr(module, name)
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self) -> Any:
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. Run a dummy "
            "forward pass to correctly initialize the modules"
        )


class LazyLinear(LazyModuleMixin, Linear):
    """Linear whose in_features is that of the first input.

    device: where the parameters are made; None: the default device. dtype: of the parameters;
    None: the default dtype.

    >>> layer = nn.LazyLinear(2)
    >>> _ = layer(torch.ones(3, 5))
    >>> layer
    Linear(in_features=5, out_features=2, bias=True)
    """

    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """>>> nn.LazyLinear(1).reset_parameters()"""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    @clear_errors
    def initialize_parameters(self, input: Tensor) -> None:
        """Take in_features from the input's last dimension.

        >>> m = nn.LazyLinear(1)
        >>> m.initialize_parameters(torch.ones(4, 2))
        >>> m.weight.shape
        torch.Size([1, 2])
        """
        if self.has_uninitialized_params():
            with no_grad():
                self.in_features = input.shape[-1]
                self.weight.materialize((self.out_features, self.in_features))
                if self.bias is not None:
                    self.bias.materialize((self.out_features,))
                self.reset_parameters()
        if self.in_features == 0:  # the weight came from a state dict
            if input.shape[-1] != self.weight.shape[-1]:
                raise AssertionError(
                    f"The in_features inferred from input: {input.shape[-1]} is not equal to "
                    f"in_features from self.weight: {self.weight.shape[-1]}"
                )
            self.in_features = input.shape[-1]


class _LazyConv(LazyModuleMixin):
    """What the lazy convolutions share."""

    dims: Any
    in_channels: Any
    out_channels: Any
    weight: Any
    bias: Any

    def _make_lazy(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw the weights, once they have a shape."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take in_channels from the input."""
        if not self.has_uninitialized_params():
            return
        me: Any = self
        if input.dim() not in (self.dims + 1, self.dims + 2):
            raise RuntimeError(
                f"Expected {self.dims + 1}D (unbatched) or {self.dims + 2}D (batched) input to "
                f"{type(self).__name__}, but got input of size: {tuple(input.shape)}"
            )
        self.in_channels = input.shape[-self.dims - 1]
        if self.in_channels % me.groups != 0:
            raise ValueError(
                f"in_channels must be divisible by groups: {self.in_channels} by {me.groups}"
            )
        channels = (self.out_channels, self.in_channels)
        first, second = channels[::-1] if me.transposed else channels
        self.weight.materialize((first, second // me.groups, *me.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()


class _LazyPlain(_LazyConv):
    """The arguments of a lazy plain convolution."""

    def __init__(
        self, out_channels: int, kernel_size: Size, stride: Size = 1, padding: Size | str = 0,
        dilation: Size = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device,
            dtype,
        )  # fmt: skip
        self._make_lazy(out_channels, bias, device, dtype)


class _LazyTransposed(_LazyConv):
    """The arguments of a lazy transposed convolution."""

    def __init__(
        self, out_channels: int, kernel_size: Size, stride: Size = 1, padding: Size = 0,
        output_padding: Size = 0, groups: int = 1, bias: bool = True, dilation: Size = 1,
        padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation,
            padding_mode, device, dtype,
        )  # fmt: skip
        self._make_lazy(out_channels, bias, device, dtype)


class LazyConv1d(_LazyPlain, Conv1d):
    """Conv1d whose in_channels is that of the first input.

    out_channels: how many channels the result has. kernel_size: the size of a window, an int or
    one per dimension. stride: steps between windows, an int or one per dimension. padding: how
    many elements are added on both sides, an int or one per dimension. dilation: steps between
    the elements of a window. groups: how many parts the channels fall into, each with filters
    of its own. bias: whether there are terms that are added. padding_mode: 'zeros', 'reflect',
    'replicate' or 'circular'. device: where the parameters are made; None: the default device.
    dtype: of the parameters; None: the default dtype.

    Raises TypeError where out_channels or kernel_size is of the wrong type; RuntimeError where
    out_channels or kernel_size is negative, input has a shape that does not fit or input holds
    integers, booleans or complex numbers.

    >>> nn.LazyConv1d(4, 3)(torch.ones(1, 2, 8)).shape
    torch.Size([1, 4, 6])
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyPlain, Conv2d):
    """Conv2d whose in_channels is that of the first input.

    out_channels: how many channels the result has. kernel_size: the size of a window, an int or
    one per dimension. stride: steps between windows, an int or one per dimension. padding: how
    many elements are added on both sides, an int or one per dimension. dilation: steps between
    the elements of a window. groups: how many parts the channels fall into, each with filters
    of its own. bias: whether there are terms that are added. padding_mode: 'zeros', 'reflect',
    'replicate' or 'circular'. device: where the parameters are made; None: the default device.
    dtype: of the parameters; None: the default dtype.

    Raises TypeError where out_channels or kernel_size is of the wrong type; RuntimeError where
    out_channels or kernel_size is negative, input has a shape that does not fit or input holds
    integers, booleans or complex numbers.

    >>> nn.LazyConv2d(4, 3)(torch.ones(1, 2, 8, 8)).shape
    torch.Size([1, 4, 6, 6])
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyPlain, Conv3d):
    """Conv3d whose in_channels is that of the first input.

    out_channels: how many channels the result has. kernel_size: the size of a window, an int or
    one per dimension. stride: steps between windows, an int or one per dimension. padding: how
    many elements are added on both sides, an int or one per dimension. dilation: steps between
    the elements of a window. groups: how many parts the channels fall into, each with filters
    of its own. bias: whether there are terms that are added. padding_mode: 'zeros', 'reflect',
    'replicate' or 'circular'. device: where the parameters are made; None: the default device.
    dtype: of the parameters; None: the default dtype.

    Raises TypeError where out_channels or kernel_size is of the wrong type; RuntimeError where
    out_channels or kernel_size is negative, input has a shape that does not fit or input holds
    integers, booleans or complex numbers.

    >>> nn.LazyConv3d(1, 3)(torch.ones(1, 2, 4, 4, 4)).shape
    torch.Size([1, 1, 2, 2, 2])
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyTransposed, ConvTranspose1d):
    """ConvTranspose1d whose in_channels is that of the first input.

    out_channels: how many channels the result has. kernel_size: the size of a window, an int or
    one per dimension. stride: steps between windows, an int or one per dimension. padding: how
    many elements are added on both sides, an int or one per dimension. output_padding: how many
    elements are added on one side of the result. groups: how many parts the channels fall into,
    each with filters of its own. bias: whether there are terms that are added. dilation: steps
    between the elements of a window. padding_mode: 'zeros', 'reflect', 'replicate' or
    'circular'. device: where the parameters are made; None: the default device. dtype: of the
    parameters; None: the default dtype.

    Raises TypeError where out_channels or kernel_size is of the wrong type; RuntimeError where
    out_channels or kernel_size is negative, input has a shape that does not fit or input holds
    integers, booleans or complex numbers.

    >>> nn.LazyConvTranspose1d(1, 3)(torch.ones(1, 2, 4)).shape
    torch.Size([1, 1, 6])
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyTransposed, ConvTranspose2d):
    """ConvTranspose2d whose in_channels is that of the first input.

    out_channels: how many channels the result has. kernel_size: the size of a window, an int or
    one per dimension. stride: steps between windows, an int or one per dimension. padding: how
    many elements are added on both sides, an int or one per dimension. output_padding: how many
    elements are added on one side of the result. groups: how many parts the channels fall into,
    each with filters of its own. bias: whether there are terms that are added. dilation: steps
    between the elements of a window. padding_mode: 'zeros', 'reflect', 'replicate' or
    'circular'. device: where the parameters are made; None: the default device. dtype: of the
    parameters; None: the default dtype.

    Raises TypeError where out_channels or kernel_size is of the wrong type; RuntimeError where
    out_channels or kernel_size is negative, input has a shape that does not fit or input holds
    integers, booleans or complex numbers.

    >>> nn.LazyConvTranspose2d(1, 3)(torch.ones(1, 2, 4, 4)).shape
    torch.Size([1, 1, 6, 6])
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyTransposed, ConvTranspose3d):
    """ConvTranspose3d whose in_channels is that of the first input.

    out_channels: how many channels the result has. kernel_size: the size of a window, an int or
    one per dimension. stride: steps between windows, an int or one per dimension. padding: how
    many elements are added on both sides, an int or one per dimension. output_padding: how many
    elements are added on one side of the result. groups: how many parts the channels fall into,
    each with filters of its own. bias: whether there are terms that are added. dilation: steps
    between the elements of a window. padding_mode: 'zeros', 'reflect', 'replicate' or
    'circular'. device: where the parameters are made; None: the default device. dtype: of the
    parameters; None: the default dtype.

    Raises TypeError where out_channels or kernel_size is of the wrong type; RuntimeError where
    out_channels or kernel_size is negative, input has a shape that does not fit or input holds
    integers, booleans or complex numbers.

    >>> nn.LazyConvTranspose3d(1, 3)(torch.ones(1, 2, 2, 2, 2)).shape
    torch.Size([1, 1, 4, 4, 4])
    """

    cls_to_become = ConvTranspose3d


class _LazyNorm(LazyModuleMixin):
    """What the lazy normalisations share."""

    affine: bool
    track_running_stats: bool
    num_features: int
    bias: Any

    def __init__(
        self, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, device: Any = None, dtype: Any = None, *,
        bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(0, eps, momentum, False, False, device, dtype, bias=False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        where = {"device": device, "dtype": dtype}
        if affine:
            self.weight = UninitializedParameter(**where)
            if bias:
                self.bias = UninitializedParameter(**where)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(**where)
            self.running_var = UninitializedBuffer(**where)
            self.num_batches_tracked = T.tensor(0, dtype=int64, device=device)

    def reset_parameters(self) -> None:
        """Set weight, bias and statistics, once they have a shape."""
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor) -> None:
        """Take num_features from the input's dimension 1."""
        if self.has_uninitialized_params():
            self.num_features = input.shape[1]
            for t in (*self._parameters.values(), *self._buffers.values()):
                if is_lazy(t):
                    t.materialize((self.num_features,))
            self.reset_parameters()


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """BatchNorm1d whose num_features is that of the first input.

    eps: added to the variance or the norm, against division by zero. momentum: the share of a
    batch in the running statistics; None: their plain average. affine: whether weight and bias
    are learned. track_running_stats: whether means and variances are kept for evaluation.
    device: where the parameters are made; None: the default device. dtype: of the parameters;
    None: the default dtype. bias: whether there are terms that are added.

    Raises IndexError where input has a shape that does not fit.

    >>> nn.LazyBatchNorm1d()(torch.randn(4, 3)).shape
    torch.Size([4, 3])
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """BatchNorm2d whose num_features is that of the first input.

    eps: added to the variance or the norm, against division by zero. momentum: the share of a
    batch in the running statistics; None: their plain average. affine: whether weight and bias
    are learned. track_running_stats: whether means and variances are kept for evaluation.
    device: where the parameters are made; None: the default device. dtype: of the parameters;
    None: the default dtype. bias: whether there are terms that are added.

    Raises ValueError where input has a shape that does not fit; RuntimeError where input holds
    integers, booleans or complex numbers.

    >>> nn.LazyBatchNorm2d()(torch.randn(4, 3, 2, 2)).shape
    torch.Size([4, 3, 2, 2])
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """BatchNorm3d whose num_features is that of the first input.

    eps: added to the variance or the norm, against division by zero. momentum: the share of a
    batch in the running statistics; None: their plain average. affine: whether weight and bias
    are learned. track_running_stats: whether means and variances are kept for evaluation.
    device: where the parameters are made; None: the default device. dtype: of the parameters;
    None: the default dtype. bias: whether there are terms that are added.

    Raises ValueError where input has a shape that does not fit; RuntimeError where input holds
    integers, booleans or complex numbers.

    >>> nn.LazyBatchNorm3d()(torch.randn(4, 3, 2, 2, 2)).shape
    torch.Size([4, 3, 2, 2, 2])
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """InstanceNorm1d whose num_features is that of the first input.

    eps: added to the variance or the norm, against division by zero. momentum: the share of a
    batch in the running statistics; None: their plain average. affine: whether weight and bias
    are learned. track_running_stats: whether means and variances are kept for evaluation.
    device: where the parameters are made; None: the default device. dtype: of the parameters;
    None: the default dtype. bias: whether there are terms that are added.

    Raises ValueError where input has a shape that does not fit; RuntimeError where input holds
    integers, booleans or complex numbers.

    >>> nn.LazyInstanceNorm1d()(torch.randn(4, 3, 2)).shape
    torch.Size([4, 3, 2])
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """InstanceNorm2d whose num_features is that of the first input.

    eps: added to the variance or the norm, against division by zero. momentum: the share of a
    batch in the running statistics; None: their plain average. affine: whether weight and bias
    are learned. track_running_stats: whether means and variances are kept for evaluation.
    device: where the parameters are made; None: the default device. dtype: of the parameters;
    None: the default dtype. bias: whether there are terms that are added.

    Raises ValueError where input has a shape that does not fit; RuntimeError where input holds
    integers, booleans or complex numbers.

    >>> nn.LazyInstanceNorm2d()(torch.randn(4, 3, 2, 2)).shape
    torch.Size([4, 3, 2, 2])
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """InstanceNorm3d whose num_features is that of the first input.

    eps: added to the variance or the norm, against division by zero. momentum: the share of a
    batch in the running statistics; None: their plain average. affine: whether weight and bias
    are learned. track_running_stats: whether means and variances are kept for evaluation.
    device: where the parameters are made; None: the default device. dtype: of the parameters;
    None: the default dtype. bias: whether there are terms that are added.

    Raises ValueError where input has a shape that does not fit; RuntimeError where input holds
    integers, booleans or complex numbers.

    >>> nn.LazyInstanceNorm3d()(torch.randn(4, 3, 2, 2, 2)).shape
    torch.Size([4, 3, 2, 2, 2])
    """

    cls_to_become = InstanceNorm3d
