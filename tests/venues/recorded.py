"""The record of a guarded Flower federation, for those who read records: three of twelve hospitals send what they should not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mithridate.flower.local import LocalNode, run_local
from mithridate.flower.server import guard_app
from mithridate.guard.policy import read_policy
from tests.flower.federation import client_app, lying, reply, server_app

__all__ = ["FAR", "FLAKY", "NAN", "recorded"]

FAR, NAN, FLAKY = "hospital-03", "hospital-07", "hospital-09"
"""Who moves the model by a thousand, who sends NaN, and whose power fails in every third round."""

POLICY = """[guard]
rule = { name = "multi-krum", f = 2 }
stages = ["norm-screen"]
[round]
quorum = 3
[record]
folder = '%s'
rounds = true
"""


def recorded(folder: Path, rounds: int = 6, policy: str = POLICY, nodes: int = 12) -> Path:
    """Run a federation and keep its record: the run folder."""
    honest, worked = client_app(), [0]

    def far(message, model):
        return reply(message, _but(model, lambda values: values + np.float32(1000)), {"num-examples": 20})

    def nan(message, model):
        return reply(message, _but(model, lambda values: values * np.float32("nan")), {"num-examples": 20})

    def flaky(message, context):
        worked[0] += message.metadata.message_type == "train"
        if message.metadata.message_type == "train" and worked[0] % 3 == 0:
            raise TimeoutError("no power")
        return honest(message, context)

    instead = {FAR: lying(far), NAN: lying(nan), FLAKY: flaky}
    names = [f"hospital-{i:02d}" for i in range(nodes)]
    there = [
        LocalNode(instead.get(name, honest), 1000 + i, {"partition-id": i, "num-partitions": nodes}, name)
        for i, name in enumerate(names)
    ]
    app = guard_app(server_app(rounds=rounds), read_policy(policy % folder), identify=lambda node: node.name)
    run_local(app, honest, nodes=there, seed=4)
    (run,) = folder.glob("federation-*")
    return run


def _but(model, change):
    """All arrays but the counter changed."""
    return {name: values if name == "steps" else change(values) for name, values in model.items()}
