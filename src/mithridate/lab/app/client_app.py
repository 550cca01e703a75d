"""The client: trains on its part of the data; with the guard it checks who asks and signs what it answers."""

from __future__ import annotations

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from mithridate.flower import guard_client
from mithridate.lab.app.task import loaded, network, shard, train

__all__ = ["app", "bare", "fit"]

bare = ClientApp()
app = ClientApp(mods=[guard_client("policy.toml")])


@app.train()
@bare.train()
def fit(message: Message, context: Context) -> Message:
    """Train the model that came on the samples of this node."""
    config = context.run_config
    task = loaded(str(config["data"]))
    net = network(task, 0)
    net.load_state_dict(message.content.array_records["arrays"].to_torch_state_dict())
    part, parts = int(context.node_config["partition-id"]), int(context.node_config["num-partitions"])
    x, y = shard(task, part, parts)
    round = int(str(message.content.config_records["config"]["server-round"]))
    loss = train(net, x, y, epochs=int(config["epochs"]), rate=float(config["rate"]), seed=1000 * round + part)
    content = RecordDict(
        {
            "arrays": ArrayRecord(net.state_dict()),
            "metrics": MetricRecord({"num-examples": len(y), "train-loss": loss}),
        }
    )
    return Message(content=content, reply_to=message)
