"""A round of three nodes for the tests of batches."""

from __future__ import annotations

import numpy as np
from flwr.app import Array, ArrayRecord, Message, MetricRecord, RecordDict

__all__ = ["NODES", "answer"]

NODES = (5, 6, 7)


def answer(batch, node: int, value: float = 1.0, examples: int = 4) -> Message:
    arrays = ArrayRecord({"w": Array(np.full(2, value, np.float32))})
    metrics = MetricRecord({"num-examples": examples, "loss": value})
    return Message(RecordDict({"model": arrays, "said": metrics}), reply_to=batch.ids[f"m{node}"].message)
