"""`run`, for a scenario with an [ensemble]: model by model, then the vote."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mithridate.cli.speak import Interrupted, log, percent, table
from mithridate.core.errors import StoreError

if TYPE_CHECKING:
    from mithridate.sim.ensemble import Vote
    from mithridate.sim.scenario import Scenario
    from mithridate.store.run import RunFolder

__all__ = ["journalled", "vote_text", "voted"]


def voted(
    scenario: Scenario,
    folder: Path,
    again: list[str],
    *,
    fresh: bool = False,
    threads: int | None = None,
    quiet: bool = False,
) -> Vote:
    """Run an ensemble with a line per model on stderr; Ctrl-C says how to go on.

    Raises:
        StoreError: the folder holds another scenario's run, or is damaged.
    """
    from mithridate.cli.failures import OnRecord
    from mithridate.cli.run import heeded  # which imports this module
    from mithridate.sim.ensemble import vote
    from mithridate.store.run import RunFolder

    if fresh:
        for each in sorted(folder.glob("model-*")):
            RunFolder.discard(each)
    run = _opened(scenario, folder)
    try:
        with heeded() as heed, OnRecord(folder, scenario.digest):

            def observe(number: int, event: Mapping[str, Any]) -> None:
                if event["event"] == "finished" and not quiet:
                    log(f"model {number + 1}: accuracy {percent(event['accuracy'])}")
                heed()

            found = vote(scenario, observe, folder, threads=threads)
            if run is not None:
                journalled(run, found)
            return found
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; every finished round is kept. Go on with: {shlex.join(again)}") from None


def journalled(run: RunFolder, found: Vote) -> None:
    """Keep how the vote ended in a run's journal, once; the models' own folders lie below."""
    with run:
        if run.ending != found.ending:
            run.append(found.ending)


def _opened(scenario: Scenario, folder: Path) -> RunFolder | None:
    """The run that holds the vote; None for a folder that was begun before votes had one."""
    from mithridate.cli.plan import made_of
    from mithridate.sim.scenario import dump_scenario
    from mithridate.store.run import RunFolder

    if (folder / "manifest.json").exists():
        run = RunFolder.open(folder)
        if run.manifest["config_digest"] != scenario.digest:
            raise StoreError(f"{folder} holds a run of another scenario: choose another folder, or delete it")
        return run
    if any(folder.glob("model-*")):
        return None
    run = RunFolder.create(folder, made_of(scenario), dump_scenario(scenario))
    run.close()
    return run


def vote_text(found: Vote) -> str:
    """The figures in words: how right the vote is, and how right for certain while m clients are malicious."""
    figures = found.figures
    rows: list[list[Any]] = [["accuracy of the vote", percent(found.accuracy)]]
    if found.asr is not None:
        rows.append(["backdoor works on", percent(found.asr)])
    rows += [
        ["accuracy of one model", percent(sum(run.accuracy for run in found.runs) / len(found.runs))],
        ["models", len(found.runs)],
        ["abstained on", percent(figures["abstained"])],
        ["seconds", f"{figures['seconds']:.1f}"],
        ["runs", found.folder],
    ]
    curve = [[m, percent(share)] for m, share in enumerate(found.certified)]
    if not curve:
        return f"{table(rows)}\n\nnothing is certain: more models are needed"
    return f"{table(rows)}\n\n{table(curve, ['malicious clients', 'right for certain'])}"
