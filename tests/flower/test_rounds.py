"""A round: what came back is judged, and the strategy is handed what was made of it."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import Message, MetricRecord, RecordDict

from mithridate.core.errors import ConfigurationError
from mithridate.flower.batch import Asked
from mithridate.flower.private import identified
from mithridate.flower.rounds import Evaluation, Training
from mithridate.guard.policy import Policy
from tests.flower.batches import NODES, answer


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
