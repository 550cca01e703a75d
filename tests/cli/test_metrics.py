"""`metrics`: printed once, or served while a run goes on."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mithridate.store.run import RunFolder
from tests.cli.command import program, said
from tests.report.runs import round_event, write


def read(url):
    with urlopen(url, timeout=5) as answer:  # noqa: S310 - our own server
        return answer.read().decode()


def wait_for(url, text):
    deadline = time.monotonic() + 20
    while text not in (page := read(url)):
        assert time.monotonic() < deadline, page
        time.sleep(0.1)


def test_once_prints_what_prometheus_reads(capsys, finished):
    found = said(capsys, "metrics", finished, "--once")
    assert found.code == 0, found.err
    families = {family.name: family for family in text_string_to_metric_families(found.out)}
    assert families["mithridate_round"].samples[0].value == 1
    assert {sample.labels["rule"] for sample in families["mithridate_aggregation_seconds"].samples} == {"krum"}
    assert sum(sample.value for sample in families["mithridate_updates"].samples) == 12


def test_once_speaks_json(capsys, finished):
    found = said(capsys, "metrics", finished, "--once", "--format", "json").json
    assert found["success"]
    (state,) = (family for family in found["metrics"] if family["name"] == "mithridate_run_state")
    assert {"name": "mithridate_run_state", "labels": {"state": "finished"}, "value": 1} in state["samples"]


def test_clients_are_named_on_demand_only(capsys, finished):
    assert 'client="' not in said(capsys, "metrics", finished, "--once").out
    assert (
        len(set(re.findall(r'client="([^"]*)"', said(capsys, "metrics", finished, "--once", "--clients", 2).out))) == 3
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--host", "0.0.0.0"), "without a password"),  # noqa: S104 - it is refused
        (("--port", 70000), "port must be"),
        (("--clients", -1, "--once"), "whole number from 0"),
    ],
)
def test_what_cannot_be_served_is_refused(capsys, finished, arguments, message):
    found = said(capsys, "metrics", finished, *arguments)
    assert (found.code, message in found.err) == (2, True)


def test_a_port_that_is_taken_is_named(capsys, finished):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = said(capsys, "metrics", finished, "--port", port)
    assert (found.code, f"port {port} of 127.0.0.1 is taken" in found.err) == (2, True)


def test_a_folder_without_a_run_is_an_error(capsys, tmp_path):
    assert said(capsys, "metrics", tmp_path, "--once").code == 3


def test_it_follows_a_run_that_goes_on_and_ends_with_ctrl_c(tmp_path):
    folder = write(tmp_path, "live", guarded=True, rounds=2, finish=False)
    child = program("metrics", folder, "--port", 0, "--format", "json")
    try:
        url = json.loads(child.stdout.readline())["url"]
        wait_for(url, "mithridate_round 1.0")
        with RunFolder.open(folder) as run:
            run.append(round_event(2, attacked=False, guarded=True))
            wait_for(url, "mithridate_round 2.0")
            run.rewind(0)
        wait_for(url, "mithridate_round 0.0")
        assert 'mithridate_rounds_total{outcome="aggregated"} 1.0' in read(url)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=20)
        assert child.returncode == 130
    finally:
        child.kill()
        child.communicate()


def test_damage_while_it_follows_ends_it(tmp_path):
    folder = write(tmp_path, "live", rounds=1, finish=False)
    child = program("metrics", folder, "--port", 0)
    try:
        assert child.stdout.readline().startswith("http://127.0.0.1:")
        with (folder / "events.jsonl").open("ab") as file:
            file.write(b"nonsense\n")
        _, err = child.communicate(timeout=20)
        assert (child.returncode, "not strict JSON" in err) == (3, True)
    finally:
        child.kill()
        child.communicate()


def test_the_port_is_the_one_that_programs_serve_on(capsys):
    from mithridate.monitor.serving import PORT

    assert f"[default: {PORT}]" in said(capsys, "metrics", "--help").out


def test_of_a_federation_nothing_is_made_up(capsys, federated):
    found = said(capsys, "metrics", federated, "--once", "--clients", "20")
    assert found.code == 0, found.err
    families = {family.name: family.samples for family in text_string_to_metric_families(found.out)}
    assert not {name for name in families if "canary" in name or "epsilon" in name or "audit" in name}
    (quorum,) = families["mithridate_quorum_clients"]
    assert quorum.value == 3
    decided = {(each.labels["decision"], each.labels["reason"]) for each in families["mithridate_updates"]}
    assert ("malformed", "not-finite") in decided
    assert not {reason for _, reason in decided} & {"failed"}
    states = {each.labels["state"]: each.value for each in families["mithridate_clients"]}
    assert (states["refused"], states["absent"]) == (1, 1)
