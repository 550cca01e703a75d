"""Deciding recorded rounds again: under the same guard to check the record, under another to ask "what if"."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mithridate.core.errors import ConfigurationError, StoreError
from mithridate.guard.bridge import NOBODY, SHORT_OF_QUORUM, held_back, nobody_admitted
from mithridate.guard.guard import Decision, Guard
from mithridate.guard.spec import from_table
from mithridate.rules import Mean
from mithridate.store.rounds import Recording, load_recording
from mithridate.store.run import RunFolder

__all__ = [
    "NOBODY",
    "SHORT_OF_QUORUM",
    "Replayed",
    "held_back",
    "nobody_admitted",
    "recorded_guard",
    "replay",
    "replayed",
]


@dataclass(frozen=True, eq=False)
class Replayed:
    """One recorded round, decided again.

    Args:
        round: Its number.
        decision: What the guard decides now.
        recorded: The digest of what was decided then; None if the journal does not say.
        exact: Whether the recording holds the very bytes that were decided on.
    """

    round: int
    decision: Decision
    recorded: str | None
    exact: bool

    @property
    def same(self) -> bool:
        """Whether both decisions are byte-identical."""
        return self.recorded == self.decision.digest


def replay(folder: RunFolder | str | Path, guard: Guard | None = None) -> Iterator[Decision]:
    """The decisions of a guard on a recorded run, one per round, in order.

    A round in which nobody was admitted, or too few for the quorum, is never put to the guard: the memory stays.

    Args:
        folder: The run, recorded with `record = true`.
        guard: Who decides; None for the guard of the run's own scenario.

    Raises:
        StoreError: nothing was recorded; a round is missing, damaged or of another model size than the first.
    """
    return (each.decision for each in replayed(folder, guard))


def replayed(folder: RunFolder | str | Path, guard: Guard | None = None) -> Iterator[Replayed]:
    """As `replay`, each decision beside the recorded one."""
    run = folder if isinstance(folder, RunFolder) else RunFolder.open(folder)
    guard = recorded_guard(run) if guard is None else guard
    recorded = set(run.recorded())
    if not recorded:
        raise StoreError(f"{run.path}: no round was recorded; run the scenario with record = true")
    memory, first = guard.init(), load_recording(run, min(recorded))
    for event in run.events():
        if event["event"] != "round":
            continue
        recording = _of(run, event, recorded, first)
        if recording is None or recording.cohort.n == 0:
            decision = nobody_admitted(first.cohort.d)
        elif (event.get("refused") or "").startswith(SHORT_OF_QUORUM):
            decision = held_back(first.cohort.d, event["refused"])
        else:
            decision, memory = guard.apply(recording.cohort, memory)
        yield Replayed(event["round"], decision, event.get("decision"), recording is None or recording.exact)


def _of(run: RunFolder, event: dict[str, Any], recorded: set[int], first: Recording) -> Recording | None:
    """A round's recording; None for a round that has none because the journal says that nobody was admitted."""
    number = event["round"]
    if number not in recorded:
        if event.get("refused") == NOBODY:
            return None
        raise StoreError(f"{run.path}: the recording of round {number} is missing, and with it all that follows")
    recording = first if number == first.cohort.round else load_recording(run, number)
    found, expected = recording.cohort.d, first.cohort.d
    if found != expected:
        # A stage's memory of one size cannot meet rows of another.
        raise StoreError(f"{run.recording(number)}: {found} parameters, the first recording has {expected}")
    return recording


def recorded_guard(run: RunFolder) -> Guard:
    """The guard of a run's scenario; the plain mean where it has none."""
    try:
        table = tomllib.loads(run.scenario_text)
        return from_table(table["guard"]) if "guard" in table else Guard(Mean())
    except (ValueError, OverflowError, ConfigurationError, RecursionError) as error:  # also a number of 5000 digits
        raise StoreError(f"{run.path / 'scenario.toml'}: {error}") from error
