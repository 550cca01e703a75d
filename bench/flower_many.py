"""One guarded round of very many clients in one process: seconds and peak memory, rule by rule.

    python bench/flower_many.py --out bench/results/flower_many.json        (10,000 clients, d = 1e5: 4 GB of replies)
    python bench/flower_many.py --clients 1000

The app is that of bench/flower.py, but a client's arrays are made when it is asked, as a federation's are, so that the replies of
a round are never in memory beside each other. Each rule runs in a process of its own, f = n/5. Its peak is `ru_maxrss`, the
interpreter, Flower and everything included; the seconds are those of the whole round, the clients' few included.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from flower import ARRAYS, LIARS_IN, model
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from rules import machine, versions

from mithridate.flower import guard_app, run_local
from mithridate.flower.arrays import record_of
from mithridate.guard.catalog import RULES
from mithridate.guard.guard import Guard
from mithridate.guard.policy import Policy

BARE = "none"
RULE_NAMES = (BARE, "mean", "median", "trimmed-mean", "multi-krum")


def clients(n: int, d: int) -> ClientApp:
    """Clients whose answers are windows on one row of noise, each its own."""
    noise = np.random.default_rng(0).standard_normal(d + n, np.float32)
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        own = int(context.node_config["partition-id"])
        parts = np.split(noise[own : own + d], ARRAYS)
        arrays = record_of(dict(zip(model(d), parts, strict=True)))
        metrics = MetricRecord({"num-examples": 100, "train_loss": 0.5})
        return Message(RecordDict({"arrays": arrays, "metrics": metrics}), reply_to=message)

    return app


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def round_of(name: str, n: int, d: int) -> None:
    """What the fresh process does: one round, its facts as JSON on stdout."""
    logging.getLogger("flwr").setLevel(logging.ERROR)
    at: list[float] = []
    final: list[np.ndarray] = []
    server = ServerApp()

    def noted(_: int, arrays: ArrayRecord) -> None:
        at.append(time.perf_counter())
        final[:] = arrays.to_numpy_ndarrays()

    @server.main()
    def main(grid: Grid, _: Context) -> None:
        strategy = FedAvg(fraction_evaluate=0.0)
        strategy.start(grid=grid, initial_arrays=record_of(model(d)), num_rounds=1, evaluate_fn=noted)

    app: ServerApp = server
    if name != BARE:
        rule = RULES[name](**({"f": n // LIARS_IN} if name in ("trimmed-mean", "multi-krum") else {}))
        app = guard_app(server, Policy(Guard(rule)))
    before = peak_bytes()
    run_local(app, clients(n, d), nodes=n)
    moved = float(np.linalg.norm(np.concatenate([array.ravel() for array in final])))
    facts = {"rule": name, "seconds": round(at[-1] - at[0], 1), "peak_bytes": peak_bytes(), "before_bytes": before}
    print(json.dumps(facts | {"moved": moved}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--d", type=int, default=100_000)
    parser.add_argument("--rules", nargs="+", choices=RULE_NAMES, default=RULE_NAMES)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rule", choices=RULE_NAMES, help=argparse.SUPPRESS)  # how the fresh process is told
    options = parser.parse_args()
    if options.rule:
        round_of(options.rule, options.clients, options.d)
        return
    sizes = ["--clients", str(options.clients), "--d", str(options.d)]
    results: list[dict[str, Any]] = []
    for name in options.rules:
        command = [sys.executable, __file__, *sizes, "--rule", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - this very file
        if done.returncode:
            sys.exit(f"{name}: {done.stderr}")
        results.append(json.loads(done.stdout))
        print(json.dumps(results[-1]), flush=True)
    if options.out:
        about = {
            "command": " ".join(["python", *sys.argv]),
            "machine": machine(),
            "versions": versions(),
            "threads": os.environ.get("OMP_NUM_THREADS", "all"),
            "clients": options.clients,
            "d": options.d,
            "results": results,
        }
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
