"""The verdict says what the facts say, and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mithridate.report.facts import Facts, Lasted
from mithridate.report.verdict import judge
from tests.report import runs


def ended(run, *, accuracy=None, asr=None):
    """A run whose last round was measured otherwise."""
    last = run.rounds[-1]
    changed = replace(
        last, accuracy=last.accuracy if accuracy is None else accuracy, asr=last.asr if asr is None else asr
    )
    return replace(run, rounds=(*run.rounds[:-1], changed))


@pytest.fixture
def three(tmp_path):
    return runs.three_facts(tmp_path)


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_a_guard_that_keeps_accuracy_and_stops_the_backdoor_held(three):
    verdict = judge(three)
    assert (verdict.state, verdict.headline, verdict.warnings) == ("held", "The guard held.", ())
    assert plain(verdict.contrast) == (
        "Without a guard, the attacker’s target took 98.0 % of triggered samples; with one, 1.0 %. "
        "Accuracy: 94.7 % with a guard, 90.7 % with none, 94.7 % without an attack."
    )


def test_the_story_is_told_in_the_same_order_whatever_the_order_of_folders(three):
    turned = Facts(tuple(reversed(three.runs)))
    assert judge(turned).paragraphs == judge(three).paragraphs
    assert [paragraph.run for paragraph in judge(turned).paragraphs] == ["clean", "unguarded", "guarded"]


def test_the_guarded_run_is_told_with_rates_and_say(three):
    told = plain(judge(three).paragraphs[2].text)
    assert "2 of 10 clients lied from round 3 on with model-replacement and a backdoor (patch trigger)." in told
    assert 'The guard was clip (to="median"), then multi-krum (f=2).' in told
    assert "The guard left out 20 of 20 lying updates (100.0 %) and 4 of 98 honest updates (4.1 %)." in told
    assert "Honest clients with unlike data lost 3 of 14 updates (21.4 %)." in told
    assert "Lying updates were 20.4 % of all that arrived and had 0.0 % of the say." in told


@pytest.mark.parametrize("worse", [{"asr": 0.11}, {"accuracy": 0.90}])
def test_either_harm_is_enough_to_fail(three, worse):
    clean, bare, guarded = three.runs
    verdict = judge(Facts((clean, bare, ended(guarded, **worse))))
    assert (verdict.state, verdict.headline) == ("failed", "The guard did not hold.")
    assert "That counts as harmed" in verdict.paragraphs[2].text


def test_one_guard_of_two_is_held_in_part(three):
    clean, bare, guarded = three.runs
    other = replace(ended(guarded, asr=0.9), label="other")
    verdict = judge(Facts((clean, bare, guarded, other)))
    assert (verdict.state, verdict.headline) == ("partly", "1 of 2 guards held.")
    assert "with one, 1.0 % to 90.0 %" in plain(verdict.contrast)


def test_an_attack_that_harms_nobody_says_nothing_about_the_guard(three):
    clean, bare, guarded = three.runs
    harmless = replace(
        bare, rounds=tuple(replace(each, asr=0.02) for each in ended(bare, accuracy=clean.accuracy).rounds)
    )
    verdict = judge(Facts((clean, harmless, guarded)))
    assert verdict.state == "open"
    assert "says nothing about the guard" in verdict.headline


def test_what_cannot_be_judged_leaves_the_verdict_open(three):
    clean, bare, guarded = three.runs
    verdict = judge(Facts((clean, bare, replace(guarded, status="unfinished"))))
    assert (verdict.state, verdict.headline) == ("open", "No verdict: “guarded” is not finished.")
    assert not any("counts as" in paragraph.text for paragraph in verdict.paragraphs)


def test_an_unguarded_run_that_cannot_be_judged_is_as_good_as_none(three):
    clean, bare, guarded = three.runs
    verdict = judge(Facts((clean, replace(bare, status="failed", error="out of memory"), guarded)))
    assert verdict.state == "open"
    assert "is not shown" in verdict.headline


def test_a_backdoor_that_passed_is_held_in_part(three):
    clean, bare, guarded = three.runs
    lapse = replace(guarded.rounds[8], asr=0.9)
    lapsed = replace(guarded, rounds=(*guarded.rounds[:8], lapse, *guarded.rounds[9:]))
    verdict = judge(Facts((clean, bare, lapsed)))
    assert (verdict.state, verdict.headline) == ("partly", "The guard held in the end, but not throughout.")
    assert "for a while the backdoor worked" in verdict.paragraphs[2].text
    both = judge(Facts((clean, bare, guarded, replace(lapsed, label="lapsed"))))
    assert both.headline == "1 of 2 guards held throughout."


def test_a_guarded_run_alone_is_not_proof_that_the_guard_did_anything(three):
    verdict = judge(Facts(three.runs[2:]))
    assert (verdict.state, verdict.warnings) == (
        "open",
        ("No run without an attack is here: what attack and guard cost in accuracy is not known.",),
    )
    assert "is not shown" in verdict.headline


def test_without_a_guard_the_attack_worked(three):
    clean, bare, _ = three.runs
    verdict = judge(Facts((clean, bare)))
    assert (verdict.state, verdict.headline) == ("failed", "The attack worked: no guard stood in its way.")
    assert verdict.contrast == ""


def test_peace_alone_says_nothing_about_attacks(three):
    assert judge(Facts(three.runs[:1])).headline.startswith("Nobody lied")


def test_refused_rounds_are_told_with_the_first_reason(three):
    clean, bare, guarded = three.runs
    first = replace(guarded.rounds[0], refused="krum needs 7 rows, the round has 3")
    told = judge(Facts((clean, bare, replace(guarded, rounds=(first, *guarded.rounds[1:]))))).paragraphs[2].text
    assert "In 1 of 12 rounds the guard refused to decide" in told
    assert "first in round 1: krum needs 7 rows, the round has 3." in told


def test_a_rule_that_judges_coordinates_accuses_nobody(three):
    clean, bare, guarded = three.runs
    silent = tuple(
        replace(each, fates=tuple(replace(fate, share=None, status="counted") for fate in each.fates))
        for each in guarded.rounds
    )
    told = judge(Facts((clean, bare, replace(guarded, rounds=silent)))).paragraphs[2].text
    assert told.endswith("Its rule judges coordinates, not clients: it accuses nobody.")


def with_base_rates(run, **rates):
    """The run with (attack success, base rate) in some rounds: r8=(0.9, 0.1)."""
    rounds = list(run.rounds)
    for name, (asr, base_rate) in rates.items():
        number = int(name.removeprefix("r"))
        rounds[number] = replace(rounds[number], asr=asr, base_rate=base_rate)
    return replace(run, rounds=tuple(rounds))


def test_what_a_model_answers_without_the_trigger_is_not_called_a_backdoor(three):
    clean, bare, guarded = three.runs
    found = judge(Facts((clean, bare, with_base_rates(guarded, r11=(0.47, 0.45)))))
    assert found.state == "held"
    told = plain(found.paragraphs[2].text)
    assert (
        "and 47.0 % of triggered samples are taken for the attacker’s target, against 45.0 % without the trigger."
        in told
    )
    failed = judge(Facts((clean, bare, with_base_rates(guarded, r11=(0.47, 0.05)))))
    assert failed.state == "failed"
    assert "the trigger adds more than 10.0 points" in plain(failed.paragraphs[2].text)


def test_what_outlived_the_liars_is_told(three):
    clean, bare, guarded = three.runs
    for lasted, expected in (
        (Lasted(1, True), "after the liars left, half of the backdoor was gone within 1 round."),
        (Lasted(9, False), "after the liars left, more than half of the backdoor outlived 9 rounds."),
    ):
        told = plain(judge(Facts((clean, bare, replace(guarded, lasted=lasted)))).paragraphs[2].text)
        assert expected in told


def test_the_worst_round_is_the_one_in_which_the_trigger_added_most(three):
    clean, bare, guarded = three.runs
    run = with_base_rates(guarded, r0=(0.9, 0.0), r3=(0.6, 0.58), r8=(0.3, 0.02), r11=(0.01, 0.01))
    told = plain(judge(Facts((clean, bare, run))).paragraphs[2].text)
    assert "(at worst 30.0 % against 2.0 %, after round 9)" in told


def test_the_contrast_names_the_rate_without_the_trigger(three):
    clean, bare, guarded = three.runs
    both = [with_base_rates(bare, r11=(0.98, 0.02)), with_base_rates(guarded, r11=(0.03, 0.01))]
    assert "with one, 3.0 %. Without the trigger it takes 1.0 % to 2.0 %." in plain(
        judge(Facts((clean, *both))).contrast
    )


def test_an_attack_that_could_not_be_made_is_told(three):
    clean, bare, guarded = three.runs
    rounds = (
        *guarded.rounds[:4],
        replace(guarded.rounds[4], foiled="alie needs an honest majority"),
        *guarded.rounds[5:],
    )
    told = judge(Facts((clean, bare, replace(guarded, rounds=rounds)))).paragraphs[2].text
    assert (
        "In 1 of 12 rounds the lie could not be made, and the liars sent what they had trained; first in round 5: alie needs an "
        "honest majority." in told
    )
    assert "could not be made" not in judge(three).paragraphs[2].text


def test_final_figures_carry_their_intervals(three):
    run = replace(three.runs[1], made_of={**three.runs[1].made_of, "test_samples": [100, 900]})
    told = plain(judge(Facts((three.runs[0], run))).paragraphs[1].text)
    # 0.9066 of 1000: Wilson 88.7 to 92.3 %; 0.98 of the 900 whose class is not the target: 96.9 to 98.7 %.
    assert "ended at 90.7 % (88.7 to 92.3 %)" in told
    assert "and 98.0 % (96.9 to 98.7 %) of triggered samples" in told
