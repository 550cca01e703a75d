"""What the clients of a real federation say of themselves and of the model: claims, one number per round made of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mithridate.core.errors import StoreError
from mithridate.report.wording import short

__all__ = ["HIGH", "WIDE", "Claim", "When", "claims"]

When = Literal["training", "evaluation"]

WIDE, HIGH = 150, 24
_LARGEST = 1e150
_MOST = 40


@dataclass(frozen=True)
class Claim:
    """One metric over the rounds.

    Args:
        name: As the clients call it; a stranger's text.
        when: Whether they reported it with their updates or when they evaluated the new model.
        values: Round and agreed value, in order.
    """

    name: str
    when: When
    values: tuple[tuple[int, float], ...]

    @property
    def first(self) -> float:
        return self.values[0][1]

    @property
    def last(self) -> float:
        return self.values[-1][1]

    @property
    def least(self) -> float:
        return min(value for _, value in self.values)

    @property
    def path(self) -> str:
        """The course as SVG path data, in a box of `WIDE` by `HIGH`; the least value lies at the bottom."""
        low, spread = self.least, self.most - self.least
        start, span = self.values[0][0], self.values[-1][0] - self.values[0][0]
        spots = [
            f"{WIDE * (round - start) / (span or 1):.1f} {HIGH * (1 - (value - low) / spread) if spread else HIGH / 2:.1f}"
            for round, value in self.values
        ]
        return f"M{'L'.join(spots)}" + ("h0.01" if len(spots) == 1 else "")

    @property
    def most(self) -> float:
        return max(value for _, value in self.values)


def claims(events: Iterable[Mapping[str, Any]]) -> tuple[Claim, ...]:
    """The metrics of a journal, those of training first, by name; no more than a page can bear.

    Raises:
        StoreError: what stands there are no metrics.

    >>> claims([{"event": "evaluated", "round": 0, "metrics": {"loss": 0.5}}])
    (Claim(name='loss', when='evaluation', values=((0, 0.5),)),)
    """
    kinds: dict[str, When] = {"round": "training", "evaluated": "evaluation"}
    found: dict[tuple[bool, str], dict[int, float]] = {}
    for event in events:
        when = kinds.get(event["event"])
        told = event.get("metrics")
        if when is None or told is None:
            continue
        if not isinstance(told, Mapping) or type(event.get("round")) is not int:
            raise StoreError("'metrics' must be numbers by name, of a round")
        for name, value in told.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
                raise StoreError("a metric that is no number of a sane size")
            found.setdefault((when == "evaluation", str(name)), {})[event["round"]] = float(value)
    return tuple(
        Claim(short(name, 60), "evaluation" if late else "training", tuple(sorted(values.items())))
        for (late, name), values in sorted(found.items())[:_MOST]
    )
