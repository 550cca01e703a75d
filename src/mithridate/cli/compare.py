"""`compare`: every attack against every defence, worst case first, as text, JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mithridate.cli.speak import line, log, printable, table

if TYPE_CHECKING:
    from mithridate.report.bootstrap import Estimate
    from mithridate.report.comparison import Comparison, Duel, Standing
    from mithridate.report.figures import Figures

__all__ = ["Shape", "compare"]

GLYPHS = {"not run": "·", "refused": "⊘", "crashed": "✗", "failed": "✗"}
_MEASURES = ("accuracy", "asr", "damage", "caught", "honest_excluded", "minority_excluded", "certified")


class Shape(StrEnum):
    """What the answer looks like."""

    text = "text"
    json = "json"
    csv = "csv"


def compare(
    folders: Annotated[list[Path], typer.Argument(help="folders of sweeps, or with runs below", show_default=False)],
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="compare every defence with this one, pair by pair")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="of the resampling")] = 0,
    form: Annotated[
        Shape, typer.Option("--format", help="text for people, json for programs, csv with one row per cell")
    ] = Shape.text,
) -> None:
    """Compare defences, each by the attack worst for it.

    Damage is what an attack takes: accuracy lost against the run without liars and guard, or the backdoor's success above the
    rate without the trigger, whichever is more. Intervals hold 95 % of resampled means over seeds. Cells that were not run, were
    refused or crashed are shown as such, and never averaged away. Of ensembles "certain" is the share of samples that stay right
    whatever so many clients do as lied; it is known from the run without liars.
    """
    from mithridate.report.comparison import compared
    from mithridate.report.outcomes import outcomes

    found = compared(outcomes(folders), seed)
    duels = [] if baseline is None else [found.duel(name, baseline) for name in found.defences if name != baseline]
    match form:
        case Shape.json:
            line(_fields(found, duels))
        case Shape.csv:
            typer.echo(_csv(found), nl=False)
        case Shape.text:
            typer.echo(printable("\n\n".join(_text(found, duels))))
    lost = sum(each.missing for each in found.standings)
    if lost:
        log(f"{lost} of {sum(each.cells for each in found.standings)} cells have no figures: {_missing(found)}")


def _text(found: Comparison, duels: Sequence[Duel]) -> Iterator[str]:
    head = [
        "#", "defence", "worst attack", "damage", "least accuracy", "most backdoor", "mean", "cost", "caught", "honest out",
        "minority out", "s/round", "certain", "runs",
    ]  # fmt: skip
    yield "Defences by the attack that is worst for them; shares in percent, 95 % intervals over seeds in brackets."
    yield table([_standing(place, each) for place, each in enumerate(found.standings, 1)], head)
    for condition in found.conditions:
        yield f"{condition + ': ' if condition else ''}damage in percentage points, by defence as numbered above"
        yield table(list(_matrix(found, condition)), ["", *map(str, range(1, len(found.standings) + 1))])
    yield "· not run   ⊘ refused   ✗ crashed or failed   * of some seeds only   ∞ diverged, which counts as no accuracy"
    if duels:
        rows = [
            [each.defence, _spread(each.damage), _spread(each.accuracy), f"{each.wins}/{each.ties}/{each.losses}"]
            for each in sorted(duels, key=lambda each: each.damage.mean if each.damage else 1.0)
        ]
        yield table(rows, [f"against {duels[0].baseline}", "damage", "accuracy", "less/equal/more damage"])


def _standing(place: int, each: Standing) -> list[Any]:
    worst, low, high = each.worst, each.worst_accuracy, each.worst_asr
    return [
        place, each.defence, "-" if worst is None else worst.attack, _points(None if worst is None else worst.damage),
        "-" if low is None else f"{_points(low.accuracy)} {low.attack}",
        "-" if high is None else f"{_points(high.asr)} {high.attack}",
        _share(each.mean_accuracy), _points(each.cost), _share(each.caught), _share(each.honest_excluded),
        _share(each.minority_excluded), "-" if each.guard_s is None else f"{each.guard_s:.4f}",
        _share(each.certified), f"{each.cells - each.missing}/{each.cells}",
    ]  # fmt: skip


def _matrix(found: Comparison, condition: str) -> Iterator[list[str]]:
    """Attacks as rows, the one that does most damage anywhere first; defences as columns, in their ranking."""
    rows = {
        attack: [found.cells.get((condition, attack, each.defence)) for each in found.standings]
        for attack in found.attacks
    }
    order = sorted(rows, key=lambda attack: (attack in found.calm, -_most(rows[attack])))
    for attack in order:
        yield [attack, *(_cell(cell) for cell in rows[attack])]


def _most(cells: Sequence[Figures | None]) -> float:
    return max((cell.damage.mean for cell in cells if cell is not None and cell.damage is not None), default=0.0)


def _cell(cell: Figures | None) -> str:
    if cell is None:
        return GLYPHS["not run"]
    if cell.damage is None or cell.state == "refused":
        return GLYPHS.get(cell.state, "-")
    told = f"{100 * cell.damage.mean:.0f}"
    return told + ("*" if cell.missing else "∞" if cell.state == "diverged" else "")


def _points(found: Estimate | None) -> str:
    """A mean with its interval, in percent or points: `43 (40..47)`."""
    if found is None:
        return "-"
    within = "" if found.low is None or found.high is None else f" ({100 * found.low:.0f}..{100 * found.high:.0f})"
    return f"{100 * found.mean:.0f}{within}"


def _spread(found: Estimate | None) -> str:
    """A difference with its sign: `-12.3 (-14.0..-9.9)`."""
    if found is None:
        return "-"
    within = "" if found.low is None or found.high is None else f" ({100 * found.low:+.1f}..{100 * found.high:+.1f})"
    return f"{100 * found.mean:+.1f}{within}"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}"


def _missing(found: Comparison) -> str:
    count = Counter(o.state for cell in found.cells.values() for o in cell.outcomes if not o.measured)
    return ", ".join(f"{times} {state}" for state, times in count.most_common())


def _fields(found: Comparison, duels: Sequence[Duel]) -> dict[str, Any]:
    """Everything, as plain values."""
    return {
        "success": True,
        "attacks": list(found.attacks),
        "defences": [each.defence for each in found.standings],
        "conditions": list(found.conditions),
        "without-attack": sorted(found.calm),
        "standings": [_standing_fields(each) for each in found.standings],
        "cells": [_cell_fields(cell) | {"runs": _runs(cell)} for cell in found.cells.values()],
        "duels": [
            {"defence": each.defence, "baseline": each.baseline, "accuracy": _estimate(each.accuracy),
             "damage": _estimate(each.damage), "wins": each.wins, "ties": each.ties, "losses": each.losses}
            for each in duels
        ],
    }  # fmt: skip


def _standing_fields(each: Standing) -> dict[str, Any]:
    worst = {
        "worst": _where(each.worst, "damage"),
        "worst-accuracy": _where(each.worst_accuracy, "accuracy"),
        "worst-asr": _where(each.worst_asr, "asr"),
    }
    plain = (
        "mean_accuracy",
        "mean_damage",
        "caught",
        "honest_excluded",
        "minority_excluded",
        "guard_s",
        "certified",
        "models",
        "cells",
        "missing",
    )
    return (
        {"defence": each.defence, "cost": _estimate(each.cost)}
        | worst
        | {name.replace("_", "-"): getattr(each, name) for name in plain}
    )


def _where(cell: Figures | None, measure: str) -> dict[str, Any] | None:
    if cell is None:
        return None
    return {"attack": cell.attack, "condition": cell.condition, measure: _estimate(getattr(cell, measure))}


def _cell_fields(cell: Figures) -> dict[str, Any]:
    found: dict[str, Any] = {
        "condition": cell.condition, "attack": cell.attack, "defence": cell.defence, "state": cell.state,
        "seeds": len(cell.outcomes), "missing": cell.missing, "guard_s": cell.guard_s,
    }  # fmt: skip
    return found | {name: _estimate(getattr(cell, name)) for name in _MEASURES}


def _runs(cell: Figures) -> list[dict[str, Any]]:
    names = ("seed", "state", "accuracy", "asr", "base_rate", "refused_rounds", "certified", "models", "error", "run")
    return [{name: getattr(each, name) for name in names} for each in cell.outcomes]


def _estimate(found: Estimate | None) -> dict[str, Any] | None:
    return None if found is None else {"mean": found.mean, "low": found.low, "high": found.high, "values": found.values}


def _csv(found: Comparison) -> str:
    """One row per cell: attack, defence, condition, and each measure with its interval."""
    written = io.StringIO()
    head = ["condition", "attack", "defence", "state", "seeds", "missing", "guard_s"]
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow([*head, *(f"{name}{end}" for name in _MEASURES for end in ("", "_low", "_high"))])
    for cell in found.cells.values():
        fields = _cell_fields(cell)
        ends = [(fields[name] or {}).get(end) for name in _MEASURES for end in ("mean", "low", "high")]
        rows.writerow([*(fields[name] for name in head), *ends])
    return written.getvalue()
