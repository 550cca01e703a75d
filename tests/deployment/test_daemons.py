"""What the options of daemons give away, one weakness at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mithridate.deployment.daemons import examine_daemon
from mithridate.deployment.options import from_text, from_words
from mithridate.lab import commands
from mithridate.lab.certificates import issue, node_key
from mithridate.lab.commands import Plan, environment

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
LINK = (
    "flower-superlink --ssl-certfile a --ssl-keyfile b --ssl-ca-certfile c --enable-supernode-auth --database d"
    " --disable-runtime-dependency-installation"
)
NODE = (
    "flower-supernode --superlink fl.example.org:9000 --root-certificates a --auth-supernode-private-key b"
    " --trusted-entities t"
)


def found(text, *, variables=()):
    options = from_text(text)
    told = from_words(options.program, text.split()[1:], environment=frozenset(variables))
    return {each.name: each.severity for each in examine_daemon(told, NOW)}


def test_sound_command_lines_have_no_findings():
    assert found(LINK) == {}
    assert found(NODE) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LINK + " --insecure", {"no-tls": "high"}),
        (LINK + " --insecure --host 0.0.0.0", {"no-tls": "critical", "control-api-exposed": "critical"}),
        (LINK + " --host ::", {"control-api-exposed": "critical"}),
        (LINK + " --host ::1", {}),
        (LINK.replace("--enable-supernode-auth", ""), {"nodes-unauthenticated": "high"}),
        (LINK.replace("--enable-supernode-auth", "--simulation"), {}),
        (LINK.replace("--ssl-keyfile b", ""), {"tls-incomplete": "medium"}),
        (LINK.replace("--disable-", "--allow-"), {"installs-at-run-time": "medium"}),
        (LINK.replace("--database d", ""), {"state-in-memory": "low"}),
        (LINK + " --auth-list-public-keys k.csv", {"option-gone": "low"}),
        (LINK + " --isolation process", {"executor-unauthenticated": "medium"}),
        (LINK + " --isolation process --superexec-auth-secret-file s", {}),
        (LINK + " --new-thing", {"option-unknown": "note"}),
        (NODE + " --insecure", {"no-tls": "critical"}),
        (NODE.replace("fl.example.org", "127.0.0.1") + " --insecure", {"no-tls": "high"}),
        (NODE.replace("fl.example.org", "[::1]") + " --insecure", {"no-tls": "high"}),
        (NODE.replace("--root-certificates a", ""), {"public-authorities": "low"}),
        (NODE.replace("--auth-supernode-private-key b", ""), {"node-without-key": "medium"}),
        (NODE.replace("--trusted-entities t", ""), {"bundles-unverified": "note"}),
        (NODE + " --allow-runtime-dependency-installation", {"installs-at-run-time": "medium"}),
        (NODE + " --host 0.0.0.0", {"runtime-api-exposed": "high"}),
    ],
)
def test_one_weak_setting_is_one_finding(text, expected):
    assert found(text) == expected


def test_telemetry_is_on_unless_it_is_switched_off():
    assert found(LINK, variables=["PATH=x"]) == {"telemetry-on": "low"}
    assert found(LINK, variables=["FLWR_TELEMETRY_ENABLED=1"]) == {"telemetry-on": "low"}
    assert found(LINK, variables=["FLWR_TELEMETRY_ENABLED=0"]) == {}


def test_old_ports_are_told_of_the_superlink_only():
    variables = ["FLWR_TELEMETRY_ENABLED=0", "FLWR_INTERNAL_GRPC_CONTROL_API=1"]
    assert found(LINK, variables=variables) == {"grpc-api-open": "medium"}
    assert found(NODE, variables=variables) == {}


def test_the_lab_itself_is_sound_but_for_its_unsigned_bundles(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "program", lambda name: name)
    plan = Plan(nodes=1, liars=0)
    issued = issue(tmp_path, NOW)
    node_key(tmp_path / "site-1")
    (tmp_path / "state.db").touch(mode=0o600)
    variables = frozenset(f"{name}={value}" for name, value in environment("word", tmp_path, {}).items())
    told = set()
    for program, *words in (
        commands.superlink(plan, issued, tmp_path / "state.db"),
        commands.supernode(plan, plan.sites[0], issued, tmp_path / "site-1"),
    ):
        told |= {each.name for each in examine_daemon(from_words(program, words, environment=variables), NOW)}
    assert told == {"bundles-unverified"}


def test_a_readable_key_is_found_by_the_option_that_names_it(tmp_path):
    key = tmp_path / "server.key"
    key.write_text("secret")
    key.chmod(0o644)
    options = from_words("flower-superlink", LINK.replace("-keyfile b", f"-keyfile {key}").split()[1:])
    assert [each.name for each in examine_daemon(options, NOW)] == ["key-open-to-all"]


def test_a_database_in_memory_is_no_file(tmp_path):
    options = from_words("flower-superlink", LINK.replace(" d ", " :flwr-in-memory: ").split()[1:], folder=tmp_path)
    assert "file-missing" in {each.name for each in examine_daemon(options, NOW)}
    assert not any("flwr-in-memory" in each.subject for each in examine_daemon(options, NOW))


def test_every_finding_says_where_and_what_to_do():
    bad = from_text("flower-superlink --insecure --host 0.0.0.0"), from_text("flower-supernode --insecure")
    for each in (finding for options in bad for finding in examine_daemon(options, NOW)):
        assert each.subject.endswith("(as given)")
        assert each.evidence
        assert each.cure


def test_the_page_that_a_cure_names_is_there():
    (exposed,) = (
        each for each in examine_daemon(from_text(LINK + " --host 0.0.0.0"), NOW) if each.name == "control-api-exposed"
    )
    assert (Path(__file__).parents[2] / "docs" / "deployment.md").exists()
    assert "docs/deployment.md" in exposed.cure
