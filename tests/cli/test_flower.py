"""`flower`: an app folder run from the command line."""

from __future__ import annotations

import pytest

from tests.cli.command import ended, said
from tests.flower.folders import written


def test_a_run_is_told_line_by_line_and_summed_up(capsys, tmp_path):
    folder = written(tmp_path / "app", guarded=True)
    found = said(capsys, "flower", folder, "--nodes", 7, "--liar", "2=nan", "--run-config", "num-server-rounds=2")
    assert found.code == 0, found.err
    lines = [line for line in found.err.splitlines() if line != "the app speaks"]
    assert lines[0] == "app: 7 nodes, guarded; node-2 nan"
    assert lines[1].startswith("round 1/2  accuracy ")
    assert lines[1].endswith("6 of 7 counted  not node-2 (not-finite)")
    assert "2 rounds" in found.out
    assert "node-2    not-finite  2 of 2 rounds  nan" in found.out


def test_the_same_as_json(capsys, tmp_path):
    folder = written(tmp_path)
    found = said(capsys, "flower", folder, "--nodes", 5, "--bare", "--format", "json", "-q")
    assert found.err == "the app speaks\n"
    assert found.json["success"] is True
    assert found.json["guarded"] is False
    assert found.json["run-config"]["num-server-rounds"] == 3
    assert [each["counted"] for each in found.json["rounds"]] == [5, 5, 5]
    assert found.json["metrics"]["accuracy"] > 0.8


def test_bare_crashes_where_guarded_finishes(capsys, tmp_path):
    folder = written(tmp_path)
    bare = said(capsys, "flower", folder, "--liar", "0=garbage", "--bare", "-q")
    assert bare.code == 3
    assert "error: the app stopped in round 1: " in bare.err
    assert said(capsys, "flower", folder, "--liar", "0=garbage", "-q").code == 0


def test_a_policy_guards_an_app_that_has_none(capsys, tmp_path):
    folder = written(tmp_path / "app")
    (tmp_path / "strict.toml").write_text("[round]\nquorum = 9\n")
    found = said(capsys, "flower", folder, "--nodes", 8, "--policy", tmp_path / "strict.toml", "--format", "json", "-q")
    assert found.json["rounds"][0]["refused"] == "short of the quorum: 8 of 9"
    text = said(capsys, "flower", folder, "--nodes", 8, "--policy", tmp_path / "strict.toml")
    assert "round refused: short of the quorum: 8 of 9" in text.err
    assert "3 rounds, 3 of them refused" in text.out


def test_a_run_is_kept_on_record_and_reported(capsys, tmp_path):
    folder = written(tmp_path / "app")
    assert said(capsys, "flower", folder, "--liar", "1=sign-flip", "--out", tmp_path / "runs", "-q").code == 0
    (run,) = (tmp_path / "runs").iterdir()
    assert said(capsys, "replay", run).code == 0
    assert said(capsys, "report", run, "--format", "json").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--liar", "nan"], "--liar nan: expected PARTITION=LIE"),
        (["--liar", "1=nan", "--liar", "1=zero"], "partition 1 lies already"),
        (["--liar", "1=nun"], "unknown lie 'nun'; did you mean 'nan'"),
        (["--liar", "1=small.client_app:nobody"], "small.client_app has no 'nobody'"),
        (["--liar", "12=nan"], "partitions are 0 to 9"),
        (["--run-config", "rounds=3"], "unknown key 'rounds'"),
        (["--bare", "--out", "runs"], "--bare and --out: it is the guard that has them"),
        (["--policy", "nowhere.toml"], "nowhere.toml: no such file"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(capsys, tmp_path, arguments, message):
    found = said(capsys, "flower", written(tmp_path), *arguments)
    assert found.code == 2
    assert message in found.err


def test_it_is_a_program_too(tmp_path):
    found = ended("flower", written(tmp_path), "--nodes", 4, "--format", "json")
    assert found.code == 0, found.err
    assert len(found.json["rounds"]) == 3
    assert "INFO" not in found.err
