"""What is remembered from round to round, and what is told."""

from __future__ import annotations

import numpy as np
import pytest

from mithridate.core.cohort import Mark
from mithridate.flower.keeper import Keeper, RunStopped, fates
from mithridate.guard.admission import Refusal, Reply, Sent, admit
from mithridate.guard.guard import Decision
from mithridate.guard.policy import read_policy
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
