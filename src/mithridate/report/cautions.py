"""What weakens the comparison of a report's runs."""

from __future__ import annotations

from collections.abc import Iterator

from mithridate.report.facts import Facts
from mithridate.report.harm import reference
from mithridate.report.settings import differences
from mithridate.report.wording import count, listed

__all__ = ["warnings"]

_DEFENCES = ("guard", "ensemble", "clients.sanitise", "server.smoothing", "server.fine-tuning", "server.rollback")


def warnings(facts: Facts) -> tuple[str, ...]:
    """Runs that are not finished, not alike but for attack and defence, or without one in which nobody lies."""
    return tuple(_told(facts))


def _told(facts: Facts) -> Iterator[str]:
    for run in facts.runs:
        if run.status == "failed":
            yield f"“{run.label}” failed after {count(len(run.rounds), 'round')}: {run.error}."
        elif run.status == "unfinished":
            planned = f" of {run.planned}" if run.planned else ""
            yield f"“{run.label}” is not finished: {len(run.rounds)}{planned} rounds are done, and the numbers are interim."
    if reference(facts) is None:
        yield "No run without an attack is here: what attack and guard cost in accuracy is not known."
    found = [key for key, _ in differences([run.settings for run in facts.runs]) if not key.startswith(_DEFENCES)]
    unlike = sorted({key.partition(".")[0] for key in found} - {"attack", "name", "record"})
    if unlike:
        yield f"The runs differ in more than attack and guard ({listed(unlike)}): what separates them may not be the guard."
    data = {str(run.made_of["data"].get("digest")) for run in facts.runs}
    if len(data) > 1:
        yield "The runs did not use the same data."
    if len({str(run.made_of.get("code_version")) for run in facts.runs}) > 1:
        yield "The runs were made by different versions of the code."
