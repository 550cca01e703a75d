"""A trigger in parts that finds its own place and its own samples, for any number of liars."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from mithridate.attacks.access import ModelAccess, Samples
from mithridate.attacks.bars import Bars, evenly
from mithridate.attacks.rehearsal import drawn
from mithridate.attacks.settling import fingerprints, nearest_place, telling
from mithridate.attacks.victims import FromSource, refuse_unless_trigger
from mithridate.core.card import Card
from mithridate.core.errors import ConfigurationError
from mithridate.core.protocols import Memory, fits

__all__ = ["Sadba", "Settled"]

_LARGEST_SIDE = 4


@dataclass(frozen=True)
class Sadba(FromSource):
    """SADBA: sets of bars dealt evenly to however many liars there are, at a place and on samples that the liars choose.

        parts    `parts` of the 2^m - 2 sets of some but not all of the m = side^2 bars, at even steps from small to large
        uniform  a liar's poisoned samples are dealt among all parts in turn; static: liar k stamps part k alone
        place    where stamped samples lie nearest to samples of the target, mean_i min_j ‖stamp(x_i) - t_j‖ over all places
        samples  those whose gradients towards the target, with all bars, project furthest on their mean direction:
                 in each of `rounds` the best T of R = surplus * T are kept, T = share * n, and R - T others drawn

    Place and samples are found once, from what the liars hold when they first lie, and kept. Success is measured with all bars.

    Args:
        target: The class that stamped samples are to be taken for; >= 0.
        side: Bars in a row, and rows; 2 to 4. The authors' configuration has 3.
        size: Length of a bar in pixels; >= 1. The authors' configuration has 3.
        gap: Pixels between bars, across and down; >= 0.
        value: Brightness in all channels; in [0, 1].
        place: Row and column of the upper left pixel; None: it is looked for.
        parts: Sets in use; 1 to 2^m - 2. The authors take as many as there are liars.
        deal: How the parts come to the liars.
        rounds: Of the choice of samples; >= 0. With 0 they are drawn at random.
        surplus: Candidates per sample chosen; >= 1.
        seen: Samples, and samples of the target, that are compared to find the place; >= 1.
        share: Part of the liars' samples that is stamped and relabelled; in [0, 1]. The authors' configuration has .4.
        source: The one class that is stamped and sent to the target; None for all.
        clean_label: Whether only samples of the target itself are stamped, so that no label is wrong.
    Raises:
        ConfigurationError: the bars do not fit into the image, or have fewer sets than `parts`.
    Cost: once, O(places * seen^2 * bar pixels) and 2 * rounds * surplus * share gradients per sample.
    From: SADBA, AAAI 2025 (article 33820): the abstract, and the authors' overview picture and code (plague155/SADBA). The
        training half is the update attack `catch-up`.
    Differs: the paper's text could not be had, so all of this is from code and picture. There the places tried are a Poisson-disc
        sample, here all; a place for every image is an option there, and none here. They choose among honest clients' samples
        too and hand them out; here liars keep to their own. Their gradients are a new network's, here the first broadcast's;
        their R is 5000. Their gap leaves gap - 1 rows between bars, CIFAR's bars are coloured, and samples are dealt in runs,
        here in turn. The picture has the uniform deal; the published configuration, whose data are made already, the static one.
    Weak against: its own place. On MNIST (docs/results.md, four liars, boost 5, geometric median, three seeds) DBA worked on
        54.9 % of the victims, and so does FCBA, whose first four sets are DBA's bars; four parts dealt evenly in the corner on
        100 %, and on 99.5 % with chosen samples: the deal is what helps. At the place found it was 18.9 %, and 17.3 % with one
        part to a liar: bars among a zero's own pixels are learnt worse than bars on a dark rim. Under the plain mean it worked
        on 66.9 %, DBA on all.

    >>> trigger = Sadba(target=0, size=1, gap=0)
    >>> trigger.stamp(np.zeros((1, 1, 2, 2), np.float32)).sum(), trigger.sets
    (np.float32(4.0), ((0,), (0, 1), (1, 3), (1, 2, 3)))
    """

    target: int
    side: int = 2
    size: int = 4
    gap: int = 2
    value: float = 1.0
    place: tuple[int, int] | None = None
    parts: int = 4
    deal: Literal["uniform", "static"] = "uniform"
    rounds: int = 1
    surplus: float = 2.0
    seen: int = 64
    share: float = 0.4
    source: int | None = None
    clean_label: bool = False
    card: ClassVar[Card] = Card(
        "sadba",
        "trigger",
        "bars dealt to any number of liars, at a place and on samples that suit them",
        "SADBA, AAAI 2025",
        knows="partial",
        cost="2 rounds surplus share gradients per sample, once",
        tags=(
            "NISTAML.023 Backdoor Poisoning",
            "AML.T0020 Training Data Poisoning",
            "AML.T0043.004 Insert Backdoor Trigger",
        ),
    )

    def __post_init__(self) -> None:
        refuse_unless_trigger(self.target, self.share, self.source)
        fits(self.side, 2, _LARGEST_SIDE, "side", whole=True)
        for name in ("size", "parts", "seen"):
            fits(getattr(self, name), 1, math.inf, name, whole=True)
        for name in ("gap", "rounds"):
            fits(getattr(self, name), 0, math.inf, name, whole=True)
        fits(self.value, 0, 1, "value")
        fits(self.surplus, 1, 1e6, "surplus")
        if self.deal not in ("uniform", "static"):
            raise ConfigurationError(f"deal must be 'uniform' or 'static', not {self.deal!r}")
        if self.place is not None:
            object.__setattr__(self, "place", tuple(self.place))
            if len(self.place) != 2:
                raise ConfigurationError(f"place must be a row and a column, not {self.place!r}")
            for each in self.place:
                fits(each, 0, math.inf, "place", whole=True)
        evenly(self.side**2, self.parts)  # refuses more than there are

    @property
    def bars(self) -> Bars:
        """The whole trigger, in the upper left corner before a place is found."""
        return Bars(self.side, self.size, self.gap, self.value, self.place or (0, 0))

    @property
    def sets(self) -> tuple[tuple[int, ...], ...]:
        """The parts."""
        return evenly(self.side**2, self.parts)

    def stamp(self, x: np.ndarray) -> np.ndarray:
        """Copies of (n, c, h, w) images with all bars."""
        return self.bars.stamp(x)

    def part(self, number: int) -> Dealt:
        """What liar `number`, counted from 0, stamps."""
        return Dealt(self, number)

    def init(self) -> Memory:
        """Nothing is chosen."""
        return None

    def learnt(self, memory: Memory) -> Sadba | Settled:
        """The trigger at the place and on the samples that were chosen."""
        if memory is None:
            return self
        place = None if memory["place"] is None else (int(memory["place"][0]), int(memory["place"][1]))
        there = replace(self, place=place)
        known, chosen = memory["known"], memory["chosen"]
        return Settled(self.target, there, known, chosen, self.source, self.clean_label) if self.rounds else there

    def learn(
        self, samples: Samples, access: ModelAccess, model: np.ndarray, memory: Memory, rng: np.random.Generator
    ) -> Memory:
        """The place, and the names of the images looked at and chosen; only what is new is looked at."""
        place = self.place if memory is None else memory["place"]
        known, chosen = (np.zeros(0, np.int64) if memory is None else memory[name] for name in ("known", "chosen"))
        if place is None:
            place = self._place(samples, rng)
        if self.rounds:
            names = fingerprints(samples.x)
            fresh = np.flatnonzero(self.hosts(samples.x, samples.y) & ~np.isin(names, known))
            stamped = replace(self, place=place).stamp(samples.x[fresh])
            count = round(self.share * fresh.size)
            best = telling(access, model, stamped, self.target, count, rng, rounds=self.rounds, surplus=self.surplus)
            known, chosen = np.union1d(known, names[fresh]), np.union1d(chosen, names[fresh[best]])
        return {"place": place, "known": known, "chosen": chosen}

    def _place(self, samples: Samples, rng: np.random.Generator) -> tuple[int, int] | None:
        """Where it hides best; None while there is nothing to compare."""
        hit, own = self.victims(samples.x, samples.y), samples.y == self.target
        if not hit.any() or not own.any():
            return None
        x, targets = (drawn(Samples(samples.x[m], samples.y[m]), self.seen, rng).x for m in (hit, own))
        return nearest_place(self.bars, x, targets)


@dataclass(frozen=True)
class Dealt:
    """What one liar stamps: its samples dealt among the parts in turn, beginning with its own; or its own alone.

    Args:
        trigger: The whole.
        number: Which liar, from 0.
    """

    trigger: Sadba
    number: int

    def part(self, number: int) -> Dealt:
        """No further parts."""
        return self

    def stamp(self, x: np.ndarray) -> np.ndarray:
        """Copies of (n, c, h, w) images, image i with part (number + i) mod parts, or all with part number mod parts."""
        bars, sets = self.trigger.bars, self.trigger.sets
        own = self.number % len(sets)
        if self.trigger.deal == "static":
            return bars.stamp(x, sets[own])
        stamped = bars.stamp(x, ())
        for k in range(len(sets)):
            turn = slice((k - own) % len(sets), None, len(sets))
            stamped[turn] = bars.stamp(x[turn], sets[k])
        return stamped


@dataclass(frozen=True, eq=False)
class Settled(FromSource):
    """The trigger once its samples are chosen: `share` counts those alone.

    Args:
        target, source, clean_label: As of any trigger.
        trigger: At its place.
        known, chosen: Names of the images that were looked at, and of those to be stamped. Of images that nobody looked at,
            such as those changed by other poison, the same share is stamped, by their names.
    """

    target: int
    trigger: Sadba
    known: np.ndarray
    chosen: np.ndarray
    source: int | None = None
    clean_label: bool = False
    share: ClassVar[float] = 1.0
    card: ClassVar[Card] = Card("settled", "trigger", "bars at a place and on samples that were chosen")

    def hosts(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The chosen samples."""
        names = fingerprints(x)
        drawn = (names % 2**32) / 2**32 < self.trigger.share
        known = np.isin(names, self.known)
        return np.asarray(super().hosts(x, y) & np.where(known, np.isin(names, self.chosen), drawn))

    def stamp(self, x: np.ndarray) -> np.ndarray:
        """Copies of (n, c, h, w) images with all bars."""
        return self.trigger.stamp(x)

    def part(self, number: int) -> Dealt:
        """What liar `number` stamps."""
        return self.trigger.part(number)
