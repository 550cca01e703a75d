"""One batch of instructions on its way: who was asked, what has come back, and how each instruction gets its answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, Error, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid

from mithridate.flower.arrays import record_of
from mithridate.flower.fetch import Undelivered
from mithridate.flower.gate import Gate, Round
from mithridate.flower.local import copied
from mithridate.flower.metrics import Claims
from mithridate.flower.private import SERVER_NODE
from mithridate.flower.replies import Opened
from mithridate.guard.claims import Refused, spoken
from mithridate.guard.policy import Policy

__all__ = ["ENVELOPE_BYTES", "REFUSED", "Asked", "Batch", "Before", "Handed", "pushed"]

_MOST_ODD = 20

ENVELOPE_BYTES = 1 << 20
"""How much a reply may bring beside a model: metrics, signature, the messages' own packing."""

REFUSED = 1000
"""The error code of a reply that the guard turned away, as the strategy sees it."""


@dataclass(frozen=True, eq=False)
class Asked:
    """One instruction: the message as the app made it, and the client that it went to."""

    message: Message
    client: str


@dataclass(frozen=True, eq=False)
class Handed:
    """What the strategy gets of one batch.

    Args:
        replies: By id.
        metrics: The metrics that stand in each of them.
        names: What the model's record and the metrics' are called; None if nothing is handed on.
        weights: The client of each reply, and the number of examples that stands in it.
    """

    replies: dict[str, Message]
    metrics: dict[str, float]
    names: tuple[str, str] | None = None
    weights: tuple[tuple[str, int], ...] = ()

    @property
    def told(self) -> dict[str, Any]:
        """All but the messages, for the journal: enough to hand it on again."""
        return {"metrics": self.metrics, "names": self.names, "handed": [list(each) for each in self.weights]}


@dataclass(frozen=True, eq=False)
class Before:
    """What was handed on before the run was interrupted.

    Args:
        model: The new model; None for an evaluation.
        told: As `Handed.told`, out of the journal.
    """

    model: Mapping[str, np.ndarray] | None
    told: Mapping[str, Any]


class Batch(ABC):
    """What was sent at once, and what of it is still out.

    Args:
        asked: Every instruction, with the client that it is for.
        policy: How claims are judged.
        gate: Who is let in; None believes the node.

    Attributes:
        ids: The instructions under way, by id.
        out: Of those, the ids without an answer.
        failures: Why a reply is not used, by id: a reason and a sentence.
        vouched: Who has signed the reply of each node, by node id.
    """

    def __init__(self, asked: Sequence[Asked], policy: Policy, gate: Gate | None = None) -> None:
        self.asked, self.policy, self.gate = tuple(asked), policy, gate
        self.identity: Round | None = None
        self.ids: dict[str, Asked] = {}
        self.out: set[str] = set()
        self.failures: dict[str, tuple[str, str]] = {}
        self.vouched: dict[int, str] = {}
        self._claimed: dict[str, Claims] = {}

    @property
    def most_bytes(self) -> int:
        """How much one reply may bring, its envelope included."""
        return ENVELOPE_BYTES

    @property
    def clients(self) -> tuple[str, ...]:
        """Everybody who was asked, once, in order of id; who has signed its reply goes by its enrolled name."""
        return tuple(sorted({asked.client for asked in (self.ids.values() or self.asked)}))

    def sent_as(self, ids: Sequence[str]) -> None:
        """The instructions are on their way under these ids."""
        self.ids = dict(zip(ids, self.asked, strict=True))
        self.out = set(ids)

    def take(self, reply: Message) -> None:
        """Judge one reply; it need not be kept afterwards. One that answers nothing that is out is passed over."""
        id = reply.metadata.reply_to_message_id
        if id not in self.out:
            return
        self.out.discard(id)
        asked = self.ids[id]
        try:
            self._take(id, asked, _from_whom_was_asked(reply, asked))
        except Refused as odd:
            self.turn_away(id, odd.reason, odd.detail)

    def miss(self, id: str, why: str) -> None:
        """Nothing will come of this instruction any more."""
        if id in self.out:
            self.out.discard(id)
            self.turn_away(id, "failed", why)

    def turn_away(self, id: str, reason: Any, detail: str) -> None:
        """Record that a reply is not used."""
        self.failures[id] = (reason, detail)

    def lost(self, reply: Undelivered) -> None:
        """The reply to an instruction never became a message."""
        if reply.id in self.out:
            self.out.discard(reply.id)
            self.turn_away(reply.id, reply.reason, spoken(reply.detail, self.policy.admission))

    def errors(self, but: Iterable[str], *, all_others: bool) -> dict[str, Message]:
        """The replies that were turned away, as the strategy sees them, by id.

        Args:
            but: Instructions that are answered already.
            all_others: Also for good replies that are not handed on, so that every instruction has its answer.
        """
        told = dict.fromkeys(self.ids, "not handed on by the guard") if all_others else {}
        told |= {id: f"{reason}: {detail}" for id, (reason, detail) in self.failures.items()}
        answered = set(but)
        return {
            id: Message(Error(REFUSED, why), reply_to=self.ids[id].message)
            for id, why in told.items()
            if id not in answered
        }

    def again(self, before: Before) -> dict[str, Message]:
        """What the strategy was handed of this round before a crash: the same model, metrics and weights, in the same order.

        A client that is not asked this time gives its reply to one that is: the strategy cannot tell, and its sums stay the same.
        """
        if before.told["names"] is None:
            return self.errors((), all_others=True)
        by_client = {asked.client: id for id, asked in self.ids.items()}
        known = [by_client.pop(client, None) for client, _ in before.told["handed"]]
        spare = iter(by_client.values())
        replies = {
            found if found is not None else next(spare, ""): weight
            for found, (_, weight) in zip(known, before.told["handed"], strict=True)
        }
        model, metrics = before.told["names"]
        record = None if before.model is None else record_of(before.model)
        made = {}
        for id, weight in replies.items():
            if id:
                models = {} if record is None else {model: record.copy()}
                made[id] = self._reply(id, models, metrics, before.told["metrics"], weight)
        return made | self.errors(made, all_others=True)

    def odd_metrics(self, handed: Handed) -> list[list[Any]]:
        """Which metrics of each client were not believed: no plain finite numbers, or names that most others do not send."""
        known = {*handed.metrics, self.policy.metrics.examples_key}
        found = []
        for id, claims in self._claimed.items():
            odd = sorted({*claims.odd, *claims.numbers} - known | {*claims.odd})
            if odd:
                limits = self.policy.admission
                found.append([self.ids[id].client, [spoken(name, limits) for name in odd[:_MOST_ODD]]])
        return sorted(found)

    def for_all(self, handed: Handed) -> Handed:
        """The same for everybody who was asked, counted or not: a strategy that wants a certain number of replies (Bulyan) would
        otherwise drop the round whenever clients misbehave. As all replies are alike, their weights do not matter."""
        if not handed.replies:
            return handed
        content, weight = next(iter(handed.replies.values())).content, handed.weights[0][1]
        more = {
            id: Message(copied(content), reply_to=asked.message)
            for id, asked in self.ids.items()
            if id not in handed.replies
        }
        weights = handed.weights + tuple((self.ids[id].client, weight) for id in more)
        return replace(handed, replies=handed.replies | more, weights=weights)

    @abstractmethod
    def _take(self, id: str, asked: Asked, reply: Message) -> None:
        """Judge a reply that comes from whom it should; a Refused says why it is not used."""

    def _vouched(self, id: str, asked: Asked, brought: Opened) -> Asked:
        """The instruction, now with the name of who has signed the reply to it."""
        if self.gate is None or self.identity is None or not self.gate.signed:
            return asked
        name = self.gate.vouched(self.identity, brought.signed, brought.arrays, brought.examples)
        self.ids[id] = Asked(asked.message, name)
        self.vouched[asked.message.metadata.dst_node_id] = name
        return self.ids[id]

    def close_gate(self) -> None:
        """Judge what was signed in this batch together, before the guard sees it."""
        if self.gate is None or self.identity is None:
            return
        for client, (reason, detail) in sorted(self.gate.closed(self.identity, self.policy.round.seed).items()):
            self.withdraw(client, reason, detail)

    def withdraw(self, client: str, reason: Any, detail: str) -> None:
        """Turn a client's replies away after all."""
        for id, asked in self.ids.items():
            if asked.client == client and id not in self.failures:
                self.failures[id] = (reason, detail)

    def _reply(
        self, id: str, models: Mapping[str, ArrayRecord], name: str, metrics: Mapping[str, float], weight: int
    ) -> Message:
        numbers: dict[str, Any] = {**metrics, self.policy.metrics.examples_key: weight}
        return Message(RecordDict({**models, name: MetricRecord(numbers)}), reply_to=self.ids[id].message)


def pushed(grid: Grid, messages: Sequence[Message]) -> list[str | None]:
    """Push messages: an id for each, None for one that could not be sent.

    Some Grids (Flower's simulation) leave such a message out of their answer; they have numbered the others themselves.
    """
    given: list[str | None] = list(grid.push_messages(messages))
    if len(given) == len(messages):
        return given
    left = set(given)
    own = [message.metadata.message_id for message in messages]
    return [id if id in left else None for id in own]


def _from_whom_was_asked(reply: Message, asked: Asked) -> Message:
    """The reply, if it comes from the node that was asked; the SuperLink speaks for nodes that have failed."""
    source, due = reply.metadata.src_node_id, asked.message.metadata.dst_node_id
    if source != due and not (source == SERVER_NODE and reply.has_error()):
        raise Refused("spoofed", f"comes from node {source}, node {due} was asked")
    return reply
