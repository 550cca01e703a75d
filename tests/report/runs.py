"""Small runs for the tests of the report: made up, but true to the journal's schema, and written by the store itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mithridate.report.facts import Facts
from mithridate.report.reading import read
from mithridate.store.manifest import manifest
from mithridate.store.run import RunFolder

ROUNDS, CLIENTS, LIARS = 12, 10, ("c003", "c007")
MINORITY = ("c001", "c007")

ATTACK = """
[attack]
liars = 2
trigger = { name = "patch", target = 0, size = 3, share = 0.3 }
update = { name = "model-replacement", boost = 5.0 }
schedule = { name = "from-round", round = 2 }
"""
KRUM = """
[guard]
rule = { name = "multi-krum", f = 2 }
stages = [{ name = "clip", to = "median" }]
"""
SETTINGS = """name = "{name}"
rounds = {rounds}
seed = 1

[task]
name = "mnist"

[clients]
count = 10
partition = {{ name = "dirichlet", alpha = 0.5 }}
"""


def fate(client: str, round: int, *, attacked: bool, guarded: bool) -> dict[str, Any]:
    """What became of a client: liars lie from round 2 on; the guard drops them, and c001 in every fourth round."""
    lies = attacked and client in LIARS and round >= 2
    found: dict[str, Any] = {
        "client": client, "liar": lies, "minority": client in MINORITY, "examples": 100, "status": "counted",
        "share": 0.1, "stage": None, "reason": None, "score": None, "threshold": None,
    }  # fmt: skip
    if guarded and (lies or (client == "c001" and round % 4 == 3)):
        said = {"stage": "multi-krum", "reason": "not-selected", "score": 9.5 + round, "threshold": 4.25}
        found |= {"status": "dropped", "share": None} | said
    if guarded and client == "c009" and round == 5:
        found |= {"status": "refused", "share": None, "stage": "admission", "reason": "not-finite"}
    if client == "c008" and round == 6:
        found |= {"status": "late", "share": None, "reason": "late"}
    if client == "c005" and round == 7:
        found |= {"status": "absent", "share": None}
    return found


def round_event(number: int, *, attacked: bool, guarded: bool) -> dict[str, Any]:
    learnt = 0.95 * (1 - 0.6**number)
    poisoned = attacked and not guarded and number >= 2
    return {
        "event": "round", "round": number, "accuracy": learnt - 0.04 * poisoned,
        "asr": None if not attacked else min(0.98, 0.2 * (number - 1)) if poisoned else 0.01, "loss": 0.3,
        "per_class": [max(0.0, learnt - 0.1), learnt], "decision": "d" * 64, "model": "m" * 64, "refused": None,
        "delta_norm": 1.0,
        "clients": [fate(f"c{i:03d}", number, attacked=attacked, guarded=guarded) for i in range(CLIENTS)],
        "bytes_up": 1000, "bytes_down": 1000, "seconds": {"train": 0.5, "guard": 0.012, "evaluate": 0.1},
        "theory": theory(number, guarded=guarded),
    }  # fmt: skip


def theory(number: int, *, guarded: bool) -> dict[str, Any]:
    """Drift falls, spread² = .25 + 4 drift²: G = .5, B = 2. In round 3 the bound is broken."""
    drift = 1.0 / (1 + number)
    error = 9.0 if number == 3 else 0.125
    bound = 1.5 if guarded else None
    return {
        "honest": 8,
        "lying": 2,
        "error": error,
        "bound": bound,
        "spread": (0.25 + 4 * drift**2) ** 0.5,
        "drift": drift,
    }


def write(
    folder: Path,
    name: str,
    *,
    attacked: bool = False,
    guarded: bool = False,
    rounds: int = ROUNDS,
    finish: bool = True,
    change: Any = None,
) -> Path:
    """A run folder; `change` may alter each round's event before it is written."""
    text = SETTINGS.format(name=name, rounds=rounds) + (ATTACK if attacked else "") + (KRUM if guarded else "")
    made = manifest(
        config_digest=f"digest of {name}",
        seeds=[1],
        data_digest="d1",
        provenance="real: made up for a test",
        time="2026-01-01T00:00:00Z",
        more={"name": name},
    )
    path = folder / name
    with RunFolder.create(path, made, text) as run:
        promise = {"n": 10, "f": 2, "kappa": 4.5, "lower_bound": 1 / 3, "because": "", "cautions": []}
        if guarded:
            promise["cautions"] = [{"code": "clip-before-distances", "message": "clip hides lies"}]
        started = {"event": "started", "id": name, "version": "0", "config_digest": "c", "time": "now"}
        run.append(started | ({"theory": promise} if guarded else {}))
        for number in range(rounds):
            event = round_event(number, attacked=attacked, guarded=guarded)
            run.append(event if change is None else change(event))
        if finish:
            run.append({"event": "finished", "accuracy": 0.9, "asr": None, "model_digest": "f00d", "rounds": rounds})
    return path


def three(folder: Path) -> list[Path]:
    """Clean, unguarded, guarded."""
    return [
        write(folder, "clean"),
        write(folder, "unguarded", attacked=True),
        write(folder, "guarded", attacked=True, guarded=True),
    ]


def three_facts(folder: Path) -> Facts:
    return read(three(folder))
