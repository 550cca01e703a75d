"""What counts as harm, and what cannot be judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mithridate.report.facts import Facts
from mithridate.report.harm import BAR, judgement, reference
from tests.report import runs


@pytest.fixture
def three(tmp_path):
    return runs.three_facts(tmp_path)


def changed(run, number, **fields):
    """A run in which one round was measured otherwise."""
    rounds = list(run.rounds)
    rounds[number] = replace(rounds[number], **fields)
    return replace(run, rounds=tuple(rounds))


def of_guarded(three, run, clean=None):
    return judgement(run, Facts((clean or three.runs[0], three.runs[1], run)))


def test_a_run_as_good_as_the_clean_one_is_unharmed(three):
    assert of_guarded(three, three.runs[2]).unharmed


@pytest.mark.parametrize(
    ("fields", "harm"),
    [
        ({"asr": BAR.asr + 0.01}, "backdoor"),
        ({"accuracy": 0.9465 - BAR.accuracy_loss - 0.01}, "accuracy"),
        ({"per_class": (0.8465 - BAR.class_loss - 0.01, 1.0)}, "class"),
    ],
)
def test_each_harm_begins_above_its_bar(three, fields, harm):
    assert of_guarded(three, changed(three.runs[2], -1, **fields)).harms == (harm,)


def test_at_the_bar_a_run_is_not_harmed(three):
    at = changed(three.runs[2], -1, asr=BAR.asr, accuracy=three.runs[0].accuracy - BAR.accuracy_loss + 1e-12)
    assert of_guarded(three, at).unharmed


def test_a_backdoor_that_worked_for_a_while_is_not_forgotten(three):
    assert of_guarded(three, changed(three.runs[2], 8, asr=0.97)).harms == ("passing",)


def test_a_backdoor_is_what_the_trigger_adds(three):
    assert of_guarded(three, changed(three.runs[2], -1, asr=0.5, base_rate=0.45)).unharmed
    assert of_guarded(three, changed(three.runs[2], 8, asr=0.5, base_rate=0.45)).unharmed
    assert of_guarded(three, changed(three.runs[2], -1, asr=0.5, base_rate=0.3)).harms == ("backdoor",)
    assert of_guarded(three, changed(three.runs[2], 8, asr=0.5, base_rate=0.3)).harms == ("passing",)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_model_that_has_hardly_learnt_answers_by_chance(three, number):
    # Accuracy after rounds 0 to 2 is at most 0.61, less than 80 % of the last; round 0 and 1 precede the first lie as well.
    assert of_guarded(three, changed(three.runs[2], number, asr=0.5)).unharmed


@pytest.mark.parametrize("status", ["unfinished", "failed"])
def test_an_interrupted_run_is_not_judged_whatever_it_reached(three, status):
    assert of_guarded(three, replace(three.runs[2], status=status)).unknown == "“guarded” is not finished"
    broken = replace(three.runs[0], status=status)
    assert of_guarded(three, three.runs[2], clean=broken).unknown == "“clean” is not finished"


def test_a_run_is_judged_by_its_end_only_if_the_end_was_measured(three):
    assert "measured at its end" in of_guarded(three, changed(three.runs[2], -1, accuracy=None)).unknown
    assert "backdoor of “guarded”" in of_guarded(three, changed(three.runs[2], -1, asr=None)).unknown
    assert "measured at its end" in of_guarded(three, replace(three.runs[2], rounds=())).unknown


def test_liars_who_never_lied_prove_nothing(three):
    honest = tuple(
        replace(each, fates=tuple(replace(fate, liar=False) for fate in each.fates)) for each in three.runs[2].rounds
    )
    assert of_guarded(three, replace(three.runs[2], rounds=honest)).unknown == "nobody lied in “guarded”"


def test_a_clean_run_that_learnt_nothing_is_no_measure(three):
    rounds = tuple(replace(each, accuracy=0.55, per_class=(0.5, 0.6)) for each in three.runs[0].rounds)
    judged = of_guarded(three, three.runs[2], clean=replace(three.runs[0], rounds=rounds))
    assert judged.unknown == "“clean” learnt nothing that could be lost"


def test_without_a_clean_run_a_backdoor_can_be_judged_and_a_loss_cannot(three):
    guarded = three.runs[2]
    assert judgement(guarded, Facts((guarded,))).unharmed
    rounds = tuple(replace(each, asr=None) for each in guarded.rounds)
    aimless = replace(guarded, rounds=rounds, settings={"attack": {"liars": 2}})
    assert "no run without an attack" in judgement(aimless, Facts((aimless,))).unknown


def test_the_reference_is_clean_before_it_is_peaceful(three):
    calm = replace(three.runs[0], label="calm", settings={"guard": {"rule": "median"}})
    assert reference(Facts((calm, *three.runs))).label == "clean"
    assert reference(Facts((calm, *three.runs[1:]))).label == "calm"
    assert reference(Facts(three.runs[1:])) is None
