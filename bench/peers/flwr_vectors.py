"""Golden vectors from Flower: what its strategies return for fixed cohorts.

    python bench/peers/flwr_vectors.py tests/vectors/flwr.json      (in an environment with flwr)

Flower has each rule twice: in `flwr.server.strategy.aggregate` (named `server ...` here) and in `flwr.serverapp.strategy`
(`app ...`). They are not always the same rule, so both are recorded.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, Message, MetricRecord, RecordDict
from flwr.server.strategy import aggregate as server
from flwr.serverapp import strategy as app
from flwr.supercore.task_identity import TaskIdentity

logging.getLogger("flwr").setLevel(logging.ERROR)

BETAS = (0.1, 0.2, 0.3)


def messages(rows: np.ndarray, examples: list[int]) -> list[Message]:
    """One reply per row, as a Flower client sends it."""
    TaskIdentity.run_id = TaskIdentity.task_id = TaskIdentity.node_id = 1  # messages want to know who sends them
    found = []
    for node, (row, claimed) in enumerate(zip(rows, examples, strict=True), 1):
        asked = Message(content=RecordDict({}), dst_node_id=node, message_type="train")
        metrics = MetricRecord({"num-examples": claimed})
        content = RecordDict({"arrays": ArrayRecord({"w": Array(row.copy())}), "metrics": metrics})
        found.append(Message(content=content, reply_to=asked))
    return found


def of_the_server(rows: np.ndarray, examples: list[int], f: int) -> dict[str, np.ndarray | None]:
    """The functions of `flwr.server.strategy.aggregate`."""

    def results() -> list[tuple[list[np.ndarray], int]]:
        return [([row.copy()], claimed) for row, claimed in zip(rows, examples, strict=True)]

    n = len(rows)
    found: dict[str, Any] = {
        "server FedAvg": server.aggregate(results()),
        "server Median": server.aggregate_median(results()),
        "server Krum": server.aggregate_krum(results(), f, 0),
        "server MultiKrum": server.aggregate_krum(results(), f, n - f),
    }
    for beta in BETAS:
        found[f"server Trimmed {beta}"] = server.aggregate_trimmed_avg(results(), beta)
    try:
        found["server Bulyan"] = server.aggregate_bulyan(results(), f, server.aggregate_krum, to_keep=0)
    except ValueError:
        found["server Bulyan"] = [None]
    return {name: layers[0] for name, layers in found.items()}


def of_the_app(rows: np.ndarray, examples: list[int], f: int) -> dict[str, np.ndarray | None]:
    """The strategies of `flwr.serverapp.strategy`, from `aggregate_train` on."""
    n = len(rows)
    named: dict[str, Any] = {
        "app FedAvg": app.FedAvg(),
        "app Median": app.FedMedian(),
        "app Krum": app.Krum(num_malicious_nodes=f),
        "app MultiKrum": app.MultiKrum(num_malicious_nodes=f, num_nodes_to_select=n - f),
        "app Bulyan": app.Bulyan(num_malicious_nodes=f),
    }
    named |= {f"app Trimmed {beta}": app.FedTrimmedAvg(beta=beta) for beta in BETAS}
    found = {}
    for name, strategy in named.items():
        arrays, _ = strategy.aggregate_train(1, messages(rows, examples))
        found[name] = None if arrays is None else arrays["w"].numpy()
    return found


def main(out: str) -> None:
    rng = np.random.default_rng(2026)
    cases = []
    for n, d, f, far, offset, spread in (
        (11, 6, 2, 10.0, 0.0, 1.0),
        (15, 8, 3, 0.0, 0.0, 1.0),
        (15, 8, 3, 30.0, 0.0, 1.0),
        (20, 6, 4, 3.0, 0.0, 1.0),
        (15, 6, 3, 3.0, 100.0, 0.01),  # whole models that lie close together, which is what Flower's rules are given
        (4, 3, 1, 3.0, 0.0, 1.0),
    ):
        rows = rng.standard_normal((n, d))
        rows[rng.permutation(n)[:f]] += far * rng.standard_normal(d)
        rows = np.round(offset + spread * rows, 5).astype(np.float32)
        examples = [int(claimed) for claimed in rng.integers(1, 500, n)]
        results = of_the_server(rows, examples, f) | of_the_app(rows, examples, f)
        cases.append(
            {
                "f": f,
                "offset": offset,
                "rows": [[float(str(value)) for value in row] for row in rows],
                "examples": examples,
                "results": {
                    name: None if value is None else [float(str(x)) for x in np.asarray(value, np.float32)]
                    for name, value in results.items()
                },
            }
        )
    about = {
        "command": "python bench/peers/flwr_vectors.py tests/vectors/flwr.json",
        "flwr": importlib.metadata.version("flwr"),
        "numpy": np.__version__,
        "cases": cases,
    }
    Path(out).write_text(json.dumps(about) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
