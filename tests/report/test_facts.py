"""What follows from the facts of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mithridate.core.errors import ConfigurationError
from mithridate.report.reading import read
from tests.report import runs


def test_the_roles_follow_from_attack_and_guard(tmp_path):
    paths = [*runs.three(tmp_path), runs.write(tmp_path, "peaceful", guarded=True)]
    assert [run.role for run in read(paths).runs] == ["clean", "unguarded", "guarded", "peaceful"]


def test_the_worst_round_of_the_backdoor_is_kept_though_the_last_is_better(tmp_path):
    def healed(event):
        return event | {"asr": 0.0} if event["round"] == 11 else event

    run = read([runs.write(tmp_path, "a", attacked=True, change=healed)]).runs[0]
    assert run.asr == 0.0
    assert run.worst_asr is not None
    assert run.worst_asr.number == 6


def test_rounds_that_were_not_measured_leave_the_last_value(tmp_path):
    def seldom(event):
        return event | {"accuracy": None, "per_class": None} if event["round"] % 5 else event

    run = read([runs.write(tmp_path, "a", change=seldom)]).runs[0]
    assert run.accuracy == run.rounds[10].accuracy
    assert run.rounds[11].accuracy is None


def test_no_folder_is_an_error():
    with pytest.raises(ConfigurationError, match="at least one run folder"):
        read([])


def test_the_weakest_class_and_their_number_come_from_the_last_measurement(tmp_path):
    def measured(event):
        return event | {"per_class": [0.9, None, 0.4] if event["round"] == 1 else None}

    run = read([runs.write(tmp_path, "a", rounds=3, change=measured)]).runs[0]
    assert (run.weakest, run.classes) == (0.4, 3)


def test_only_a_finished_run_has_a_final_round(tmp_path):
    done, torn = runs.write(tmp_path, "done"), runs.write(tmp_path, "torn", finish=False)
    assert read([done]).runs[0].final is not None
    assert read([torn]).runs[0].final is None


def test_a_guard_that_refused_every_round_is_not_said_to_judge_coordinates(tmp_path):
    def refused(event):
        fates = [each | {"status": "dropped", "share": None, "reason": "round-refused"} for each in event["clients"]]
        return event | {"refused": "too few rows", "clients": fates}

    def coordinates(event):
        return event | {"clients": [each | {"share": None} for each in event["clients"]]}

    never, always = (
        read([runs.write(tmp_path, name, guarded=True, change=change)]).runs[0]
        for name, change in (("a", refused), ("b", coordinates))
    )
    assert (never.judges_coordinates, always.judges_coordinates) == (False, True)


def test_a_procedure_beside_the_plain_mean_is_a_guard(tmp_path):
    run = read([runs.write(tmp_path, "a", attacked=True)]).runs[0]
    beside = replace(run, settings={**run.settings, "ensemble": {"groups": 5}})
    assert (run.role, beside.role, beside.averages) == ("unguarded", "guarded", True)
