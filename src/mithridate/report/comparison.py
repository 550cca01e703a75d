"""Attacks against defences: what each cell, each defence and each pair of defences comes to. Outcomes in, statistics out.

Two things are bad: accuracy that is lost, and a backdoor that works. Their worse one is a cell's *damage*:

    damage = max(reference accuracy - accuracy, attack success rate - base rate, 0)

where the reference is the accuracy without liars and without a guard, under the same condition and seed if that was run, else
the mean of those that were; without any it is 1. Defences are ranked by their damage under the attack that is worst for
*them*: an average over attacks would let a defence hide the one that breaks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from mithridate.core.errors import ConfigurationError, suggestion
from mithridate.report.bootstrap import Estimate, mean_of
from mithridate.report.figures import Figures, average, centre, damage_of, figures_of, reference_of
from mithridate.report.labels import NOBODY
from mithridate.report.outcomes import Outcome

__all__ = ["TIE", "Comparison", "Duel", "Standing", "compared"]

TIE = 0.01
"""Damages that differ by less are a tie."""


@dataclass(frozen=True)
class Standing:
    """One defence against all attacks.

    Args:
        defence: What people call it.
        worst: Where its damage is greatest; None without figures under attack.
        worst_accuracy, worst_asr: Where its accuracy is least, and where a backdoor works best.
        mean_accuracy, mean_damage: Over attacks, each counted once.
        cost: Accuracy lost without liars, paired by condition and seed; None where one of the two was not run.
        caught, honest_excluded, minority_excluded: Means over attacks.
        guard_s: Mean seconds per aggregation.
        certified: Mean over attacks of what stays right whatever so many liars do, known from the run without liars; None but of
            ensembles.
        models: How many vote; 1 without an ensemble.
        cells, missing: Runs under attack and without; of these, without figures.
    """

    defence: str
    worst: Figures | None
    worst_accuracy: Figures | None
    worst_asr: Figures | None
    mean_accuracy: float | None
    mean_damage: float | None
    cost: Estimate | None
    caught: float | None
    honest_excluded: float | None
    minority_excluded: float | None
    guard_s: float | None
    cells: int
    missing: int
    certified: float | None = None
    models: int = 1


@dataclass(frozen=True)
class Duel:
    """Two defences against the same attacks, conditions and seeds.

    Args:
        defence, baseline: What people call them.
        accuracy, damage: Mean differences, defence minus baseline, with 95 % intervals over pairs; None without pairs.
        wins, ties, losses: Pairs in which the damage is less by more than `TIE`, alike, or more.
    """

    defence: str
    baseline: str
    accuracy: Estimate | None
    damage: Estimate | None
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """All cells of a matrix.

    Args:
        cells: By (condition, attack, defence).
        conditions, attacks, defences: In the order of the plan; attacks without liars first.
        calm: The attacks in which nobody lies.
        plain: The defences that are none.
        seed: Of the resampling.
    """

    cells: dict[tuple[str, str, str], Figures]
    conditions: tuple[str, ...]
    attacks: tuple[str, ...]
    defences: tuple[str, ...]
    calm: frozenset[str]
    plain: frozenset[str]
    seed: int = 0
    references: dict[tuple[str, int], float] = field(default_factory=dict)

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """All defences, the one whose worst case is least bad first; those without figures last."""
        found = [self._standing(defence) for defence in self.defences]
        return tuple(sorted(found, key=_rank))

    def reference(self, each: Outcome) -> float:
        """The accuracy that an outcome's loss is measured against."""
        return reference_of(each, self.references)

    def row(self, defence: str, *, attacked: bool = True) -> tuple[Figures, ...]:
        """The cells of a defence: those with liars, or those without."""
        return tuple(
            cell
            for (_, attack, who), cell in self.cells.items()
            if who == defence and (attack not in self.calm) == attacked
        )

    def duel(self, defence: str, baseline: str) -> Duel:
        """Two defences, paired by attack, condition and seed. Pairs of one attack are alike: with few attacks the
        interval is too narrow.

        Raises:
            ConfigurationError: there is no such defence.
        """
        for name in (defence, baseline):
            if name not in self.defences:
                raise ConfigurationError(f"there is no defence {name!r}{suggestion(name, self.defences)}")
        one, other = ({_place(o): o for cell in self.row(d) for o in cell.outcomes} for d in (defence, baseline))
        pairs = [(one[place], other[place]) for place in one if place in other]
        pairs = [(a, b) for a, b in pairs if a.measured and b.measured]
        lost = [damage_of(a, self.references) - damage_of(b, self.references) for a, b in pairs]
        return Duel(
            defence=defence,
            baseline=baseline,
            accuracy=mean_of([(a.accuracy or 0.0) - (b.accuracy or 0.0) for a, b in pairs], self.seed),
            damage=mean_of(lost, self.seed),
            wins=sum(each < -TIE for each in lost),
            ties=sum(abs(each) <= TIE for each in lost),
            losses=sum(each > TIE for each in lost),
        )

    def _standing(self, defence: str) -> Standing:
        row, calm = self.row(defence), self.row(defence, attacked=False)
        known = [cell for cell in row if cell.damage is not None]
        return Standing(
            defence=defence,
            worst=max(known, key=lambda cell: centre(cell.damage) or 0.0, default=None),
            worst_accuracy=min(known, key=lambda cell: centre(cell.accuracy) or 0.0, default=None),
            worst_asr=max(
                (c for c in known if c.asr is not None), key=lambda cell: centre(cell.asr) or 0.0, default=None
            ),
            mean_accuracy=average(centre(cell.accuracy) for cell in known),
            mean_damage=average(centre(cell.damage) for cell in known),
            cost=mean_of(
                [self.references[place] - share for place, share in _calm_accuracies(calm, self.references)], self.seed
            ),
            caught=average(centre(cell.caught) for cell in row),
            honest_excluded=average(centre(cell.honest_excluded) for cell in row),
            minority_excluded=average(centre(cell.minority_excluded) for cell in row),
            guard_s=average(cell.guard_s for cell in (*row, *calm)),
            cells=sum(len(cell.outcomes) for cell in (*row, *calm)),
            missing=sum(cell.missing for cell in (*row, *calm)),
            certified=average(centre(cell.certified) for cell in row),
            models=max((each.models for cell in (*row, *calm) for each in cell.outcomes), default=1),
        )


def compared(found: Sequence[Outcome], seed: int = 0) -> Comparison:
    """The comparison of all outcomes; a cell that was run twice counts twice.

    Args:
        found: In the order in which attacks and defences are to be shown.
        seed: Of the resampling.
    """
    unsaid = {each.attack for each in found if each.attacked is False} | {NOBODY}
    calm = frozenset({each.attack for each in found} & unsaid - {each.attack for each in found if each.attacked})
    plain = _plain(found)
    quiet = [each for each in found if each.attack in calm and each.defence in plain and each.measured]
    references = {(each.condition, each.seed): each.accuracy or 0.0 for each in reversed(quiet)}  # the first one counts
    curves = {(each.condition, each.defence, each.seed): each.curve for each in found if each.attack in calm}
    found = [_certified(each, curves) for each in found]
    grouped: dict[tuple[str, str, str], list[Outcome]] = {}
    for each in found:
        grouped.setdefault((each.condition, each.attack, each.defence), []).append(each)
    attacks = dict.fromkeys(each.attack for each in found)
    return Comparison(
        cells={place: figures_of(place, some, references, seed) for place, some in grouped.items()},
        conditions=tuple(dict.fromkeys(each.condition for each in found)),
        attacks=tuple(sorted(attacks, key=lambda attack: attack not in calm)),
        defences=tuple(dict.fromkeys(each.defence for each in found)),
        calm=calm,
        plain=plain,
        seed=seed,
        references=references,
    )


def _plain(found: Sequence[Outcome]) -> frozenset[str]:
    """The defences that are none: a plain mean, with nothing beside it but what stands beside every defence that it is among."""
    known = [each for each in found if each.guarded is not None]
    several = len({each.defence for each in known}) > 1
    shared = frozenset.intersection(*(each.procedures for each in known)) if several else frozenset()
    return frozenset(each.defence for each in known if each.guarded is False and each.procedures <= shared)


def _certified(each: Outcome, curves: Mapping[tuple[str, str, int], tuple[float, ...]]) -> Outcome:
    """An ensemble's outcome with what the same ensemble without liars certifies against as many as here."""
    curve = curves.get((each.condition, each.defence, each.seed), ())
    if not curve or not each.curve:
        return each
    return replace(each, certified=curve[each.liars] if each.liars < len(curve) else 0.0)


def _calm_accuracies(
    cells: Iterable[Figures], references: dict[tuple[str, int], float]
) -> list[tuple[tuple[str, int], float]]:
    """The accuracies without liars that have a reference of the same condition and seed."""
    found = [each for cell in cells for each in cell.outcomes if each.accuracy is not None]
    return [
        ((each.condition, each.seed), each.accuracy or 0.0)
        for each in found
        if (each.condition, each.seed) in references
    ]


def _rank(standing: Standing) -> tuple[bool, float, float]:
    if standing.worst is None:
        return True, 0.0, 0.0
    return False, centre(standing.worst.damage) or 0.0, standing.mean_damage or 0.0


def _place(each: Outcome) -> tuple[str, str, int]:
    return each.condition, each.attack, each.seed
