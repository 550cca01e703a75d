"""The worst of bench/hostile.py once more, over a real deployment: SuperLink, SuperNodes, TLS, registered keys, signed replies.

    OMP_NUM_THREADS=1 python -m bench.hostile_tls FOLDER --out bench/results/hostile_tls.json

Three honest SuperNodes and a lying one, which in round i tells the i-th lie. One guarded run with the liar, one in which it is
honest, and for each lie a run of two rounds without a guard. FOLDER is new; the lab in it is ended, whatever happens.
`python -m bench.hostile --render` puts the results on docs/hostile.md.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.hostile_page import TLS
from bench.told import SENT
from mithridate import __version__
from mithridate.core.errors import MithridateError
from mithridate.lab.commands import Plan
from mithridate.lab.federation import Event, prepare, rise, train
from mithridate.lab.folder import Lab, made
from mithridate.lab.processes import end

BARE_ROUNDS = 2
_RAISED = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception|Replies))\b", re.MULTILINE)


def guarded(lab: Lab, run: str, lie: str) -> tuple[list[Event], float]:
    """The rounds of a guarded run, and how many seconds it took."""
    begun = time.monotonic()
    rounds = [event for event in train(lab, run, guarded=True, lie=lie) if event["event"] == "round"]
    return rounds[1:], time.monotonic() - begun


def bare(lab: Lab, lie: str) -> dict[str, Any]:
    """What becomes of a run without a guard; the accuracies begin with that of the first model."""
    run = f"bare-{lie}"
    short = replace(lab, plan=replace(lab.plan, rounds=BARE_ROUNDS))
    fate: dict[str, Any] = {"ended": True}
    try:
        list(train(short, run, guarded=False, lie=lie))
    except MithridateError as why:
        raised = _RAISED.findall(lab.log(f"run-{run}").read_text(encoding="utf-8", errors="replace"))
        fate = {"ended": False, "said": raised[-1] if raised else str(why).partition(";")[0]}
    lines = lab.progress(run).read_text(encoding="utf-8").splitlines()
    return fate | {"accuracy": [json.loads(line)["accuracy"] for line in lines]}


def wrong(told: Event, reason: str) -> list[str]:
    """What a guarded round did not hold: the liar is turned away for the reason, or counted where that is due; others count."""
    found = [] if told.get("refused") is None else [f"the round was refused: {told['refused']}"]
    for client in told["clients"]:
        due = reason if client["client"].startswith("liar") else "counted"
        away = client["status"] in ("dropped", "refused")
        if away != (due != "counted") or (client["reason"] or client["status"]) != due:
            found.append(f"{client['client']}: {client['status']}, {client['reason']}")
    return found


def measured(lab: Lab, bared: Iterable[str]) -> dict[str, Any]:
    """All runs of a lab that has risen."""
    rounds, wall_s = guarded(lab, "liar", " ".join(SENT))
    honest, _ = guarded(lab, "honest", "none")
    cells = []
    for told, (lie, sent) in zip(rounds, SENT.items(), strict=True):
        (liar,) = (client for client in told["clients"] if client["client"].startswith("liar"))
        cell = {"lie": lie, "round": told["round"], "status": liar["status"], "said": liar["reason"] or liar["status"],
                "accuracy": told["accuracy"], "wrong": wrong(told, sent.reason)}  # fmt: skip
        cells.append(cell | ({"bare": bare(lab, lie)} if lie in bared else {}))
        print(cells[-1], flush=True)
    return {
        "accuracy": {"liar": rounds[-1]["accuracy"], "honest": honest[-1]["accuracy"]},
        "wall_s": round(wall_s, 1),
        "cells": cells,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=TLS)
    parser.add_argument("--port", type=int, default=19443)
    parser.add_argument("--bare", nargs="*", choices=SENT, default=list(SENT), help="what to send without a guard, too")
    given = parser.parse_args()
    lab = made(given.folder, Plan(nodes=3, liars=1, rounds=len(SENT), port=given.port))
    try:
        for event in (*prepare(lab), *rise(lab)):
            print(event["what"], event["detail"], flush=True)
        found = measured(lab, given.bare)
    finally:
        print(end(lab.marker), "processes ended", flush=True)
    head = {
        "command": "python -m bench.hostile_tls FOLDER --out bench/results/hostile_tls.json",
        "versions": {"mithridate": __version__, "flwr": version("flwr"), "numpy": version("numpy")},
        "nodes": lab.plan.nodes, "liars": lab.plan.liars, "bare_rounds": BARE_ROUNDS,
    }  # fmt: skip
    given.out.write_text(json.dumps(head | found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
