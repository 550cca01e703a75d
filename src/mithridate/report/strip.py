"""The strip of decisions: one row per client, one column per round, as plain geometry for the template."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from mithridate.report.facts import RunFacts
from mithridate.report.rounds import Fate
from mithridate.report.tally import Kind, Record, records
from mithridate.report.wording import both_ends, count, nth, number

__all__ = ["KINDS", "MOST_COLUMNS", "MOST_ROWS", "Heading", "Row", "Spot", "Strip", "strip", "summary"]

MOST_ROWS, MOST_COLUMNS = 60, 100
_MOST_SPOTS = 600
_LONGEST_NAME = 12
_LABEL, _SUMMARY = 112, 96
_STEPS = tuple(lead * 10**scale for scale in range(10) for lead in (1, 2, 5))
_TOP, _ROW, _HEADING = 26, 18, 26
_WIDEST, _NARROWEST = 18.0, 6.5
_NEAT, _WIDE = 300, 840
_GRAVEST = ("refused", "dropped", "failed", "late", "counted", "passed", "absent")

KINDS: Mapping[Kind, str] = {
    "liar": "Liars",
    "minority": "Honest, with unlike data",
    "honest": "Honest",
    "unknown": "Clients",
}


@dataclass(frozen=True)
class Spot:
    """An exclusion to point at: where it is and what it was."""

    x: float
    width: float
    title: str


@dataclass(frozen=True)
class Row:
    """One client.

    Args:
        client: Its id.
        name: The id as far as there is space.
        y: The row's middle.
        summary: How often it was excluded, in words.
        marks: CSS class and SVG path data; one path for all cells of a status.
        spots: The exclusions.
    """

    client: str
    name: str
    y: float
    summary: str
    marks: tuple[tuple[str, str], ...]
    spots: tuple[Spot, ...]


@dataclass(frozen=True)
class Heading:
    """A kind of client and where its name stands."""

    text: str
    y: float


@dataclass(frozen=True)
class Strip:
    """The whole picture.

    Args:
        width: In SVG units.
        height: In SVG units.
        span: Rounds per column; above 1, a column shows the gravest decision of its rounds.
        ticks: Position and round, counted from 1.
        bands: Position, width and reason of every refused round.
        foiled: Position and reason of every round in which the lie could not be made.
        challenges: Position and words of every challenge.
        headings: The kinds of client.
        rows: The clients.
        left_out: Clients without a row; none of them lied, and none was excluded more often than those shown.
    """

    width: float
    height: float
    span: int
    ticks: tuple[tuple[float, int], ...]
    bands: tuple[tuple[float, float, str], ...]
    foiled: tuple[tuple[float, str], ...]
    headings: tuple[Heading, ...]
    rows: tuple[Row, ...]
    left_out: int
    challenges: tuple[tuple[float, str], ...] = ()

    @property
    def label_x(self) -> float:
        return _LABEL - 10

    @property
    def summary_x(self) -> float:
        return self.width - _SUMMARY + 12


@dataclass(frozen=True)
class _Columns:
    """Where rounds stand."""

    first: int
    span: int
    number: int

    @property
    def pitch(self) -> float:
        """Short runs stand side by side; long ones take the page's width."""
        neat = _NEAT / self.number
        pitch = min(_WIDEST, neat) if neat >= 12 else max(_NARROWEST, min(12.0, _WIDE / self.number))
        return math.floor(2 * pitch) / 2  # halves add up exactly

    def x(self, round: int) -> float:
        """The left edge of a round's column."""
        return _LABEL + self.pitch * ((round - self.first) // self.span)


def strip(run: RunFacts) -> Strip | None:
    """The strip of a run; None if no round was played."""
    if not run.rounds:
        return None
    total = len(run.rounds)
    span = -(-total // MOST_COLUMNS)
    columns = _Columns(run.rounds[0].number, span, -(-total // span))
    everybody = records(run)
    shown = sorted(everybody[:MOST_ROWS], key=lambda record: tuple(KINDS).index(record.kind))
    headings, rows, height = _placed(shown, _fates(run), columns)
    step = next(step for step in _STEPS if step * columns.pitch >= 28 * span)
    return Strip(
        width=_LABEL + columns.pitch * columns.number + _SUMMARY,
        height=height,
        span=span,
        ticks=tuple((columns.x(r.number) + columns.pitch / 2, nth(r.number)) for r in run.rounds[::step]),
        bands=tuple(
            (
                columns.x(each.number),
                columns.pitch,
                f"round {nth(each.number)}: the guard refused to decide: {each.refused}",
            )
            for each in run.refused_rounds
        ),
        foiled=tuple(
            (
                columns.x(each.number) + columns.pitch / 2,
                f"round {nth(each.number)}: the lie could not be made: {each.foiled}",
            )
            for each in run.foiled_rounds
        ),
        challenges=tuple(
            (
                columns.x(each.number) + columns.pitch / 2,
                f"round {nth(each.number)}: a challenge, nothing was aggregated",
            )
            for each in run.challenges
        ),
        headings=headings,
        rows=rows,
        left_out=len(everybody) - len(shown),
    )


Fates = Mapping[str, Sequence[tuple[int, Fate]]]


def _fates(run: RunFacts) -> Fates:
    found: dict[str, list[tuple[int, Fate]]] = {}
    for each in run.rounds:
        for fate in each.fates:
            found.setdefault(fate.client, []).append((each.number, fate))
    return found


def _placed(
    shown: Sequence[Record], fates: Fates, columns: _Columns
) -> tuple[tuple[Heading, ...], tuple[Row, ...], float]:
    headings, rows, y = [], [], float(_TOP)
    pointed = sum(len(record.excluded) for record in shown) <= _MOST_SPOTS
    for kind, members in groupby(shown, lambda record: record.kind):
        headings.append(Heading(KINDS[kind], y + _HEADING - 9))
        y += _HEADING
        for record in members:
            rows.append(_row(record, fates[record.client], columns, y + _ROW / 2, pointed=pointed))
            y += _ROW
    return tuple(headings), tuple(rows), y + 6


def _row(record: Record, seen: Sequence[tuple[int, Fate]], columns: _Columns, y: float, *, pointed: bool) -> Row:
    cells: dict[float, Fate] = {}
    lies: set[float] = set()
    for round, fate in seen:
        x = columns.x(round)
        if x not in cells or _GRAVEST.index(fate.status) < _GRAVEST.index(cells[x].status):
            cells[x] = fate
        if fate.liar:
            lies.add(x)
    arrived = sum(fate.arrived for _, fate in seen)
    spots = [
        Spot(columns.x(round), columns.pitch, _told(record.client, round, fate))
        for round, fate in seen
        if fate.excluded or fate.status == "failed"
    ]
    return Row(
        client=record.client,
        name=both_ends(record.client, _LONGEST_NAME),
        y=y,
        summary=f"{len(record.excluded)} of {arrived} out" if record.excluded else "",
        marks=_marks(cells, lies, columns.pitch, y),
        spots=tuple(spots) if pointed else (),
    )


def _marks(cells: Mapping[float, Fate], lies: set[float], pitch: float, y: float) -> tuple[tuple[str, str], ...]:
    """The paths of a row: boxes first, then the glyphs on them, then the line under each lie."""
    by_status = {status: sorted(x for x, fate in cells.items() if fate.status == status) for status in _GRAVEST}
    width, middle = pitch - 3 if pitch > 9 else pitch - 2, pitch / 2
    inset, arm = (pitch - width) / 2, 3.0 if pitch > 9 else 1.5
    box, dot = f"h{width:g}", "h0"
    boxes = {status: _repeated(xs, y, box, (inset, 0), (width, 0)) for status, xs in by_status.items()}
    dots = {status: _repeated(xs, y, dot, (middle, 0), (0, 0)) for status, xs in by_status.items()}
    side = f"{2 * arm:g}"
    cross = _repeated(
        by_status["dropped"], y, f"l{side} {side}m0-{side}l-{side} {side}", (middle - arm, -arm), (0, 2 * arm)
    )
    slash = _repeated(by_status["failed"], y, f"l{side} {side}", (middle - arm, -arm), (2 * arm, 2 * arm))
    bar = _repeated(by_status["refused"], y, f"h{side}", (middle - arm, 0), (2 * arm, 0))
    under = _repeated(sorted(lies), y + 7.5, box, (inset, 0), (width, 0))
    found = (
        ("absent", boxes["absent"]),
        ("counted", dots["counted"]),
        ("late", dots["late"]),
        ("late-hole", dots["late"]),
        ("passed", dots["passed"]),
        ("late-hole", dots["passed"]),
        ("failed", dots["failed"]),
        ("late-hole", dots["failed"]),
        ("failed-glyph", slash),
        ("dropped", boxes["dropped"]),
        ("glyph", cross),
        ("refused", boxes["refused"]),
        ("glyph", bar),
        ("lied", under),
    )
    return tuple((name, path) for name, path in found if path)


def _repeated(xs: Sequence[float], y: float, stroke: str, start: tuple[float, float], end: tuple[float, float]) -> str:
    """SVG path data that draws the same relative stroke in every column, in few bytes.

    Args:
        xs: The columns' left edges, rising.
        y: The row's middle.
        stroke: What to draw.
        start: Where it begins, seen from the column's left edge and the row's middle.
        end: Where it ends, seen from where it began.
    """
    pieces = []
    for before, x in zip([None, *xs], xs, strict=False):
        if before is None:
            pieces.append(f"M{x + start[0]:g} {y + start[1]:g}{stroke}")
        else:
            pieces.append(f"m{x - before - end[0]:g} {-end[1]:g}{stroke}")
    return "".join(pieces)


def _told(client: str, round: int, fate: Fate) -> str:
    by = f" by {fate.stage}" if fate.stage else ""
    why = f": {fate.reason}" if fate.reason else ""
    held = f", {number(fate.score)} against {number(fate.threshold)}" if fate.score is not None else ""
    lied = " (it lied)" if fate.liar else ""
    return f"{client}, round {nth(round)}{lied}: {fate.status}{by}{why}{held}"


def summary(run: RunFacts) -> str:
    """The strip in one sentence, for those who do not see it."""
    excluded = sum(fate.excluded for each in run.rounds for fate in each.fates)
    told = f"{run.label}: {count(len(run.clients), 'client')}, {count(len(run.rounds), 'round')}, {count(excluded, 'exclusion')}"
    foiled = f", {count(len(run.foiled_rounds), 'round')} without the lie that was meant" if run.foiled_rounds else ""
    posed = f", {count(len(run.challenges), 'challenge')}" if run.challenges else ""
    return told + foiled + posed
