"""Continuity: one statement counts once, one update belongs to one client, and the order of arrival decides nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.errors import StoreError
from mithridate.identity import continuity
from mithridate.identity.continuity import Continuity, Last, Use
from mithridate.identity.statement import Submission
from mithridate.store.packing import pack, unpack
from tests.identity.test_statement import anything

A, B, C = ("ed25519:" + letter * 32 for letter in "abc")


def told(round=0, update="1", model="f", run="run", examples=5, phase="train"):
    return Submission(run, round, model * 64, update * 64, examples, phase)


def after(*rounds):
    """The memory after rounds that were all accepted."""
    memory = Continuity("run")
    for said in rounds:
        memory, refused = memory.accept(said)
        assert refused == {}
    return memory


def reasons(memory, *said):
    return memory.accept(said)[1]


def test_what_is_remembered_worked_out_by_hand():
    memory = after([(A, told(0, "1"))], [(A, told(1, "2")), (B, told(1, "3"))])
    # printf of the DSSE bytes of B's statement, through sha256sum
    assert memory.last[B, "train"] == Last(1, "2016eade5b21cf93112000a354544e9d291bc9d66d86cd3dfd417617fb5d99e0")
    assert list(memory.updates.items()) == [
        ("1" * 64, Use(A, "f" * 64)),
        ("2" * 64, Use(A, "f" * 64)),
        ("3" * 64, Use(B, "f" * 64)),
    ]
    assert {key: last.round for key, last in memory.last.items()} == {(A, "train"): 1, (B, "train"): 1}


def test_each_replay_has_its_reason():
    memory = after([(A, told(3, "1")), (B, told(3, "2"))])
    assert reasons(memory, (A, told(3, "1"))) == {A: "replayed"}
    assert reasons(memory, (A, told(3, "1", examples=6))) == {A: "contradicts-itself"}
    assert reasons(memory, (A, told(2, "3"))) == {A: "stale-round"}
    assert reasons(memory, (A, told(4, "3", run="other"))) == {A: "wrong-run"}
    assert reasons(memory, (A, told(4, "1", model="e"))) == {A: "reused-update"}
    assert reasons(memory, (A, told(4, "2", model="e"))) == {A: "copied-update"}
    assert reasons(memory, (C, told(4, "2"))) == {C: "copied-update"}
    assert reasons(memory, (A, told(4, "3"))) == {}


def test_of_two_statements_for_one_round_none_counts():
    memory, refused = Continuity("run").accept([(A, told(0, "1")), (A, told(0, "2")), (B, told(0, "3"))])
    assert refused == {A: "contradicts-itself"}
    assert {who for who, _ in memory.last} == {B}


def test_the_same_statement_twice_in_one_call_is_a_retry():
    assert reasons(Continuity("run"), (A, told()), (A, told())) == {}


def test_of_several_senders_of_one_update_none_counts():
    memory, refused = Continuity("run").accept([(A, told()), (B, told(examples=9)), (C, told(update="2"))])
    assert refused == {A: "copied-update", B: "copied-update"}
    assert list(memory.updates) == ["2" * 64]


def test_the_broadcast_itself_was_copied_from_nobody():
    lazy = told(0, update="f", model="f")
    memory = after([(A, lazy), (B, lazy)])
    assert memory.updates == {}
    assert reasons(memory, (A, replace(lazy, round=1))) == {}


def test_a_model_that_did_not_change_gives_the_same_update_again():
    # the round before was refused as a whole, and the client trains without randomness
    memory = after([(A, told(0))], [(A, told(1))])
    assert reasons(memory, (B, told(1))) == {B: "copied-update"}


def test_evaluations_have_rounds_of_their_own_and_carry_no_update():
    empty = told(0, "0", phase="evaluate")
    memory = after([(A, told(0))], [(A, empty), (B, empty)], [(A, told(1, "2"))])
    assert reasons(memory, (A, empty)) == {A: "replayed"}


def test_another_run_forgets_rounds_and_remembers_updates():
    memory = after([(A, told(7))]).in_run("next")
    assert reasons(memory, (A, told(0, "2", run="next"))) == {}
    assert reasons(memory, (B, told(0, "1", run="next"))) == {B: "copied-update"}
    assert reasons(memory, (A, told(8, "3"))) == {A: "wrong-run"}
    assert memory.in_run("next") is memory


def test_the_memory_is_bounded_and_forgets_the_oldest(monkeypatch):
    monkeypatch.setattr(continuity, "MOST_UPDATES", 3)
    memory = after(*([(A, told(round, digit))] for round, digit in enumerate("12345")))
    assert [update[0] for update in memory.updates] == ["3", "4", "5"]
    assert reasons(memory, (A, told(4, "5"))) == {A: "replayed"}  # what is older is stale all the same


said = st.lists(
    st.tuples(
        st.sampled_from([A, B, C]),
        st.builds(
            told, st.integers(0, 3), st.sampled_from("12f"), st.sampled_from("ef"), st.sampled_from(["run", "old"]),
            st.integers(0, 1), st.sampled_from(["train", "evaluate"]),
        ),
    ),
    max_size=6,
)  # fmt: skip


@given(said, said, st.randoms(use_true_random=False))
def test_the_order_of_arrival_decides_nothing(first, second, random):
    one = Continuity("run").accept(first)[0].accept(second)
    random.shuffle(first)
    random.shuffle(second)
    assert Continuity("run").accept(first)[0].accept(second) == one


@given(said)
def test_nothing_is_accepted_twice_on_its_own(first):
    memory, refused = Continuity("run").accept(first)
    again, twice = memory.accept(first)
    assert again == memory
    assert {who for who, _ in first} == set(twice)
    assert not refused or set(refused) <= set(twice)


@given(said, said)
def test_an_update_never_counts_for_two(first, second):
    memory, _ = Continuity("run").accept(first)
    owners = {update: use.fingerprint for update, use in memory.updates.items()}
    later, _ = memory.accept(second)
    assert all(later.updates[update].fingerprint == who for update, who in owners.items() if update in later.updates)


@given(said, said)
def test_it_comes_back_from_a_checkpoint(first, second):
    memory, _ = Continuity("run").accept(first)
    memory, _ = memory.accept(second)
    assert Continuity.of(memory.plain()) == memory
    assert Continuity.of(unpack(pack(memory.plain()))) == memory
    back = Continuity.of(json.loads(json.dumps(memory.plain())))
    assert back == memory
    assert list(back.updates) == list(memory.updates)


@given(anything)
def test_anything_else_is_damaged(plain):
    with pytest.raises(StoreError, match="damaged"):
        Continuity.of(plain)


@pytest.mark.parametrize(
    "change",
    [
        {"run": 3}, {"more": 1}, {"last": {"x": {"train": (0, "0" * 64)}}}, {"last": {A: {"test": (0, "0" * 64)}}},
        {"last": {A: {"train": (True, "0" * 64)}}}, {"last": {A: {"train": (0, "0")}}}, {"last": {A: {"train": 5}}},
        {"updates": (("0", A, "0" * 64),)}, {"updates": (("0" * 64, "x", "0" * 64),)}, {"updates": 5},
        {"updates": (([], A, "0" * 64),)}, {"updates": (("0" * 64, A, "0"),)},
    ],
)  # fmt: skip
def test_a_damaged_part_is_noticed(change):
    with pytest.raises(StoreError, match="damaged"):
        Continuity.of(Continuity("run").plain() | change)
