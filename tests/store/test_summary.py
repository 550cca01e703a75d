"""What a run comes to."""

from __future__ import annotations

from mithridate.store.summary import added, summary


def fate(status, **more):
    return {"client": "c", "status": status, **more}


ROUNDS = [
    {"event": "started"},
    {"event": "round", "round": 0, "seconds": {"guard": 0.2}, "per_class": [0.5, None, 0.25], "base_rate": 0.1, "clients": [
        fate("dropped", liar=True), fate("counted", liar=True), fate("refused"), fate("counted"), fate("counted"),
        fate("dropped", minority=True), fate("absent", liar=True), fate("late")]},
    {"event": "round", "round": 1, "refused": "too few rows", "seconds": {"guard": 0.4}, "clients": [
        fate("dropped", liar=True), fate("counted")]},
    {"event": "round", "round": 2, "attack_foiled": "no cohort", "base_rate": 0.0, "clients": [fate("counted", share=0.5)]},
    {"event": "finished"},
]  # fmt: skip


def test_a_run_is_counted_by_hand():
    found = summary(ROUNDS)
    assert found["judged"] == {"liar": 2, "minority": 1, "honest": 4}  # the refused round accuses nobody
    assert found["excluded"] == {"liar": 1, "minority": 1, "honest": 1}
    assert (found["refused"], found["foiled"], found["names_clients"]) == (1, 1, True)
    assert abs(found["guard_s"] - 0.3) < 1e-12
    assert (found["base_rate"], found["weakest"]) == (0.0, 0.25)


def test_of_nothing_nothing_is_known():
    found = summary([])
    assert (found["guard_s"], found["base_rate"], found["weakest"], found["names_clients"]) == (None, None, None, False)
    assert sum(found["judged"].values()) == 0


def test_runs_that_make_one_are_added_by_hand():
    one = summary(ROUNDS)
    two = summary(ROUNDS[:2])
    found = added([one, two])
    assert found["judged"] == {"liar": 4, "minority": 2, "honest": 7}
    assert (found["refused"], found["foiled"]) == (0, 1)
    assert abs(found["guard_s"] - 0.5) < 1e-12


def test_updates_of_which_nobody_knows_whether_they_lie_are_no_honest_ones():
    unknown = [fate("counted", liar=None, minority=None), fate("dropped", liar=None), fate("absent", liar=None)]
    found = summary([{"event": "round", "round": 0, "clients": unknown}])
    assert found["judged"] == {"liar": 0, "minority": 0, "honest": 0, "unknown": 2}
    assert found["excluded"] == {"liar": 0, "minority": 0, "honest": 0, "unknown": 1}
