"""A lab rises, trains and falls; what goes wrong is told with the last words of whoever failed."""

from __future__ import annotations

import subprocess

import pytest

from mithridate.core.errors import ConfigurationError, MithridateError, UnknownName
from mithridate.lab import commands, federation, processes
from mithridate.lab.commands import Plan
from mithridate.lab.federation import asked, crash, killable, prepare, rise, train
from mithridate.lab.ports import taken
from mithridate.lab.processes import NotReady, end, members


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Daemons outlive the function that starts them: they are waited for here."""
    children = []
    real = processes.start

    def start(*arguments):
        daemon = real(*arguments)
        children.append(daemon.child)
        return daemon

    monkeypatch.setattr(federation, "start", start)
    yield
    for child in children:
        child.kill()
        child.wait(10)


def test_it_rises_trains_and_leaves_nothing_behind(lab):
    events = [*prepare(lab), *rise(lab), *train(lab, "bare", guarded=False, lie="none")]
    assert [event["what"] for event in events if event["event"] == "step"] == [
        "data",
        "keys",
        "superlink",
        "registered",
        "registered",
        "registered",
        "supernodes",
    ]
    assert [event["accuracy"] for event in events if event["event"] == "round"] == [0.0, 0.25, 0.5]
    assert events[-1] == {"event": "ended", "run": "bare", "accuracy": 0.5}
    assert len(members(lab.marker)) == 8  # four daemons, each with a child in a session of its own
    assert end(lab.marker) == 8
    assert taken("127.0.0.1", range(lab.plan.port, lab.plan.port + 4)) == []


def test_only_the_liar_gets_the_file_that_lies(lab):
    list(prepare(lab))
    list(rise(lab))
    lying = {
        next(word.partition(" mith")[0] for word in process.command if word.startswith("partition-id"))
        for process in members(lab.marker)
        if any(text.startswith(f"PYTHONPATH={lab.root / 'liars'}") for text in process.environment)
        and "--node-config" in process.command
    }
    assert lying == {"partition-id=2 num-partitions=3"}


def test_a_taken_port_is_refused_before_anything_is_made(lab):
    import socket

    with socket.create_server(("127.0.0.1", lab.plan.port + 1)), pytest.raises(ConfigurationError, match="is taken"):
        list(prepare(lab))
    assert not lab.data.exists()


def test_a_superlink_that_dies_is_told_with_its_last_words(lab, monkeypatch):
    monkeypatch.setenv("STANDIN", "dies")
    list(prepare(lab))
    with pytest.raises(NotReady, match=r"(?s)superlink ended with exit code 1.*the certificate is odd"):
        list(rise(lab))


def test_a_refused_registration_is_told(lab, monkeypatch):
    monkeypatch.setenv("STANDIN", "unregistered")
    list(prepare(lab))
    with pytest.raises(MithridateError, match="flwr supernode register failed: no such link"):
        list(rise(lab))


def test_a_run_that_crashes_is_told_with_its_last_words(lab, monkeypatch):
    monkeypatch.setenv("STANDIN", "crashes")
    list(prepare(lab))
    with pytest.raises(MithridateError, match=r"(?s)ended early after 0 rounds.*ServerApp raised an exception"):
        list(train(lab, "bare", guarded=False, lie="none"))


def test_a_run_that_stands_still_is_given_up(lab, monkeypatch):
    monkeypatch.setenv("STANDIN", "hangs")
    list(prepare(lab))
    with pytest.raises(MithridateError, match=r"stood still for 1.5 s"):
        list(train(lab, "bare", guarded=False, lie="none", round_s=1.5))


def test_a_command_that_does_not_answer_is_told(lab, monkeypatch):
    def late(*_, **__):
        raise subprocess.TimeoutExpired("flwr", 60)

    monkeypatch.setattr(federation.subprocess, "run", late)
    with pytest.raises(MithridateError, match="flwr supernode list did not answer in 60 s"):
        asked(lab, commands.nodes())


def test_the_lie_of_a_run_reaches_the_liars(lab):
    list(prepare(lab))
    list(train(lab, "honest", guarded=False, lie="none"))
    assert (lab.root / "liars" / "liar-3" / "lie").read_text() == "none"


def test_a_crash_takes_one_supernode_with_its_children(lab):
    list(prepare(lab))
    list(rise(lab))
    assert crash(lab, "site-2")["what"] == "killed"
    left = {word[:14] for process in members(lab.marker) for word in process.command if "partition-id" in word}
    assert left == {"partition-id=0", "partition-id=2"}
    assert len(members(lab.marker)) == 6


def test_a_server_app_that_is_killed_is_started_again_and_no_round_is_told_twice(lab, monkeypatch):
    monkeypatch.setenv("STANDIN", "waits to be killed")
    list(prepare(lab))
    told = list(train(lab, "guarded", guarded=True, lie="none", crashing="server"))
    assert [event.get("round", event.get("what", event["event"])) for event in told] == [
        *(0, 1),
        *("killed", "started"),
        *(2, "ended"),
    ]


def test_who_will_not_be_there_and_what_will_not_be_seen_is_refused_beforehand():
    for name in ("site-1", "liar-4", "server"):
        killable(Plan(), name)
    with pytest.raises(UnknownName, match="site-1"):
        killable(Plan(), "sit-1")
    with pytest.raises(ConfigurationError, match="more --rounds"):
        killable(Plan(rounds=1), "server")


@pytest.mark.parametrize("name", ["site-9", "site-1", "server"])
def test_who_does_not_run_cannot_crash(lab, name):
    list(prepare(lab))
    with pytest.raises(
        ConfigurationError, match=f"no '{name}' runs in .*; there are site-1, site-2, liar-3 and server"
    ):
        crash(lab, name)
