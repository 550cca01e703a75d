"""A worker of a sweep: a process that imports once, keeps data sets in memory and plays cells, one after the other.

It reads one JSON object per line from its standard input and answers with lines on its standard output:

    <- {"key": "…", "scenario": "TOML", "axes": {…}, "root": "sweep", "threads": 1, "plugins": []}
    -> {"ready": true}                       once, when it can take the first cell
    -> {"round": 3}                          rounds of the cell that are finished
    -> {"result": {"status": "finished", …}}

It ends at once when its input does: nothing is left behind when the sweep is killed, and what a cell had on the disk resumes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Any

from mithridate.cli.ensemble import journalled
from mithridate.cli.failures import OnRecord
from mithridate.cli.plan import begun, known_fields
from mithridate.cli.run import fields_of
from mithridate.core.errors import MithridateError
from mithridate.store.cells import Cells
from mithridate.store.run import RunFolder
from mithridate.store.strict_json import dumped, parsed

if TYPE_CHECKING:
    from mithridate.sim.scenario import Scenario

__all__ = ["computed", "main"]

_TELL_EVERY_S = 0.3
SPARE_S = 2.0
"""What a cell may lose to a crash: bringing every single round to the disk costs as much as a small cell's training."""


def main() -> None:
    """Serve until the input ends."""
    # Whatever prints on the way (a user's model, a library) must not speak in between.
    with os.fdopen(os.dup(1), "w", encoding="ascii", buffering=1) as answers:
        os.dup2(2, 1)
        import mithridate.sim.engine  # noqa: F401 - the slow import, before anybody waits for a cell

        jobs = _jobs()
        _say(answers, {"ready": True})
        while True:
            _say(answers, {"result": computed(jobs.get(), answers)})


def computed(job: Mapping[str, Any], answers: IO[str] | None = None) -> dict[str, Any]:
    """Play one cell to its end; an error that is ours is its result, and on record in its folder."""
    from mithridate.attacks.catalog import CATALOGS
    from mithridate.guard.plugins import load
    from mithridate.sim.scenario import parse_scenario

    began, told = time.perf_counter(), [0.0]
    cells, key = Cells(Path(job["root"])), job["key"]

    def observe(rounds: int) -> None:
        if answers is not None and time.monotonic() > told[0] + _TELL_EVERY_S:
            told[0] = time.monotonic()
            _say(answers, {"round": rounds})

    try:
        for file in job.get("plugins", ()):
            load(Path(file), CATALOGS)  # a file that is loaded already is not run again
        scenario = parse_scenario(job["scenario"])
        with begun(scenario, key, job["axes"], cells) as folder, OnRecord(folder.path, scenario.digest):
            fields = _played(scenario, folder, observe, job["threads"])
    except MithridateError as error:
        failed = {"success": False, "status": "failed", "kind": type(error).__name__, "error-message": str(error)}
        return failed | {"run": str(cells.folder(key))}
    spent = {"spent_seconds": time.perf_counter() - began}
    return {"success": True, "status": "finished"} | fields | spent


def _played(scenario: Scenario, folder: RunFolder, observe: Callable[[int], None], threads: int) -> dict[str, Any]:
    """A scenario played to its end in the cell's folder: what JSON says about it.

    The models of an ensemble have run folders below the cell's, so that they resume one by one; its own journal holds how the
    vote ended.
    """
    from mithridate.sim.engine import simulate
    from mithridate.sim.ensemble import members, vote

    models = len(members(scenario))

    def heard(number: int, event: Mapping[str, Any]) -> None:
        if event["event"] == "round":
            observe((number * scenario.rounds + event["round"] + 1) // models)

    folder.close()  # the engine takes the lock itself
    if scenario.ensemble is None:
        run = simulate(scenario, partial(heard, 0), folder.path, threads=threads, spare_s=SPARE_S)
        return fields_of(run)
    found = vote(scenario, heard, folder.path, threads=threads, spare_s=SPARE_S)
    journalled(cell := RunFolder.open(folder.path), found)
    return known_fields(cell)


def _jobs() -> SimpleQueue[dict[str, Any]]:
    """The cells as they are asked for; a thread of its own reads them, so that the end of the input is always noticed."""
    jobs: SimpleQueue[dict[str, Any]] = SimpleQueue()

    def listen() -> None:
        # A file of its own: Python waits for sys.stdin's lock when it ends, and this thread would hold it.
        with os.fdopen(os.dup(0), "rb") as orders:
            for line in orders:
                jobs.put(parsed(line, "the sweep"))
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    return jobs


def _say(answers: IO[str], fields: Mapping[str, Any]) -> None:
    answers.write(dumped(fields) + "\n")
    answers.flush()
