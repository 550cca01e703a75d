"""`report`: one page about one or several runs, or about a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mithridate.cli.speak import Format, FormatOption, answer
from mithridate.core.errors import ConfigurationError

__all__ = ["report", "written"]


def report(
    runs: Annotated[list[Path], typer.Argument(help="run folders, or folders of sweeps", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", help="the page [default: report.html in the first run]", show_default=False)
    ] = None,
    form: FormatOption = Format.text,
) -> None:
    """Write one HTML page about runs, or about a sweep.

    Folders of sweeps, or with runs below them, become a matrix of attacks and defences.
    """
    page = written(runs, out or runs[0] / "report.html")
    answer(form, {"report": str(page), "runs": [str(run) for run in runs]}, str(page))


def written(runs: list[Path], out: Path) -> Path:
    """Read the runs, write the page, and say where it is.

    Raises:
        ConfigurationError: runs and sweeps at once.
    """
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

        page = render(read(runs))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
    return out


def _is_sweep(folder: Path) -> bool:
    """Whether a folder is no run itself, but has a plan or runs below."""
    from mithridate.store.index import runs_below

    if (folder / "manifest.json").exists() or not folder.is_dir():
        return False
    return (folder / "plan.json").exists() or any(runs_below(folder))
