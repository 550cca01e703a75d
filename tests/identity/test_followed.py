"""A client follows one model per round, forwards."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.errors import StoreError
from mithridate.identity import followed
from mithridate.identity.followed import Followed
from mithridate.identity.refusal import NotAuthentic
from mithridate.identity.statement import Invitation
from tests.identity.test_statement import anything


def asked(round=0, model="a", run="run", phase="train"):
    return Invitation(run, round, model * 64, 7, phase)


def after(*all_asked):
    found = Followed()
    for each in all_asked:
        found = found.accept(each)
    return found


def reason(memory, each):
    with pytest.raises(NotAuthentic) as caught:
        memory.accept(each)
    return caught.value.reason


def test_rounds_go_forwards_and_may_be_left_out():
    found = after(asked(0), asked(1, "b"), asked(5, "c"))
    assert found == Followed("run", (5, "c" * 64))
    assert reason(found, asked(4, "b")) == "stale-round"


def test_a_retry_changes_nothing_and_a_second_model_is_refused():
    found = after(asked(3))
    assert found.accept(asked(3)) == found
    assert reason(found, asked(3, "b")) == "contradicts-itself"


def test_training_and_evaluation_are_counted_apart():
    found = after(asked(3), asked(3, "b", phase="evaluate"), asked(4, "b"))
    assert reason(found, asked(3, "c", phase="evaluate")) == "contradicts-itself"


def test_a_run_that_was_left_is_not_gone_back_to(monkeypatch):
    found = after(asked(9), asked(0, run="two"))
    assert found.past == ("run",)
    assert reason(found, asked(10)) == "wrong-run"
    monkeypatch.setattr(followed, "MOST_RUNS", 2)
    found = after(*(asked(0, run=f"r{i}") for i in range(5)))
    assert (found.run, found.past) == ("r4", ("r2", "r3"))


@given(st.lists(st.builds(asked, st.integers(0, 3), st.sampled_from("ab"), st.sampled_from(["x", "y"]))))
def test_no_round_ever_has_two_models(all_asked):
    found, trained = Followed(), set()
    for each in all_asked:
        try:
            found = found.accept(each)
        except NotAuthentic:
            continue
        trained.add((each.run, each.round, each.model))
    assert len({(run, round) for run, round, _ in trained}) == len(trained)
    assert Followed.of(json.loads(json.dumps(found.plain()))) == found


@given(anything)
def test_anything_else_is_damaged(plain):
    with pytest.raises(StoreError, match="damaged"):
        Followed.of(plain)


@pytest.mark.parametrize("change", [{"run": 3}, {"more": 1}, {"train": (1,)}, {"train": ("1", "a")}, {"past": [3]}])
def test_a_damaged_part_is_noticed(change):
    with pytest.raises(StoreError, match="damaged"):
        Followed.of(Followed().plain() | change)
