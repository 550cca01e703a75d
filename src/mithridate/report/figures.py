"""One cell of a matrix over its seeds: accuracy, backdoor and damage with intervals, and who was excluded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mithridate.report.bootstrap import Estimate, mean_of
from mithridate.report.outcomes import Outcome, State

__all__ = ["Figures", "average", "centre", "damage_of", "figures_of", "reference_of"]

Place = tuple[str, str, str]
References = Mapping[tuple[str, int], float]
Measure = Callable[[Outcome], float | None]

_WORST_FIRST: tuple[State, ...] = ("crashed", "failed", "refused", "not run", "diverged", "finished")


@dataclass(frozen=True)
class Figures:
    """One attack against one defence under one condition, over its seeds.

    Args:
        attack, defence, condition: What people call them.
        outcomes: One per seed.
        accuracy, asr, damage: With their 95 % intervals over seeds; None without figures (asr: without a trigger).
        caught: Part of the lying updates that were excluded: the true positive rate.
        honest_excluded, minority_excluded: Part of the honest updates that were excluded; of those with unlike data.
        guard_s: Seconds per aggregation; of an ensemble all its models'.
        certified: Part of the test samples that stay right whatever so many liars do; None but of ensembles.
    """

    attack: str
    defence: str
    condition: str
    outcomes: tuple[Outcome, ...]
    accuracy: Estimate | None
    asr: Estimate | None
    damage: Estimate | None
    caught: Estimate | None
    honest_excluded: Estimate | None
    minority_excluded: Estimate | None
    guard_s: float | None
    certified: Estimate | None = None

    @property
    def state(self) -> State:
        """The worst that became of any of its seeds; "finished" if all have figures."""
        return min((each.state for each in self.outcomes), key=_WORST_FIRST.index, default="not run")

    @property
    def missing(self) -> int:
        """Seeds without figures."""
        return sum(not each.measured for each in self.outcomes)


def figures_of(place: Place, some: Sequence[Outcome], references: References, seed: int) -> Figures:
    """The figures of a cell's outcomes.

    Args:
        place: Condition, attack and defence.
        some: One per seed.
        references: Accuracy without liars and guard, by condition and seed.
        seed: Of the resampling.
    """
    condition, attack, defence = place
    known = [each for each in some if each.measured]

    def over(measure: Measure) -> Estimate | None:
        return mean_of([value for each in known if (value := measure(each)) is not None], seed)

    return Figures(
        attack=attack,
        defence=defence,
        condition=condition,
        outcomes=tuple(some),
        accuracy=over(lambda each: each.accuracy),
        asr=over(lambda each: each.asr),
        damage=over(lambda each: damage_of(each, references)),
        caught=over(lambda each: each.rate("liar")),
        honest_excluded=over(lambda each: each.rate("honest")),
        minority_excluded=over(lambda each: each.rate("minority")),
        guard_s=average(each.guard_s for each in known),
        certified=over(lambda each: each.certified),
    )


def reference_of(each: Outcome, references: References) -> float:
    """The accuracy that losses are measured against: its own condition's and seed's, else the condition's mean, else 1."""
    own = references.get((each.condition, each.seed))
    if own is not None:
        return own
    alike = [share for (condition, _), share in references.items() if condition == each.condition]
    return sum(alike) / len(alike) if alike else 1.0


def damage_of(each: Outcome, references: References) -> float:
    """Accuracy lost or backdoor gained, whichever is worse, in [0, 1]; `report.comparison` says against what."""
    own = reference_of(each, references)
    return max(own - (each.accuracy or 0.0), each.lift or 0.0, 0.0)


def centre(found: Estimate | None) -> float | None:
    """Its mean, if it is known."""
    return None if found is None else found.mean


def average(values: Iterable[float | None]) -> float | None:
    """The mean of what is known.

    >>> average([1.0, None, 2.0])
    1.5
    """
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
