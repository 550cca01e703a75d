"""One batch on its way: what is out, what is missed, and that every instruction has its answer."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import Error, Message, RecordDict

from mithridate.flower.batch import Before, Handed, pushed
from mithridate.flower.local import LocalGrid
from mithridate.flower.private import identified, message_like
from tests.flower.batches import NODES, answer


def test_replies_are_taken_once_and_what_is_missed_fails(training):
    for _ in range(2):
        training.take(answer(training, 5))
    assert training.out == {"m6", "m7"}
    training.miss("m6", "late")
    training.miss("m5", "late")
    training.take(answer(training, 6))
    assert training.failures == {"m6": ("failed", "late")}
    cohort, refusals = training.door.close()
    assert cohort.clients == (("n5",),)
    assert [(each.client, each.reason) for each in refusals] == [("n6", "failed")]


def test_what_is_handed_on_can_be_handed_to_all_who_were_asked(training):
    training.take(answer(training, 6, 2.0))
    training.take(answer(training, 7, float("nan")))
    handed = training.handed({"w": np.ones(2, np.float32)}, {"n6": 4.0}, each=True)
    found = training.for_all(handed)
    assert set(found.replies) == {"m5", "m6", "m7"}
    assert sorted(found.weights) == [("n5", 4), ("n6", 4), ("n7", 4)]
    found.replies["m6"].content["model"].pop("w")
    for id in ("m5", "m7"):
        assert found.replies[id].content["model"]["w"].numpy().tolist() == [1.0, 1.0]
        assert found.replies[id].metadata.reply_to_message_id == id
    assert training.for_all(Handed({}, {})).replies == {}


def test_every_message_can_have_its_answer(training):
    training.take(message_like(answer(training, 6), error=Error(1, "no")))
    errors = training.errors(["m5"], all_others=True)
    assert {id: error.error.reason for id, error in errors.items()} == {
        "m6": "failed: code 1: no",
        "m7": "not handed on by the guard",
    }
    assert set(training.errors([], all_others=False)) == {"m6"}


def test_what_was_handed_on_before_a_crash_is_handed_on_again(training):
    told = {"metrics": {"loss": 2.0}, "names": ["model", "said"], "handed": [["n7", 9], ["gone", 4]]}
    again = training.again(Before({"w": np.ones(2, np.float32)}, told))
    assert [id for id, message in again.items() if message.has_content()] == ["m7", "m5"]
    assert again["m7"].content["model"]["w"].numpy().tolist() == [1.0, 1.0]
    assert dict(again["m7"].content["said"]) == {"loss": 2.0, "num-examples": 9}
    assert again["m5"].content["said"]["num-examples"] == 4
    assert again["m6"].has_error()
    refused = training.again(Before(None, {"names": None}))
    assert all(error.has_error() for error in refused.values())


@pytest.mark.parametrize("leaves_out", [True, False])
def test_a_message_that_could_not_be_sent_takes_nobody_elses_id(leaves_out):
    class Sending(LocalGrid):
        """Node 6 cannot be sent to."""

        def push_messages(self, messages):
            ids = super().push_messages(messages)
            ids = [None if each.metadata.dst_node_id == 6 else id for each, id in zip(messages, ids, strict=True)]
            return [id for id in ids if id is not None] if leaves_out else ids

    with identified(1):
        messages = [Message(RecordDict(), node, "train") for node in NODES]
        assert pushed(Sending([]), messages) == ["1-1", None, "1-3"]
