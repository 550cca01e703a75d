"""The half of `doctor` that looks at a Flower deployment: each weakness with its evidence and its cure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import typer

from mithridate.cli.speak import Format, answer

__all__ = ["Gate", "told_weaknesses"]


class Gate(StrEnum):
    """From which severity on a finding fails the examination."""

    note = "note"
    low = "low"
    medium = "medium"
    high = "high"
    critical = "critical"


def told_weaknesses(
    commands: Sequence[str], app: Path | None, home: Path | None, gate: Gate, form: Format, *, running: bool
) -> None:
    """Examine what was named, and what runs here if that is wanted; exit code 1 if a finding is as bad as the gate."""
    from mithridate.deployment.examination import Examined, daemons_among, examine
    from mithridate.deployment.finding import over
    from mithridate.deployment.options import from_text
    from mithridate.deployment.running import table

    daemons = tuple(from_text(command, Path.cwd()) for command in commands)
    here = daemons_among(table()) if running else ()
    findings = examine(Examined(daemons + here, app, home), datetime.now(UTC))
    failed = over(findings, gate.value)
    looked_at = [each.subject for each in daemons + here] + [str(each) for each in (app, home) if each is not None]
    parts = [
        f"{each.severity}: {each.name}: {each.subject}\n  {each.evidence}\n  cure: {each.cure}" for each in findings
    ]
    if running and not here:
        parts.append("no SuperLink or SuperNode runs here")
    verdict = f"{len(failed)} of {len(findings)} findings are {gate} or worse" if failed else f"nothing {gate} or worse"
    fields = {
        "well": not failed,
        "gate": gate.value,
        "examined": looked_at,
        "findings": [asdict(each) for each in findings],
    }
    answer(form, fields, "\n\n".join([*parts, verdict]))
    if failed:
        raise typer.Exit(1)
