"""torch.nn.attention: the choice of an attention kernel, which here is one.

Masks and flex_attention are in the files beside.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Iterator
from typing import Any

__all__ = [
    "WARN_FOR_UNFUSED_KERNELS", "SDPBackend", "activate_flash_attention_impl",
    "current_flash_attention_impl", "list_flash_attention_impls", "register_flash_attention_impl",
    "restore_flash_attention_impl", "sdpa_kernel",
]  # fmt: skip


class SDPBackend(enum.IntEnum):
    """PyTorch's kernels for scaled dot product attention."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextlib.contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[None]:
    """Choose among kernels within a block; there is one here, so nothing changes.

    backends: an SDPBackend or a list of them; AssertionError for anything else. set_priority: the
    order counts.

    >>> with nn.attention.sdpa_kernel(nn.attention.SDPBackend.MATH):
    ...     x = torch.ones(1, 1, 2, 4)
    ...     F.scaled_dot_product_attention(x, x, x).shape
    torch.Size([1, 1, 2, 4])
    """
    chosen = [backends] if isinstance(backends, SDPBackend) else backends
    if not isinstance(chosen, list) or not all(isinstance(b, SDPBackend) for b in chosen):
        raise AssertionError(
            f"Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
            f"{backends!r}"
        )
    yield


WARN_FOR_UNFUSED_KERNELS = False
_implementations: dict[str, Any] = {}
_active: list[str] = []


def register_flash_attention_impl(impl: str, *, register_fn: Callable[..., Any]) -> None:
    """Give an implementation of attention a name; none is called here.

    impl: a name. register_fn: a function.

    >>> nn.attention.register_flash_attention_impl("own", register_fn=lambda: None)
    >>> nn.attention.activate_flash_attention_impl("own")
    >>> nn.attention.list_flash_attention_impls(), nn.attention.current_flash_attention_impl()
    (['own'], 'own')
    >>> nn.attention.restore_flash_attention_impl()
    """
    _implementations[impl] = register_fn


def activate_flash_attention_impl(impl: str) -> None:
    """Choose an implementation by name. ValueError for one that was not registered.

    impl: a name.

    >>> nn.attention.activate_flash_attention_impl("none such")
    Traceback (most recent call last):
        ...
    ValueError: Unknown flash attention impl 'none such': registered are ...
    """
    if impl not in _implementations:
        raise ValueError(
            f"Unknown flash attention impl {impl!r}: registered are {list_flash_attention_impls()}"
        )
    _active[:] = [impl]


def list_flash_attention_impls() -> list[str]:
    """The names that were registered.

    >>> nn.attention.register_flash_attention_impl("own", register_fn=lambda: None)
    >>> nn.attention.list_flash_attention_impls()
    ['own']
    """
    return sorted(_implementations)


def current_flash_attention_impl() -> str | None:
    """The name that was chosen.

    >>> nn.attention.current_flash_attention_impl() is None
    True
    """
    return _active[0] if _active else None


def restore_flash_attention_impl(_raise_warn: bool = True) -> None:
    """Choose none.

    >>> nn.attention.restore_flash_attention_impl()
    """
    _active.clear()
