"""`demo`: a federation is poisoned, then guarded. Three runs, three sentences, one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mithridate.cli.documents import Document
from mithridate.cli.run import QuietOption, ThreadsOption, excluded_text, fields_of, played
from mithridate.cli.scaffold import packaged
from mithridate.cli.speak import Format, FormatOption, answer, log, percent

if TYPE_CHECKING:
    from mithridate.sim.engine import Run

__all__ = ["RUNS", "demo"]

RUNS = {
    "unattacked": ("attack=none", "guard=none"),
    "attacked": ("guard=none",),
    "guarded": (),
}
"""The three runs, and what is changed about demo.toml for each."""

_FAST = ("rounds=8", "task.limit=10000", "evaluation.samples=1000")


def demo(
    out: Annotated[Path, typer.Option("--out", help="where runs and report are written")] = Path("mithridate-demo"),
    fast: Annotated[bool, typer.Option("--fast", help="fewer rounds, fewer samples")] = False,
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    form: FormatOption = Format.text,
) -> None:
    """Watch a federation being poisoned, then guarded.

    Twenty clients learn to read digits. Four of them lie: they train in a backdoor and send it amplified. The demo runs the
    federation without them, with them, and with them under a guard, and writes a report of all three.
    """
    from mithridate.cli.report import written

    runs: dict[str, Run] = {}
    for name, changes in RUNS.items():
        settings = (*changes, *(_FAST if fast else ()), f"name={name}")
        scenario = Document.of(packaged("demo.toml"), "demo.toml").changed_by(settings).scenario()
        if not quiet:
            log(f"\n{name}: {_said(name)}", "bold")
        again = ["mithridate", "demo", "--out", str(out), *(["--fast"] if fast else [])]
        runs[name] = played(scenario, out / name, again, threads=threads, quiet=quiet)
    page = written([out / name for name in runs], out / "report.html").page
    fields = {"runs": {name: fields_of(run) for name, run in runs.items()}, "report": str(page)}
    answer(form, fields, _text(runs, page))


def _said(name: str) -> str:
    return {
        "unattacked": "everybody is honest, the server takes the plain mean",
        "attacked": "four of twenty clients lie, the server takes the plain mean",
        "guarded": "the same four lie, the server is guarded",
    }[name]


def _text(runs: dict[str, Run], page: Path) -> str:
    clean, attacked, guarded = (runs[name] for name in RUNS)
    liars = attacked.scenario.attack.liars if attacked.scenario.attack is not None else 0
    parts = [
        f"Without liars the federation reads {percent(clean.accuracy)} of the test digits.",
        (
            f"{liars} of {attacked.scenario.clients.count} clients lie, and the server averages: it still reads "
            f"{percent(attacked.accuracy)}, yet a small white patch makes it answer what the liars chose "
            f"for {percent(attacked.asr)} of the other digits."
        ),
        f"The same liars under the guard: {percent(guarded.accuracy)} right, and the patch works on {percent(guarded.asr)}.",
    ]
    if guarded.excluded:
        parts.append(f"Kept out by the guard:\n{excluded_text(guarded.excluded)}")
    parts.append(f"Report: {page}")
    return "\n\n".join(parts)
