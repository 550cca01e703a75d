"""What the guard costs a Flower app: whole rounds with and without it, in one process, in turn.

    python bench/flower.py --out bench/results/flower.json
    python bench/flower.py --work train --cells 10x100000 --turns 3 --apps "guard multi-krum"

The app is Flower's own FedAvg in `run_local`. Its clients do one of two kinds of work:

* `train`: an app as Flower's tutorials write it. A network of two layers learns from 60 MNIST images of the client's own, one
  epoch in batches of 10: a tenth of what a client has where 100 share MNIST, so that training does not hide what the guard costs.
* `answer`: they answer at once with arrays made beforehand, so that nothing is timed but the server, the messages and the guard.
  No federation is like that; it is where the guard's part is largest.

A turn runs every app once, bare FedAvg first and last; a run's time is the median of its rounds after the first. A ratio is that
time over the mean of the turn's two runs of bare FedAvg, and the median over all turns counts: other people's work on the
machine hits neighbours in time alike. Beside seconds on the clock stand CPU seconds, which other people's work changes less, and
which count what threads do beside each other.
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
import torch
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
from mithridate.sim.tasks import load

CELLS = ("10x100000", "100x100000", "10x1000000", "100x1000000")
ARRAYS, LIARS_IN, ROUNDS = 10, 5, 3
PLAIN = "FedAvg"
TRAINED = ("guard multi-krum", "guard default", "guard median", "guard multi-krum, each")
"""What is measured beside FedAvg where clients train; Flower's own robust strategies are compared where they answer at once."""
IMAGES, BATCH, PIXELS, CLASSES = 60, 10, 784, 10
FLOOR = "products alone, at the speed of BLAS"
"""What no exact Multi-Krum can go below: half of the matrix product of the updates with themselves, nothing read or written."""

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


def model(d: int, work: str = "answer") -> dict[str, np.ndarray]:
    if work == "train":
        return {name: values.numpy() for name, values in network(d).state_dict().items()}
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


def network(d: int) -> torch.nn.Sequential:
    """Two layers of about d parameters in all, the same in every call."""
    torch.manual_seed(0)
    hidden = round((d - CLASSES) / (PIXELS + 1 + CLASSES))
    return torch.nn.Sequential(torch.nn.Linear(PIXELS, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, CLASSES))


def learners(d: int) -> ClientApp:
    """Clients who train, each on images of its own."""
    task, net, app = load("mnist"), network(d), ClientApp()
    order = np.random.default_rng(0).permutation(len(task.y))
    x, y = torch.from_numpy(task.normalised(task.x).reshape(len(order), -1)), torch.from_numpy(task.y)

    @app.train()
    def train(message: Message, context: Context) -> Message:
        own = int(context.node_config["partition-id"])
        images = order[np.arange(own * IMAGES, (own + 1) * IMAGES) % len(order)]
        net.load_state_dict(message.content["arrays"].to_torch_state_dict())
        sgd = torch.optim.SGD(net.parameters(), lr=0.05)
        for batch in images.reshape(-1, BATCH):
            sgd.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(x[batch]), y[batch])
            loss.backward()
            sgd.step()
        metrics = MetricRecord({"num-examples": IMAGES, "train_loss": loss.item()})
        return Message(RecordDict({"arrays": ArrayRecord(net.state_dict()), "metrics": metrics}), reply_to=message)

    return app


def played(app: App, client: ClientApp, n: int, d: int, work: str = "answer") -> tuple[float, float]:
    """Seconds and CPU seconds of a round: the median of a run's rounds after the first."""
    strategy, policy = app
    at: list[tuple[float, float]] = []
    server = ServerApp()

    def noted(_: int, __: ArrayRecord) -> None:
        at.append((time.perf_counter(), time.process_time()))

    @server.main()
    def main(grid: Grid, _: Context) -> None:
        strategy().start(grid=grid, initial_arrays=record_of(model(d, work)), num_rounds=ROUNDS, evaluate_fn=noted)

    run_local(server if policy is None else guard_app(server, policy), client, nodes=n)
    took = np.diff(np.array(at), axis=0)[1:]
    wall_s, cpu_s = np.median(took, axis=0)
    return float(wall_s), float(cpu_s)


def products(n: int, d: int) -> Callable[[], tuple[float, float]]:
    """Seconds and CPU seconds of the inner products of n rows, in pieces that the cache holds; half, for they are symmetric."""
    rows = np.random.default_rng(0).standard_normal((n, 4096), np.float32)
    others, out = rows.copy(), np.empty((n, n), np.float32)  # a copy: one matrix with itself would be another routine

    def timed() -> tuple[float, float]:
        began = time.perf_counter(), time.process_time()
        for _ in range(max(1, d // 4096)):
            np.matmul(rows, others.T, out=out)
        return (time.perf_counter() - began[0]) / 2, (time.process_time() - began[1]) / 2

    return timed


def cell(n: int, d: int, work: str, turns: int, only: list[str] | None) -> list[dict[str, Any]]:
    """All apps on one size."""
    client = learners(d) if work == "train" else clients(n, d)
    wanted = only or (TRAINED if work == "train" else list(apps(n)))
    taking = {name: app for name, app in apps(n).items() if name in (PLAIN, *wanted)}
    floor = products(n, d)
    for app in taking.values():
        played(app, client, n, d, work)  # compiles kernels, fills caches
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in (*taking, FLOOR)}
    ratios: dict[str, list[tuple[float, float]]] = {name: [] for name in times}
    for _ in range(turns):
        turn = {name: played(app, client, n, d, work) for name, app in taking.items()} | {FLOOR: floor()}
        again = played(taking[PLAIN], client, n, d, work)
        plain = [(one + two) / 2 for one, two in zip(turn[PLAIN], again, strict=True)]
        for name, (wall_s, cpu_s) in turn.items():
            times[name].append((wall_s, cpu_s))
            ratios[name].append((wall_s / plain[0], cpu_s / plain[1]))
    of = {"work": work, "clients": n, "d": d}
    return [of | _row(name, times[name], ratios[name]) for name in times]


def _row(name: str, times: list[tuple[float, float]], ratios: list[tuple[float, float]]) -> dict[str, Any]:
    wall, cpu = (sorted(found) for found in zip(*ratios, strict=True))
    row = {
        "app": name,
        "turns": len(times),
        "ratio": round(statistics.median(wall), 3),
        "ratio_range": [round(wall[0], 3), round(wall[-1], 3)],
        "cpu_ratio": round(statistics.median(cpu), 3),
        "round_ms": round(1e3 * statistics.median(each for each, _ in times), 3),
    }
    print(json.dumps(row), flush=True)
    return row


def write(out: Path, rows: list[dict[str, Any]], key: tuple[str, ...]) -> None:
    """Put rows into a file of results, in the place of those with the same key; a long table can be measured in parts."""
    from rules import machine, versions

    before = json.loads(out.read_text(encoding="utf-8"))["results"] if out.exists() else []
    threads = os.environ.get("OMP_NUM_THREADS")
    command = f"{f'OMP_NUM_THREADS={threads} ' if threads else ''}python {' '.join(sys.argv)}"
    found = {tuple(row[name] for name in key): row for row in before}
    found |= {tuple(row[name] for name in key): row | {"command": command} for row in rows}
    about = {"machine": machine(), "versions": versions(), "results": list(found.values())}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", nargs="+", choices=("train", "answer"), default=["train", "answer"])
    parser.add_argument("--cells", nargs="+", default=CELLS, metavar="CLIENTSxD")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--apps", nargs="+", help="only these, beside bare FedAvg")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    logging.getLogger("flwr").setLevel(logging.ERROR)
    rows: list[dict[str, Any]] = []
    for work in options.work:
        for text in options.cells:
            n, _, d = text.partition("x")
            print(f"{work}, {text}", flush=True)
            rows += cell(int(n), int(d), work, options.turns, options.apps)
    if options.out:
        write(options.out, rows, ("work", "clients", "d", "app"))


if __name__ == "__main__":
    main()
