"""Two lines: what can be passed to `guard_app`, and what it says of everything else."""

from __future__ import annotations

import socket
import urllib.request

import pytest
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAvg

from mithridate.core.errors import ConfigurationError
from mithridate.flower.local import run_local
from mithridate.flower.server import GuardedApp, guard_app, policy_from
from mithridate.guard.policy import Policy
from tests.flower.federation import client_app, server_app


def test_a_guarded_app_is_a_server_app():
    assert isinstance(guard_app(server_app()), ServerApp)


def test_nothing_but_an_app_is_guarded():
    with pytest.raises(ConfigurationError, match="takes a ServerApp, not a function"):
        guard_app(lambda grid, context: None)


def test_nobody_is_guarded_twice():
    with pytest.raises(ConfigurationError, match="guarded already"):
        guard_app(guard_app(server_app()))


def test_a_policy_is_found_beside_the_module_and_above_it_as_far_as_the_app_reaches(tmp_path, monkeypatch):
    module = tmp_path / "app" / "package" / "server_app.py"
    module.parent.mkdir(parents=True)
    (tmp_path / "policy.toml").write_text("[round]\nquorum = 9\n")
    (tmp_path / "app" / "policy.toml").write_text("[round]\nquorum = 2\n")
    assert policy_from("policy.toml", str(module))[0].round.quorum == 2
    (module.parent / "policy.toml").write_text("[round]\nquorum = 1\n")
    assert policy_from("policy.toml", str(module))[0].round.quorum == 1
    monkeypatch.chdir(tmp_path)
    assert policy_from("policy.toml", None)[0].round.quorum == 9
    (tmp_path / "app" / "pyproject.toml").touch()
    with pytest.raises(ConfigurationError, match=r"other.toml: no such file; looked at .*package.other.toml, "):
        policy_from("other.toml", str(module))


def test_a_wrong_policy_names_file_and_line(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text("[guard]\nrule = { name = 'krumm', f = 1 }\n")
    with pytest.raises(
        ConfigurationError, match=r"policy.toml:2: \[guard\] rule: unknown rule 'krumm'; did you mean 'krum'"
    ):
        guard_app(server_app(), path)


def test_without_a_policy_the_default_is_taken():
    app = guard_app(server_app())
    assert isinstance(app, GuardedApp)
    assert policy_from(None, None)[0] == Policy()


def test_a_guard_that_needs_what_nobody_brings_is_refused_at_the_first_round(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text("[guard]\nrule = 'fl-trust'\n")
    with pytest.raises(ConfigurationError, match="needs reference: pass guard_app"):
        run_local(guard_app(server_app(), path), client_app(), nodes=4)


def test_what_the_guard_needs_can_be_brought(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text("[guard]\nrule = 'fl-trust'\n")
    into = {}
    app = guard_app(server_app(into=into), path, bring=lambda cohort: {"reference": cohort.updates.mean(axis=0)})
    run_local(app, client_app(), nodes=4)
    assert into["model"]["b"][0] < 0


def test_two_clients_cannot_outvote_a_liar_and_every_round_is_refused(caplog):
    into = {}
    with caplog.at_level("INFO", logger="mithridate"):
        run_local(guard_app(server_app(into=into)), client_app(), nodes=2)
    assert not into["model"]
    assert caplog.text.count("2 dropped, 0 refused; not node-1000 (round-refused)") == 3


def test_the_numbers_are_served_while_the_app_runs_and_no_longer(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path, seen = tmp_path / "policy.toml", []
    path.write_text(f"[round]\nquorum = 3\n[monitor]\nport = {port}\n")

    def looking(message, context):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            seen.append(answer.read().decode())
        return client_app()(message, context)

    run_local(guard_app(server_app(), path), client_app(), nodes=6, instead={5: looking})
    assert "mithridate_quorum_clients 3.0" in seen[-1]
    assert "mithridate_round 2.0" in seen[-1]
    assert 'mithridate_updates_total{decision="accepted"' in seen[-1]
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5)


def test_every_event_is_heard_from_the_first_to_the_last(tmp_path):
    heard = []
    run_local(guard_app(server_app(rounds=1), watchers=[heard.append]), client_app(), nodes=6)
    assert [event["event"] for event in heard] == ["started", "round", "evaluated", "finished"]
    with pytest.raises(ValueError, match="boom"):
        run_local(guard_app(server_app(_failing), watchers=[heard.append]), client_app(), nodes=6)
    assert heard[-1] == {"event": "failed", "kind": "ValueError", "error": "boom"}


def _failing():
    class Failing(FedAvg):
        def aggregate_evaluate(self, server_round, replies):
            raise ValueError("boom")

    return Failing()
