"""A Flower app in a folder: numbers that clients pull to their own point, and a server that measures how near the model is."""

from __future__ import annotations

from pathlib import Path

PROJECT = """[project]
name = "small"
version = "1.0.0"

[tool.flwr.app]
publisher = "tests"

[tool.flwr.app.components]
serverapp = "small.server_app:app"
clientapp = "small.client_app:app"

[tool.flwr.app.config]
num-server-rounds = 3
name = "plain"
lr.first = 0.5
"""

SERVER = """import numpy as np
from flwr.app import Array, ArrayRecord, MetricRecord
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAvg

app = ServerApp()

@app.main()
def main(grid, context):
    def near(number, arrays):
        return MetricRecord({"accuracy": float(np.exp(-abs(arrays["w"].numpy() - 1).max()))})
    initial = ArrayRecord({"w": Array(np.zeros(4, np.float32)), "steps": Array(np.array(0))})
    rounds = context.run_config["num-server-rounds"]
    print("the app speaks")
    result = FedAvg(min_available_nodes=2).start(grid, initial, rounds, evaluate_fn=near)
    if result.arrays:
        context.state["model"] = result.arrays
"""

CLIENT = """import numpy as np
from flwr.app import Array, ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from small.point import point

app = ClientApp()
liar = ClientApp()

@app.train()
def train(message, context):
    arrays = {name: array.numpy() for name, array in message.content["arrays"].items()}
    own = point(context.node_config["partition-id"])
    arrays["w"] = arrays["w"] + (own - arrays["w"]) * np.float32(context.run_config["lr.first"])
    arrays["steps"] = arrays["steps"] + 1
    content = {"arrays": ArrayRecord({name: Array(np.asarray(a)) for name, a in arrays.items()}),
               "metrics": MetricRecord({"train_loss": 0.5, "num-examples": 10})}
    return Message(RecordDict(content), reply_to=message)

@app.evaluate()
def evaluate(message, context):
    return Message(RecordDict({"metrics": MetricRecord({"eval_loss": 0.25, "num-examples": 10})}), reply_to=message)

@liar.train()
def lie(message, context):
    reply = train(message, context)
    reply.content["arrays"]["w"] = Array(np.full(4, 100.0, np.float32))
    return reply

liar.evaluate()(evaluate)
"""

POINT = """import numpy as np

def point(partition):
    return np.full(4, 1 + 0.01 * partition, np.float32)
"""

TAIL = '\nfrom mithridate.flower import guard_app\n\napp = guard_app(app, "policy.toml")\n'
"""What guards the app."""


def written(folder: Path, *, guarded: bool = False, **changed: str) -> Path:
    """Write the app; `changed` replaces whole files by name: server, client, point, project."""
    texts = {"server": SERVER, "client": CLIENT, "point": POINT, "project": PROJECT} | changed
    (folder / "small").mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(texts["project"])
    (folder / "small" / "__init__.py").write_text("")
    (folder / "small" / "server_app.py").write_text(texts["server"] + (TAIL if guarded else ""))
    (folder / "small" / "client_app.py").write_text(texts["client"])
    (folder / "small" / "point.py").write_text(texts["point"])
    if guarded:
        (folder / "policy.toml").write_text('[guard]\nrule = { name = "trimmed-mean", f = 2 }\n')
    return folder
