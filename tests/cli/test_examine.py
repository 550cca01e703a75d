"""`doctor` for a deployment: findings, cures, and the exit code at the gate."""

from __future__ import annotations

import subprocess
import sys

from tests.cli.command import said

BAD = "flower-superlink --insecure --host 0.0.0.0"


def test_weaknesses_are_told_with_evidence_and_cure(capsys):
    found = said(capsys, "doctor", "--command", BAD)
    assert found.code == 1
    assert found.out.startswith("critical: control-api-exposed: flower-superlink (as given)\n  --host 0.0.0.0")
    assert "cure: listen on 127.0.0.1" in found.out
    assert found.out.rstrip().endswith("findings are medium or worse")


def test_as_json_for_programs(capsys):
    told = said(capsys, "doctor", "--command", BAD, "--format", "json").json
    assert (told["success"], told["well"], told["gate"]) == (True, False, "medium")
    assert told["examined"] == ["flower-superlink (as given)"]
    assert {"name", "severity", "subject", "evidence", "cure"} == set(told["findings"][0])


def test_the_gate_decides_the_exit_code(capsys):
    text = "flower-superlink --ssl-certfile a --ssl-keyfile b --ssl-ca-certfile c --enable-supernode-auth"
    text += " --disable-runtime-dependency-installation --isolation process --superexec-auth-secret-file s"
    assert said(capsys, "doctor", "--command", text, "--gate", "critical").code == 0
    assert said(capsys, "doctor", "--command", text, "--gate", "low").code == 1


def test_a_command_of_something_else_is_a_usage_error(capsys):
    assert said(capsys, "doctor", "--command", "ls").code == 2


def test_an_app_that_is_not_there_is_a_usage_error(capsys, tmp_path):
    assert said(capsys, "doctor", "--app", tmp_path).code == 2


def test_a_running_daemon_is_examined_where_it_runs(capsys, tmp_path):
    script = tmp_path / "flower-supernode"
    script.write_text("import sys; print('up', flush=True); sys.stdin.read()")
    key = tmp_path / "node.key"
    key.write_text("secret")
    key.chmod(0o644)
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, script.name, "--auth-supernode-private-key", key.name],
        cwd=tmp_path,
        env={"FLWR_TELEMETRY_ENABLED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        child.stdout.readline()
        told = said(capsys, "doctor", "--deployment", "--format", "json").json
        child.stdin.close()
    subjects = {f"flower-supernode (pid {child.pid})", f"the node's private key {key}"}
    names = {each["name"] for each in told["findings"] if each["subject"] in subjects}
    assert names == {"bundles-unverified", "key-open-to-all", "public-authorities", "telemetry-on"}


def test_no_daemon_is_said(capsys, monkeypatch):
    monkeypatch.setattr("mithridate.deployment.running.table", lambda: ())
    assert "no SuperLink or SuperNode runs here" in said(capsys, "doctor", "--deployment").out
