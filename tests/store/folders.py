"""A small finished run for the tests of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mithridate.core.cohort import Cohort
from mithridate.core.protocols import Memory
from mithridate.core.randomness import stream
from mithridate.guard.claims import Refusal
from mithridate.guard.guard import Guard
from mithridate.guard.spec import parse
from mithridate.store.manifest import manifest
from mithridate.store.rounds import save_round
from mithridate.store.run import RunFolder

SCENARIO = """name = "toy"

[guard]
rule = { name = "krum", f = 1 }
stages = [ { name = "worker-momentum", beta = 0.5 } ]
"""
REFUSALS = (Refusal("eve", "not-finite", "'w' holds NaN or Inf"),)


def described(**more: Any) -> dict[str, Any]:
    return manifest(
        config_digest="c0ffee",
        seeds=[7],
        data_digest=None,
        provenance="drawn",
        time="2026-01-01T00:00:00Z",
        # One code version for the test and the programs that it starts, whoever edits the source in between.
        more={"name": "toy", "code_version": "0+test"} | more,
    )


def drawn(round: int, model: np.ndarray) -> Cohort:
    rng = stream(7, round, "toy")
    updates = rng.normal(size=(6, model.size)).astype(np.float32)
    return Cohort(model, updates, tuple((f"c{i}",) for i in range(6)), np.ones(6), round=round, seed=7)


def play(folder: RunFolder, rounds: int = 3) -> None:
    """An engine in miniature: resumes where the checkpoint says, and ends with the model and `finished`."""
    guard = parse(SCENARIO[SCENARIO.index("[guard]") :])
    found = folder.load_checkpoint()
    last, state = found or (-1, {"model": np.zeros(4, np.float32), "memory": guard.init()})
    folder.rewind(last)
    if not any(True for _ in folder.events()):
        folder.append({"event": "started", "id": "toy", "version": "0", "config_digest": "c0ffee", "time": "now"})
    for round in range(last + 1, rounds):
        state = step(folder, guard, round, state)
        folder.save_checkpoint(round, state)
    folder.save_model({"w": state["model"]})
    folder.append(
        {"event": "finished", "accuracy": 0.5, "asr": None, "model_digest": "m", "rounds": rounds, "seconds": 1.0}
    )


def step(folder: RunFolder, guard: Guard, round: int, state: Memory) -> Memory:
    cohort = drawn(round, state["model"])
    decision, memory = guard.apply(cohort, state["memory"])
    save_round(folder, cohort, REFUSALS)
    spoken = [
        {"client": c[0], "liar": c[0] == "c5", "status": "counted" if c[0] in decision.counted else "dropped"}
        for c in cohort.clients
    ]
    folder.append(
        {
            "event": "round",
            "round": round,
            "accuracy": 0.1 * round,
            "asr": None,
            "decision": decision.digest,
            "clients": spoken,
        }
    )
    return {"model": state["model"] + decision.delta, "memory": memory}


def finished(path: Path, rounds: int = 3) -> Path:
    with RunFolder.create(path, described(), SCENARIO) as folder:
        play(folder, rounds)
    return path


def contents(path: Path) -> dict[str, bytes]:
    """Every file of a run but the lock, by name."""
    return {
        file.relative_to(path).as_posix(): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name != "lock"
    }
