"""A worker's one job: a cell in, a result out, errors that are ours on record."""

from __future__ import annotations

import io
import json

from mithridate.cli.worker import computed
from mithridate.core.digest import digest
from mithridate.store.run import RunFolder
from tests.cli.command import SCENARIO

KEY = digest("a cell")


def job(root, text=SCENARIO):
    return {"key": KEY, "scenario": text, "axes": {"seed": 3}, "root": str(root), "threads": 1}


def test_a_cell_is_played_and_told(tmp_path):
    answers = io.StringIO()
    found = computed(job(tmp_path), answers)
    assert (found["success"], found["status"], found["rounds"]) == (True, "finished", 2)
    assert json.loads(answers.getvalue().splitlines()[0]) == {"round": 1}
    run = RunFolder.open(found["run"])
    assert (run.manifest["cell"], run.manifest["axes"], run.status) == (KEY, {"seed": 3}, "finished")
    assert found["spent_seconds"] >= found["seconds"] > 0


def test_a_cell_that_cannot_be_played_is_on_record(tmp_path):
    partition = SCENARIO.replace('"iid"', '{ name = "dirichlet", least = 100 }')
    found = computed(job(tmp_path, partition))
    assert (found["success"], found["status"], found["kind"]) == (False, "failed", "ConfigurationError")
    assert "samples are too few" in found["error-message"]
    assert RunFolder.open(found["run"]).status == "failed"


def test_a_folder_that_is_damaged_is_that_cells_failure(tmp_path):
    computed(job(tmp_path))
    (tmp_path / KEY[:16] / "manifest.json").write_text("{}")
    found = computed(job(tmp_path))
    assert (found["status"], found["kind"]) == ("failed", "StoreError")


def test_the_rounds_of_an_ensemble_are_told_as_parts_of_one_run(tmp_path, monkeypatch):
    monkeypatch.setattr("mithridate.cli.worker._TELL_EVERY_S", -1.0)
    answers = io.StringIO()
    text = SCENARIO.partition("[guard]")[0] + "\n[ensemble]\ngroups = 3\n"
    found = computed(job(tmp_path, text), answers)
    told = [json.loads(line)["round"] for line in answers.getvalue().splitlines()]
    assert found["success"], found
    assert len(told) == 2 * found["ensemble"]["models"]
    assert told == sorted(told) and told[-1] == 2
