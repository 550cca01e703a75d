"""What the guard costs a Flower app: whole rounds with and without it, in one process, in turn.

    OMP_NUM_THREADS=1 python bench/flower.py --out bench/results/flower.json
    OMP_NUM_THREADS=1 python bench/flower.py --cells 10x100000 --turns 3

The app is Flower's own FedAvg in `run_local`; its clients answer at once with arrays made beforehand, so that nothing is timed
but the server, the messages and the guard. A real round also trains, evaluates and sends: there the guard's part is smaller.

A turn runs every app once, bare FedAvg first and last; a run's time is the median of its rounds after the first. A ratio is that
time over the mean of the turn's two runs of bare FedAvg, and the median over all turns counts: other people's work on the
machine hits neighbours in time alike. Beside seconds on the clock stand CPU seconds, which other people's work changes less.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg, FedMedian, Krum, MultiKrum, Strategy

from mithridate.flower import guard_app, run_local
from mithridate.flower.arrays import record_of
from mithridate.guard.guard import Guard
from mithridate.guard.policy import Policy, Rounds, default_guard
from mithridate.rules import Krum as OurKrum
from mithridate.rules import Mean, Median
from mithridate.rules import MultiKrum as OurMultiKrum

CELLS = ("10x100000", "100x100000", "10x1000000", "100x1000000")
ARRAYS, LIARS_IN, ROUNDS = 10, 5, 3
PLAIN = "FedAvg"

App = tuple[Callable[[], Strategy], Policy | None]
"""The strategy, and the policy of the guard around it; None for a bare app."""


def apps(n: int) -> dict[str, App]:
    """All that takes part in a turn: f = n/5 wherever an f is wanted."""
    f = n // LIARS_IN
    usual = {"fraction_evaluate": 0.0}

    def plain() -> Strategy:
        return FedAvg(**usual)

    guards = {
        "mean": Guard(Mean()),
        "median": Guard(Median()),
        "krum": Guard(OurKrum(f)),
        "multi-krum": Guard(OurMultiKrum(f)),
        "default": default_guard(n),
    }
    found: dict[str, App] = {
        PLAIN: (plain, None),
        "FedMedian": (lambda: FedMedian(**usual), None),
        "Krum": (lambda: Krum(**usual, num_malicious_nodes=f), None),
        "MultiKrum": (lambda: MultiKrum(**usual, num_malicious_nodes=f, num_nodes_to_select=n - f), None),
    }
    found |= {f"guard {name}": (plain, Policy(guard)) for name, guard in guards.items()}
    found["guard multi-krum, each"] = plain, Policy(guards["multi-krum"], round=Rounds(replies="each"))
    return found


def model(d: int) -> dict[str, np.ndarray]:
    return {f"layer-{i}": np.zeros(d // ARRAYS, np.float32) for i in range(ARRAYS)}


def clients(n: int, d: int) -> ClientApp:
    """Clients whose answers lie ready: the same noise in every round."""
    rng = np.random.default_rng(0)
    ready: list[ArrayRecord] = [
        record_of({name: rng.standard_normal(len(array), np.float32) for name, array in model(d).items()})
        for _ in range(n)
    ]
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        own = int(context.node_config["partition-id"])  # a copy below: Flower's Krum empties the records it reads
        metrics = MetricRecord({"num-examples": 100 + own, "train_loss": 0.5})
        return Message(RecordDict({"arrays": ready[own].copy(), "metrics": metrics}), reply_to=message)

    return app


def played(app: App, client: ClientApp, n: int, d: int) -> tuple[float, float]:
    """Seconds and CPU seconds of a round: the median of a run's rounds after the first."""
    strategy, policy = app
    at: list[tuple[float, float]] = []
    server = ServerApp()

    def noted(_: int, __: ArrayRecord) -> None:
        at.append((time.perf_counter(), time.process_time()))

    @server.main()
    def main(grid: Grid, _: Context) -> None:
        strategy().start(grid=grid, initial_arrays=record_of(model(d)), num_rounds=ROUNDS, evaluate_fn=noted)

    run_local(server if policy is None else guard_app(server, policy), client, nodes=n)
    took = np.diff(np.array(at), axis=0)[1:]
    wall_s, cpu_s = np.median(took, axis=0)
    return float(wall_s), float(cpu_s)


def cell(n: int, d: int, turns: int, only: list[str] | None) -> list[dict[str, Any]]:
    """All apps on one size."""
    client = clients(n, d)
    taking = {name: app for name, app in apps(n).items() if only is None or name in (PLAIN, *only)}
    for app in taking.values():
        played(app, client, n, d)  # compiles kernels, fills caches
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in taking}
    ratios: dict[str, list[tuple[float, float]]] = {name: [] for name in taking}
    for _ in range(turns):
        turn = {name: played(app, client, n, d) for name, app in taking.items()}
        again = played(taking[PLAIN], client, n, d)
        plain = [(one + two) / 2 for one, two in zip(turn[PLAIN], again, strict=True)]
        for name, (wall_s, cpu_s) in turn.items():
            times[name].append((wall_s, cpu_s))
            ratios[name].append((wall_s / plain[0], cpu_s / plain[1]))
    return [_row(n, d, name, times[name], ratios[name]) for name in taking]


def _row(
    n: int, d: int, name: str, times: list[tuple[float, float]], ratios: list[tuple[float, float]]
) -> dict[str, Any]:
    wall, cpu = (sorted(found) for found in zip(*ratios, strict=True))
    row = {
        "clients": n,
        "d": d,
        "app": name,
        "ratio": round(statistics.median(wall), 3),
        "ratio_range": [round(wall[0], 3), round(wall[-1], 3)],
        "cpu_ratio": round(statistics.median(cpu), 3),
        "round_ms": round(1e3 * statistics.median(each for each, _ in times), 3),
    }
    print(json.dumps(row), flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", default=CELLS, metavar="CLIENTSxD")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--apps", nargs="+", help="only these, beside bare FedAvg")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        sys.exit("set OMP_NUM_THREADS=1: numpy's threads would hide what a round costs")
    logging.getLogger("flwr").setLevel(logging.ERROR)
    rows: list[dict[str, Any]] = []
    for text in options.cells:
        n, _, d = text.partition("x")
        rows += cell(int(n), int(d), options.turns, options.apps)
    if options.out:
        from rules import machine, versions

        about = {
            "command": "OMP_NUM_THREADS=1 python " + " ".join(sys.argv),
            "machine": machine(),
            "versions": versions(),
            "turns": options.turns,
            "results": rows,
        }
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
