"""The metrics over HTTP."""

from __future__ import annotations

import socket
import threading
import time
from http.client import HTTPConnection

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mithridate.core.errors import ConfigurationError
from mithridate.monitor.metrics import Metrics
from mithridate.monitor.serving import _MOST_AT_ONCE, Serving
from tests.report.runs import round_event


@pytest.fixture
def metrics():
    found = Metrics()
    found.consume(round_event(3, attacked=True, guarded=True))
    return found


def asked(port, path="/metrics", method="GET", host=None, address="127.0.0.1"):
    connection = HTTPConnection(address, port, timeout=5)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_it_serves_what_the_object_holds_at_that_moment(metrics):
    with Serving(metrics, port=0) as serving:
        status, body = asked(serving.port)
        assert (status, body) == (200, metrics.text())
        metrics.consume({"event": "round", "round": 9})
        assert "mithridate_round 9.0" in asked(serving.port)[1]
        assert len(list(text_string_to_metric_families(body))) > 5
        assert serving.url == f"http://127.0.0.1:{serving.port}/metrics"


def test_nothing_else_is_there(metrics):
    with Serving(metrics, port=0) as serving:
        assert asked(serving.port, "/")[0] == 404
        assert asked(serving.port, "/metrics/../etc")[0] == 404
        assert asked(serving.port, method="POST")[0] == 405
        assert asked(serving.port, "/metrics?name[]=mithridate_round")[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9477", "127.0.0.1.evil.example", "localhost@evil", ""])
def test_a_page_from_elsewhere_cannot_read_it_through_a_browser(metrics, host):
    with Serving(metrics, port=0) as serving:
        assert asked(serving.port, host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:9477"])
def test_names_of_this_machine_are_ours(metrics, host):
    with Serving(metrics, port=0) as serving:
        assert asked(serving.port, host=host)[0] == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - it is refused
def test_other_machines_are_kept_out_unless_it_is_said(metrics, host):
    with pytest.raises(ConfigurationError, match="without a password"):
        Serving(metrics, host=host, port=0)


@pytest.mark.parametrize("host", ["example.org", "", "127.0.0.1:80", "127.1"])
def test_a_name_may_lead_anywhere_and_is_no_host(metrics, host):
    with pytest.raises(ConfigurationError, match="is no address"):
        Serving(metrics, host=host, port=0)


def test_what_is_exposed_on_purpose_answers_to_any_name(metrics):
    with Serving(metrics, host="0.0.0.0", port=0, exposed=True) as serving:  # noqa: S104 - exposing it is the test
        assert asked(serving.port, host="fl.example.org")[0] == 200


def test_the_newer_protocol_serves_as_well(metrics):
    try:
        serving = Serving(metrics, host="::1", port=0)
    except ConfigurationError:
        pytest.skip("this machine has no ::1")
    with serving:
        assert asked(serving.port, address="::1")[0] == 200
        assert serving.url.startswith("http://[::1]:")


def test_a_port_that_is_taken_is_named(metrics):
    with Serving(metrics, port=0) as first, pytest.raises(ConfigurationError, match=rf"port {first.port} .* is taken"):
        Serving(metrics, port=first.port)


@pytest.mark.parametrize("port", [-1, 65536, True, "9477"])
def test_a_port_that_is_none_is_refused(metrics, port):
    with pytest.raises(ConfigurationError, match="port must be"):
        Serving(metrics, port=port)


def test_nothing_is_left_behind(metrics):
    before = set(threading.enumerate())
    serving = Serving(metrics, port=0)
    asked(serving.port)
    serving.close()
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", serving.port), timeout=5)
    with Serving(metrics, port=serving.port):
        pass


def test_who_keeps_it_waiting_delays_neither_others_nor_the_end(metrics):
    before = set(threading.enumerate())
    serving = Serving(metrics, port=0)
    slow = [socket.create_connection(("127.0.0.1", serving.port), timeout=5) for _ in range(_MOST_AT_ONCE - 1)]
    for each in slow:
        each.sendall(b"GET /metr")
    assert asked(serving.port)[0] == 200
    began = time.monotonic()
    serving.close()
    assert time.monotonic() - began < 2
    assert set(threading.enumerate()) == before
    for each in slow:
        each.close()


def test_a_crowd_is_turned_away_and_then_it_serves_again(metrics):
    with Serving(metrics, port=0) as serving:
        crowd = [socket.create_connection(("127.0.0.1", serving.port), timeout=5) for _ in range(_MOST_AT_ONCE)]
        with pytest.raises((ConnectionError, OSError)):
            asked(serving.port)
        for each in crowd:
            each.close()
        deadline = time.monotonic() + 5
        while serving._door._answering and time.monotonic() < deadline:
            time.sleep(0.01)
        assert asked(serving.port)[0] == 200
