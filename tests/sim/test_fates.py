"""What became of whom: every status once, and the tally over rounds."""

from __future__ import annotations

import math
from dataclasses import replace

from mithridate.core.cohort import Mark
from mithridate.guard.claims import Refusal
from mithridate.sim.fates import exclusions, fates, finite
from mithridate.sim.members import Called, Members
from mithridate.sim.partition import Iid
from mithridate.sim.scenario import Clients, Scenario, TaskChoice
from mithridate.sim.tasks import load
from mithridate.store.replay import nobody_admitted
from mithridate.testing import cohort

MEMBERS = Members(Scenario(task=TaskChoice("digits"), clients=Clients(5, partition=Iid())), load("digits"))
IDS = MEMBERS.ids
ADMITTED = replace(cohort([[0.0], [9.0]]), clients=((IDS[0],), (IDS[1],)))
FAR = Mark(IDS[1], "krum", 9.0, math.nan, "far")
DECISION = replace(nobody_admitted(1), counted=(IDS[0],), share={IDS[0]: 1.0}, marks=(FAR,), refused=None)
CALLED = Called(IDS, IDS[:4], frozenset({IDS[3]}), frozenset({IDS[1]}))
ROWS = fates(MEMBERS, CALLED, ADMITTED, [Refusal(IDS[2], "not-finite", "holds NaN")], DECISION)


def test_every_client_that_was_asked_has_one_fate():
    assert [(row["client"], row["status"], row["reason"]) for row in ROWS] == [
        (IDS[0], "counted", None),
        (IDS[1], "dropped", "far"),
        (IDS[2], "refused", "not-finite"),
        (IDS[3], "late", "late"),
        (IDS[4], "absent", None),
    ]
    assert [row["liar"] for row in ROWS] == [False, True, False, False, False]
    assert ROWS[0]["share"] == 1.0
    assert (ROWS[1]["score"], ROWS[1]["threshold"]) == (9.0, None)


def test_a_refused_round_drops_all_that_were_admitted():
    rows = fates(MEMBERS, CALLED, ADMITTED, [], nobody_admitted(1))
    assert [row["reason"] for row in rows[:2]] == ["round-refused"] * 2


def test_the_tally_counts_rounds_and_reasons():
    tally = exclusions(exclusions({}, ROWS), ROWS[1:])
    assert tally == {
        IDS[1]: {"liar": True, "rounds": 2, "reasons": {"far": 2}},
        IDS[2]: {"liar": False, "rounds": 2, "reasons": {"not-finite": 2}},
    }


def test_numbers_that_json_cannot_carry_become_none():
    assert [finite(x) for x in (1.5, math.inf, math.nan)] == [1.5, None, None]
