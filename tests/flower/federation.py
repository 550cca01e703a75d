"""A Flower app by Flower's own conventions, small enough to be run often: every client pulls the model to its own point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg, Strategy

MODEL = {"w": np.zeros((2, 3), np.float32), "b": np.ones(3, np.float32), "steps": np.array(0)}
POINT = {"w": np.full((2, 3), 2.0, np.float32), "b": np.full(3, -1.0, np.float32)}


def client_app() -> ClientApp:
    """A client that goes half of the way to a point near `POINT`."""
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        model = {name: array.numpy() for name, array in message.content["arrays"].items()}
        own = int(context.node_config["partition-id"])
        for name, point in POINT.items():
            model[name] = model[name] + (point + np.float32(0.01 * own) - model[name]) / 2
        model["steps"] = model["steps"] + 1
        return reply(message, model, {"num-examples": 20 + own, "train_loss": 0.5})

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        model = {name: array.numpy() for name, array in message.content["arrays"].items()}
        loss = float(sum(np.square(model[name] - point).sum() for name, point in POINT.items()))
        return Message(RecordDict({"metrics": MetricRecord({"num-examples": 20, "loss": loss})}), reply_to=message)

    return app


def reply(message: Message, model: dict[str, np.ndarray], metrics: dict[str, Any]) -> Message:
    arrays = ArrayRecord({name: _array(value) for name, value in model.items()})
    return Message(RecordDict({"arrays": arrays, "metrics": MetricRecord(metrics)}), reply_to=message)


def _array(value: Any) -> Any:
    from flwr.app import Array

    return Array(np.asarray(value)) if not isinstance(value, Array) else value


def server_app(
    strategy: Callable[[], Strategy] = FedAvg, rounds: int = 3, into: dict[str, Any] | None = None
) -> ServerApp:
    """A ServerApp as `flwr new` writes it; what came out is left in `into`."""
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        initial = ArrayRecord({name: _array(value) for name, value in MODEL.items()})
        result = strategy().start(
            grid=grid, initial_arrays=initial, num_rounds=rounds, train_config=ConfigRecord({"lr": 0.1}), timeout=60
        )
        if into is not None:
            into["result"] = result
            into["model"] = {name: array.numpy() for name, array in result.arrays.items()}

    return app


def lying(
    how: Callable[[Message, dict[str, np.ndarray]], Message | None],
) -> Callable[[Message, Context], Message | None]:
    """A client that trains honestly and then sends what `how` makes of it; it evaluates honestly."""
    honest = client_app()

    def client(message: Message, context: Context) -> Message | None:
        answer = honest(message, context)
        if message.metadata.message_type != "train":
            return answer
        return how(message, {name: array.numpy() for name, array in answer.content["arrays"].items()})

    return client


def named(events: Sequence[dict[str, Any]], client: str) -> list[tuple[str, str | None]]:
    """What became of a client in each round."""
    rows = (row for event in events if event["event"] == "round" for row in event["clients"])
    return [(row["status"], row["reason"]) for row in rows if row["client"] == client]


def rounds_into(events: list[dict[str, Any]]) -> Callable[[Any], None]:
    """A watcher that keeps what was decided and what was said of the models."""
    return lambda event: events.append(dict(event)) if event["event"] in ("round", "evaluated") else None
