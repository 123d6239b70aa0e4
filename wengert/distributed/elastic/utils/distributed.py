"""torch.distributed.elastic.utils.distributed: ports that are free."""

from __future__ import annotations

import socket

__all__ = ["get_free_port", "get_socket_with_port"]


def get_socket_with_port() -> socket.socket:
    """A socket that is bound to a free port of this host; close it before the port is used."""
    made = socket.socket()
    made.bind(("localhost", 0))
    made.listen(0)
    return made


def get_free_port() -> int:
    """A port of this host that nothing uses now."""
    with get_socket_with_port() as made:
        return int(made.getsockname()[1])
