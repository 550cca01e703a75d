"""Which ports are taken."""

from __future__ import annotations

import socket

from mithridate.lab.ports import taken


def test_a_port_is_taken_while_somebody_listens_and_free_again():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert taken("127.0.0.1", [port]) == [port]
    assert taken("127.0.0.1", [port]) == []
