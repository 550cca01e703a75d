"""The door: raw replies become a cohort, or are refused by name. Nothing hostile gets further than this file.

A refusal never ends a round and is never silent: every reply is in the cohort or in the list of refusals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mithridate.core.cohort import Cohort
from mithridate.core.digest import digest
from mithridate.core.errors import ConfigurationError
from mithridate.core.layout import Layout
from mithridate.guard.claims import (
    Limits,
    Reason,
    Refusal,
    Refused,
    believed,
    clamped,
    identified,
    keyed,
    shaped,
    spoken,
    timely,
)

__all__ = ["Admission", "Reply", "Sent", "admit"]


@dataclass(frozen=True, eq=False)
class Sent:
    """What the server broadcast: the only measure of what a reply must look like.

    Args:
        arrays: The model's named arrays, in order.
        clients: Who was asked; None lets anybody answer.
    """

    arrays: Mapping[str, np.ndarray]
    clients: tuple[str, ...] | None = None

    @cached_property
    def layout(self) -> Layout:
        return Layout.of(self.arrays)

    @cached_property
    def asked(self) -> frozenset[str] | None:
        """Who was asked, to be looked up."""
        return None if self.clients is None else frozenset(self.clients)

    @cached_property
    def flat(self) -> np.ndarray:
        """(d,) float32."""
        return self.layout.flatten(self.arrays)


@dataclass(frozen=True, eq=False)
class Reply:
    """What one client sent back. Every field but `client` (which the venue vouches for) is the client's own claim.

    Args:
        client: The authenticated identity.
        arrays: Its model after training: named arrays.
        num_examples: How many examples it claims to have trained on.
        round: Which round it claims to answer; None where the venue does not carry it.
    """

    client: str
    arrays: Any
    num_examples: Any = 1
    round: Any = None


@dataclass(frozen=True)
class _Candidate:
    client: str
    claim: float
    row: int


def admit(
    sent: Sent,
    replies: Iterable[Reply],
    *,
    round: int,
    seed: int,
    limits: Limits = Limits(),
    seen: frozenset[str] = frozenset(),
    **brought: Any,
) -> tuple[Cohort | None, tuple[Refusal, ...]]:
    """Turn raw replies into a cohort of updates (reply minus broadcast), refusing whatever is odd.

    Each reply passes, in this order: (1) its client id, (2) the round it answers, (3) its claimed number of examples,
    (4) its keys against the broadcast, (5) per array type, dtype kind and shape, before any arithmetic, (6) finite values
    of sane size. Then (7) of several replies of one client, identical ones count once and contradicting ones not at all,
    and (8) an update already used in an earlier round (`seen`) is refused. Rows are ordered by client id, so that the order
    of arrival cannot matter. A claim of 0 examples is admitted with weight 0: present in the record, absent from the rule.

    Args:
        sent: The broadcast.
        replies: In any order; anything may be in them.
        round: This round's number.
        seed: Seed of the defence's randomness.
        limits: How far a claim may go.
        seen: Digests of updates of earlier rounds, as `core.digest` gives them (of a row of `Cohort.updates`).
        brought: Further fields of the cohort that the venue computed (`reference`, ...).

    Returns:
        The cohort, or None if nobody got in; and the refusals, ordered by client id.

    Cost: O(d) per reply, one copy.

    >>> sent = Sent({"w": np.zeros(2, np.float32)})
    >>> good = Reply("ann", {"w": np.array([1., 2.], np.float32)}, num_examples=10)
    >>> cohort, refused = admit(sent, [good, Reply("eve", {"w": np.array([np.nan, 0.])})], round=0, seed=0)
    >>> cohort.updates
    array([[1., 2.]], dtype=float32)
    >>> refused
    (Refusal(client='eve', reason='not-finite', detail="'w' holds NaN or Inf"),)
    """
    # By client before anything else, so that rows need not be moved afterwards.
    arrived = sorted(replies, key=lambda reply: spoken(getattr(reply, "client", None), limits))
    door = Admission(sent, len(arrived), round=round, seed=seed, limits=limits, seen=seen)
    for reply in arrived:
        door.offer(reply)
    return door.close(**brought)


class Admission:
    """`admit`, one reply at a time: what arrives is checked, written to its row and need not be kept by the venue.

    Holds (most, d) float32 and nothing else of that size; rows are put in order of client id in place when the door is closed.

    Args:
        sent: The broadcast.
        most: How many replies are looked at; more are refused unseen.
        round: This round's number.
        seed: Seed of the defence's randomness.
        limits: How far a claim may go.
        seen: Digests of updates of earlier rounds.
        expected: Who is likely to reply, in order of client id: their rows lie where they belong, whoever comes first.
        rows: Memory that the updates are written to, (most, d) float32; None for fresh memory, which has to be cleared first.

    >>> door = Admission(Sent({"w": np.zeros(1, np.float32)}), 2, round=0, seed=0)
    >>> door.offer(Reply("eve", {"w": np.array([np.inf])})), door.offer(Reply("ann", {"w": np.array([1.])}))
    (False, True)
    >>> cohort, refused = door.close()
    >>> cohort.updates.tolist(), [refusal.reason for refusal in refused]
    ([[1.0]], ['not-finite'])
    """

    def __init__(
        self,
        sent: Sent,
        most: int,
        *,
        round: int,
        seed: int,
        limits: Limits = Limits(),
        seen: frozenset[str] = frozenset(),
        expected: Sequence[str] = (),
        rows: np.ndarray | None = None,
    ) -> None:
        self._sent, self._round, self._seed, self._limits, self._seen = sent, round, seed, limits, seen
        self._updates = np.empty((most, sent.layout.d), np.float32) if rows is None else rows
        if self._updates.shape != (most, sent.layout.d) or self._updates.dtype != np.float32:
            raise ConfigurationError(f"rows must be ({most}, {sent.layout.d}) float32")
        own = expected[:most]
        self._places = {client: row for row, client in enumerate(own)}
        self._others: list[int] = [*range(len(own), most), *range(len(own))]
        self._taken: set[int] = set()
        self._candidates: list[_Candidate] = []
        self._refusals: list[Refusal] = []

    def offer(self, reply: Reply) -> bool:
        """Let one reply in, or refuse it by name; whether it got in so far."""
        client = getattr(reply, "client", None)
        try:
            row = self._row(client)
            self._candidates.append(_examined(self._sent, reply, self._round, self._limits, self._updates, row))
        except Refused as odd:
            self.refuse(client, odd.reason, odd.detail)
            return False
        self._taken.add(row)
        return True

    def _row(self, client: Any) -> int:
        """A free row: the client's own, if it has one that is free."""
        if len(self._taken) == len(self._updates):
            raise Refused("sent-twice", f"more than {len(self._updates)} replies")
        own = self._places.get(client) if isinstance(client, str) else None
        if own is not None and own not in self._taken:
            return own
        while self._others[0] in self._taken:
            self._others.pop(0)
        return self._others[0]

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Who was turned away so far, in order of arrival."""
        return tuple(self._refusals)

    def refuse(self, client: Any, reason: Reason, detail: str) -> None:
        """Record what the venue itself turned away."""
        self._refusals.append(Refusal(spoken(client, self._limits), reason, detail))

    def withdraw(self, client: str, reason: Reason, detail: str) -> None:
        """Turn away after all what a client has brought, every reply of it."""
        before = len(self._candidates)
        self._candidates = [candidate for candidate in self._candidates if candidate.client != client]
        for _ in range(before - len(self._candidates)):
            self.refuse(client, reason, detail)

    def close(self, **brought: Any) -> tuple[Cohort | None, tuple[Refusal, ...]]:
        """The cohort, or None if nobody got in; and the refusals, ordered by client id. The door is of no use afterwards."""
        kept = _unrepeated(self._candidates, self._updates, self._seen, self._refusals)
        self._refusals.sort(key=lambda refusal: (refusal.client, refusal.reason, refusal.detail))
        refusals = tuple(self._refusals)
        if not kept:
            return None, refusals
        _ordered(self._updates, [candidate.row for candidate in kept])
        weights = clamped(np.array([candidate.claim for candidate in kept]), self._limits)
        cohort = Cohort(
            self._sent.flat,
            self._updates[: len(kept)],
            tuple((candidate.client,) for candidate in kept),
            weights,
            round=self._round,
            seed=self._seed,
            layout=self._sent.layout,
            **brought,
        )
        return cohort, refusals


def _ordered(updates: np.ndarray, rows: Sequence[int]) -> None:
    """Bring row rows[i] to place i, in place, whatever the order: two rows' worth of memory. Other rows are lost.

    >>> found = np.array([[0.], [1.], [2.]])
    >>> _ordered(found, [2, 0])
    >>> found[:2].tolist()
    [[2.0], [0.0]]
    """
    lies, holds = list(range(len(updates))), list(range(len(updates)))  # where each row lies now, and which lies where
    wanted = set(rows)
    for place, row in enumerate(rows):
        now, evicted = lies[row], holds[place]
        if now != place:
            if evicted in wanted:
                updates[[place, now]] = updates[[now, place]]
            else:
                updates[place] = updates[now]
            lies[row], lies[evicted], holds[place], holds[now] = place, now, row, evicted


def _examined(sent: Sent, reply: Any, round: int, limits: Limits, updates: np.ndarray, row: int) -> _Candidate:
    """The reply's update, written to a row of `updates` that is free until this succeeds."""
    if not isinstance(reply, Reply):
        raise Refused("not-a-mapping", f"expected a reply, got {type(reply).__name__}")
    client = identified(reply.client, sent.asked, limits)  # (1)
    timely(reply.round, round)  # (2)
    claim = believed(reply.num_examples, limits)  # (3)
    arrays = keyed(reply.arrays, sent.layout, limits)  # (4)
    _update(arrays, sent, limits, updates[row])  # (5), (6)
    return _Candidate(client, claim, row)


def _update(arrays: Mapping[str, Any], sent: Sent, limits: Limits, update: np.ndarray) -> None:
    for entry in sent.layout.entries:
        shaped(arrays[entry.name], entry)
    with np.errstate(over="ignore", invalid="ignore"):
        for entry, place in sent.layout.slices:
            theirs, ours = arrays[entry.name], sent.arrays[entry.name]
            # float32 minus float32 is exact up to one rounding; anything else is subtracted in float64 and rounded once.
            narrow = theirs.dtype == np.float32 and ours.dtype == np.float32
            kind, into = np.float32 if narrow else np.float64, update[place].reshape(entry.shape)
            np.subtract(theirs, ours, out=into, dtype=kind, casting="same_kind")
    if update.min() >= -limits.max_abs and update.max() <= limits.max_abs:  # false for NaN, too
        return
    for entry, place in sent.layout.slices:
        low, high = update[place].min(), update[place].max()
        if not (np.isfinite(low) and np.isfinite(high)):
            raise Refused("not-finite", f"{entry.name!r} holds NaN or Inf")
        if max(-low, high) > limits.max_abs:
            raise Refused("too-large", f"{entry.name!r} moves by more than {limits.max_abs:g}")


def _unrepeated(
    candidates: Sequence[_Candidate], updates: np.ndarray, seen: frozenset[str], refusals: list[Refusal]
) -> list[_Candidate]:
    """One candidate per client, by client id; repetitions and replays go to the refusals."""
    by_client: dict[str, list[_Candidate]] = {}
    for candidate in candidates:
        by_client.setdefault(candidate.client, []).append(candidate)
    kept = []
    for client in sorted(by_client):
        first, *others = by_client[client]
        same = all(o.claim == first.claim and np.array_equal(updates[o.row], updates[first.row]) for o in others)
        if not same:
            refusals += [Refusal(client, "contradicts-itself", f"sent {1 + len(others)} different replies")] * (
                1 + len(others)
            )
            continue
        refusals += [Refusal(client, "sent-twice", "the same reply again; the first one counts")] * len(others)
        if seen and digest(updates[first.row]) in seen:
            refusals.append(Refusal(client, "replayed", "the same update was used in an earlier round"))
            continue
        kept.append(first)
    return kept
