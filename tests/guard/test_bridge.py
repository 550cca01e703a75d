"""The guard for any engine: a function over named arrays, and its memory between rounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.errors import ConfigurationError
from mithridate.guard.bridge import GuardedRounds, decide, nobody_admitted
from mithridate.guard.policy import Policy, read_policy
from mithridate.store import replay

SENT = {"w": np.array([1.0, 2.0], np.float32), "steps": np.array(3)}
MEDIAN = read_policy('[guard]\nrule = "median"')


def reply(*w, steps=4):
    return {"w": np.array(w, np.float32), "steps": np.array(steps)}


def test_a_round_by_hand():
    replies = {"ann": reply(2, 2), "bob": reply(3, 4), "cat": reply(4, 9), "eve": {"w": "no array"}}
    verdict = decide(SENT, replies, policy=MEDIAN)
    assert verdict.model["w"].tolist() == [3, 4]
    assert verdict.model["steps"] == 3
    assert verdict.refused is None and not verdict.stop
    assert verdict.out == {"eve": "missing-key"}
    assert [(each.client, each.reason) for each in verdict.refusals] == [("eve", "missing-key")]
    assert SENT["w"].tolist() == [1, 2]


def test_a_counter_that_arithmetic_made_a_scalar_is_an_array_still():
    replies = {name: {"w": np.ones(2, np.float32), "steps": SENT["steps"] + 1} for name in "abc"}
    assert isinstance(replies["a"]["steps"], np.generic)
    assert decide(SENT, replies | {"eve": None}, policy=MEDIAN).out == {"eve": "not-a-mapping"}


def test_examples_weigh():
    mean = read_policy('[guard]\nrule = "weighted-mean"')
    replies = {"ann": reply(2, 2), "bob": reply(5, 2)}
    assert decide(SENT, replies, {"ann": 20, "bob": 10}, mean).model["w"].tolist() == [3, 2]
    assert decide(SENT, replies, policy=mean).model["w"].tolist() == [3.5, 2]


def test_differences_are_replies_to_zeros():
    zeros = {"w": np.zeros(2, np.float32)}
    verdict = decide(
        zeros,
        {name: {"w": np.array([x, 0], np.float32)} for name, x in zip("abc", (1, 2, 50), strict=True)},
        None,
        MEDIAN,
    )
    assert verdict.model["w"].tolist() == [2, 0]


def test_a_round_short_of_the_quorum_leaves_the_model_and_says_so():
    policy = read_policy('[guard]\nrule = "median"\n[round]\nquorum = 3\non-refusal = "stop"')
    verdict = GuardedRounds(policy).decide(SENT, {"ann": reply(9, 9), "bob": reply(9, 9)}, asked=["ann", "bob", "cat"])
    assert verdict.refused == "short of the quorum: 2 of 3"
    assert verdict.stop
    assert verdict.model["w"].tolist() == [1, 2]
    assert verdict.out == {"ann": "round-refused", "bob": "round-refused", "cat": "absent"}


def test_nobody_and_strangers():
    rounds = GuardedRounds(MEDIAN)
    verdict = rounds.decide(SENT, {"eve": reply(9, 9)}, asked=["ann"])
    assert verdict.refused == replay.NOBODY
    assert verdict.out == {"ann": "absent", "eve": "unknown-client"}
    assert rounds.decide(SENT, {}).refused == replay.NOBODY


def test_another_rule_steps_in_where_the_guard_refuses():
    policy = read_policy(
        '[guard]\nrule = { name = "krum", f = 1 }\n[round]\non-refusal = "fall-back"\nfall-back = "median"'
    )
    verdict = GuardedRounds(policy).decide(SENT, {name: reply(2, x) for name, x in zip("abc", (1, 2, 3), strict=True)})
    assert verdict.refused is None
    assert verdict.model["w"].tolist() == [2, 2]


def test_the_guard_remembers_and_can_be_gone_on_with():
    policy = read_policy('[guard]\nrule = "median"\nstages = [{ name = "worker-momentum", beta = 0.5 }]')
    first = GuardedRounds(policy)
    whole = [first.decide(SENT, {name: reply(x, y) for name in "abc"}).model["w"].tolist() for x, y in ((2, 2), (9, 2))]
    begun = GuardedRounds(policy)
    begun.decide(SENT, {name: reply(2, 2) for name in "abc"})
    again = GuardedRounds(policy, memory=begun.memory, round=begun.round)
    assert again.decide(SENT, {name: reply(9, 2) for name in "abc"}).model["w"].tolist() == whole[1]
    assert again.round == 2
    assert GuardedRounds(policy).decide(SENT, {name: reply(9, 2) for name in "abc"}).model["w"].tolist() != whole[1]


def test_what_the_guard_needs_is_brought_or_it_is_an_error():
    policy = read_policy('[guard]\nrule = "fl-trust"')
    replies = {name: reply(2, 2) for name in "abc"}
    with pytest.raises(ConfigurationError, match="needs reference: pass bring="):
        decide(SENT, replies, policy=policy)
    rounds = GuardedRounds(policy, bring=lambda cohort: {"reference": np.array([1, 0], np.float32)})
    assert rounds.decide(SENT, replies).model["w"].tolist() == [2, 2]


def test_without_a_policy_the_default_guard_is_chosen_by_the_number_of_clients():
    rounds = GuardedRounds()
    rounds.decide(SENT, {f"c{i}": reply(2, 2) for i in range(10)})
    assert rounds.guard == Policy().guarding(10)


@given(st.permutations(range(6)))
def test_the_order_of_arrival_does_not_matter(order):
    replies = {f"c{i}": reply(i, i * i) for i in order}
    assert (
        decide(SENT, replies, policy=MEDIAN).decision.digest
        == decide(SENT, {f"c{i}": reply(i, i * i) for i in range(6)}, policy=MEDIAN).decision.digest
    )


def test_replay_speaks_of_the_same_refusals():
    assert replay.nobody_admitted is nobody_admitted
