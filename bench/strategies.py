"""Every strategy that Flower brings, and a loop that uses none, as ServerApps for a federation of some size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp.mod import adaptiveclipping_mod, fixedclipping_mod
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp import strategy as flower

__all__ = ["MODEL", "REFUSED", "STRATEGIES", "Way", "server_app", "tree_app"]

MODEL = {"w": np.zeros((2, 3), np.float32), "b": np.ones(3, np.float32), "steps": np.array(0)}
"""What the federation begins with: two arrays of weights and a counter, as BatchNorm keeps one."""


@dataclass(frozen=True)
class Way:
    """One way of making replies into a model.

    Args:
        made: The strategy for n clients of which f lie; None for a loop of one's own.
        each: It counts replies: the policy says `replies = "each"`.
        mods: What it wants in the clients.
        counter: It can average a counter of whole numbers.
        private: It promises differential privacy.
    """

    made: Callable[[int, int], Any] | None
    each: bool = False
    mods: tuple[Any, ...] = ()
    counter: bool = True
    private: bool = False


def _all(cls: Any, **more: Any) -> Callable[[int, int], Any]:
    """A strategy that asks everybody, and waits for everybody to be there."""
    return lambda n, f: cls(min_train_nodes=n, min_evaluate_nodes=n, min_available_nodes=n, **more)


def _average(n: int) -> Any:
    return _all(flower.FedAvg)(n, 0)


_NOISE = 0.01

STRATEGIES: dict[str, Way] = {
    "FedAvg": Way(_all(flower.FedAvg)),
    "FedAvgM": Way(_all(flower.FedAvgM, server_momentum=0.5)),
    "FedAdagrad": Way(_all(flower.FedAdagrad)),
    "FedAdam": Way(_all(flower.FedAdam)),
    "FedYogi": Way(_all(flower.FedYogi)),
    "FedProx": Way(_all(flower.FedProx, proximal_mu=0.1)),
    "QFedAvg": Way(_all(flower.QFedAvg, client_learning_rate=0.1), counter=False),
    "FedMedian": Way(_all(flower.FedMedian)),
    "FedTrimmedAvg": Way(_all(flower.FedTrimmedAvg, beta=0.2)),
    "Krum": Way(lambda n, f: _all(flower.Krum, num_malicious_nodes=f)(n, f)),
    "MultiKrum": Way(lambda n, f: _all(flower.MultiKrum, num_malicious_nodes=f, num_nodes_to_select=n - f)(n, f)),
    "Bulyan": Way(lambda n, f: _all(flower.Bulyan, num_malicious_nodes=f)(n, f), each=True),
    "DP server fixed": Way(
        lambda n, f: flower.DifferentialPrivacyServerSideFixedClipping(_average(n), _NOISE, 5.0, n), private=True
    ),
    "DP server adaptive": Way(
        lambda n, f: flower.DifferentialPrivacyServerSideAdaptiveClipping(
            _average(n), _NOISE, n, 5.0, clipped_count_stddev=0.5
        ),
        each=True,
        private=True,
    ),
    "DP client fixed": Way(
        lambda n, f: flower.DifferentialPrivacyClientSideFixedClipping(_average(n), _NOISE, 5.0, n),
        mods=(fixedclipping_mod,),
        private=True,
    ),
    "DP client adaptive": Way(
        lambda n, f: flower.DifferentialPrivacyClientSideAdaptiveClipping(
            _average(n), _NOISE, n, 5.0, clipped_count_stddev=0.5
        ),
        each=True,
        mods=(adaptiveclipping_mod,),
        private=True,
    ),
    "custom loop": Way(None),
}
"""By name; the table's columns."""

REFUSED: dict[str, Callable[[], Any]] = {
    "FedXgbBagging": lambda: flower.FedXgbBagging(min_available_nodes=2),
    "FedXgbCyclic": lambda: flower.FedXgbCyclic(min_available_nodes=2),
}
"""Strategies that average no arrays."""


def server_app(way: Way, n: int, f: int, rounds: int, into: dict[str, Any], *, evaluates: bool = True) -> ServerApp:
    """A ServerApp; the model and the metrics that it comes to are left in `into`.

    Args:
        way: How replies become a model.
        n: Clients.
        f: Of them, how many a robust strategy is told to bear.
        rounds: Of training.
        into: Where things are left.
        evaluates: Whether clients are also asked to evaluate every model.
    """
    app = ServerApp()

    @app.main()
    def main(grid: Grid, _: Context) -> None:
        began = {name: value for name, value in MODEL.items() if way.counter or name != "steps"}
        initial = ArrayRecord({name: Array(value) for name, value in began.items()})
        if way.made is None:
            into["arrays"] = _loop(grid, initial, rounds)
            return
        strategy = way.made(n, f)
        if not evaluates:
            averaging = getattr(strategy, "strategy", strategy)
            averaging.fraction_evaluate, averaging.min_evaluate_nodes = 0.0, 0
        result = strategy.start(grid, initial, num_rounds=rounds, timeout=30, train_config=ConfigRecord({"lr": 0.1}))
        told = [*result.train_metrics_clientapp.values(), *result.evaluate_metrics_clientapp.values()]
        into["arrays"], into["metrics"] = result.arrays, [dict(record) for record in told if record is not None]

    return app


def tree_app(made: Callable[[], Any]) -> ServerApp:
    """A ServerApp whose model is the bytes of a tree."""
    app = ServerApp()

    @app.main()
    def main(grid: Grid, _: Context) -> None:
        made().start(grid, ArrayRecord([np.frombuffer(b"{}", np.uint8)]), num_rounds=1)

    return app


def _loop(grid: Grid, arrays: ArrayRecord, rounds: int) -> ArrayRecord:
    """A loop as people write it: everybody is asked, whatever has content is averaged by its number of examples."""
    for round in range(1, rounds + 1):
        content = RecordDict({"arrays": arrays, "config": ConfigRecord({"server-round": round})})
        messages = [Message(content, id, "train") for id in grid.get_node_ids()]
        good = [reply.content for reply in grid.send_and_receive(messages, timeout=30) if reply.has_content()]
        whole = sum(content["metrics"]["num-examples"] for content in good)
        arrays = ArrayRecord({
            name: Array(np.asarray(sum(
                content["arrays"][name].numpy() * (content["metrics"]["num-examples"] / whole) for content in good
            )))
            for name in arrays
        })  # fmt: skip
    return arrays
