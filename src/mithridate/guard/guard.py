"""The guard: stages, then a rule, as one pure function from a cohort to a decision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mithridate.core.cohort import Cohort, Mark
from mithridate.core.digest import digest
from mithridate.core.errors import ConfigurationError, UnmetPrecondition
from mithridate.core.protocols import Aggregate, Memory, Need, Rule, Stage
from mithridate.guard.tables import name_of

__all__ = ["CHALLENGED", "Decision", "Guard"]

CHALLENGED = "a challenge, whose answers are judged and not aggregated"
"""Why nothing comes of a round that only tests the clients."""


@dataclass(frozen=True, eq=False)
class Decision:
    """What the guard says about one round.

    Args:
        delta: (d,) float32, what to add to the model; zero if the round was refused.
        counted: The clients whose updates sway the delta, in the order of the cohort.
        share: How much each counted client counts; None for rules that treat every coordinate by itself.
        marks: Who was dropped, weighed down or changed, by which stage, and why.
        refused: Why the whole round was refused; None if it was not.
    """

    delta: np.ndarray
    counted: tuple[str, ...]
    share: dict[str, float] | None
    marks: tuple[Mark, ...] = ()
    refused: str | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything decided: equal exactly when two decisions are byte-identical."""
        return digest(self)

    @property
    def dropped(self) -> tuple[str, ...]:
        """The clients that lost their say, each once, in the order of the marks."""
        return tuple(dict.fromkeys(mark.client for mark in self.marks if mark.dropped))


@dataclass(frozen=True)
class Guard:
    """A rule behind any number of stages.

    Pure: no I/O, no clock, no global randomness; the same cohort and memory give the same decision, byte for byte. An unmet
    precondition (too few rows, a non-finite value, nobody left) gives a refused decision: zero delta, memory unchanged,
    reason recorded. It never raises on hostile rows and never falls back to the mean.

    Raises:
        ConfigurationError: something that is not a rule or stage, or a stage gives weights that the rule would ignore.

    >>> from mithridate.testing import cohort
    >>> from mithridate.rules import Krum
    >>> guard = Guard(Krum(f=1))
    >>> decision, memory = guard.apply(cohort([[0.], [1.], [2.], [4.], [600.]]), guard.init())
    >>> decision.delta, decision.counted
    (array([1.], dtype=float32), ('c1',))
    """

    rule: Rule
    stages: tuple[Stage, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))
        if isinstance(self.rule, type) or not isinstance(self.rule, Rule) or isinstance(self.rule, Stage):
            raise ConfigurationError(f"not a rule: {self.rule!r}; a rule is a value such as Krum(f=2)")
        for stage in self.stages:
            if isinstance(stage, type) or not isinstance(stage, Stage):
                raise ConfigurationError(f"not a stage: {stage!r}; a stage is a value such as Clip(to='median')")
            if stage.weighs and not self.rule.weighs:
                raise ConfigurationError(
                    f"{name_of(stage)} gives weights that {name_of(self.rule)} would ignore; "
                    "take a rule that heeds weights (weighted-mean) or a stage that drops rows"
                )

    @property
    def needs(self) -> frozenset[Need]:
        """What the venue must bring besides the replies."""
        return self._wants - {Need.PREVIOUS}

    @property
    def _wants(self) -> frozenset[Need]:
        return frozenset(self.rule.needs).union(*(stage.needs for stage in self.stages))

    def init(self) -> Memory:
        """The memory before the first round."""
        return {"stages": tuple(stage.init() for stage in self.stages), "previous": None}

    def apply(self, cohort: Cohort, memory: Memory) -> tuple[Decision, Memory]:
        """Decide one round.

        Args:
            cohort: The admitted replies.
            memory: What `init` or the last `apply` returned.

        Returns:
            The decision and the memory for the next round; a refused round leaves the memory as it was. Of a challenge (a
            cohort with that probe, where a stage asks for it) comes a refused decision, and what those stages learnt.
        """
        if Need.CHALLENGE in self._wants and Need.CHALLENGE.value in cohort.probes:
            return self._challenged(cohort, memory)
        try:
            seen, remembered = self.staged(cohort, memory)
            aggregate = self.rule(seen)
        except UnmetPrecondition as reason:
            return Decision(np.zeros(cohort.d, np.float32), (), None, (), str(reason)), memory
        decision = self._decision(cohort, seen, aggregate)
        previous = decision.delta if Need.PREVIOUS in self._wants else None
        return decision, {"stages": remembered, "previous": previous}

    def staged(self, cohort: Cohort, memory: Memory) -> tuple[Cohort, tuple[Memory, ...]]:
        """What the rule sees of a cohort, and what the stages then remember.

        Raises:
            UnmetPrecondition: a stage refuses the round, or the venue did not bring what the guard needs.
        """
        seen = cohort.with_previous(memory["previous"]) if Need.PREVIOUS in self._wants else cohort
        self._equipped(cohort)
        remembered = []
        for stage, old in zip(self.stages, memory["stages"], strict=True):
            seen, new = stage.apply(seen, old)
            remembered.append(new)
        return seen, tuple(remembered)

    def _challenged(self, cohort: Cohort, memory: Memory) -> tuple[Decision, Memory]:
        """A challenge: only the stages that asked for it judge the answers and remember; nothing is aggregated."""
        seen, remembered = cohort, []
        try:
            for stage, old in zip(self.stages, memory["stages"], strict=True):
                asked = Need.CHALLENGE in stage.needs
                seen, new = stage.apply(seen, old) if asked else (seen, old)
                remembered.append(new)
        except UnmetPrecondition as reason:
            return Decision(np.zeros(cohort.d, np.float32), (), None, (), str(reason)), memory
        decision = Decision(np.zeros(cohort.d, np.float32), (), None, seen.marks, CHALLENGED)
        return decision, memory | {"stages": tuple(remembered)}

    def _equipped(self, cohort: Cohort) -> None:
        for need in sorted(self.needs - {Need.CHALLENGE}, key=lambda need: need.value):
            if getattr(cohort, need.value, cohort.probes.get(need.value)) is None:
                raise UnmetPrecondition(f"the guard needs {need.value!r}, and the venue did not bring it")

    def _decision(self, cohort: Cohort, seen: Cohort, aggregate: Aggregate) -> Decision:
        delta = np.asarray(aggregate.delta, np.float32)
        delta.flags.writeable = False
        if aggregate.share is None:
            speaking = {client for row in seen.present.clients for client in row}
            share = None
        else:
            each = seen.per_client(aggregate.share)
            speaking = {client for client, part in each.items() if part != 0}
            share = {client: each[client] for row in cohort.clients for client in row if client in speaking}
        counted = tuple(client for row in cohort.clients for client in row if client in speaking)
        accused = {mark.client for mark in seen.marks if mark.dropped}
        silent = [
            client for row in cohort.clients for client in row if client not in speaking and client not in accused
        ]
        return Decision(delta, counted, share, seen.marks + self._unselected(silent, cohort, seen, aggregate), None)

    def _unselected(self, silent: list[str], cohort: Cohort, seen: Cohort, aggregate: Aggregate) -> tuple[Mark, ...]:
        """Marks for the clients that no stage dropped and the rule left out all the same."""
        score: dict[str, float] = {}
        threshold = math.nan
        # Also by the cohort that came: stages leave out of theirs what has no weight.
        absent = {
            client
            for each in (cohort, seen)
            for row, weight in zip(each.clients, each.weights, strict=True)
            if weight == 0
            for client in row
        }
        if aggregate.scores is not None and aggregate.share is not None:
            taken = aggregate.scores[np.asarray(aggregate.share) != 0]
            threshold = float(taken.max()) if taken.size else math.nan
            score = {client: float(s) for row, s in zip(seen.clients, aggregate.scores, strict=True) for client in row}
        return tuple(
            Mark(client, "admission", 0.0, 0.0, "no-examples")
            if client in absent
            else Mark(client, name_of(self.rule), score.get(client, math.nan), threshold, "not-selected")
            for client in silent
        )
