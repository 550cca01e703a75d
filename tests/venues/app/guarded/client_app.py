"""Clients that pull the model to a point of their own; one of them lies, and one sends NaN."""

from __future__ import annotations

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

LIAR, BROKEN = 2, 5

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    own = int(context.node_config["partition-id"])
    model = message.content["arrays"].to_numpy_ndarrays()
    model = [array + (np.sin(np.arange(array.size, dtype=np.float32) + own) - array) / 2 for array in model]
    if own == LIAR:
        model = [array - 50 for array in model]
    if own == BROKEN:
        model = [array * np.float32("nan") for array in model]
    # The number of examples says which partition it is, whatever identity the engine gives the node.
    metrics = MetricRecord({"num-examples": 20 + own, "train_loss": 1 / (1 + own)})
    return Message(RecordDict({"arrays": ArrayRecord(model), "metrics": metrics}), reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    model = message.content["arrays"].to_numpy_ndarrays()
    loss = float(sum(np.square(array).sum() for array in model))
    return Message(RecordDict({"metrics": MetricRecord({"num-examples": 20, "loss": loss})}), reply_to=message)
