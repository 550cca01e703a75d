"""`replay`: checks the record, or asks what if."""

from __future__ import annotations

import json
import shutil

from tests.cli.command import said


def test_an_honest_record_is_confirmed(capsys, finished):
    found = said(capsys, "replay", finished)
    assert found.code == 0
    assert "all 2 decisions are byte-identical to the recorded ones" in found.out
    answer = said(capsys, "replay", finished, "--format", "json").json
    assert (answer["identical"], answer["own_guard"]) == (True, True)
    assert [each["round"] for each in answer["rounds"]] == [0, 1]


def test_an_altered_record_is_a_finding(capsys, finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    events[1]["decision"] = "0" * 64
    (run / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    found = said(capsys, "replay", run)
    assert found.code == 1
    assert "1 of 2 decisions are NOT the recorded ones: the record was altered" in found.out
    assert said(capsys, "replay", run, "--format", "json").json["identical"] is False


def test_the_same_guard_in_a_policy_file_is_the_same_guard(capsys, finished, tmp_path):
    (tmp_path / "policy.toml").write_text("[guard]\nrule = { name = 'krum', f = 1 }\n")
    assert said(capsys, "replay", finished, "--guard", tmp_path / "policy.toml", "--format", "json").json["own_guard"]


def test_another_guard_is_a_what_if_and_no_finding(capsys, finished, tmp_path):
    (tmp_path / "policy.toml").write_text("[guard]\nrule = 'mean'\n")
    found = said(capsys, "replay", finished, "--guard", tmp_path / "policy.toml", "--format", "json")
    assert found.code == 0
    assert found.json["own_guard"] is False
    assert all(len(each["counted"]) == 6 and len(each["liars_counted"]) == 1 for each in found.json["rounds"])
    assert "another guard: 0 of 2" in said(capsys, "replay", finished, "--guard", tmp_path / "policy.toml").out


def test_what_cannot_be_replayed_says_why(capsys, finished, tmp_path):
    assert "holds no run" in said(capsys, "replay", tmp_path).err
    run = shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(run / "rounds")
    found = said(capsys, "replay", run)
    assert found.code == 3
    assert "record = true" in found.err
    (tmp_path / "policy.toml").write_text("[guard]\nrule = 'maen'\n")
    wrong = said(capsys, "replay", finished, "--guard", tmp_path / "policy.toml")
    assert wrong.code == 2
    assert f"{tmp_path / 'policy.toml'}:2: rule: unknown rule 'maen'; did you mean 'mean'?" in wrong.err


def test_the_record_of_a_federation_is_confirmed_and_nothing_is_said_of_liars(capsys, federated):
    found = said(capsys, "replay", federated)
    assert found.code == 0, found.err
    assert "all 6 decisions are byte-identical to the recorded ones" in found.out
    assert "liars" not in found.out
    rounds = said(capsys, "replay", federated, "--format", "json").json["rounds"]
    assert all(each["liars_counted"] is None and each["same"] for each in rounds)
    assert {len(each["counted"]) for each in rounds} == {7, 8}


def test_what_another_guard_had_done_to_a_federation_is_answered(capsys, federated, tmp_path):
    (tmp_path / "policy.toml").write_text("[guard]\nrule = 'mean'\n[round]\nquorum = 3\n")
    found = said(capsys, "replay", federated, "--guard", tmp_path / "policy.toml", "--format", "json").json
    assert "hospital-03" in found["rounds"][0]["counted"]
    assert found["own_guard"] is False
