"""What a report may know of runs: frozen values, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from mithridate.core.errors import ConfigurationError
from mithridate.report.assurance import Assurance, Promised
from mithridate.report.claims import Claim
from mithridate.report.procedures import Smoothed, Voted
from mithridate.report.rounds import Round
from mithridate.report.settings import amount, is_bare, is_plain_mean, part, table
from mithridate.store.run import Status

__all__ = ["Facts", "Lasted", "Role", "RunFacts"]

Role = Literal["clean", "peaceful", "unguarded", "guarded"]
"""Nobody lied and no guard; nobody lied under a guard; liars and no guard; liars under a guard."""

_CLEARLY = 0.02


@dataclass(frozen=True)
class Lasted:
    """How a backdoor outlived the liars: `rounds` until half of it was gone, or, if not `halved`, so many at least."""

    rounds: int
    halved: bool


@dataclass(frozen=True)
class RunFacts:
    """One run.

    Args:
        label: What the report calls it.
        status: finished, failed or unfinished.
        error: What a failed run said last.
        scenario: The configuration, as it was given (TOML).
        settings: The same, read.
        made_of: The manifest.
        rounds: In order.
        model_digest: SHA-256 of the final model.
        promised: What the guard promised; None in older runs.
        lasted: How long the backdoor outlived the liars' departure; None if they stayed, had not planted it, or nobody looked.
        smoothed: What the vote of noisy copies was worth; None without smoothing, or before the end.
        voted: How an ensemble's vote ended; None of any other run, and before the end.
        claims: What the clients of a real federation said of themselves.
    """

    label: str
    status: Status
    scenario: str
    settings: Mapping[str, Any]
    made_of: Mapping[str, Any]
    rounds: tuple[Round, ...]
    error: str | None = None
    model_digest: str | None = None
    promised: Promised | None = None
    lasted: Lasted | None = None
    smoothed: Smoothed | None = None
    voted: Voted | None = None
    claims: tuple[Claim, ...] = ()

    @property
    def real(self) -> bool:
        """Whether this is a real federation, and not a laboratory's."""
        return self.made_of.get("venue") == "federation"

    @cached_property
    def assurance(self) -> Assurance | None:
        """What was promised, beside what was measured; None in older runs."""
        if self.promised is None:
            return None
        return Assurance(
            self.promised, {each.number: each.measured for each in self.rounds if each.measured is not None}
        )

    @cached_property
    def clients(self) -> tuple[str, ...]:
        """Everybody who was ever asked."""
        return tuple(sorted({fate.client for each in self.rounds for fate in each.fates}))

    @cached_property
    def liars(self) -> tuple[str, ...]:
        """Everybody who ever lied."""
        return tuple(sorted({fate.client for each in self.rounds for fate in each.fates if fate.liar}))

    @property
    def enrolled(self) -> int:
        """Clients enrolled, as far as is known."""
        return max(amount(table(self.settings, "clients").get("count")) or 0, len(self.clients))

    @property
    def planned(self) -> int | None:
        """Rounds that the scenario asks for."""
        return amount(self.settings.get("rounds"))

    @property
    def attacked(self) -> bool:
        attack = table(self.settings, "attack")
        return bool(self.liars) or bool(attack and attack.get("liars"))

    @property
    def guarded(self) -> bool:
        """Whether anything but the plain mean aggregates, or a procedure stands beside it."""
        return not is_bare(self.settings)

    @property
    def role(self) -> Role:
        if self.attacked:
            return "guarded" if self.guarded else "unguarded"
        return "peaceful" if self.guarded else "clean"

    @property
    def names_clients(self) -> bool:
        """Whether the guard says how much each client counts; rules that judge coordinates do not."""
        return any(fate.share is not None for each in self.rounds for fate in each.fates)

    @property
    def averages(self) -> bool:
        """Whether the plain mean aggregates, whatever stands beside it."""
        return is_plain_mean(table(self.settings, "guard"))

    @property
    def judges_coordinates(self) -> bool:
        """Whether the guard decided and never said how much a client counts; a guard that only refused says nothing."""
        decided = any(fate.status == "counted" for each in self.rounds for fate in each.fates)
        return self.guarded and decided and not self.names_clients

    @property
    def onset(self) -> int | None:
        """The first round in which anybody lied."""
        return next((each.number for each in self.rounds if any(fate.liar for fate in each.fates)), None)

    @property
    def accuracy(self) -> float | None:
        """As last measured; of an ensemble the vote's."""
        if self.voted is not None:
            return self.voted.accuracy
        return next((each.accuracy for each in reversed(self.rounds) if each.accuracy is not None), None)

    @property
    def asr(self) -> float | None:
        """As last measured; of an ensemble the vote's."""
        if self.voted is not None:
            return self.voted.asr
        return next((each.asr for each in reversed(self.rounds) if each.asr is not None), None)

    @property
    def base_rate(self) -> float | None:
        """How often the target is answered without the trigger; as last measured, of an ensemble the vote's."""
        if self.voted is not None:
            return self.voted.base_rate
        return None if self.backdoor is None else self.backdoor.base_rate

    @property
    def backdoor(self) -> Round | None:
        """The round in which the backdoor was last measured."""
        return next((each for each in reversed(self.rounds) if each.asr is not None), None)

    @property
    def worst_asr(self) -> Round | None:
        """The round from the first lie on in which the trigger made the greatest difference."""
        measured = [each for each in self.rounds if each.asr is not None and each.number >= (self.onset or 0)]
        return max(measured, key=lambda each: each.lift or 0.0, default=None)

    @property
    def healed(self) -> bool:
        """Whether the backdoor worked clearly better for a while than in the end."""
        worst, last = self.worst_asr, self.backdoor
        return worst is not None and last is not None and (worst.lift or 0) > (last.lift or 0) + _CLEARLY

    @property
    def final(self) -> Round | None:
        """The last round of a finished run, which is measured on all test samples; None for a run that is not finished."""
        return self.rounds[-1] if self.status == "finished" and self.rounds else None

    @property
    def weakest(self) -> float | None:
        """Accuracy on the worst class, as last measured."""
        last: tuple[float | None, ...] = next((each.per_class for each in reversed(self.rounds) if each.per_class), ())
        return min((value for value in last if value is not None), default=None)

    @property
    def classes(self) -> int:
        """How many classes the task has; 0 where that was not recorded."""
        return max((len(each.per_class) for each in self.rounds), default=0)

    @property
    def refused_rounds(self) -> tuple[Round, ...]:
        """Rounds without a decision that should have had one; challenges never do."""
        return tuple(each for each in self.rounds if each.refused is not None)

    @property
    def challenges(self) -> tuple[Round, ...]:
        return tuple(each for each in self.rounds if each.challenge)

    @property
    def rolled_back(self) -> tuple[Round, ...]:
        """Rounds whose model gave way to an earlier one."""
        return tuple(each for each in self.rounds if each.alarm is not None and each.alarm.back_to is not None)

    @property
    def foiled_rounds(self) -> tuple[Round, ...]:
        return tuple(each for each in self.rounds if each.foiled is not None)

    @property
    def guard_s(self) -> float | None:
        """Mean seconds per round for admission and guard."""
        spent = [each.guard_s for each in self.rounds if each.guard_s is not None]
        return sum(spent) / len(spent) if spent else None

    @property
    def trigger(self) -> Mapping[str, Any] | None:
        """The backdoor's trigger."""
        return part(table(self.settings, "attack"), "trigger")


@dataclass(frozen=True)
class Facts:
    """The runs of one report, in the order in which they were given.

    Raises:
        ConfigurationError: there is none.
    """

    runs: tuple[RunFacts, ...]

    def __post_init__(self) -> None:
        if not self.runs:
            raise ConfigurationError("a report needs at least one run folder")

    def of(self, role: Role) -> tuple[RunFacts, ...]:
        """The runs in which a role is played."""
        return tuple(run for run in self.runs if run.role == role)
