"""The geometry of the strip of decisions."""

from __future__ import annotations

import pytest

from mithridate.guard.guard import CHALLENGED
from mithridate.report.reading import read
from mithridate.report.strip import MOST_COLUMNS, MOST_ROWS, strip, summary
from tests.report import runs


def cells(row, name):
    """How many columns a row's path touches."""
    return sum(path.lower().count("m") for path in marks(row, name))


@pytest.fixture
def guarded(tmp_path):
    return runs.three_facts(tmp_path).runs[2]


def marks(row, name):
    return [path for found, path in row.marks if found == name]


def test_every_client_has_a_row_and_liars_stand_first(guarded):
    found = strip(guarded)
    assert [heading.text for heading in found.headings] == ["Liars", "Honest, with unlike data", "Honest"]
    assert [row.client for row in found.rows[:4]] == ["c003", "c007", "c001", "c009"]
    assert len(found.rows) == runs.CLIENTS


def test_a_row_has_one_box_per_exclusion_and_one_line_per_lie(guarded):
    liar = strip(guarded).rows[0]
    assert cells(liar, "dropped") == 10
    assert cells(liar, "lied") == 10
    assert cells(liar, "counted") == 2
    assert liar.summary == "10 of 12 out"


def test_relative_strokes_end_in_the_right_column(guarded):
    (path,) = marks(strip(guarded).rows[2], "dropped")  # c001 in rounds 3, 7 and 11; the pitch is 18, a box 15 wide
    left = 112 + 1.5
    assert path == f"M{left + 3 * 18:g} {strip(guarded).rows[2].y:g}h15m57 0h15m57 0h15"


def test_every_status_has_its_own_mark(guarded):
    rows = {row.client: {name for name, _ in row.marks} for row in strip(guarded).rows}
    assert {"refused", "glyph"} <= rows["c009"]
    assert {"late", "late-hole"} <= rows["c008"]
    assert "absent" in rows["c005"]
    assert rows["c000"] == {"counted"}


def test_an_exclusion_says_who_when_why_and_by_how_much(guarded):
    titles = [spot.title for spot in strip(guarded).rows[0].spots]
    assert titles[0] == "c003, round 3 (it lied): dropped by multi-krum: not-selected, 11.5 against 4.25"


def test_refused_rounds_are_shaded_with_their_reason(tmp_path):
    def refused(event):
        return event | {"refused": "too few rows"} if event["round"] == 4 else event

    found = strip(read([runs.write(tmp_path, "a", guarded=True, change=refused)]).runs[0])
    ((_, _, reason),) = found.bands
    assert reason == "round 5: the guard refused to decide: too few rows"


def test_rounds_in_which_the_lie_could_not_be_made_are_marked_with_the_reason(tmp_path):
    def foiled(event):
        return event | {"attack_foiled": "nobody to learn from"} if event["round"] == 4 else event

    run = read([runs.write(tmp_path, "a", attacked=True, guarded=True, change=foiled)]).runs[0]
    found = strip(run)
    ((x, reason),) = found.foiled
    assert reason == "round 5: the lie could not be made: nobody to learn from"
    assert x == {number: x for x, number in found.ticks}[5]
    assert summary(run).endswith("24 exclusions, 1 round without the lie that was meant")


def test_rounds_are_counted_from_one(guarded):
    assert [number for _, number in strip(guarded).ticks] == [1, 3, 5, 7, 9, 11]


def test_many_rounds_share_columns_and_the_gravest_decision_shows(tmp_path):
    run = read([runs.write(tmp_path, "a", attacked=True, guarded=True, rounds=250)]).runs[0]
    found = strip(run)
    assert found.span == 3
    lied = cells(found.rows[0], "lied")
    assert lied == -(-250 // 3) <= MOST_COLUMNS
    assert cells(found.rows[0], "dropped") == lied


def test_many_clients_are_cut_after_those_who_matter(tmp_path):
    def crowd(event):
        more = [event["clients"][0] | {"client": f"x{i:03d}"} for i in range(100)]
        return event | {"clients": [*event["clients"], *more]}

    found = strip(read([runs.write(tmp_path, "a", attacked=True, guarded=True, rounds=4, change=crowd)]).runs[0])
    assert len(found.rows) == MOST_ROWS
    assert found.left_out == 110 - MOST_ROWS
    assert {"c003", "c007", "c001"} <= {row.client for row in found.rows}


def test_a_run_without_rounds_has_no_strip(tmp_path):
    assert strip(read([runs.write(tmp_path, "a", rounds=0, finish=False)]).runs[0]) is None


def test_the_summary_counts_exclusions(guarded):
    assert summary(guarded) == "guarded: 10 clients, 12 rounds, 24 exclusions"


def test_answers_to_a_challenge_have_marks_of_their_own(tmp_path):
    def challenged(event):
        if event["round"] != 3:
            return event
        reasons = {"c003": "answer-too-long"}
        fates = [
            each | {"status": "dropped", "reason": reasons.get(each["client"], "challenge-passed")}
            for each in event["clients"]
        ]
        return event | {"refused": CHALLENGED, "clients": fates}

    run = read([runs.write(tmp_path, "a", attacked=True, guarded=True, change=challenged)]).runs[0]
    found = strip(run)
    assert [title for _, title in found.challenges] == ["round 4: a challenge, nothing was aggregated"]
    assert found.bands == ()
    rows = {row.client: row for row in found.rows}
    assert (cells(rows["c003"], "failed"), cells(rows["c003"], "failed-glyph"), cells(rows["c000"], "passed")) == (
        1,
        1,
        1,
    )
    assert "1 challenge" in summary(run)
