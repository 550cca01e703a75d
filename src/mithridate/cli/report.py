"""`report`: one page about one or several runs, or about a sweep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mithridate.cli.speak import Format, FormatOption, answer
from mithridate.core.errors import ConfigurationError

if TYPE_CHECKING:
    from mithridate.report.facts import Facts, RunFacts

__all__ = ["Written", "report", "written"]


def report(
    runs: Annotated[list[Path], typer.Argument(help="run folders, or folders of sweeps", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", help="the page [default: report.html in the first run]", show_default=False)
    ] = None,
    form: FormatOption = Format.text,
) -> None:
    """Write one HTML page about runs, or about a sweep.

    Folders of sweeps, or with runs below them, become a matrix of attacks and defences. Of the records of real federations the
    page says what was decided, of whom and why: who lies is not known there. JSON says what procedures beside
    the guard came to: samples sorted out, rollbacks, noisy votes, fine-tuning, challenges, and lies that could not be made.
    """
    found = written(runs, out or runs[0] / "report.html")
    fields = {"report": str(found.page), "runs": [str(run) for run in runs], "procedures": found.procedures}
    answer(form, fields, str(found.page))


@dataclass(frozen=True)
class Written:
    """A page on the disk.

    Args:
        page: Where it is.
        procedures: What procedures beside the guard came to, run by run, for programs; empty for sweeps. Rounds count from 0.
    """

    page: Path
    procedures: list[dict[str, Any]]


def written(runs: list[Path], out: Path) -> Written:
    """Read the runs and write the page.

    Raises:
        ConfigurationError: runs and sweeps at once, or real federations and simulated ones.
    """
    procedures: list[dict[str, Any]] = []
    runs = [each for run in runs for each in _federations(run) or [run]]
    sweeps = [run for run in runs if _is_sweep(run)]
    if sweeps and len(sweeps) < len(runs):
        raise ConfigurationError(f"{sweeps[0]} is a sweep, others are runs: a page is about one kind")
    if sweeps:
        from mithridate.report.comparison import compared
        from mithridate.report.matrix import render_matrix
        from mithridate.report.outcomes import outcomes

        page = render_matrix(compared(outcomes(runs)))
    else:
        from mithridate.report.reading import read

        facts = read(runs)
        page = _rendered(facts)
        procedures = [each for run in facts.runs for each in _procedures(run)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
    return Written(out, procedures)


def _rendered(facts: Facts) -> str:
    """The page of runs: a laboratory's, or real federations', of which less is known."""
    from mithridate.report.federation import render_federation
    from mithridate.report.page import render

    real = [run for run in facts.runs if run.real]
    if not real:
        return render(facts)
    if len(real) < len(facts.runs):
        raise ConfigurationError(
            f"{real[0].label} is a real federation, others are simulated: a page is about one kind"
        )
    return render_federation(facts)


def _federations(folder: Path) -> list[Path]:
    """The runs of a folder that holds the records of real federations and nothing else; empty of any other."""
    from mithridate.store.index import runs_below
    from mithridate.store.run import RunFolder

    if (folder / "manifest.json").exists() or (folder / "plan.json").exists() or not folder.is_dir():
        return []
    found = list(runs_below(folder))
    real = all(RunFolder.open(each).manifest.get("venue") == "federation" for each in found)
    return found if real else []


def _procedures(run: RunFacts) -> Iterator[dict[str, Any]]:
    from mithridate.report.accounts import accounts, foiled_account

    for each in (*accounts(run), foiled_account(run)):
        if each is not None:
            yield {"run": run.label, "procedure": each.procedure, "said": each.said} | dict(each.figures)


def _is_sweep(folder: Path) -> bool:
    """Whether a folder is no run itself, but has a plan or runs below."""
    from mithridate.store.index import runs_below

    if (folder / "manifest.json").exists() or not folder.is_dir():
        return False
    return (folder / "plan.json").exists() or any(runs_below(folder))
