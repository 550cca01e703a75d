"""What clients report, read from journals that anybody may have written."""

from __future__ import annotations

import pytest

from mithridate.core.errors import StoreError
from mithridate.report.claims import Claim, claims


def test_training_comes_before_evaluation_and_names_are_sorted():
    events = [
        {"event": "round", "round": 0, "metrics": {"loss": 3, "accuracy": 0.5}},
        {"event": "evaluated", "round": 0, "metrics": {"loss": 1.0}},
        {"event": "round", "round": 1},
        {"event": "round", "round": 2, "metrics": {"loss": 2.0}},
    ]
    found = claims(events)
    assert [(each.name, each.when) for each in found] == [
        ("accuracy", "training"),
        ("loss", "training"),
        ("loss", "evaluation"),
    ]
    assert found[1].values == ((0, 3.0), (2, 2.0))
    assert (found[1].first, found[1].last, found[1].least, found[1].most) == (3.0, 2.0, 2.0, 3.0)


def test_the_course_is_drawn_between_its_least_and_its_most():
    # 150 wide, 24 high: the most lies at height 0, the least at 24, the middle round in the middle.
    assert Claim("loss", "training", ((0, 4.0), (1, 2.0), (2, 0.0))).path == "M0.0 0.0L75.0 12.0L150.0 24.0"
    assert Claim("loss", "training", ((3, 4.0),)).path == "M0.0 12.0h0.01"


@pytest.mark.parametrize("told", [{"loss": "1"}, {"loss": True}, {"loss": 10**200}, [1.0]])
def test_what_are_no_metrics_is_an_error(told):
    with pytest.raises(StoreError, match="metric"):
        claims([{"event": "round", "round": 0, "metrics": told}])


def test_a_thousand_metrics_do_not_fill_the_page():
    assert len(claims([{"event": "round", "round": 0, "metrics": {f"m{i}": 1.0 for i in range(1000)}}])) == 40
