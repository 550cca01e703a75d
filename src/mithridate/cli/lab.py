"""`lab`: a real Flower deployment of one's own on loopback, one of whose clients lies."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from mithridate.cli.speak import Format, FormatOption, Interrupted, answer, log, percent, table

if TYPE_CHECKING:
    from mithridate.lab.folder import Lab

__all__ = ["Run", "lab"]

lab = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="A Flower deployment on this machine, with liars in it.",
)

FolderArgument = Annotated[Path, typer.Argument(help="the lab's folder")]
_HERE = Path("mithridate-lab")


class Run(NamedTuple):
    """One training run of a lab: its name, whether the guard is on, and what the liars tell."""

    name: str
    guarded: bool
    lie: str

    @property
    def told(self) -> str:
        return (
            f"{'guard' if self.guarded else 'no guard'}, {'all honest' if self.lie == 'none' else f'lie: {self.lie}'}"
        )


@lab.command("up")
def up(
    folder: Annotated[Path, typer.Option("--folder", help="where everything is written; new or empty")] = _HERE,
    nodes: Annotated[int, typer.Option("--nodes", help="honest SuperNodes")] = 3,
    liars: Annotated[int, typer.Option("--liars", help="lying SuperNodes")] = 1,
    rounds: Annotated[int, typer.Option("--rounds", help="rounds of training")] = 3,
    task: Annotated[str, typer.Option("--task", help="digits or mnist")] = "digits",
    lie: Annotated[
        str, typer.Option("--lie", help="what the liars send: reverse, noise, nan, shape, garbage, ... or none")
    ] = "reverse",
    port: Annotated[int, typer.Option("--port", help="of the SuperLink; SuperNodes take those after it")] = 18443,
    seed: Annotated[int, typer.Option("--seed", help="of the first model")] = 0,
    strangers: Annotated[bool, typer.Option("--strangers", help="also show whom the SuperLink refuses; 30 s")] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="also train without guard, with and without liars")
    ] = False,
    kill: Annotated[
        str | None,
        typer.Option(
            "--kill", help="kill -9 after the first round: a SuperNode, as site-1, or server, to be started again"
        ),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="leave it running; stop it with: mithridate lab down")] = False,
    form: FormatOption = Format.text,
) -> None:
    """Start a SuperLink and SuperNodes, train, and show what the liars do; Ctrl-C leaves nothing running."""
    from mithridate.lab.commands import Plan
    from mithridate.lab.federation import killable
    from mithridate.lab.folder import made

    plan = Plan(nodes, liars, rounds, port, task, lie, seed)
    if kill is not None:
        killable(plan, kill)
    here = made(folder, plan)
    runs = [Run("guarded", True, lie), *([Run("bare", False, lie), Run("honest", False, "none")] if compare else [])]
    found: dict[str, Any] = {}
    with _ended(here, keep=keep):
        for event in _all_of(here, runs, strangers=strangers, crashing=kill):
            _say(event, rounds)
            if event["event"] == "ended":
                found[event["run"]] = event["accuracy"]
    rows = [[run.name, run.told, percent(found[run.name])] for run in runs]
    left = f"it runs on: mithridate lab down {here.root}" if keep else f"record: {here.record}, logs: {here.logs}"
    fields = {"folder": str(here.root), "record": str(here.record), "running": keep, "accuracy": found}
    answer(form, fields, f"{table(rows, ['run', '', 'accuracy'])}\n\n{left}")


@lab.command("down")
def down(
    folder: FolderArgument = _HERE,
    remove: Annotated[bool, typer.Option("--remove", help="delete the folder too")] = False,
    form: FormatOption = Format.text,
) -> None:
    """End every process of a lab, whatever became of the command that started it."""
    from mithridate.lab.folder import opened
    from mithridate.lab.processes import end

    here = opened(folder)
    ended = end(here.marker)
    if remove:
        shutil.rmtree(here.root)
    answer(form, {"folder": str(here.root), "ended": ended, "removed": remove}, f"{ended} processes ended")


@lab.command("status")
def status(folder: FolderArgument = _HERE, form: FormatOption = Format.text) -> None:
    """Show the processes of a lab and how far its runs are."""
    from mithridate.lab.folder import opened
    from mithridate.lab.processes import members

    here = opened(folder)
    running = [{"pid": each.pid, "parent": each.parent, "program": each.program} for each in members(here.marker)]
    rows = [[each["pid"], each["parent"], each["program"]] for each in running]
    said = table(rows, ["pid", "parent", "program"]) if running else "nothing is running"
    answer(form, {"folder": str(here.root), "processes": running}, said)


def _all_of(here: Lab, runs: list[Run], *, strangers: bool, crashing: str | None) -> Iterator[dict[str, Any]]:
    """Everything that a lab does, in order."""
    from mithridate.lab.federation import prepare, rise, train
    from mithridate.lab.strangers import knock

    yield from prepare(here)
    yield from rise(here)
    if strangers:
        yield from knock(here)
    for run in runs:
        yield from train(
            here, run.name, guarded=run.guarded, lie=run.lie, crashing=crashing if run is runs[0] else None
        )


@contextmanager
def _ended(here: Lab, *, keep: bool) -> Iterator[None]:
    """Whatever happens within, no process is left behind: not by an error, Ctrl-C, a lost terminal or a request to end."""
    from mithridate.lab.processes import end

    def stop(number: int, _: FrameType | None) -> None:
        raise Interrupted(f"stopped by {signal.Signals(number).name}")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    well = False
    try:
        yield
        well = True
    finally:
        for number in before:  # a second Ctrl-C must not stop the tidying
            signal.signal(number, signal.SIG_IGN)
        if not (keep and well):
            log(f"ended {end(here.marker)} processes; {here.root} holds their logs")
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(event: dict[str, Any], rounds: int) -> None:
    if event["event"] == "step":
        log(f"{event['what']}: {event['detail']}")
    elif event["event"] == "refused":
        log(f"refused: a SuperNode with {event['who']}: {event['said']}")
    elif event["event"] == "round":
        log(_round_line(event, rounds))


def _round_line(event: dict[str, Any], rounds: int) -> str:
    """One round in one line.

    >>> _round_line({"run": "guarded", "round": 1, "accuracy": 0.5, "refused": None, "clients": [
    ...     {"client": "liar-4", "status": "dropped", "reason": "far"}]}, 3)
    'guarded  round 1/3  accuracy 50.0 %  dropped: liar-4 (far)'
    """
    parts = [event["run"], f"round {event['round']}/{rounds}", f"accuracy {percent(event['accuracy'])}"]
    clients = event.get("clients", ())
    for status in ("dropped", "refused", "absent", "late"):
        named = [f"{each['client']} ({each['reason']})" for each in clients if each["status"] == status]
        parts += [f"{status}: {', '.join(named)}"] if named else []
    return "  ".join([*parts, *([f"round refused: {event['refused']}"] if event.get("refused") else [])])
