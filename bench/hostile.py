"""Every way of being hostile or broken, under every strategy of Flower, bare and guarded: does the run end, and well?

    OMP_NUM_THREADS=1 python -m bench.hostile --out bench/results/hostile.json

Twelve clients in one process, of which one, and then two, do not send what they should; three rounds; Flower's own strategies,
unchanged. Each run is held against the one without liars: within a twentieth of the way that training went is as it should be.
With `--strategy NAME` only that column is made anew and the others stay. `--render` writes docs/hostile.md from the results,
and from those of bench/hostile_tls.py.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bench.behaviours import BEHAVIOURS
from bench.federation import FIRST_NODE, LIARS, NODES, ROUNDS, TOLERANCE, Cell, applies, client, drift, ended, verdict
from bench.hostile_page import PAGE, TLS, page
from bench.strategies import REFUSED, STRATEGIES, tree_app
from mithridate import __version__
from mithridate.core.errors import MithridateError
from mithridate.flower.local import run_local
from mithridate.flower.server import guard_app

RESULTS = Path(__file__).parent / "results" / "hostile.json"


def bare_outcome(found: Cell, honest: Cell) -> dict[str, Any]:
    """How a run without a guard came out: `outcome` is one of the page's words."""
    assert honest.model is not None
    if found.end != "ended":
        return {"outcome": "hangs"} if found.end == "hangs" else {"outcome": "crash", "error": found.end}
    if found.model is None:
        return {"outcome": "none"}
    apart = drift(found.model, honest.model)
    if np.isnan(apart):
        return {"outcome": "nan"}
    if any(array.dtype.kind == "c" for array in found.model.values()):
        return {"outcome": "complex"}
    if not apart <= TOLERANCE:
        return {"outcome": "moved", "drift": None if np.isinf(apart) else float(f"{apart:.3g}")}
    return {"outcome": "metrics" if found.misled else "ok"}


def guarded_outcome(behaviour: str, found: Cell, honest: Cell, liars: int) -> dict[str, Any]:
    """How a guarded run came out: what was wrong, and what the record says of the first liar in each round."""
    assert honest.model is not None
    fates = found.fates[f"node-{FIRST_NODE + LIARS[0]}"]
    return {
        "wrong": verdict(BEHAVIOURS[behaviour], found, honest, liars),
        "drift": float(f"{drift(found.model, honest.model):.2g}"),
        "said": [reason or status for status, reason in fates],
    }


def column(strategy: str) -> list[dict[str, Any]]:
    """All cells of one strategy."""
    way, cells = STRATEGIES[strategy], []
    for liars in range(1, len(LIARS) + 1):
        bare, guarded = (ended(way, None, liars, guarded=guarded) for guarded in (False, True))
        for name, behaviour in BEHAVIOURS.items():
            if applies(behaviour, way):
                found = {
                    "bare": bare_outcome(ended(way, behaviour, liars, guarded=False), bare),
                    "guarded": guarded_outcome(name, ended(way, behaviour, liars, guarded=True), guarded, liars),
                }
                cells.append({"strategy": strategy, "behaviour": name, "liars": liars} | found)
    return cells


def turned_away(strategy: str) -> str:
    """Why the guard will not run a strategy."""
    try:
        run_local(guard_app(tree_app(REFUSED[strategy])), client(), nodes=NODES)
    except MithridateError as error:
        return f"{type(error).__name__}: {error}"
    raise SystemExit(f"{strategy} was to be refused")


def about() -> dict[str, Any]:
    """On what, and of what, the figures were made."""
    return {
        "command": "python -m bench.hostile --out bench/results/hostile.json",
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "versions": {"mithridate": __version__, "flwr": version("flwr"), "numpy": version("numpy")},
        "clients": NODES,
        "rounds": ROUNDS,
        "tolerance": TOLERANCE,
    }


def written(found: dict[str, Any]) -> str:
    """The result file, a line per run."""
    *head, (_, cells) = found.items()
    lines = [f" {json.dumps(name)}: {json.dumps(value)}," for name, value in head]
    return "\n".join(["{", *lines, ' "cells": [', ",\n".join(f"  {json.dumps(cell)}" for cell in cells), " ]", "}", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--strategy", choices=STRATEGIES, action="append", help="only this column (again for more)")
    parser.add_argument("--render", action="store_true", help="write docs/hostile.md from the result file")
    given = parser.parse_args()
    logging.getLogger("flwr").setLevel(logging.CRITICAL)
    gc.freeze()  # Flower collects garbage at every reply: then at least not through everything that was imported
    if not given.render:
        before = json.loads(given.out.read_text())["cells"] if given.strategy and given.out.exists() else []
        for strategy in given.strategy or STRATEGIES:
            before = [cell for cell in before if cell["strategy"] != strategy] + column(strategy)
            order = list(STRATEGIES)
            before.sort(key=lambda cell: (cell["liars"], order.index(cell["strategy"])))
            told = about() | {"refused": {name: turned_away(name) for name in REFUSED}, "cells": before}
            given.out.write_text(written(told), encoding="utf-8")
            failed = [cell for cell in before if cell["strategy"] == strategy and cell["guarded"]["wrong"]]
            print(strategy, len(failed), "not held", flush=True)
    PAGE.write_text(page(json.loads(given.out.read_text()), json.loads(TLS.read_text())), encoding="utf-8")


if __name__ == "__main__":
    main()
