"""Processes are found by their marker, ended with their descendants, and nobody else is touched."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time

import pytest

from mithridate.core.errors import MithridateError
from mithridate.deployment.running import Running
from mithridate.lab import processes
from mithridate.lab.processes import NotReady, await_line, await_port, end, members, start, tail

SLEEP = "import time; time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True, env={env})
print("both", flush=True)
time.sleep(60)
"""


CHILDREN: list[subprocess.Popen[bytes]] = []


@pytest.fixture
def marker():
    """A marker of this test alone; whoever still carries it in the end is ended."""
    text = f"MITHRIDATE_LAB=test-{secrets.token_hex(8)}"
    yield text
    end(text, grace_s=1)
    while CHILDREN:
        CHILDREN.pop().wait(10)


def started(marker, code, tmp_path, name="child"):
    environment = dict(os.environ) | dict([marker.split("=", 1)])
    daemon = start(name, [sys.executable, "-c", code], environment, tmp_path / f"{name}.log", tmp_path)
    CHILDREN.append(daemon.child)
    return daemon


def test_end_leaves_no_descendant_behind_not_even_in_a_session_of_its_own(marker, tmp_path):
    parent = started(marker, PARENT.format(env="None"), tmp_path)
    await_line(parent, "both", most_s=20)
    assert len(members(marker)) == 2
    assert end(marker) == 2
    assert members(marker) == ()
    assert parent.child.wait(5) == -signal.SIGTERM


def test_a_descendant_that_dropped_the_marker_is_found_by_its_parent(marker, tmp_path):
    await_line(started(marker, PARENT.format(env="{}"), tmp_path), "both", most_s=20)
    assert len(members(marker)) == 2
    assert end(marker) == 2


def test_a_descendant_without_marker_that_is_deaf_is_killed_after_its_parent_has_gone(marker, tmp_path):
    code = PARENT.format(env="{}").replace('time.sleep(60)"]', 'signal.signal(15, signal.SIG_IGN); time.sleep(60)"]', 1)
    code = code.replace("import time;", "import signal, time;", 1).replace(
        'print("both"', 'time.sleep(1); print("both"'
    )
    await_line(started(marker, code, tmp_path), "both", most_s=20)
    (child,) = (each for each in members(marker) if "SIG_IGN" in each.command[-1] and "Popen" not in each.command[-1])
    assert end(marker, grace_s=0.5) == 2
    assert not processes._runs(child)


def test_an_orphan_is_found_by_its_marker(marker, tmp_path):
    parent = started(marker, PARENT.format(env="None"), tmp_path)
    await_line(parent, "both", most_s=20)
    parent.child.kill()
    parent.child.wait(5)
    (orphan,) = members(marker)
    assert orphan.parent != parent.child.pid
    assert end(marker) == 1


def test_who_does_not_listen_to_a_request_is_killed(marker, tmp_path):
    deaf = started(marker, DEAF, tmp_path)
    await_line(deaf, "deaf", most_s=20)
    assert end(marker, grace_s=0.5) == 1
    assert deaf.child.wait(5) == -signal.SIGKILL


def test_a_bystander_lives(marker, tmp_path):
    bystander = subprocess.Popen([sys.executable, "-c", SLEEP])  # noqa: S603 - our own interpreter and code
    try:
        started(marker, SLEEP, tmp_path)
        end(marker)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_process_that_took_over_a_number_is_spared():
    bystander = subprocess.Popen([sys.executable, "-c", SLEEP])  # noqa: S603 - our own interpreter and code
    try:
        processes._signal(Running(bystander.pid, started=1, parent=1, command=()), signal.SIGKILL)
        time.sleep(0.2)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_ending_nobody_is_no_error():
    assert end("MITHRIDATE_LAB=nobody-has-this") == 0


def test_who_cannot_be_ended_is_named(monkeypatch):
    stuck = Running(4711, 1, 1, ())
    monkeypatch.setattr(processes, "members", lambda marker: (stuck,))
    monkeypatch.setattr(processes, "_signal", lambda process, number: None)
    with pytest.raises(MithridateError, match="4711 would not end"):
        end("MITHRIDATE_LAB=x", grace_s=0.1)


def test_a_process_that_dies_is_reported_at_once_with_its_last_words(marker, tmp_path):
    begun = time.monotonic()
    child = started(marker, "print('no certificate'); raise SystemExit(7)", tmp_path)
    with pytest.raises(NotReady, match=r"(?s)child ended with exit code 7.*no certificate"):
        await_port(child, "127.0.0.1", 1, most_s=30)
    assert time.monotonic() - begun < 20


def test_a_process_that_is_never_ready_is_reported_in_time(marker, tmp_path):
    child = started(marker, SLEEP, tmp_path)
    with pytest.raises(NotReady, match=r"does not listen on 127.0.0.1:1 after 0.3 s"):
        await_port(child, "127.0.0.1", 1, most_s=0.3)


def test_a_port_is_waited_for(marker, tmp_path):
    code = "import socket; s = socket.create_server(('127.0.0.1', 0)); print('port', s.getsockname()[1], 'end', flush=True)"
    child = started(marker, f"{code}; {SLEEP}", tmp_path)
    await_line(child, "end", most_s=20)
    await_port(child, "127.0.0.1", int(tail(child.log).split()[1]), most_s=5)


def test_the_tail_of_a_log_that_is_not_there_is_empty(tmp_path):
    assert tail(tmp_path / "missing") == ""
