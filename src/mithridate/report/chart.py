"""Curves over rounds as plain geometry: the template only draws what is computed here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mithridate.report.facts import RunFacts
from mithridate.report.rounds import Round
from mithridate.report.wording import nth, percent

__all__ = ["HEIGHT", "WIDTH", "Line", "Moment", "Panel", "panels", "sampled", "tones"]

WIDTH, HEIGHT = 568, 328
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 152, 46, 36
_LABEL_APART = 17
_MOST_MOMENTS = 120
_HUES = 6


@dataclass(frozen=True)
class Line:
    """One run's curve: an SVG path, its points, and where its label stands.

    Args:
        label: The run.
        tone: The CSS class that gives it its colour.
        path: SVG path data.
        base: SVG path data of what is found without an attack's trigger; empty where there is no such thing.
        last: Where the curve ends, x and y.
        label_y: Where its label stands; away from `last` where labels would overlap.
        value: The last value, in words.
    """

    label: str
    tone: str
    path: str
    base: str
    last: tuple[float, float]
    label_y: float
    value: str


@dataclass(frozen=True)
class Moment:
    """What the curves say after one round, for the crosshair.

    Args:
        number: The round, counted from 1.
        x: Where it is.
        left: Where the pointer counts as near to it.
        width: How far that reaches.
        values: Tone, run, value in words and height, per run that was measured.
    """

    number: int
    x: float
    left: float
    width: float
    values: tuple[tuple[str, str, str, float], ...]


@dataclass(frozen=True)
class Panel:
    """One chart.

    Args:
        title: What is measured.
        reading: Which direction is good, in words.
        lines: One per run.
        x_ticks: Position and text.
        y_ticks: Position and text.
        onset: Where the first lie was told, if there was one: position and round, counted from 1.
        moments: One per round.
    """

    title: str
    reading: str
    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    onset: tuple[float, int] | None
    moments: tuple[Moment, ...]

    @property
    def floor(self) -> float:
        """Where zero lies."""
        return self.y_ticks[0][0]

    @property
    def ceiling(self) -> float:
        return self.y_ticks[-1][0]

    @property
    def edges(self) -> tuple[float, float]:
        """Where the plot begins and ends."""
        return _LEFT, WIDTH - _RIGHT


Measure = Callable[[Round], float | None]
_MEASURES: tuple[tuple[str, str, Measure, Measure], ...] = (
    ("Accuracy", "higher is better", lambda each: each.accuracy, lambda each: None),
    ("Attack success", "lower is better", lambda each: each.asr, lambda each: each.base_rate),
)


def panels(runs: Sequence[RunFacts]) -> tuple[Panel, ...]:
    """Accuracy and, where there is a backdoor, its success, on the same axes; empty if nothing was measured."""
    last = max((each.number for run in runs for each in run.rounds), default=0)
    found = (_panel(runs, last, *measure) for measure in _MEASURES)
    return tuple(panel for panel in found if panel.lines)


def tones(runs: Sequence[RunFacts]) -> tuple[str, ...]:
    """A CSS class per run: clean runs are grey, unguarded ones vermilion, guards take the hues in order."""
    found, hue = [], 0
    for run in runs:
        if run.role in ("guarded", "peaceful"):
            hue = hue % _HUES + 1
            found.append(f"hue-{hue}")
        else:
            found.append("hue-clean" if run.role == "clean" else "hue-bare")
    return tuple(found)


def sampled(numbers: Sequence[int], most: int) -> tuple[int, ...]:
    """At most so many of these, evenly, the last one included.

    >>> sampled(range(10), 4)
    (0, 3, 6, 9)
    """
    step = max(1, -(-(len(numbers) - 1) // max(1, most - 1)))
    return tuple(sorted({*numbers[::step], *numbers[-1:]}))


def _panel(runs: Sequence[RunFacts], last: int, title: str, reading: str, measure: Measure, base: Measure) -> Panel:
    found = [
        (run.label, tone, _points(run, measure), _points(run, base))
        for run, tone in zip(runs, tones(runs), strict=True)
    ]
    drawn = [each for each in found if each[2]]
    onset = min((run.onset for run in runs if run.onset is not None), default=None)
    return Panel(
        title=title,
        reading=reading,
        lines=_lines(drawn, last),
        x_ticks=tuple((_x(number, last), str(nth(number))) for number in _round_ticks(last)),
        y_ticks=tuple((_y(share), f"{share:.0%}") for share in (0.0, 0.25, 0.5, 0.75, 1.0)),
        onset=None if onset is None else (_x(onset, last), nth(onset)),
        moments=_moments(drawn, last),
    )


Points = list[tuple[int, float]]
Drawn = tuple[str, str, Points, Points]


def _points(run: RunFacts, measure: Measure) -> Points:
    return [(each.number, value) for each in run.rounds if (value := measure(each)) is not None]


def _lines(drawn: Sequence[Drawn], last: int) -> tuple[Line, ...]:
    ends = [(_x(each[-1][0], last), _y(each[-1][1])) for _, _, each, _ in drawn]
    heights = _apart([y for _, y in ends])
    found = [
        Line(label, tone, _path(each, last), _path(base, last) if base else "", end, height, percent(each[-1][1]))
        for (label, tone, each, base), end, height in zip(drawn, ends, heights, strict=True)
    ]
    # The dotted curve of the clean run goes on top: a solid one beneath it still shows, the reverse does not.
    return tuple(sorted(found, key=lambda line: line.tone == "hue-clean"))


def _path(points: Sequence[tuple[int, float]], last: int) -> str:
    spots = [f"{_x(number, last):.1f} {_y(value):.1f}" for number, value in points]
    return f"M{'L'.join(spots)}" + ("h0.01" if len(spots) == 1 else "")


def _moments(drawn: Sequence[Drawn], last: int) -> tuple[Moment, ...]:
    if not drawn:
        return ()
    shown = sampled(sorted({number for _, _, each, _ in drawn for number, _ in each}), _MOST_MOMENTS)
    places = [_x(number, last) for number in shown]
    borders: list[float] = [_LEFT, *((a + b) / 2 for a, b in pairwise(places)), WIDTH - _RIGHT]
    values = [(tone, label, dict(each)) for label, tone, each, _ in drawn]
    return tuple(
        Moment(
            nth(number),
            x,
            left,
            right - left,
            tuple((tone, label, percent(at[number]), _y(at[number])) for tone, label, at in values if number in at),
        )
        for number, x, (left, right) in zip(shown, places, pairwise(borders), strict=True)
    )


def _apart(heights: Sequence[float]) -> list[float]:
    """Label heights, in the given order, pushed apart until none overlap, inside the chart."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = [0.0] * len(heights)
    for above, i in enumerate(order):
        least = placed[order[above - 1]] + _LABEL_APART if above else _TOP
        placed[i] = max(heights[i], least)
    bottom: float = HEIGHT - _BOTTOM
    for i in reversed(order):
        placed[i] = min(placed[i], bottom)
        bottom = placed[i] - _LABEL_APART
    return placed


def _round_ticks(last: int) -> list[int]:
    """The first round and those that people call round numbers."""
    steps = (lead * 10**scale for scale in range(6) for lead in (1, 2, 5))
    step = next((step for step in steps if last <= 6 * step), 10**6)
    return sorted({0, *range(step - 1, last + 1, step)})


def _x(number: int, last: int) -> float:
    return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (number / last if last else 0.0), 1)


def _y(share: float) -> float:
    return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * min(max(share, 0.0), 1.0), 1)
