"""What is remembered from round to round, and what is told."""

from __future__ import annotations

import numpy as np
import pytest

from mithridate.core.cohort import Mark
from mithridate.core.digest import digest
from mithridate.flower.keeper import Keeper, RunStopped, fates
from mithridate.guard.admission import Reply, Sent, admit
from mithridate.guard.claims import Refusal
from mithridate.guard.guard import CHALLENGED, Decision
from mithridate.guard.policy import read_policy
from mithridate.store.replay import NOBODY
from tests.flower.federation import rounds_into

SENT = Sent({"w": np.zeros(2, np.float32), "n": np.array(3)}, ("a", "b", "c"))
ROUND = {"seconds": {"train": 1.0}}


def cohort(*values: float):
    replies = [
        Reply(name, {"w": np.full(2, value, np.float32), "n": np.array(9)})
        for name, value in zip("abc", values, strict=True)
    ]
    found, refused = admit(SENT, replies, round=0, seed=0)
    assert not refused
    return found


def test_a_round_is_told_decided_and_remembered():
    heard = []
    keeper = Keeper(
        read_policy('[guard]\nrule = "median"'),
        watchers=[rounds_into(heard)],
    )
    keeper.begin(3, SENT, ())
    outcome = keeper.decide(0, SENT, cohort(1.0, 2.0, 9.0), (), ("a", "b", "c"))
    assert outcome.model["w"].tolist() == [2.0, 2.0]
    assert outcome.model["n"] == 3
    assert keeper.next == 0
    keeper.write(SENT, outcome, ROUND)
    assert keeper.next == 1
    (event,) = heard
    assert event["decision"] == outcome.decision.digest
    assert set(event["seconds"]) == {"train", "guard"}


def test_nothing_is_digested_where_nobody_listens():
    keeper = Keeper(read_policy('[guard]\nrule = "median"'))
    keeper.begin(3, SENT, ())
    outcome = keeper.decide(0, SENT, cohort(1.0, 2.0, 9.0), (), ("a", "b", "c"))
    keeper.write(SENT, outcome, ROUND)
    assert not {"decision", "model", "delta_norm"} & outcome.event.keys()
    assert "digest" not in vars(outcome.decision)


def test_types_of_the_broadcast_are_kept():
    sent = Sent({"w": np.zeros(2, np.float64), "h": np.zeros(1, np.float16)})
    keeper = Keeper(read_policy('[guard]\nrule = "mean"'))
    keeper.begin(1, sent, ())
    found, _ = admit(sent, [Reply("a", {"w": np.ones(2), "h": np.ones(1, np.float16)})], round=0, seed=0)
    model = keeper.decide(0, sent, found, (), ("a",)).model
    assert (model["w"].dtype, model["h"].dtype) == (np.float64, np.float16)


def test_nobody_admitted_is_a_refused_round():
    keeper = Keeper(read_policy('[guard]\nrule = "mean"'))
    keeper.begin(3, SENT, ())
    outcome = keeper.decide(0, SENT, None, (Refusal("a", "shape", "odd"),), ("a",))
    assert outcome.model is None
    assert outcome.event["refused"] == "nobody was admitted"
    assert outcome.event["clients"][0]["reason"] == "shape"


def test_a_refusal_stops_the_run_after_it_is_told():
    heard = []
    keeper = Keeper(
        read_policy('[round]\non-refusal = "stop"\n[guard]\nrule = "mean"'),
        watchers=[rounds_into(heard)],
    )
    keeper.begin(3, SENT, ())
    outcome = keeper.decide(0, SENT, None, (), ("a",))
    with pytest.raises(RunStopped, match="nobody was admitted"):
        keeper.write(SENT, outcome, ROUND)
    assert len(heard) == 1


def test_every_client_that_was_asked_has_its_row():
    found = cohort(1.0, 2.0, 3.0)
    marks = (Mark("b", "norm-screen", 5.0, 2.0, "long", dropped=True),)
    decision = Decision(np.zeros(2, np.float32), ("a", "c"), {"a": 0.5, "c": 0.5}, marks)
    rows = fates(("a", "b", "c", "d", "e"), found, (Refusal("d", "shape", ""), Refusal("e", "failed", "")), decision)
    assert [(row["client"], row["status"], row["reason"]) for row in rows] == [
        ("a", "counted", None),
        ("b", "dropped", "long"),
        ("c", "counted", None),
        ("d", "refused", "shape"),
        ("e", "absent", "failed"),
    ]
    assert (rows[1]["score"], rows[1]["threshold"], rows[0]["share"]) == (5.0, 2.0, 0.5)
    assert all(row["liar"] is None for row in rows)


def test_the_layout_is_known_without_anybody_bringing_it():
    keeper = Keeper(read_policy('[guard]\nrule = { name = "lasa", sparsity = 0.0 }'))
    keeper.begin(3, SENT, ())
    assert keeper.guard.needs
    assert keeper.decide(0, SENT, cohort(1.0, 2.0, 3.0), (), ("a", "b", "c")).decision.refused is None


def challenged(extra: str = "", before: bool = True):
    """A keeper after a challenge, and after a plain round before it; what was heard."""
    heard, asked = [], [False, True] if before else [True]

    def bring(found):
        alike = np.array([[1.0, 1.0], [1.0, 1.0], [-1.0, 1.0]])
        return {"probes": {"challenge": alike} if asked.pop(0) else {}}

    policy = read_policy(extra + '[guard]\nrule = "mean"\nstages = ["challenge"]')
    keeper = Keeper(policy, bring, watchers=[rounds_into(heard)])
    keeper.begin(3, SENT, ())
    damaged = Sent({"w": np.full(2, 50.0, np.float32), "n": np.array(3)}, SENT.clients)
    for round, sent in enumerate([SENT, damaged][-len(asked) :]):
        outcome = keeper.decide(round, sent, cohort(1.0, 2.0, 3.0), (), ("a", "b", "c"))
        keeper.write(sent, outcome, ROUND)
    return heard, outcome


def test_a_challenge_leaves_the_model_where_it_was_and_not_where_it_was_damaged():
    heard, outcome = challenged()
    assert outcome.model is None
    assert heard[1]["model"] == heard[0]["model"] == digest(np.full(2, 2.0, np.float32))
    assert [row["reason"] for row in heard[1]["clients"]] == ["challenge-passed"] * 2 + ["answer-points-elsewhere"]
    assert challenged(before=False)[0][0]["model"] is None


def test_a_challenge_is_no_refusal_that_stops_the_run_or_falls_back():
    heard, _ = challenged('[round]\non-refusal = "stop"\n')
    assert heard[1]["refused"] == CHALLENGED
    heard, outcome = challenged('[round]\non-refusal = "fall-back"\nfall-back = "median"\n')
    assert heard[1]["refused"] == CHALLENGED
    assert heard[1]["fall_back"] is None
    assert not outcome.decision.delta.any()


def test_a_refused_round_leaves_the_model_to_the_last_bit():
    keeper = Keeper(read_policy('[guard]\nrule = "mean"'), watchers=[rounds_into([])])
    sent = Sent({"w": np.array([-0.0, 1.0], np.float32)})
    keeper.begin(1, sent, ())
    outcome = keeper.decide(0, sent, None, (), ("a",))
    assert outcome.event["refused"] == NOBODY
    assert outcome.event["model"] == digest(sent.flat) != digest(np.array([0.0, 1.0], np.float32))
