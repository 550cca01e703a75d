"""`/metrics` over HTTP: on this machine only, read-only, without a trace when it ends."""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from socketserver import ThreadingMixIn
from threading import Thread, current_thread
from types import TracebackType
from typing import Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client.exposition import make_wsgi_app

from mithridate.core.errors import ConfigurationError
from mithridate.monitor.metrics import Metrics

__all__ = ["PORT", "Serving"]

PORT = 9477
_MOST_AT_ONCE = 16
_PATIENCE_S = 5.0
_OURSELVES = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)

Answer = Callable[..., Any]


class Serving:
    """A server of one `Metrics` object, from construction until `close`.

    Args:
        metrics: What to serve.
        host: An address of this machine: "127.0.0.1", "::1", or another one together with `exposed`.
        port: 0 takes any free one.
        exposed: Whether it is meant that other machines can read the metrics. Nobody is asked for a password.

    Raises:
        ConfigurationError: an address that is none or would expose the metrics, a port that is taken or not ours to take.
    """

    def __init__(self, metrics: Metrics, *, host: str = "127.0.0.1", port: int = PORT, exposed: bool = False) -> None:
        address = _address(host, exposed)
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
            raise ConfigurationError(f"port must be a whole number from 0 to 65535, not {port!r}")
        kind = _Door6 if address.version == 6 else _Door
        answer = _guarded(make_wsgi_app(metrics.registry), only_here=address.is_loopback)
        try:
            self._door = make_server(str(address), port, answer, server_class=kind, handler_class=_Silent)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "is taken: choose another, or 0 for any free one" if taken else f"cannot be used: {error.strerror}"
            raise ConfigurationError(f"port {port} of {address} {why}") from error
        self.port = self._door.server_port
        shown = f"[{address}]" if address.version == 6 else str(address)
        self.url = f"http://{shown}:{self.port}/metrics"
        self._thread = Thread(target=self._door.serve_forever, args=(0.05,), name="mithridate-metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving; when this returns, the port is free and no thread is left."""
        self._door.shutdown()
        self._door.server_close()
        self._thread.join()
        self._door.hang_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Door(ThreadingMixIn, WSGIServer):
    """A thread per request, not too many at once, none of which outlives the server."""

    daemon_threads = True
    request_queue_size = 2 * _MOST_AT_ONCE

    def __init__(self, *arguments: Any) -> None:
        self._answering: dict[Thread, socket.socket] = {}
        super().__init__(*arguments)

    def server_bind(self) -> None:
        """Bind without asking a name server who we are."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        if len(self._answering) >= _MOST_AT_ONCE:
            self.shutdown_request(request)
            return
        thread = Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self._answering[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._answering.pop(current_thread(), None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up or keeps us waiting is no news."""

    def hang_up(self) -> None:
        """End what is still being answered."""
        for thread, request in list(self._answering.items()):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
            thread.join()


class _Door6(_Door):
    address_family = socket.AF_INET6


class _Silent(WSGIRequestHandler):
    """Requests are no events."""

    timeout = _PATIENCE_S

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


def _address(host: str, exposed: bool) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise ConfigurationError(f"host {host!r} is no address such as 127.0.0.1") from error
    if not address.is_loopback and not exposed:
        raise ConfigurationError(
            f"host {host} would let other machines read the metrics without a password: "
            "stay on 127.0.0.1, or say that they shall be exposed"
        )
    return address


def _guarded(answer: Answer, *, only_here: bool) -> Answer:
    """Let requests for the metrics through, and nothing else: a browser here that shows another's page names another host."""

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if only_here and not _OURSELVES.fullmatch(environ.get("HTTP_HOST", "")):
            return _refused("403 Forbidden", start_response)
        if environ.get("PATH_INFO") != "/metrics":
            return _refused("404 Not Found", start_response)
        if environ["REQUEST_METHOD"] != "GET":
            return _refused("405 Method Not Allowed", start_response)
        found: Iterable[bytes] = answer(environ, start_response)
        return found

    return guarded


def _refused(status: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{status}\n".encode()]
