"""`run` of an ensemble."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mithridate.cli.app import invoked
from mithridate.report.comparison import compared
from mithridate.report.outcomes import outcomes
from mithridate.sim.ensemble import members
from mithridate.sim.scenario import parse_scenario
from mithridate.sim.voting import Ensemble
from tests.cli.command import SCENARIO, said

ENSEMBLE = SCENARIO.replace('rule = { name = "krum", f = 1 }', 'rule = "mean"') + "\n[ensemble]\ngroups = 3\n"


def test_json_holds_the_certificate(capsys, tmp_path):
    (tmp_path / "some.toml").write_text(ENSEMBLE)
    found = said(capsys, "run", tmp_path / "some.toml", "--out", tmp_path / "run", "--format", "json")
    assert found.code == 0
    answer = found.json
    assert answer["success"] and answer["run"] == str(tmp_path / "run")
    assert sum(len(model["clients"]) for model in answer["models"]) == 6
    assert answer["certified"] == sorted(answer["certified"], reverse=True)
    assert len(found.err.splitlines()) == len(answer["models"])
    written = json.loads((tmp_path / "run" / "ensemble.json").read_text())
    assert written["certified"] == answer["certified"]


def test_text_says_it_in_words_and_a_finished_one_is_read(capsys, tmp_path):
    (tmp_path / "some.toml").write_text(ENSEMBLE)
    first = said(capsys, "run", tmp_path / "some.toml", "--out", tmp_path / "run", "-q")
    assert "right for certain" in first.out and not first.err
    assert said(capsys, "run", tmp_path / "some.toml", "--out", tmp_path / "run", "-q").out == first.out
    assert said(capsys, "run", tmp_path / "some.toml", "--out", tmp_path / "run", "-q", "--fresh").code == 0


def test_sampling_with_few_models_says_that_nothing_is_certain(capsys, tmp_path):
    text = ENSEMBLE.replace("groups = 3", 'groups = 3\ndraw = "sampled"\nsize = 2')
    (tmp_path / "some.toml").write_text(text)
    assert "more models are needed" in said(capsys, "run", tmp_path / "some.toml", "--out", tmp_path / "run", "-q").out


def test_its_folder_is_a_run_that_can_be_reported(capsys, tmp_path):
    (tmp_path / "some.toml").write_text(ENSEMBLE)
    run = ["run", tmp_path / "some.toml", "--out", tmp_path / "run", "-q"]
    assert said(capsys, *run).code == 0
    journal = (tmp_path / "run" / "events.jsonl").read_bytes()
    assert said(capsys, *run).code == 0
    assert (tmp_path / "run" / "events.jsonl").read_bytes() == journal
    found = said(capsys, "report", tmp_path / "run", "--format", "json")
    assert [each["procedure"] for each in found.json["procedures"]] == ["ensemble"]
    (tmp_path / "some.toml").write_text(ENSEMBLE.replace("seed = 3", "seed = 4"))
    other = said(capsys, *run)
    assert (other.code, "another scenario" in other.err) == (3, True)


def test_a_folder_from_before_votes_had_a_journal_is_read_as_it_was(capsys, tmp_path):
    (tmp_path / "some.toml").write_text(ENSEMBLE)
    run = ["run", tmp_path / "some.toml", "--out", tmp_path / "run", "-q"]
    first = said(capsys, *run)
    for name in ("manifest.json", "events.jsonl", "scenario.toml"):
        (tmp_path / "run" / name).unlink()
    assert said(capsys, *run).out == first.out
    assert not (tmp_path / "run" / "manifest.json").exists()


DEFENCES = """
[sweep]
attack = ["none", { liars = 1, update = "sign-flip" }]
defence = ["none", { label = "three", ensemble = { groups = 3 } }]
"""


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    root = tmp_path_factory.mktemp("voted")
    text = SCENARIO.partition("[attack]")[0] + DEFENCES
    (root / "sweep.toml").write_text(text)
    assert invoked(["sweep", str(root / "sweep.toml"), "--out", str(root / "cells"), "-q", "--jobs", "1"]) == 0
    return root


def test_an_ensemble_is_a_column_of_a_sweep(capsys, swept):
    found = said(capsys, "sweep", swept / "sweep.toml", "--out", swept / "cells", "--format", "json", "-q", "--jobs", 1)
    assert [(cell["labels"]["attack"], cell["labels"]["defence"]) for cell in found.lines] == [
        (attack, defence) for attack in ("no attack", "sign-flip") for defence in ("mean", "three")
    ]
    assert all(cell["success"] and cell["reused"] for cell in found.lines)
    voted = found.lines[1]
    assert voted["models"] == voted["ensemble"]["models"] == len(voted["ensemble"]["accuracies"])
    assert voted["ensemble"]["certified"][0] == pytest.approx(voted["accuracy"])
    assert "models" not in found.lines[0]


def test_its_models_lie_below_the_cell_and_are_no_cells_of_their_own(capsys, swept):
    found = said(capsys, "sweep", swept / "sweep.toml", "--out", swept / "cells", "--format", "json", "-q", "--jobs", 1)
    below = sorted(path.name for path in Path(found.lines[1]["run"]).glob("model-*"))
    assert len(below) == found.lines[1]["models"]
    assert len(outcomes([swept / "cells"])) == 4


def test_what_is_certain_is_taken_from_the_run_without_liars(capsys, swept):
    found = said(capsys, "compare", swept / "cells", "--format", "json").json
    calm = next(each for each in outcomes([swept / "cells"]) if each.attack == "no attack" and each.models > 1)
    cells = {(cell["attack"], cell["defence"]): cell for cell in found["cells"]}
    least = calm.curve[1] if len(calm.curve) > 1 else 0.0
    assert cells["sign-flip", "three"]["certified"]["mean"] == pytest.approx(least)
    assert cells["sign-flip", "three"]["accuracy"]["mean"] >= least
    assert cells["sign-flip", "mean"]["certified"] is None
    standings = {each["defence"]: each for each in found["standings"]}
    assert standings["three"]["certified"] == pytest.approx(least)
    assert (standings["three"]["models"], standings["mean"]["models"]) == (calm.models, 1)


def test_a_plain_mean_per_group_is_a_defence_and_no_reference(swept):
    assert compared(outcomes([swept / "cells"])).plain == {"mean"}


def test_the_report_has_a_column_for_it(capsys, swept):
    found = said(capsys, "report", swept / "cells", "--out", swept / "page.html")
    assert found.code == 0, found.err
    text = (swept / "page.html").read_text(encoding="utf-8")
    assert "right for<br>certain" in text and "models, and they vote" in text


def test_a_cell_that_was_interrupted_keeps_the_models_that_were_done(capsys, swept):
    found = said(capsys, "sweep", swept / "sweep.toml", "--out", swept / "cells", "--format", "json", "-q", "--jobs", 1)
    cell = Path(found.lines[3]["run"])
    done = (cell / "model-000" / "events.jsonl").read_bytes()
    (cell / "events.jsonl").write_text("")
    again = said(capsys, "sweep", swept / "sweep.toml", "--out", swept / "cells", "--format", "json", "-q", "--jobs", 1)
    assert [line["reused"] for line in again.lines] == [True, True, True, False]
    assert again.lines[3]["model_digest"] == found.lines[3]["model_digest"]
    assert (cell / "model-000" / "events.jsonl").read_bytes() == done


def test_a_dry_run_tells_how_many_models_there_will_be(capsys, swept, tmp_path):
    found = said(capsys, "sweep", swept / "sweep.toml", "--out", tmp_path / "new", "--dry-run")
    models = 2 + 2 * len(members(replace(parse_scenario(SCENARIO), ensemble=Ensemble(groups=3))))
    assert f"they train {models} models" in found.out
    assert "3 rounds of 4 cells" in found.out
