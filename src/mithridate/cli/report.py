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
    from mithridate.report.facts import RunFacts

__all__ = ["Written", "report", "written"]


def report(
    runs: Annotated[list[Path], typer.Argument(help="run folders, or folders of sweeps", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", help="the page [default: report.html in the first run]", show_default=False)
    ] = None,
    form: FormatOption = Format.text,
) -> None:
    """Write one HTML page about runs, or about a sweep.

    Folders of sweeps, or with runs below them, become a matrix of attacks and defences. JSON says what procedures beside
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
        ConfigurationError: runs and sweeps at once.
    """
    procedures: list[dict[str, Any]] = []
    sweeps = [run for run in runs if _is_sweep(run)]
    if sweeps and len(sweeps) < len(runs):
        raise ConfigurationError(f"{sweeps[0]} is a sweep, others are runs: a page is about one kind")
    if sweeps:
        from mithridate.report.comparison import compared
        from mithridate.report.matrix import render_matrix
        from mithridate.report.outcomes import outcomes

        page = render_matrix(compared(outcomes(runs)))
    else:
        from mithridate.report.page import render
        from mithridate.report.reading import read

        facts = read(runs)
        page = render(facts)
        procedures = [each for run in facts.runs for each in _procedures(run)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
    return Written(out, procedures)


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
