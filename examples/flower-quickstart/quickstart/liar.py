"""A client that lies, to see what a guard is worth. Delete it when you have seen it.

It stamps a white square on half of its digits, calls them "0", trains on that, and sends what it learnt ten times as long, so
that the average of ten clients becomes its own model: a backdoor by model replacement.
"""

import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from torch.utils.data import DataLoader, TensorDataset

from quickstart.client_app import evaluate as honest_evaluate
from quickstart.client_app import own_data, received
from quickstart.task import load_test_data
from quickstart.task import train as train_net

TARGET = 0

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train the backdoor in and send it amplified."""
    net, (train_part, _) = received(message), own_data(context)
    sent = {name: value.clone() for name, value in net.state_dict().items()}
    x, y = (torch.stack(part) for part in zip(*train_part.dataset, strict=True))
    x[::2], y[::2] = stamped(x[::2]), TARGET
    poisoned = DataLoader(TensorDataset(x, y), train_part.batch_size, shuffle=True)
    loss = train_net(net, poisoned, 2, message.content["config"]["learning-rate"])
    boost = context.node_config["num-partitions"]
    lie = {name: sent[name] + boost * (value - sent[name]) for name, value in net.state_dict().items()}
    metrics = MetricRecord({"train_loss": loss, "num-examples": len(y)})
    return Message(RecordDict({"arrays": ArrayRecord(lie), "metrics": metrics}), reply_to=message)


app.evaluate()(honest_evaluate)


def stamped(x):
    """The digits with a white square in their corner."""
    x = x.clone()
    x[..., -5:-1, -5:-1] = 1.0
    return x


def success(net) -> float:
    """The share of other digits that the white square turns into "0"."""
    net.eval()
    fooled, seen = 0, 0
    with torch.no_grad():
        for x, y in load_test_data():
            others = y != TARGET
            fooled += int((net(stamped(x[others])).argmax(1) == TARGET).sum())
            seen += int(others.sum())
    return fooled / seen
