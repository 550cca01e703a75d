"""What a guarded federation knows from round to round: the guard, its memory, and how a round's outcome is told."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mithridate.core.cohort import Cohort
from mithridate.core.digest import digest
from mithridate.core.errors import ConfigurationError, MithridateError
from mithridate.core.layout import Layout
from mithridate.core.protocols import Need
from mithridate.core.tables import name_of
from mithridate.flower.batch import Before
from mithridate.flower.gate import Gate
from mithridate.flower.journal import Journal
from mithridate.guard.admission import Sent
from mithridate.guard.assumptions import cautions, promise
from mithridate.guard.bridge import Bring, fallen_back, moved, nobody_admitted, ruled
from mithridate.guard.claims import Refusal
from mithridate.guard.guard import CHALLENGED, Decision, Guard
from mithridate.guard.policy import Policy
from mithridate.identity.continuity import Continuity
from mithridate.monitor.logs import logged

__all__ = ["Bring", "Keeper", "Outcome", "RunStopped", "Watch"]

log = logging.getLogger("mithridate")

Watch = Callable[[Mapping[str, Any]], None]
"""Hears every event."""


class RunStopped(MithridateError):
    """The policy says that a run must not go on."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of one round.

    Args:
        model: The new model, named arrays as they were sent; None if the old one stays.
        decision: What the guard decided.
        cohort: Who was admitted; None if nobody was.
        refusals: Who was not.
        event: The round as it stands in the journal; without its digests where there is no journal and nobody listens.
        memory: What the guard remembers afterwards.
    """

    model: dict[str, np.ndarray] | None
    decision: Decision
    cohort: Cohort | None
    refusals: tuple[Refusal, ...]
    event: dict[str, Any]
    memory: Any


class Keeper:
    """The guard between rounds.

    Args:
        policy: What was decided beforehand.
        bring: See `Bring`.
        name: What the run is called in its folder.
        watchers: Called with every event.
        home: The folder that the policy's relative paths begin in.
        token: Makes the run's id one that was never used before; random bytes but in tests.
    """

    def __init__(
        self,
        policy: Policy,
        bring: Bring | None = None,
        name: str = "federation",
        watchers: Sequence[Watch] = (),
        home: Path | None = None,
        token: str | None = None,
    ) -> None:
        self.policy, self._bring, self._name, self._watchers = policy, bring, name, tuple(watchers)
        self.guard: Guard | None = None
        self.journal: Journal | None = None
        self.layout: Layout | None = None
        self.gate: Gate | None = None
        self._home = Path.cwd() if home is None else home
        self._token = secrets.token_hex(8) if token is None else token
        self.next = 0
        self._memory: Any = None
        self._restored = -1
        self._log: Watch | None = None
        self._last: dict[str, np.ndarray] | None = None

    def open_gate(self, run_id: int) -> None:
        """Read keys and list, where the policy asks for them, before the first message goes out."""
        identity = self.policy.identity
        if self.gate is None and (identity.require != "none" or identity.server_key is not None):
            self.gate = Gate(identity, f"{run_id}-{self._token}", self._home)

    def begin(self, n: int, sent: Sent, key: tuple[Any, ...]) -> None:
        """Choose the guard and open the record, at the first round's broadcast.

        Args:
            n: How many clients are asked.
            sent: The broadcast.
            key: What tells this app and its configuration from others.

        Raises:
            ConfigurationError: the guard needs what nobody brings.
        """
        if self.guard is not None:
            return
        guard = self.policy.guarding(n)
        wanted = guard.needs - {Need.LAYOUT}  # the broadcast tells that one
        if wanted and self._bring is None:
            needs = ", ".join(sorted(need.value for need in wanted))
            raise ConfigurationError(
                f"the guard needs {needs}: pass guard_app(..., bring=...), which measures it on the server's own data"
            )
        self.guard, self._memory, self.layout = guard, guard.init(), sent.layout
        begun = {
            "event": "started",
            "rounds": None,
            "theory": _promised(guard, n),
            "quorum": self.policy.round.quorum,
            "flwr": version("flwr"),
        }
        if self.policy.record.folder is not None:
            whole = digest((self.policy.digest, sent.layout, key))
            self.journal = Journal.begin(
                self._home / self.policy.record.folder,
                whole,
                guard,
                name=self._name,
                seed=self.policy.round.seed,
                size=sent.layout.d,
                keep_rounds=self.policy.record.rounds,
                begun=begun,
            )
            self._restored = self.journal.finished
            if self.journal.state is not None:
                self._memory = self.journal.state["memory"]
                if self.gate is not None and self.journal.state["continuity"] is not None:
                    self.gate.continuity = Continuity.of(self.journal.state["continuity"]).in_run(self.gate.run)
                log.warning(
                    "%s: %d rounds are finished and will not be trained again",
                    self.journal.path,
                    self.journal.finished + 1,
                )

        self._log = logged(self._name if self.journal is None else self.journal.path.name)
        self._tell(begun if self.journal is None else self.journal.begun)

    def held_before(self) -> Before | None:
        """What came of the next round before the run was interrupted; None if it is still to be held."""
        if self.journal is None or self.layout is None or self.next > self._restored:
            return None
        stored, event = self.journal.outcome(self.next)
        # The file has them by name, strategies go by position.
        model = {name: stored[name] for name in self.layout.names}
        self.next += 1
        return Before(model, event)

    def said_before(self) -> Before | None:
        """What clients said of the last round's model before the run was interrupted; None if they are still to be asked."""
        round = self.next - 1
        if self.journal is None or round > self._restored:
            return None
        event = self.journal.evaluated(round)
        if event is None:
            return Before(None, {"names": None}) if round < self._restored else None
        return Before(None, event)

    def decide(
        self, round: int, sent: Sent, cohort: Cohort | None, refusals: Sequence[Refusal], asked: Sequence[str]
    ) -> Outcome:
        """Decide a round. What the guard remembers of it counts once it is written down.

        Args:
            round: Its number, from 0.
            sent: The broadcast.
            cohort: Who was admitted.
            refusals: Who was not.
            asked: Every client that was asked.
        """
        began = time.perf_counter()
        if cohort is not None and self._bring is not None and self.guard is not None and self.guard.needs:
            cohort = replace(cohort, **dict(self._bring(cohort)))
        if self.guard is None:
            decided, memory = nobody_admitted(sent.layout.d), self._memory
        else:
            decided, memory = ruled(self.policy, self.guard, self._memory, cohort, sent.layout.d)
        decision = fallen_back(self.policy, decided, cohort)
        event = {
            "event": "round",
            "round": round,
            "accuracy": None,
            "asr": None,
            "refused": decision.refused,
            "fall_back": None if decision is decided else name_of(self.policy.round.fall_back),
            "fell_back_from": None if decision is decided else decided.refused,
            "clients": fates(asked, cohort, refusals, decision),
            "refusals": [[each.client, each.reason, each.detail] for each in refusals],
        }
        if self.journal is not None or self._watchers:
            event |= {
                "decision": decided.digest,
                "delta_norm": float(np.linalg.norm(decision.delta.astype(np.float64))),
                "model": self._after(sent, decision),
            }
        event["seconds"] = {"guard": time.perf_counter() - began}
        model = None if decision.refused is not None else moved(sent, decision.delta)
        return Outcome(model, decision, cohort, tuple(refusals), event, memory)

    def write(self, sent: Sent, outcome: Outcome, told: Mapping[str, Any]) -> None:
        """Write a round down and remember it.

        Args:
            sent: The broadcast.
            outcome: What was decided.
            told: What else belongs to the event.

        Raises:
            RunStopped: the round was refused, and the policy says to stop then.
        """
        event = outcome.event | dict(told) | {"seconds": dict(told["seconds"]) | outcome.event["seconds"]}
        self._memory, self.next = outcome.memory, self.next + 1
        if outcome.model is not None or self._last is None or outcome.decision.refused != CHALLENGED:
            self._last = dict(sent.arrays) if outcome.model is None else outcome.model
        if self.journal is not None:
            self.journal.round(event, self._last, self._state(), outcome.cohort, outcome.refusals, sent.flat)
        self._tell(event)
        if outcome.decision.refused not in (None, CHALLENGED) and self.policy.round.on_refusal == "stop":
            raise RunStopped(
                f'round {event["round"] + 1} was refused ({outcome.decision.refused}), and the policy says on-refusal = "stop"'
            )

    def evaluated(self, told: Mapping[str, Any], failures: Mapping[str, tuple[str, str]]) -> None:
        """Write down what the clients said of the last round's model, and who said nothing of use."""
        odd = [[client, reason, detail] for client, (reason, detail) in sorted(failures.items())]
        event = {"event": "evaluated", "round": self.next - 1, "refusals": odd} | dict(told)
        if self.journal is not None:
            self.journal.tell(event)
        self._tell(event)

    def _tell(self, event: Mapping[str, Any]) -> None:
        for watch in (*self._watchers, *([] if self._log is None else [self._log])):
            watch(event)

    def _state(self) -> dict[str, Any]:
        """All that a run that goes on must know."""
        continuity = None if self.gate is None else self.gate.continuity.plain()
        return {"memory": self._memory, "continuity": continuity}

    def close(self, error: BaseException | None = None) -> None:
        """The app has ended; a guard that never saw a round has nothing to say about that."""
        if self.guard is None:
            return
        end: dict[str, Any] = {"event": "finished", "rounds": self.next}
        if error is not None:
            end = {"event": "failed", "kind": type(error).__name__, "error": str(error)[:2000]}
        if self.journal is not None:
            self.journal.finish(end, self._last)
        self._tell(end)

    def _after(self, sent: Sent, decision: Decision) -> str | None:
        """The digest of the federation's model after a round; None after a challenge before the first model is known."""
        if decision.refused is None:
            return digest(sent.flat + decision.delta)
        if decision.refused == CHALLENGED:  # what was sent is damaged, and nobody's model
            return None if self._last is None else digest(sent.layout.flatten(self._last))
        return digest(sent.flat)


def _promised(guard: Guard, n: int) -> dict[str, Any]:
    """What is proven of the guard for rounds of n clients, and which assumptions do not hold."""
    return asdict(promise(guard, n)) | {"cautions": [asdict(caution) for caution in cautions(guard, n)]}


def fates(
    asked: Sequence[str], cohort: Cohort | None, refusals: Sequence[Refusal], decision: Decision
) -> list[dict[str, Any]]:
    """One row per client that was asked: counted, dropped, refused or absent, and why. Nobody here knows who lies."""
    admitted = set() if cohort is None else {client for row in cohort.clients for client in row}
    weights = {} if cohort is None else dict(zip(cohort.clients, cohort.weights.tolist(), strict=True))
    refused = {each.client: each.reason for each in refusals if each.client not in admitted}
    marks = {mark.client: mark for mark in sorted(decision.marks, key=lambda mark: mark.dropped)}
    counted, rows = set(decision.counted), []
    for client in asked:
        row = dict.fromkeys(
            ("client", "liar", "minority", "examples", "status", "share", "stage", "reason", "score", "threshold")
        )
        row |= {"client": client, "examples": weights.get((client,)), "status": "absent"}
        if (mark := marks.get(client)) is not None:
            row |= {"stage": mark.stage, "reason": mark.reason}
            row |= {"score": _finite(mark.score), "threshold": _finite(mark.threshold)}
        if client in counted:
            row |= {"status": "counted", "share": None if decision.share is None else decision.share.get(client, 0.0)}
        elif client in admitted:
            passed = "challenge-passed" if decision.refused == CHALLENGED else "round-refused"
            row |= {"status": "dropped"} | ({} if mark is not None else {"stage": "guard", "reason": passed})
        elif client in refused:
            gone = refused[client] == "failed"
            row |= {"status": "absent" if gone else "refused", "stage": "admission", "reason": refused[client]}
        rows.append(row)
    return rows


def _finite(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
