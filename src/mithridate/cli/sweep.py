"""`sweep`: every combination of a scenario's axes, several at once, each computed once for ever."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mithridate.cli.axes import variants
from mithridate.cli.documents import Document
from mithridate.cli.gauge import Gauge, duration
from mithridate.cli.plan import Cell, begun, estimated, kept, known_fields, planned
from mithridate.cli.plugins import again_with
from mithridate.cli.run import QuietOption, SeedOption, SetOption
from mithridate.cli.speak import Format, FormatOption, Interrupted, line, log, percent, table
from mithridate.cli.workers import Said, Workers
from mithridate.core.errors import StoreError
from mithridate.guard.plugins import loaded

if TYPE_CHECKING:
    from mithridate.cli.plan import Estimate
    from mithridate.store.cells import Cells

__all__ = ["sweep"]

_MOST_ROWS = 60
Result = dict[str, Any]


def sweep(
    file: Annotated[Path, typer.Argument(help="the scenario with a [sweep] table of axes", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="where the cells' run folders lie")] = Path("sweep"),
    seed: SeedOption = None,
    settings: SetOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only print the cells and what they will cost")] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="cells run at once [default: all cores]")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="clients trained at once within a cell")] = 1,
    quiet: QuietOption = False,
    form: FormatOption = Format.text,
) -> None:
    """Run all combinations of a scenario's [sweep] lists.

    Several cells run at once. Cells are found by configuration, code, data and seed: a finished cell is never run again, an
    interrupted one goes on, a failed one is tried again. A cell whose process dies is marked as crashed, and the others go on.
    Rounds are recorded for replay only where the file says `record = true`. With --format json one object per cell is printed,
    in the plan's order, as soon as it is known.
    """
    from mithridate.store.cells import Cells

    plan = planned(variants(Document.read(file, settings or (), seed)), cells := Cells(out))
    jobs = jobs or os.cpu_count() or 1
    if dry_run:
        _foretold(form, plan, estimated(plan, cells, jobs))
        return
    kept(plan, cells)
    again = ["mithridate", "sweep", str(file), "--out", str(out), *(p for s in settings or () for p in ("--set", s))]
    if seed is not None:
        again += ["--seed", str(seed)]
    results: list[Result] = []
    try:
        for found in _in_order(_results(plan, cells, jobs, threads, quiet)):
            results.append(found)
            if form is Format.json:
                line(found)
    except KeyboardInterrupt:
        command = shlex.join(again_with(again))
        raise Interrupted(f"interrupted; finished cells and rounds are kept. Go on with: {command}") from None
    if form is Format.text:
        _show(results)
    failed = sum(not result["success"] for result in results)
    if failed:
        log(f"{failed} of {len(plan)} cells failed; run the same command again to try them again", "red")
        raise typer.Exit(3)


def _results(plan: Sequence[Cell], cells: Cells, jobs: int, threads: int, quiet: bool) -> Iterator[tuple[int, Result]]:
    """Each cell's place in the plan and its result, as they become known: first the finished ones."""
    left = [place for place, cell in enumerate(plan) if cell.status != "finished"]
    for place, cell in enumerate(plan):
        if cell.status == "finished":
            yield place, _remembered(cell, cells)
    orders = (_order(plan[place], cells, threads) for place in left)
    with Gauge(len(plan), len(plan) - len(left), quiet=quiet) as gauge, Workers(jobs) as workers:
        for said in workers.work(orders, len(left)):
            if said is None:
                gauge.tick()
                continue
            cell = plan[place := left[said.job]]
            if said.rounds is not None:
                gauge.working(said.job, said.rounds / cell.variant.scenario.rounds)
                continue
            result = _told(cell, cells, said)
            gauge.over(said.job, None if result["success"] else f"{_axes(cell)}: {result['error-message']}")
            yield place, result


def _order(cell: Cell, cells: Cells, threads: int) -> dict[str, Any]:
    """What a worker is given."""
    from mithridate.sim.scenario import dump_scenario

    text = dump_scenario(cell.variant.scenario)
    return {
        "key": cell.key,
        "scenario": text,
        "axes": cell.variant.axes,
        "root": str(cells.root),
        "threads": threads,
        "plugins": [str(found.path) for found in loaded()],
    }


def _remembered(cell: Cell, cells: Cells) -> Result:
    run = cells.find(cell.key)
    if run is None:
        raise StoreError(f"{cells.folder(cell.key)}: has just been deleted by somebody else")
    return {"success": True} | cell.fields | known_fields(run) | {"spent_seconds": 0.0, "reused": True}


def _told(cell: Cell, cells: Cells, said: Said) -> Result:
    """A cell's result from a worker's last word; what kills its process is on record like any other failure."""
    if said.result is not None:
        return {"success": True} | cell.fields | dict(said.result) | {"reused": False}
    crash = said.crash or "its process died"
    with begun(cell.variant.scenario, cell.key, cell.variant.axes, cells) as run:
        if run.ending.get("event") != "finished":
            run.append({"event": "failed", "kind": "Crashed", "error": crash})
    failed = {"success": False, "status": "crashed", "kind": "Crashed", "error-message": crash, "run": str(run.path)}
    return cell.fields | failed


def _in_order(found: Iterator[tuple[int, Result]]) -> Iterator[Result]:
    """The results in the plan's order, each as soon as all before it are known.

    >>> list(_in_order(iter([(1, {"b": 1}), (0, {"a": 1}), (2, {"c": 1})])))
    [{'a': 1}, {'b': 1}, {'c': 1}]
    """
    held: dict[int, Result] = {}
    due = 0
    for place, result in found:
        held[place] = result
        while due in held:
            yield held.pop(due)
            due += 1


def _foretold(form: Format, plan: Sequence[Cell], cost: Estimate) -> None:
    """What would be done: all cells, how far they are, and what the rest will cost."""
    said = f"{cost.cells} cells, {cost.known} of them known"
    if cost.cell_s is not None:
        said += f"; about {cost.cell_s:.2f} s each ({cost.measured}), {duration(cost.left_s)} with {cost.jobs} at once"
    if cost.models:
        said += f"; with their ensembles they train {cost.models} models"
    if form is Format.json:
        for cell in plan:
            line(cell.fields | {"success": True})
        log(said)
        return
    _show([cell.fields for cell in plan])
    typer.echo(said)


def _show(found: Sequence[Mapping[str, Any]]) -> None:
    """The cells as a table, the first ones if they are very many."""
    names = list(found[0]["labels"])
    rows = [
        [*(each["labels"][name] for name in names), each["status"], percent(each.get("accuracy")),
         percent(each.get("asr")), each.get("error-message") or each.get("run") or each["cell"][:16]]
        for each in found[:_MOST_ROWS]
    ]  # fmt: skip
    typer.echo(table(rows, [*names, "status", "accuracy", "backdoor", "run"]))
    if len(found) > _MOST_ROWS:
        typer.echo(f"... and {len(found) - _MOST_ROWS} more")


def _axes(cell: Cell) -> str:
    return "  ".join(f"{name}={label}" for name, label in cell.variant.labels.items())
