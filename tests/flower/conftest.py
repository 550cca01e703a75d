"""Flower tells of every round; here only what goes wrong is of interest."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Message, RecordDict

from mithridate.flower.batch import Asked
from mithridate.flower.private import identified
from mithridate.flower.rounds import Training
from mithridate.guard.policy import Policy
from tests.flower.batches import NODES


@pytest.fixture(autouse=True)
def quiet():
    logger = logging.getLogger("flwr")
    before = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(before)


@pytest.fixture
def training():
    """A round of three nodes under way."""
    with identified(1):
        content = RecordDict({"arrays": ArrayRecord({"w": Array(np.zeros(2, np.float32))})})
        batch = Training([Asked(Message(content, node, "train"), f"n{node}") for node in NODES], Policy(), 0)
        batch.sent_as([f"m{node}" for node in NODES])
        for asked, id in zip(batch.asked, batch.ids, strict=True):
            asked.message.metadata.__dict__["_message_id"] = id
        yield batch
