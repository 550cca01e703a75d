"""The guard for any engine: named arrays of the clients come in, the new model and who was left out go out.

Nothing here knows a framework. Who sent what is the engine's word: the clients' names must be authenticated by it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mithridate.core.cohort import Cohort
from mithridate.core.errors import ConfigurationError
from mithridate.core.protocols import Memory, Need
from mithridate.guard.admission import Reply, Sent, admit
from mithridate.guard.claims import Refusal
from mithridate.guard.guard import CHALLENGED, Decision, Guard
from mithridate.guard.policy import Policy

__all__ = [
    "NOBODY",
    "SHORT_OF_QUORUM",
    "Bring",
    "GuardedRounds",
    "Verdict",
    "decide",
    "fallen_back",
    "held_back",
    "moved",
    "nobody_admitted",
    "ruled",
]

NOBODY = "nobody was admitted"
"""Why a round without a single admitted reply is refused: there is nothing to ask a guard about."""

SHORT_OF_QUORUM = "short of the quorum: "
"""How the reason of a round begins in which too few replies were admitted for the guard to be asked."""

Bring = Callable[[Cohort], Mapping[str, Any]]
"""What the server measures beside the replies (a clean reference update, probe losses), for guards that ask for it."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What came of one round.

    Args:
        model: The new model, named arrays as they were sent; a refused round's is the old one.
        decision: What was decided, with the marks of those left out.
        refusals: Whose reply was not even admitted.
        out: Why each client that was asked or answered does not count, by client.
        stop: Whether the policy says that the run ends here.
    """

    model: dict[str, np.ndarray]
    decision: Decision
    refusals: tuple[Refusal, ...]
    out: Mapping[str, str]
    stop: bool

    @property
    def refused(self) -> str | None:
        """Why the whole round was refused; None if it was not."""
        return self.decision.refused


class GuardedRounds:
    """A guard and its memory, round after round.

    Give it what was broadcast and what came back; take the model. A refused round leaves the model as it was, and an odd reply
    costs its sender the round and nobody else.

    Args:
        policy: What was decided beforehand: [guard], [admission] and [round] count here.
        bring: What the server measures itself, for guards that need it.
        memory: Of the guard, where a run goes on; None begins anew.
        round: Number of the next round, where a run goes on.

    >>> from mithridate.guard.policy import read_policy
    >>> rounds = GuardedRounds(read_policy('[guard]\\nrule = "median"'))
    >>> sent = {"w": np.zeros(2, np.float32)}
    >>> replies = {name: {"w": np.full(2, 0.5, np.float32)} for name in ("ann", "bob", "cat")}
    >>> verdict = rounds.decide(sent, replies | {"eve": {"w": np.full(2, np.nan, np.float32)}})
    >>> verdict.model["w"], dict(verdict.out)
    (array([0.5, 0.5], dtype=float32), {'eve': 'not-finite'})
    """

    def __init__(
        self, policy: Policy | None = None, *, bring: Bring | None = None, memory: Memory = None, round: int = 0
    ) -> None:
        self.policy, self._bring = policy or Policy(), bring
        self.guard: Guard | None = None
        self.memory, self.round = memory, round

    def decide(
        self,
        sent: Mapping[str, np.ndarray],
        replies: Mapping[str, Mapping[str, Any]],
        examples: Mapping[str, Any] | None = None,
        asked: Collection[str] | None = None,
    ) -> Verdict:
        """Decide one round, and remember it.

        Args:
            sent: The broadcast: the model's named arrays. Where clients send differences, zeros of the same shapes; the
                verdict's model is then the difference to be added.
            replies: Each client's arrays; anything may be in them.
            examples: How many examples each client claims; 1 for those that claim none.
            asked: Who was asked: others are refused, and who is silent stands in `out`. None lets anybody answer.

        Raises:
            ConfigurationError: the guard needs what nobody brings.
        """
        guard = self._chosen(len(replies) if asked is None else len(asked))
        claims, broadcast = examples or {}, Sent(sent, None if asked is None else tuple(asked))
        cohort, refusals = admit(
            broadcast,
            [Reply(client, _whole(arrays), claims.get(client, 1)) for client, arrays in replies.items()],
            round=self.round,
            seed=self.policy.round.seed,
            limits=self.policy.admission,
        )
        if cohort is not None and self._bring is not None and guard.needs:
            cohort = replace(cohort, **dict(self._bring(cohort)))
        decided, memory = ruled(self.policy, guard, self.memory, cohort, broadcast.layout.d)
        decision = fallen_back(self.policy, decided, cohort)
        self.memory, self.round = memory, self.round + 1
        model = dict(sent) if decision.refused is not None else moved(broadcast, decision.delta)
        out = _out(replies if asked is None else asked, cohort, refusals, decision)
        stop = decision.refused is not None and self.policy.round.on_refusal == "stop"
        return Verdict(model, decision, refusals, out, stop)

    def _chosen(self, n: int) -> Guard:
        if self.guard is None:
            guard = self.policy.guarding(n)
            wanted = guard.needs - {Need.LAYOUT}  # the broadcast tells that one
            if wanted and self._bring is None:
                needs = ", ".join(sorted(need.value for need in wanted))
                raise ConfigurationError(
                    f"the guard needs {needs}: pass bring=..., which measures it on the server's data"
                )
            self.guard = guard
            self.memory = guard.init() if self.memory is None else self.memory
        return self.guard


def decide(
    sent: Mapping[str, np.ndarray],
    replies: Mapping[str, Mapping[str, Any]],
    examples: Mapping[str, Any] | None = None,
    policy: Policy | None = None,
) -> Verdict:
    """One round on its own, for guards without a memory: as `GuardedRounds.decide`."""
    return GuardedRounds(policy).decide(sent, replies, examples)


def ruled(policy: Policy, guard: Guard, memory: Memory, cohort: Cohort | None, d: int) -> tuple[Decision, Memory]:
    """What the guard says of a round, unless too few replies were admitted to ask it; and what it then remembers."""
    if cohort is None:
        return nobody_admitted(d), memory
    least = policy.round.quorum
    if cohort.present.n < least:
        return held_back(d, f"{SHORT_OF_QUORUM}{cohort.present.n} of {least}"), memory
    return guard.apply(cohort, memory)


def fallen_back(policy: Policy, decided: Decision, cohort: Cohort | None) -> Decision:
    """What the policy's other rule says where the guard refused; the guard's own word if there is none."""
    rule, why = policy.round.fall_back, decided.refused
    if why is None or cohort is None or rule is None or why == CHALLENGED or why.startswith(SHORT_OF_QUORUM):
        return decided
    guard = Guard(rule)
    decision, _ = guard.apply(cohort, guard.init())
    return decided if decision.refused is not None else decision


def moved(sent: Sent, delta: np.ndarray) -> dict[str, np.ndarray]:
    """The broadcast plus the delta, each array in the type it was sent in; counters stay as they were."""
    arrays = dict(sent.arrays)
    for entry, place in sent.layout.slices:
        ours = sent.arrays[entry.name]
        arrays[entry.name] = (ours + delta[place].reshape(entry.shape)).astype(ours.dtype, copy=False)
    return arrays


def nobody_admitted(d: int) -> Decision:
    """The refused decision of a round without a single admitted reply.

    Args:
        d: Parameters of the model.

    >>> nobody_admitted(2)
    Decision(delta=array([0., 0.], dtype=float32), counted=(), share=None, marks=(), refused='nobody was admitted')
    """
    return held_back(d, NOBODY)


def held_back(d: int, why: str) -> Decision:
    """The refused decision of a round that was never put to the guard."""
    return Decision(np.zeros(d, np.float32), (), None, (), why)


def _whole(arrays: Any) -> Any:
    """A client's arrays with numpy's scalars, which arithmetic makes of arrays without dimensions, as arrays again."""
    if not isinstance(arrays, Mapping):
        return arrays
    return {name: np.asarray(value) if isinstance(value, np.generic) else value for name, value in arrays.items()}


def _out(
    asked: Collection[str], cohort: Cohort | None, refusals: tuple[Refusal, ...], decision: Decision
) -> dict[str, str]:
    """Why each client that does not count does not."""
    admitted = set() if cohort is None else {client for row in cohort.clients for client in row}
    marks = {mark.client: mark.reason for mark in sorted(decision.marks, key=lambda mark: mark.dropped)}
    out = dict.fromkeys((client for client in asked if client not in admitted), "absent")
    out |= {each.client: each.reason for each in refusals if each.client not in admitted}
    out |= {client: marks.get(client, "round-refused") for client in admitted if client not in decision.counted}
    return dict(sorted(out.items()))
