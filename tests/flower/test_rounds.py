"""One batch on its way: what is out, what came back, and what the strategy is handed."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Error, Message, MetricRecord, RecordDict

from mithridate.core.errors import ConfigurationError
from mithridate.flower.private import identified, message_like
from mithridate.flower.rounds import Asked, Before, Evaluation, Handed, Training
from mithridate.guard.policy import Policy

NODES = (5, 6, 7)


@pytest.fixture
def training():
    with identified(1):
        content = RecordDict({"arrays": ArrayRecord({"w": Array(np.zeros(2, np.float32))})})
        batch = Training([Asked(Message(content, node, "train"), f"n{node}") for node in NODES], Policy(), 0)
        batch.sent_as([f"m{node}" for node in NODES])
        for asked, id in zip(batch.asked, batch.ids, strict=True):
            asked.message.metadata.__dict__["_message_id"] = id
        yield batch


def answer(batch, node: int, value: float = 1.0, examples: int = 4) -> Message:
    arrays = ArrayRecord({"w": Array(np.full(2, value, np.float32))})
    metrics = MetricRecord({"num-examples": examples, "loss": value})
    return Message(RecordDict({"model": arrays, "said": metrics}), reply_to=batch.ids[f"m{node}"].message)


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


def test_the_strategy_is_handed_one_reply_or_one_each(training):
    for node in NODES:
        training.take(answer(training, node, float(node)))
    shares = {"n5": 4.0, "n7": 4.0}
    one = training.handed({"w": np.ones(2, np.float32)}, shares, each=False)
    assert list(one.replies) == ["m5"]
    content = one.replies["m5"].content
    assert content["model"]["w"].numpy().tolist() == [1.0, 1.0]
    assert dict(content["said"]) == {"loss": 5.0, "num-examples": 8}
    each = training.handed({"w": np.ones(2, np.float32)}, shares, each=True)
    assert list(each.replies) == ["m5", "m7"]
    each.replies["m5"].content["model"].pop("w")
    assert list(each.replies["m7"].content["model"]) == ["w"]


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


def test_claims_of_examples_are_judged_in_evaluations():
    with identified(1):
        batch = Evaluation([Asked(Message(RecordDict(), node, "evaluate"), f"n{node}") for node in NODES], Policy())
        batch.sent_as([f"m{node}" for node in NODES])
        for asked, id in zip(batch.asked, batch.ids, strict=True):
            asked.message.metadata.__dict__["_message_id"] = id
        for node, examples, loss in ((5, 10, 1.0), (6, 1_000_000, 9.0), (7, -3, 7.0)):
            metrics = MetricRecord({"num-examples": examples, "loss": loss})
            batch.take(Message(RecordDict({"metrics": metrics}), reply_to=batch.ids[f"m{node}"].message))
        assert batch.failures == {"m7": ("bad-examples", "the number of examples is negative or NaN")}
        handed = batch.handed(each=False)
    assert handed.metrics == {"loss": 9.0}
    assert dict(handed.replies["m5"].content["metrics"])["num-examples"] <= 10 + 10 * 500_005


def test_an_instruction_without_a_model_is_refused():
    with identified(1), pytest.raises(ConfigurationError, match="0 array records"):
        Training([Asked(Message(RecordDict(), 5, "train"), "n5")], Policy(), 0)
