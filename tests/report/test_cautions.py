"""What weakens a comparison is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mithridate.report.cautions import warnings
from mithridate.report.facts import Facts
from mithridate.report.reading import read
from tests.report import runs


@pytest.fixture
def three(tmp_path):
    return runs.three_facts(tmp_path)


def test_unfinished_and_failed_runs_are_warned_about(three):
    clean, bare, guarded = three.runs
    broken = replace(clean, status="failed", error="the disk is full")
    told = warnings(Facts((broken, bare, replace(guarded, status="unfinished"))))
    assert told[0] == "“clean” failed after 12 rounds: the disk is full."
    assert "“guarded” is not finished: 12 of 12 rounds" in told[1]


def test_runs_that_differ_in_more_than_attack_and_guard_are_warned_about(tmp_path):
    facts = read([runs.write(tmp_path, "a"), runs.write(tmp_path, "b", attacked=True, rounds=5)])
    (warning,) = warnings(facts)
    assert "differ in more than attack and guard (rounds)" in warning


def test_other_data_and_other_code_are_warned_about(three):
    clean, bare, guarded = three.runs
    other = replace(bare, made_of={**bare.made_of, "data": {"digest": "d2"}, "code_version": "0.0"})
    told = warnings(Facts((clean, other, guarded)))
    assert told == ("The runs did not use the same data.", "The runs were made by different versions of the code.")


def test_a_procedure_is_part_of_the_defence(three):
    clean, bare, _ = three.runs
    server = {"server": {"rollback": {"rise": 0.5}}}
    assert warnings(Facts((clean, replace(bare, settings={**bare.settings, **server})))) == ()
    other = {"server": {"optimiser": {"name": "adam"}}}
    (told,) = warnings(Facts((clean, replace(bare, settings={**bare.settings, **other}))))
    assert "(server)" in told
