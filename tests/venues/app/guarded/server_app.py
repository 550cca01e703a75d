"""A server as `flwr new` writes it, but for the last line."""

from __future__ import annotations

import numpy as np
from flwr.app import ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from mithridate.flower import guard_app

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    everybody = int(context.run_config["clients"])
    strategy = FedAvg(min_available_nodes=everybody, min_train_nodes=everybody)
    model = ArrayRecord([np.zeros(50, np.float32), np.ones(10, np.float32)])
    strategy.start(grid=grid, initial_arrays=model, num_rounds=int(context.run_config["rounds"]))


app = guard_app(app, "policy.toml")
