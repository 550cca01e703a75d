"""Every procedure says what it came to, the honest clients' losses included."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mithridate.guard.guard import CHALLENGED
from mithridate.report.accounts import accounts, foiled_account
from mithridate.report.page import render
from mithridate.report.reading import read
from mithridate.store.run import RunFolder
from tests.report import runs


def of(folder, change, **more):
    return read([runs.write(folder, "a", attacked=True, change=change, **more)]).runs[0]


def with_server(run, **server):
    return replace(run, settings={**run.settings, "server": server})


def plain(account):
    return account.said.replace("\N{NO-BREAK SPACE}", " ")


def rolled(event):
    """Rounds 3 and 5 go back to round 1's model; round 4 between them stays; round 0 goes back to the initial model."""
    back = {0: -1, 3: 1, 5: 1}.get(event["round"])
    value = None if event["round"] == 5 else 2.0 + event["round"]
    return event | {"rollback": {"value": value, "best": 1.0, "back_to": back}}


def test_a_rollback_counts_every_update_that_it_undid_once(tmp_path):
    (found,) = accounts(of(tmp_path, rolled, rounds=6))
    # Undone: round 0; rounds 2 and 3; rounds 4 and 5. Ten clients each, two of whom lie from round 2 on.
    assert "In 3 of 6 rounds" in found.said
    assert "42 honest updates were undone with 8 lying ones" in found.said
    assert "1 alarm of these was false" in found.said
    assert found.figures == {"rounds": {"0": -1, "3": 1, "5": 1}, "false": 1}


def test_the_greatest_rise_stands_first(tmp_path):
    (found,) = accounts(of(tmp_path, rolled, rounds=6))
    assert [row[:2] for row in found.table.rows] == [("6", "infinite"), ("4", "5"), ("1", "2")]
    assert [row[3] for row in found.table.rows] == ["of round 2", "of round 2", "the initial one"]


def test_an_alarm_that_never_rang_says_so(tmp_path):
    def quiet(event):
        return event | {"rollback": {"value": 1.0, "best": 1.0, "back_to": None}}

    (found,) = accounts(with_server(of(tmp_path, quiet), rollback={"rise": 0.1, "watch": "asr"}))
    assert found.said == "The alarm watched the attack success and never rang: every round’s model stayed."


def challenged(event):
    """Round 3 is a challenge: both liars and c001, whose data are unlike, fail it."""
    if event["round"] != 3:
        return event
    failed = {"c003": "answer-too-long", "c007": "answer-too-long", "c001": "answer-points-elsewhere"}
    fates = [
        each
        | {
            "status": "dropped",
            "share": None,
            "stage": "challenge",
            "reason": failed.get(each["client"], "challenge-passed"),
        }
        for each in event["clients"]
    ]
    return event | {"refused": CHALLENGED, "clients": fates}


def test_a_challenge_says_who_failed_and_who_of_them_was_honest(tmp_path):
    run = of(tmp_path, challenged, guarded=True, rounds=4)
    (found,) = accounts(run)
    assert (
        "1 challenge: 2 of 2 lying answers, 1 of 1 honest unlike answer and 0 of 7 other honest answers failed."
        in found.said
    )
    assert found.table.rows[0] == ("c001", "honest, unlike data", "4", "answer-points-elsewhere")
    assert found.figures == {"rounds": [3], "failed": {"c001": [3], "c003": [3], "c007": [3]}}


def test_who_passes_a_challenge_is_not_left_out(tmp_path):
    run = of(tmp_path, challenged, rounds=4)
    assert {fate.status for fate in run.rounds[3].fates} == {"passed", "failed"}
    assert not any(fate.excluded for fate in run.rounds[3].fates)
    assert run.refused_rounds == ()


def test_fine_tuning_says_how_often_and_what_it_cannot_say(tmp_path):
    run = with_server(read([runs.write(tmp_path, "a")]).runs[0], **{"fine-tuning": {"steps": 7, "every": 5}})
    (found,) = accounts(run)
    assert found.said.startswith("After 2 of 12 rounds the server trained the model for 7 steps on 100 clean samples")
    assert "not measured" in found.said


def smoothed_run(folder, said):
    path = runs.write(folder, "a", attacked=True, finish=False)
    with RunFolder.open(path) as run:
        run.append(
            {"event": "finished", "accuracy": 0.9, "asr": 0.8, "model_digest": "f", "rounds": 12, "smoothed": said}
        )
    return read([path])


def test_a_noisy_vote_says_what_is_certain_and_what_that_leaves_open(tmp_path):
    said = {"votes": 50, "accuracy": 0.88, "asr": 0.5, "certified": [[0.001, 0.87], [0.02, 0.8]], "uncertified": None}
    facts = smoothed_run(tmp_path, said)
    (found,) = accounts(facts.runs[0])
    assert "A vote of 50 noisy copies is right on 88.0 %" in plain(found)
    assert "On 80.0 % it is right for certain while each poisoned sample is changed by at most 0.02." in plain(found)
    assert "no backdoor that does so is covered" in found.said
    assert [row[0] for row in found.table.rows] == ["0.02", "0.001"]
    assert "A vote of 50 noisy copies" in render(facts)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"uncertified": "the guard is not the plain mean"}, "Nothing is certain: the guard"),
        ({"certified": []}, "nowhere clear"),
    ],
)
def test_a_vote_without_a_certificate_says_why(tmp_path, said, expected):
    (found,) = accounts(smoothed_run(tmp_path, {"votes": 1, "accuracy": 0.5} | said).runs[0])
    assert expected in found.said
    assert found.table is None


def test_a_vote_that_was_not_held_yet_is_told(tmp_path):
    run = with_server(read([runs.write(tmp_path, "a", finish=False)]).runs[0], smoothing={})
    assert "has not been held" in accounts(run)[0].said


def test_reasons_for_foiled_lies_are_told_the_most_frequent_first(tmp_path):
    def foiled(event):
        return event | {"attack_foiled": {2: "too few", 3: "too many", 4: "too many"}.get(event["round"])}

    found = foiled_account(of(tmp_path, foiled, rounds=6))
    assert found.table.rows == (("too many", "2", "4–5"), ("too few", "1", "3"))
    assert found.figures == {"reasons": {"too many": [3, 4], "too few": [2]}}


def test_all_of_it_is_on_the_page(tmp_path):
    def everything(event):
        told = challenged(rolled(event)) | {"attack_foiled": "too few" if event["round"] == 4 else None}
        return told | {"sanitised": {"clients": {"c000": [10, 2, 3, 1]}}}

    html = render(read([runs.write(tmp_path, "a", attacked=True, guarded=True, change=everything)]))
    assert '<section id="beside">' in html
    for word in (
        "<strong>sanitation</strong>",
        "<strong>challenge</strong>",
        "<strong>rollback</strong>",
        "<strong>attack foiled</strong>",
    ):
        assert word in html
    assert "back to the start" in html
    assert "challenge-mark" in html


def test_a_plain_run_has_no_such_part(tmp_path):
    run = read([runs.write(tmp_path, "a")]).runs[0]
    assert (accounts(run), foiled_account(run)) == ((), None)
    assert "Beside the guard" not in render(read([runs.write(tmp_path, "b")]))


def test_an_ensemble_says_what_its_vote_is_worth_and_judges_nothing(tmp_path):
    path = runs.write(tmp_path, "a", attacked=True, rounds=0, finish=False)
    ensemble = {"models": 2, "accuracies": [0.8, 0.6], "certified": [0.9, 0.5], "abstained": 0.25}
    ended = {"event": "finished", "accuracy": 0.9, "asr": 0.5, "summary": {"base_rate": 0.25}, "ensemble": ensemble}
    with RunFolder.open(path) as run:
        run.append(ended | {"model_digest": "f", "rounds": 12})
    facts = read([path])
    (found,) = accounts(facts.runs[0])
    assert "A vote of 2 models is right on 90.0 %, one of them alone on 70.0 % (the worst on 60.0 %)" in plain(found)
    assert "The backdoor works on 50.0 %, against 25.0 % without the trigger." in plain(found)
    assert [row[0] for row in found.table.rows] == ["0", "1"]
    assert (facts.runs[0].accuracy, facts.runs[0].asr, facts.runs[0].base_rate) == (0.9, 0.5, 0.25)
    html = render(facts)
    assert "is an ensemble, and its rounds are in the runs of its models" in html
    assert "stood ready" not in html and "Nobody was left out" not in html and "in all 0 rounds" not in html
