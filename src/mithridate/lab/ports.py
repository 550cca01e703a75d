"""Which ports of this machine are taken."""

from __future__ import annotations

import socket
from collections.abc import Iterable

__all__ = ["taken"]


def taken(host: str, ports: Iterable[int]) -> list[int]:
    """Those that cannot be listened on now.

    >>> with socket.create_server(("127.0.0.1", 0)) as server:
    ...     port = server.getsockname()[1]
    ...     taken("127.0.0.1", [port]) == [port]
    True
    """
    return [port for port in ports if not _free(host, port)]


def _free(host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port)):
            return True
    except OSError:
        return False
