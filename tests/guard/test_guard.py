"""The composition of stages and a rule."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from mithridate.core.cohort import Mark
from mithridate.core.digest import digest
from mithridate.core.errors import ConfigurationError
from mithridate.core.protocols import Need, Stateless
from mithridate.guard.guard import CHALLENGED, Guard
from mithridate.rules import CenteredClip, Krum, Mean, Median, MultiKrum, WeightedMean
from mithridate.screens import Challenge
from mithridate.stages import Buckets, Clip, NearestNeighbourMixing, WorkerMomentum
from mithridate.testing import cohort

ROWS = [[0.0], [1.0], [2.0], [4.0], [600.0]]


@dataclass(frozen=True)
class Halve(Stateless):
    """Gives the second half of the rows half a weight."""

    weighs: ClassVar[bool] = True

    def transform(self, cohort):
        weights = cohort.weights.copy()
        weights[cohort.n // 2 :] /= 2
        return cohort.with_weights(weights)


@dataclass(frozen=True)
class DropFirst(Stateless):
    def transform(self, cohort):
        weights = cohort.weights.copy()
        weights[0] = 0
        return cohort.with_weights(weights, [Mark(cohort.clients[0][0], "drop-first", 1.0, 0.5, "first")])


def decide(guard, rows=ROWS, **fields):
    return guard.apply(cohort(rows, **fields), guard.init())[0]


def test_a_rule_that_would_ignore_given_weights_cannot_be_built_behind_them():
    with pytest.raises(ConfigurationError, match="krum would ignore"):
        Guard(Krum(1), (Halve(),))
    assert decide(Guard(WeightedMean(), (Halve(),))).refused is None


@pytest.mark.parametrize("wrong", [Krum, "krum", None, Clip()])
def test_what_is_no_rule_is_refused_when_built(wrong):
    with pytest.raises(ConfigurationError, match="not a rule"):
        Guard(wrong)


def test_what_is_no_stage_is_refused_when_built():
    with pytest.raises(ConfigurationError, match="not a stage"):
        Guard(Mean(), (Clip,))


def test_rows_that_the_rule_left_out_are_named_with_score_and_threshold():
    decision = decide(Guard(MultiKrum(f=1)))
    (mark,) = decision.marks
    assert (mark.client, mark.stage, mark.reason, mark.dropped) == ("c4", "multi-krum", "not-selected", True)
    assert mark.score > 1e5 > mark.threshold
    assert decision.counted == ("c0", "c1", "c2", "c3")
    assert decision.share == dict.fromkeys(decision.counted, 0.25)


def test_a_dropped_row_is_marked_once_and_counts_no_more():
    decision = decide(Guard(MultiKrum(f=1, m=4), (DropFirst(),)))
    assert decision.refused and "4" in decision.refused  # four rows are too few for f = 1
    decision = decide(Guard(Mean(), (DropFirst(),)))
    assert [mark.client for mark in decision.marks] == ["c0"]
    assert decision.dropped == ("c0",)
    assert decision.counted == ("c1", "c2", "c3", "c4")


def test_an_unmet_precondition_refuses_the_round_and_keeps_the_memory():
    guard = Guard(Krum(f=2), (WorkerMomentum(),))
    memory = guard.init()
    decision, after = guard.apply(cohort(ROWS), memory)
    assert decision.refused == "Krum(f=2) needs n >= 2 f + 3 = 7 rows, the round has 5"
    assert not decision.delta.any() and decision.counted == ()
    assert after is memory


def test_a_row_of_nan_refuses_the_round():
    assert "NaN" in decide(Guard(Median()), [[np.nan], [0.0], [1.0]]).refused


def test_centred_clipping_starts_where_the_last_round_ended():
    guard = Guard(CenteredClip(radius=1.0, iterations=1))
    first, memory = guard.apply(cohort([[10.0], [10.0]]), guard.init())
    second, _ = guard.apply(cohort([[10.0], [10.0]], round=1), memory)
    assert (first.delta[0], second.delta[0]) == (1.0, 2.0)


def test_shares_are_traced_back_through_mixing_and_buckets():
    decision = decide(Guard(Krum(f=1), (NearestNeighbourMixing(f=1),)))
    assert sum(decision.share.values()) == pytest.approx(1)
    assert "c4" not in decision.counted and "c4" in decision.dropped
    decision = decide(Guard(Mean(), (Buckets(2),)))
    assert decision.share.keys() == {"c0", "c1", "c2", "c3", "c4"}


def test_clients_without_examples_are_marked():
    decision = decide(Guard(Mean()), weights=[1, 1, 0, 1, 1])
    assert [(m.client, m.reason) for m in decision.marks] == [("c2", "no-examples")]
    mixed = decide(Guard(Mean(), (NearestNeighbourMixing(f=1),)), weights=[1, 1, 0, 1, 1])
    assert ("c2", "no-examples") in [(m.client, m.reason) for m in mixed.marks]


def test_a_guard_says_what_the_venue_must_bring_and_refuses_a_round_without_it():
    @dataclass(frozen=True)
    class Trusting(Stateless):
        needs: ClassVar[frozenset[Need]] = frozenset({Need.REFERENCE})

        def transform(self, cohort):
            return cohort

    guard = Guard(Mean(), (Trusting(),))
    assert guard.needs == {Need.REFERENCE}
    assert "reference" in decide(guard).refused
    assert decide(guard, reference=np.ones(1)).refused is None
    assert Guard(CenteredClip(1.0)).needs == frozenset()


def test_the_same_cohort_gives_the_same_decision_byte_for_byte():
    guard = Guard(MultiKrum(f=1), (Clip(), NearestNeighbourMixing(f=1)))
    rows = np.random.default_rng(0).standard_normal((9, 50))
    assert decide(guard, rows).digest == decide(guard, rows).digest
    assert decide(guard, rows).digest != decide(guard, rows + 1e-3).digest


def test_the_geometry_asked_for_beforehand_changes_no_byte():
    guard = Guard(MultiKrum(f=1), (Clip(),))
    rows = np.random.default_rng(0).standard_normal((9, 50))
    curious = cohort(rows)
    assert curious.gram.shape == (9, 9)
    assert guard.apply(curious, guard.init())[0].digest == decide(guard, rows).digest


def test_decisions_and_guards_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        decide(Guard(Mean())).refused = "no"
    with pytest.raises(ValueError, match="read-only"):
        decide(Guard(Mean())).delta[0] = 1
    assert digest(Guard(Mean(), (Clip(),))) == digest(Guard(Mean(), [Clip()]))


def test_what_the_rule_sees_can_be_asked_for():
    guard = Guard(Median(), (Clip(to=1.0), WorkerMomentum()))
    seen, remembered = guard.staged(cohort(ROWS), guard.init())
    assert seen.updates.max() == 1.0 and remembered[0] is None and set(remembered[1]) == {"c0", "c1", "c2", "c3", "c4"}
    decision, memory = guard.apply(cohort(ROWS), guard.init())
    assert digest(memory["stages"]) == digest(remembered) and decision.delta == Median()(seen).delta


def test_a_challenge_is_put_to_those_who_asked_for_it_only():
    guard = Guard(Mean(), (WorkerMomentum(), Challenge()))
    answers = {"challenge": np.array([[1.0, 1.0], [-1.0, 1.0]])}
    decision, memory = guard.apply(cohort([[1.0], [2.0]], probes=answers), guard.init())
    assert decision.refused == CHALLENGED
    assert not decision.delta.any() and decision.counted == ()
    assert [(mark.client, mark.reason) for mark in decision.marks] == [("c1", "answer-points-elsewhere")]
    assert memory == {"stages": (guard.init()["stages"][0], {"c1": 1}), "previous": None}
    decision, _ = guard.apply(cohort([[1.0], [2.0]], round=1), memory)  # without the probe: a round like any other
    assert decision.counted == ("c0",)


def test_a_guard_that_does_not_ask_for_challenges_takes_them_for_rounds():
    answers = {"challenge": np.array([[1.0, 1.0], [-1.0, 1.0]])}
    assert decide(Guard(Mean()), [[1.0], [2.0]], probes=answers).counted == ("c0", "c1")


def test_a_row_that_slipped_into_a_challenge_leaves_the_memory_as_it_was():
    guard = Guard(Mean(), (Challenge(),))
    before = guard.init()
    rows = np.array([[np.nan], [1.0]])
    decision, after = guard.apply(cohort(rows, probes={"challenge": np.ones((2, 2))}), before)
    assert "row 0" in decision.refused
    assert after is before
