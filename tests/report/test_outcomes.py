"""Outcomes: what became of every cell, from the folders alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mithridate.core.errors import ConfigurationError, StoreError
from mithridate.report.outcomes import outcomes
from mithridate.report.reading import read
from mithridate.report.tally import groups
from mithridate.sim.engine import simulate
from mithridate.sim.scenario import parse_scenario
from mithridate.store.plans import Planned, write_plan
from mithridate.store.run import RunFolder

KEY = "{:0<64x}"
TEXT = """
rounds = 3
record = false
[task]
name = "digits"
limit = 200
[model]
name = "mlp"
hidden = [8]
[clients]
count = 7
[training]
steps = 1
[attack]
liars = 1
trigger = { name = "patch", target = 0, size = 2 }
[guard]
rule = { name = "krum", f = 1 }
"""


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    folder = tmp_path_factory.mktemp("played") / "run"
    return folder, simulate(parse_scenario(TEXT), folder=folder, threads=1)


def made(root, number, scenario=TEXT, *events):
    content = {"schema": 1, "config_digest": "a", "seeds": [number], "data": {"digest": None, "provenance": "drawn"}}
    key = KEY.format(number)
    with RunFolder.create(root / key[:16], {**content, "cell": key}, scenario) as run:
        for event in events:
            run.append(event)


def test_a_finished_run_has_the_figures_that_its_report_has(played):
    folder, run = played
    (found,) = outcomes([folder])
    (facts,) = read([folder]).runs
    assert (found.attack, found.defence, found.condition, found.seed) == ("patch", "krum", "", 0)
    assert (found.state, found.accuracy, found.asr) == ("finished", run.accuracy, run.asr)
    assert (found.accuracy, found.asr, found.base_rate) == (facts.accuracy, facts.asr, facts.rounds[-1].base_rate)
    assert found.guard_s == pytest.approx(facts.guard_s)
    assert {g.kind: (g.judged, g.excluded) for g in groups(facts)} == {
        kind: (count, found.excluded[kind]) for kind, count in found.judged.items() if count
    }
    assert (found.attacked, found.guarded, found.names_clients) == (True, True, True)


def test_a_run_of_before_the_summary_is_counted_again(played, tmp_path):
    (found,) = outcomes([played[0]])
    lines = [event for event in played[1].events if event["event"] != "finished"]
    last = {key: value for key, value in played[1].events[-1].items() if key != "summary"}
    made(tmp_path, 0, TEXT, *lines, last)
    (again,) = outcomes([tmp_path])
    assert replace(again, run=None) == replace(found, run=None)


def test_a_plan_names_the_cells_that_were_not_run(tmp_path):
    plan = [Planned(KEY.format(k), "flip", "krum", "", k) for k in range(7)]
    write_plan(tmp_path, plan)
    nobody = {"liar": 0, "minority": 0, "honest": 0}
    counts = {"judged": nobody, "excluded": nobody, "refused": 3}
    refused = {"event": "finished", "accuracy": 0.1, "summary": counts}
    made(tmp_path, 1, TEXT, {"event": "started"})
    made(tmp_path, 2, TEXT, {"event": "failed", "kind": "Crashed", "error": "killed"})
    made(tmp_path, 3, TEXT, {"event": "failed", "kind": "Diverged", "error": "Inf"})
    made(tmp_path, 4, TEXT, {"event": "failed", "kind": "UnmetPrecondition", "error": "too few"})
    made(tmp_path, 5, TEXT, {"event": "failed", "kind": "DataError", "error": "gone"})
    made(tmp_path, 6, TEXT, refused)
    found = outcomes([tmp_path])
    states = ["not run", "not run", "crashed", "diverged", "refused", "failed", "refused"]
    assert [each.state for each in found] == states
    assert [each.accuracy for each in found] == [None, None, None, 0.0, None, None, 0.1]
    assert [each.error for each in found][2:] == ["killed", "Inf", "too few", "gone", "the guard refused every round"]
    assert {each.run is None for each in found[1:]} == {False}


def test_runs_without_a_plan_are_told_apart_by_their_scenarios(tmp_path):
    made(tmp_path, 1, TEXT)
    made(tmp_path, 2, TEXT.replace("f = 1", "f = 2"))
    made(tmp_path, 3, TEXT.replace("limit = 200", "limit = 300").partition("[attack]")[0])
    found = outcomes([tmp_path])
    assert [(each.attack, each.defence, each.condition, each.seed) for each in found] == [
        ("patch", "krum(f=1)", "task = { name = \"digits\", limit = 200 }", 1),
        ("patch", "krum(f=2)", "task = { name = \"digits\", limit = 200 }", 2),
        ("no attack", "mean", "task = { name = \"digits\", limit = 300 }", 3),
    ]  # fmt: skip
    assert [(each.attacked, each.guarded) for each in found] == [(True, True), (True, True), (False, False)]


@pytest.mark.parametrize(
    "change",
    [
        {"accuracy": 1.5},
        {"asr": -1},
        {"summary": {"judged": 3}},
        {"summary": {"judged": {"liar": -1}, "refused": 0}},
        {"summary": {"judged": {}, "refused": True}},
        {"summary": {"judged": {"liar": 1, "minority": 1, "honest": 10**15}, "refused": 0}},
        {"accuracy": 10**400},
        {"ensemble": {"models": 3}, "summary": {"judged": {"liar": 0, "minority": 0, "honest": 0}, "refused": 0}},
        {"ensemble": {"certified": [0.5, None], "models": 3}},
        {"ensemble": {"certified": [0.5], "models": -3}},
    ],
)
def test_a_hostile_last_line_is_refused(tmp_path, change):
    made(tmp_path, 1, TEXT)
    path = tmp_path / KEY.format(1)[:16] / "events.jsonl"
    path.write_text(json.dumps({"event": "finished", "accuracy": 0.5, "summary": {}} | change) + "\n")
    with pytest.raises(StoreError, match="the last line"):
        outcomes([tmp_path])


def test_a_scenario_nested_without_end_is_refused(tmp_path):
    made(tmp_path, 1, f"attack = {'[' * 40}{']' * 40}")
    with pytest.raises(StoreError, match="nested deeper than 16"):
        outcomes([tmp_path])


def test_a_folder_with_nothing_to_compare_is_refused(tmp_path):
    for folders in ([], [tmp_path], [tmp_path / "none"]):
        with pytest.raises(ConfigurationError):
            outcomes(folders)
