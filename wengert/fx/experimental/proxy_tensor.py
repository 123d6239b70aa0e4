"""torch.fx.experimental.proxy_tensor: whether operators are being traced: they are not."""

from ...base.absent import absent as _absent


def get_proxy_mode() -> None:
    """The mode that traces operators: there is none."""


__all__ = ["get_proxy_mode"]

__getattr__ = _absent("torch.fx.experimental.proxy_tensor")
