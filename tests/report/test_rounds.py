"""A round is what its event says, and an event that cannot be true is refused."""

from __future__ import annotations

import json

import pytest

from mithridate.core.errors import StoreError
from mithridate.report.reading import read
from tests.report import runs


def test_an_accuracy_above_one_is_refused(tmp_path):
    def boasting(event):
        return event | {"accuracy": 1.5}

    with pytest.raises(StoreError, match=r"events\.jsonl: an accuracy or success rate outside"):
        read([runs.write(tmp_path, "a", rounds=1, change=boasting)])


def test_a_number_that_no_float_can_hold_is_refused(tmp_path):
    path = runs.write(tmp_path, "a", rounds=1, finish=False)
    journal = path / "events.jsonl"
    started, line = journal.read_text().splitlines()
    event = json.loads(line)
    event["clients"][0]["score"] = 10**400
    journal.write_text(f"{started}\n{json.dumps(event)}\n")
    with pytest.raises(StoreError, match="beyond every sane size"):
        read([path])


def test_the_base_rate_and_the_reason_for_a_foiled_lie_are_read(tmp_path):
    def told(event):
        return event | {"base_rate": 0.25, "attack_foiled": "too few" if event["round"] == 3 else None}

    run = read([runs.write(tmp_path, "a", attacked=True, change=told)]).runs[0]
    assert run.backdoor.base_rate == 0.25
    assert run.backdoor.lift == pytest.approx(0.73)
    assert [each.number for each in run.foiled_rounds] == [3]


@pytest.mark.parametrize(("key", "value"), [("base_rate", "high"), ("base_rate", 2), ("attack_foiled", ["x"])])
def test_a_base_rate_that_is_none_and_a_reason_that_is_no_text_are_refused(tmp_path, key, value):
    path = runs.write(tmp_path, "a", rounds=1, finish=False)
    journal = path / "events.jsonl"
    started, line = journal.read_text().splitlines()
    journal.write_text(f"{started}\n{json.dumps(json.loads(line) | {key: value})}\n")
    with pytest.raises(StoreError, match=r"events\.jsonl"):
        read([path])
