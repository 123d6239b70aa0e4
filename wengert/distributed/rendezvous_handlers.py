"""Ways of users to meet: functions by the scheme of a URL, which give a store, a rank and the
number of processes. How processes meet otherwise is in `rendezvous.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlparse

__all__ = ["register_rendezvous_handler"]

Handler = Callable[..., Iterator[tuple[Any, int, int]]]
HANDLERS: dict[str, Handler] = {}
OWN = ("env", "tcp", "file")


def register_rendezvous_handler(scheme: str, handler: Handler) -> None:
    """Let init_process_group meet by URLs of another scheme.

    scheme: what stands before ://. handler: a generator function of the URL, whose query names
    rank and world_size where they are known; it yields (store, rank, world size).

    RuntimeError where the scheme has a handler already.

    >>> dist.register_rendezvous_handler("tcp", print)
    Traceback (most recent call last):
    RuntimeError: Rendezvous handler for tcp:// already registered
    """
    if scheme in HANDLERS or scheme in OWN:
        raise RuntimeError(f"Rendezvous handler for {scheme}:// already registered")
    HANDLERS[scheme] = handler


def found(url: str, rank: int, size: int) -> Iterator[tuple[Any, int, int]]:
    """What the handler of a URL yields. RuntimeError where there is none."""
    parts = urlparse(url)
    handler = HANDLERS.get(parts.scheme)
    if handler is None:
        raise RuntimeError(f"No rendezvous handler for {url}: use env://, tcp:// or file://")
    known = {k: v for k, v in (("rank", rank), ("world_size", size)) if v != -1}
    query = urlencode({**dict(parse_qsl(parts.query)), **known})
    return handler(parts._replace(query=query).geturl())
