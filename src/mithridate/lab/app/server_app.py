"""The server: federated averaging, and the accuracy after every round as a line of JSON in the lab's folder."""

from __future__ import annotations

import json
from pathlib import Path

from flwr.app import ArrayRecord, Context, MetricRecord
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from mithridate.flower import guard_app
from mithridate.lab.app.task import accuracy, loaded, network

__all__ = ["app", "bare", "main"]

bare = ServerApp()


@bare.main()
def main(grid: Grid, context: Context) -> None:
    """Train for as many rounds as the run's configuration says."""
    config = context.run_config
    task = loaded(str(config["data"]))
    progress = Path(str(config["progress"]))

    def evaluated(round: int, arrays: ArrayRecord) -> MetricRecord:
        net = network(task, 0)
        net.load_state_dict(arrays.to_torch_state_dict())
        found = accuracy(net, task)
        with progress.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"round": round, "accuracy": found}) + "\n")
        return MetricRecord({"accuracy": found})

    nodes = int(config["min-nodes"])
    FedAvg(fraction_evaluate=0.0, min_train_nodes=nodes, min_available_nodes=nodes).start(
        grid=grid,
        initial_arrays=ArrayRecord(network(task, int(config["seed"])).state_dict()),
        num_rounds=int(config["rounds"]),
        evaluate_fn=evaluated,
    )


app = guard_app(bare, "policy.toml")
