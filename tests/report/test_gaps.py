"""What was not tested is computed from the runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mithridate.attacks.catalog import DATA_POISONS, UPDATE_ATTACKS
from mithridate.report.facts import Facts
from mithridate.report.gaps import limitations, untested
from mithridate.report.reading import read
from tests.report import runs


@pytest.fixture
def three(tmp_path):
    return runs.three_facts(tmp_path)


def by_title(facts):
    return {gap.what: gap.missing for gap in untested(facts)}


def test_every_update_attack_but_the_used_one_is_named(three):
    missing = by_title(three)["Update attacks"]
    assert missing.startswith("only model-replacement; not ")
    for name in set(UPDATE_ATTACKS) - {"model-replacement"}:
        assert name in missing


def test_an_unused_family_is_named_whole(three):
    missing = by_title(three)["Data poisoning"]
    assert missing.startswith("none was used; mithridate knows ")
    for name in DATA_POISONS:
        assert name in missing


def test_one_seed_one_data_set_and_one_model_are_admitted(three):
    found = by_title(three)
    assert found["Chance"].startswith("one seed only (1)")
    assert found["Data"] == "mnist and nothing else."
    assert found["Models"] == "the default and nothing else."
    assert found["Skew"] == "dirichlet and nothing else."
    assert found["Number of liars"].startswith("2 of 10;")


def test_several_seeds_are_listed(three):
    other = replace(three.runs[0], made_of={**three.runs[0].made_of, "seeds": [2]})
    assert (
        by_title(Facts((three.runs[0], other)))["Chance"]
        == "2 seeds (1 and 2); the intervals say nothing about other seeds."
    )


def test_an_attack_that_reads_the_guard_closes_the_gap_of_adaptive_attackers(three, monkeypatch):
    assert "Adaptive attackers" in by_title(three)
    monkeypatch.setattr(UPDATE_ATTACKS["model-replacement"], "reads_guard", True)
    assert "Adaptive attackers" not in by_title(three)


def test_a_peaceful_run_under_the_same_guard_closes_the_gap_of_peace(tmp_path, three):
    assert "Peace" in by_title(three)
    calm = read([runs.write(tmp_path, "calm", guarded=True)]).runs
    assert "Peace" not in by_title(Facts(three.runs + calm))


def test_replies_that_were_lost_close_the_gap_of_lost_replies(tmp_path, three):
    def punctual(event):
        return event | {"clients": [client | {"status": "counted"} for client in event["clients"]]}

    assert "Lost and late replies" not in by_title(three)
    assert "Lost and late replies" in by_title(read([runs.write(tmp_path, "a", change=punctual)]))


def test_limitations_name_the_provenance_of_the_data(three):
    assert any("real: made up for a test" in text for text in limitations(three))


def test_a_hostile_scenario_does_no_harm(three):
    odd = replace(three.runs[1], settings={"attack": {"update": [1], "trigger": 3}, "task": "x", "model": None})
    assert untested(Facts((odd,)))
