"""What was proven and what was measured, from a journal that anybody may have written."""

from __future__ import annotations

import pytest

from mithridate.core.errors import StoreError
from mithridate.guard.assumptions import Promise
from mithridate.report.assurance import Assurance, Measured, Promised, measured, promised
from mithridate.report.page import render
from mithridate.report.reading import read
from tests.report import runs

STARTED = {"n": 10, "f": 2, "kappa": 0.5, "lower_bound": 1 / 3, "because": "", "cautions": []}


def test_a_journal_is_read_as_it_was_written(tmp_path):
    found = read([runs.write(tmp_path, "guarded", guarded=True, attacked=True)]).runs[0].assurance
    assert found.promised.promise == Promise(10, 2, 4.5, 1 / 3)
    assert found.unlike.g == pytest.approx(0.5)
    assert found.unlike.b == pytest.approx(2.0)
    assert (found.bounded, found.kept) == (12, 11)
    assert found.floor is None  # kappa B² = 18
    assert found.cautions[0] == "clip hides lies"
    assert "no method learns" in found.cautions[1]  # 2 of 10 are more than 1 in 6


def test_it_is_on_the_page_with_every_round(tmp_path):
    html = render(read([runs.write(tmp_path, "guarded", guarded=True, attacked=True)]))
    assert '<section id="proven">' in html
    assert "11 of 12" in html
    assert "9 (1.5)" in html
    assert "clip hides lies" in html


def test_older_runs_and_plain_means_have_no_such_part(tmp_path):
    def older(event):
        return {key: value for key, value in event.items() if key != "theory"}

    facts = read([runs.write(tmp_path, "unguarded", attacked=True, change=older)])
    assert facts.runs[0].assurance is None
    assert 'id="proven"' not in render(facts)


def test_the_floor_by_hand():
    found = Assurance(Promised(Promise(10, 2, 0.5, 1 / 3), ()), {0: Measured(8, 0.1, None, 2.0, 1.0)})
    assert found.floor == pytest.approx(2**0.5)  # sqrt(kappa) G, B = 0 from one round
    assert (found.bounded, found.kept, found.cautions) == (0, 0, ())
    assert Assurance(Promised(Promise(10, None, None, None, "why"), ())).floor is None


def test_rounding_is_no_broken_bound():
    assert Measured(8, 1.0005, 1.0, 1.0, 1.0).kept is True
    assert Measured(8, 1.01, 1.0, 1.0, 1.0).kept is False
    assert Measured(8, None, 1.0, 1.0, 1.0).kept is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": 0},
        {"n": True},
        {"n": "9"},
        {"f": -1},
        {"f": 2.5},
        {"kappa": -1.0},
        {"kappa": "x"},
        {"cautions": 3},
        {"cautions": ["x"]},
    ],
)
def test_a_promise_that_is_none_is_refused(wrong):
    with pytest.raises(StoreError):
        promised({"theory": STARTED | wrong})


@pytest.mark.parametrize("wrong", [{"error": -1.0}, {"spread": 1e300}, {"honest": 1e200}])
def test_a_length_that_is_none_is_refused(wrong):
    with pytest.raises(StoreError):
        measured({"theory": runs.theory(0, guarded=True) | wrong})


@pytest.mark.parametrize(
    "missing", [None, {}, {"honest": 0, "spread": 1.0, "drift": 1.0}, {"honest": 3, "spread": None, "drift": 1.0}]
)
def test_what_was_not_measured_is_nothing(missing):
    assert measured({"theory": missing}) is None
    assert promised({}) is None
