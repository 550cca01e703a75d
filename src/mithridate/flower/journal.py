"""The evidence of a guarded run: the simulator's run folder, written by a federation, from which a killed run goes on.

Every round's outcome is on the disk before the strategy hears of it. When the same app is started again after a crash, the
rounds that were finished are not trained again: the strategy is handed the recorded outcomes, one by one, and comes to where
it was, whatever it keeps in memory (Adam's moments, a custom loop's counters).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from mithridate.core.cohort import Cohort
from mithridate.core.errors import StoreError
from mithridate.core.protocols import Memory
from mithridate.guard.claims import Refusal
from mithridate.guard.guard import Guard
from mithridate.guard.spec import dump
from mithridate.store.manifest import code_version, manifest
from mithridate.store.rounds import empty_cohort, save_round
from mithridate.store.run import RunFolder
from mithridate.store.summary import summary

__all__ = ["Journal"]


class Journal:
    """Where a guarded run is written down, round by round.

    Args:
        folder: The run's own folder.
        run: The folder, opened.
        keep_rounds: Whether every round's updates are kept, too.
    """

    def __init__(self, run: RunFolder, keep_rounds: bool = False) -> None:
        self._run, self._keep = run, keep_rounds
        found = run.load_checkpoint()
        self.finished: int = -1 if found is None else found[0]
        self._state: Memory = None if found is None else found[1]
        if run.status != "finished":
            run.rewind(self.finished)
        self._events = list(run.events())

    @classmethod
    def begin(
        cls,
        parent: str | Path,
        key: str,
        guard: Guard,
        *,
        name: str,
        seed: int,
        size: int,
        keep_rounds: bool = False,
        begun: Mapping[str, Any],
    ) -> Journal:
        """Go on with the unfinished run of this key, or begin a new one.

        Args:
            parent: The folder that holds the runs.
            key: Digest of all that makes two runs the same: app, configuration, policy, shape of the model.
            guard: Who decides.
            name: What the run is called.
            seed: The defence's.
            size: Parameters of the model.
            keep_rounds: Whether every round's updates are kept.
            begun: What the first event says beside the names of things.
        """
        parent = Path(parent)
        for path in sorted(parent.glob("*/manifest.json"), reverse=True):
            run = RunFolder.open(path.parent)
            if run.manifest["config_digest"] == key and run.status != "finished":
                return cls(run, keep_rounds)
        parent.mkdir(parents=True, exist_ok=True)
        taken = [int(found[1]) for path in parent.iterdir() if (found := re.fullmatch(rf"{name}-(\d+)", path.name))]
        content = manifest(
            config_digest=key,
            seeds=[seed],
            data_digest=None,
            provenance="the clients' own, never seen by the server",
            time=_now(),
            more={"name": name, "model_parameters": size, "venue": "federation"},
        )
        run = RunFolder.create(parent / f"{name}-{1 + max(taken, default=0):04d}", content, dump(guard))
        journal = cls(run, keep_rounds)
        named = {"id": run.path.name, "name": name, "version": code_version(), "config_digest": key, "time": _now()}
        journal._tell(dict(begun) | named)
        return journal

    @property
    def begun(self) -> dict[str, Any]:
        """The first event."""
        return self._events[0]

    @property
    def path(self) -> Path:
        return self._run.path

    @property
    def state(self) -> Memory:
        """What the guard remembered after the last finished round; None before the first."""
        return self._state

    def outcome(self, round: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """A finished round's model and event.

        Raises:
            StoreError: it is not there.
        """
        event = next((e for e in self._events if e["event"] == "round" and e["round"] == round), None)
        if event is None:
            raise StoreError(f"{self.path}: round {round} is not in the journal")
        return self._run.load_model(_name(round)), event

    def evaluated(self, round: int) -> dict[str, Any] | None:
        """What the clients said of the model after a finished round; None if they were not asked."""
        return next((e for e in reversed(self._events) if e["event"] == "evaluated" and e["round"] == round), None)

    def round(
        self,
        event: Mapping[str, Any],
        model: Mapping[str, np.ndarray],
        state: Memory,
        cohort: Cohort | None,
        refusals: Sequence[Refusal],
        nobody: np.ndarray,
    ) -> None:
        """Write one round down: when this returns it is on the disk."""
        number = event["round"]
        if self._keep:
            there = cohort if cohort is not None else empty_cohort(nobody, round=number)
            save_round(self._run, there, tuple(refusals))
        self._run.save_model(model, _name(number))
        self._tell(event)
        self._run.save_checkpoint(number, state)
        self.finished, self._state = number, state

    def tell(self, event: Mapping[str, Any]) -> None:
        """Write down something that is no round."""
        self._tell(event)

    def finish(self, end: Mapping[str, Any], model: Mapping[str, np.ndarray] | None) -> None:
        """The run is over: finished, or failed and to be gone on with."""
        if end["event"] == "failed":
            self._tell(end)
        else:
            if model is not None:
                self._run.save_model(model)
            unmeasured = dict.fromkeys(("accuracy", "asr", "durability", "seconds"))
            last = next((each["model"] for each in reversed(self._events) if each["event"] == "round"), None)
            self._tell(dict(end) | unmeasured | {"model_digest": last, "summary": summary(self._events)})
        self._run.close()

    def _tell(self, event: Mapping[str, Any]) -> None:
        self._run.append(event)
        self._events.append(dict(event))


def _name(round: int) -> str:
    return f"after-round-{round:05d}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
