"""The enrolled: whose samples are whose, and who is called in a round."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mithridate.attacks import Adversary, LabelFlip, SignFlip
from mithridate.sim.members import Members
from mithridate.sim.partition import Iid
from mithridate.sim.scenario import Clients, Scenario, TaskChoice
from mithridate.sim.tasks import load

TASK = load("digits")
PLAIN = Scenario(task=TaskChoice("digits"), clients=Clients(7, partition=Iid()))


def test_every_sample_has_one_owner():
    members = Members(PLAIN, TASK)
    owned = np.concatenate(list(members.parts.values()))
    assert np.array_equal(np.sort(owned), np.arange(len(TASK.y)))
    assert [members.size(client) for client in members.ids] == [len(part) for part in members.parts.values()]


def test_all_are_called_and_nobody_lies_without_an_attack():
    called = Members(PLAIN, TASK).called(3)
    assert called.asked == called.answering == Members(PLAIN, TASK).ids
    assert not called.late | called.liars


def test_who_is_called_is_the_rounds_own_draw():
    some = replace(PLAIN, clients=Clients(7, 3, Iid(), drop_out=0.3, straggler=0.3))
    draws = [Members(some, TASK).called(round) for round in range(20)]
    assert draws == [Members(some, TASK).called(round) for round in range(20)]
    assert len({called.asked for called in draws}) > 1
    assert all(len(called.asked) == 3 and called.late <= set(called.answering) <= set(called.asked) for called in draws)


def test_liars_answer_and_their_samples_are_clean_unless_the_attack_touches_data():
    members = Members(replace(PLAIN, attack=Adversary(2, update=SignFlip())), TASK)
    called = members.called(0)
    assert len(called.liars) == 2
    client = min(called.liars)
    assert np.array_equal(members.dirty(client).rows, members.clean(client).rows)


def test_a_poisoned_shard_has_other_labels():
    members = Members(replace(PLAIN, attack=Adversary(2, data=LabelFlip())), TASK)
    everything = np.arange(members.size("c001"))
    assert not np.array_equal(members.dirty("c001").take(everything)[1], members.clean("c001").take(everything)[1])


def test_nothing_is_held_out_for_a_guard_without_needs():
    assert len(Members(PLAIN, TASK).root) == 0
