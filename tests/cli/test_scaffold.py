"""`init`: files to begin with, never written over."""

from __future__ import annotations

import pytest

from mithridate.cli.axes import variants
from mithridate.cli.documents import Document
from mithridate.cli.scaffold import flower_app, packaged
from mithridate.guard.policy import read_policy
from mithridate.guard.spec import parse
from mithridate.sim.scenario import parse_scenario
from tests.cli.command import PROJECT, said


def test_both_files_are_written_and_work(capsys, tmp_path):
    found = said(capsys, "init", tmp_path / "new", "--format", "json")
    assert found.json["written"] == [str(tmp_path / "new" / name) for name in ("policy.toml", "scenario.toml")]
    scenario = parse_scenario((tmp_path / "new" / "scenario.toml").read_text())
    assert scenario.guard == parse((tmp_path / "new" / "policy.toml").read_text())
    assert scenario.attack is not None


def test_nothing_is_written_over_without_force(capsys, tmp_path):
    (tmp_path / "scenario.toml").write_text("mine")
    found = said(capsys, "init", tmp_path)
    assert found.code == 2
    assert "exists: choose another folder, or write over it with --force" in found.err
    assert (tmp_path / "scenario.toml").read_text() == "mine"
    assert not (tmp_path / "policy.toml").exists()
    assert said(capsys, "init", tmp_path, "--force").code == 0
    assert (tmp_path / "scenario.toml").read_text() != "mine"


def test_the_sweep_in_the_comments_works_when_it_is_uncommented():
    text = packaged("scenario.toml")
    live = text[: text.index("# [sweep]")] + text[text.index("# [sweep]") :].replace("# ", "")
    assert len(variants(Document.of(live, "scenario.toml"))) == 18


def test_the_flower_app_is_the_example():
    example = PROJECT / "examples" / "flower-quickstart"
    there = {path for path in example.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    shown = {path.relative_to(example).as_posix(): path.read_text(encoding="utf-8") for path in there}
    assert flower_app() == shown, (
        "copy examples/flower-quickstart to cli/scenarios/flower; its .py files end in .py.txt"
    )


def test_the_flower_app_runs_at_once_as_it_was_written(capsys, tmp_path):
    pytest.importorskip("pureml")
    found = said(capsys, "init", "--flower", tmp_path / "new")
    assert found.code == 0, found.err
    assert f"next: mithridate flower {tmp_path / 'new'} " in found.out
    config = "num-server-rounds=1 samples-per-client=60 fraction-evaluate=0.2"
    ran = said(capsys, "flower", tmp_path / "new", "--run-config", config, "--format", "json", "-q")
    assert ran.code == 0, ran.err
    assert ran.json["metrics"]["accuracy"] > 0
    policy = read_policy((tmp_path / "new" / "policy.toml").read_text())
    assert policy.round.quorum == 7


def test_no_file_of_an_app_is_written_over(capsys, tmp_path):
    (tmp_path / "quickstart").mkdir()
    (tmp_path / "quickstart" / "task.py").write_text("mine")
    found = said(capsys, "init", "--flower", tmp_path)
    assert found.code == 2
    assert "task.py exists: choose another folder" in found.err
    assert not (tmp_path / "pyproject.toml").exists()


@pytest.mark.parametrize("name", ["scenario.toml", "policy.toml", "demo.toml"])
def test_every_packaged_file_explains_itself(name):
    assert packaged(name).startswith("# ")
