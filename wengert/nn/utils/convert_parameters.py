"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...api import functions as T
from ...engine.tensor import Tensor
from ..parameter import typename

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters in one vector. TypeError if they are on several devices.

    >>> nn.utils.parameters_to_vector(nn.Linear(2, 3).parameters()).shape
    torch.Size([9])
    """
    listed = list(parameters)
    _same_device(listed)
    return T.cat([p.view(-1) for p in listed])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let the parameters be pieces of vec, one after the other.

    vec is of shape (n,), n being the number of all elements. Raises TypeError where vec is no
    tensor or parameters is of the wrong type; IndexError where vec has a shape that does not fit;
    RuntimeError where vec has a shape that does not fit or vec holds integers or booleans.

    >>> layer = nn.Linear(2, 1)
    >>> nn.utils.vector_to_parameters(torch.arange(3.0), layer.parameters())
    >>> layer.bias.item()
    2.0
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    listed = list(parameters)
    _same_device(listed)
    start = 0
    for p in listed:
        n = p.numel()
        p.data = vec[start : start + n].view_as(p).data  # type: ignore[attr-defined]
        start += n


def _same_device(parameters: list[Any]) -> None:
    devices = {p.device for p in parameters}
    if len(devices) > 1:
        raise TypeError(
            "Found two parameters on different devices, this is currently not supported: "
            + ", ".join(sorted(str(d) for d in devices))
        )
