"""One batch of instructions on its way: who was asked, what has come back, and what the strategy will be handed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, Error, Message, MetricRecord, RecordDict

from mithridate.core.errors import ConfigurationError
from mithridate.core.layout import Layout
from mithridate.flower.arrays import arrays_of, record_bytes, record_of
from mithridate.flower.fetch import Undelivered
from mithridate.flower.gate import Gate, Round
from mithridate.flower.local import copied
from mithridate.flower.metrics import Claims, agreed
from mithridate.flower.private import SERVER_NODE
from mithridate.flower.replies import Opened, model_of, opened
from mithridate.flower.spare import SpareRows
from mithridate.guard.admission import Admission, Reply, Sent
from mithridate.guard.claims import Refused, believed, clamped, spoken
from mithridate.guard.policy import Policy

__all__ = ["REFUSED", "Asked", "Batch", "Before", "Evaluation", "Handed", "Training"]

_MOST_ODD = 20
_ENVELOPE_BYTES = 1 << 20

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
        return _ENVELOPE_BYTES

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


class Training(Batch):
    """A round of training: replies bring models, of which the guard makes one.

    Args:
        round: Its number.
        first: The model's layout in the first broadcast. Strategies that average turn counters into fractions; the clients'
            own stay whole numbers and would not match, so an array that began as whole numbers is sent as whole numbers.
        spare: Where memory for the updates comes from.

    Raises:
        ConfigurationError: the instructions do not carry one model, and the same.
    """

    def __init__(
        self,
        asked: Sequence[Asked],
        policy: Policy,
        round: int,
        first: Layout | None = None,
        gate: Gate | None = None,
        spare: SpareRows | None = None,
    ) -> None:
        super().__init__(asked, policy, gate)
        record = _broadcast([each.message.content for each in asked])
        self._sent_bytes = record_bytes({"model": record})
        self.round, self.bytes_up = round, 0
        arrays = arrays_of(record)
        self.restored = {} if first is None else _whole_again(arrays, first)
        anybody = gate is not None and gate.signed
        self.sent = Sent(arrays | self.restored, None if anybody else self.clients)
        self.identity = None if gate is None else gate.begun(round, "train", self.sent.arrays)
        self._replies: dict[str, Opened] = {}
        self._door: Admission | None = None
        self._spare = SpareRows() if spare is None else spare

    @property
    def most_bytes(self) -> int:
        return int(self._sent_bytes * self.policy.round.most_bytes_ratio) + _ENVELOPE_BYTES

    @property
    def door(self) -> Admission:
        """Where replies are judged; memory for all of them is set aside when the first one comes."""
        if self._door is None:
            self._door = Admission(
                self.sent,
                len(self.asked),
                round=self.round,
                seed=self.policy.round.seed,
                limits=self.policy.admission,
                expected=self.clients,
                rows=self._spare.rows(len(self.asked), self.sent.layout.d),
            )
        return self._door

    def _take(self, id: str, asked: Asked, reply: Message) -> None:
        brought = opened(reply, self.policy, self._sent_bytes)
        asked = self._vouched(id, asked, brought)
        self.bytes_up += sum(array.nbytes for array in brought.arrays.values())
        examples = 1 if brought.examples is None else brought.examples
        if not self.door.offer(Reply(asked.client, brought.arrays, examples)):
            refused = self.door.refusals[-1]
            self.failures[id] = (refused.reason, refused.detail)
        brought.arrays.clear()  # the door has what it needs
        self._replies[id] = brought
        self._claimed[id] = brought.claims

    def turn_away(self, id: str, reason: Any, detail: str) -> None:
        super().turn_away(id, reason, detail)
        self.door.refuse(self.ids[id].client, reason, detail)

    def withdraw(self, client: str, reason: Any, detail: str) -> None:
        super().withdraw(client, reason, detail)
        self.door.withdraw(client, reason, detail)

    def handed(self, model: Mapping[str, np.ndarray], shares: Mapping[str, float], each: bool) -> Handed:
        """The replies that the strategy gets: the guard's model, as if a client had sent it.

        Args:
            model: The named arrays.
            shares: The weight of each client that counted, by client id.
            each: One reply per counted client, instead of one in all.
        """
        carrying = sorted(
            (
                id
                for id, asked in self.ids.items()
                if asked.client in shares and id in self._replies and id not in self.failures
            ),
            key=lambda sent: self.ids[sent].client,
        )
        weights = [shares[self.ids[id].client] for id in carrying]
        replies = [self._replies[id] for id in carrying]
        metrics = agreed([reply.claims for reply in replies], weights, self.policy.metrics)
        names = Counter(reply.names for reply in replies).most_common(1)[0][0]
        record = record_of(model)
        chosen = _chosen(carrying, weights, each)
        made = {id: self._reply(id, {names[0]: record.copy()}, names[1], metrics, weight) for id, weight in chosen}
        return Handed(made, metrics, names, tuple((self.ids[id].client, weight) for id, weight in chosen))


class Evaluation(Batch):
    """A round of evaluation: replies bring metrics, of which one number per name is passed on."""

    def __init__(self, asked: Sequence[Asked], policy: Policy, round: int = 0, gate: Gate | None = None) -> None:
        super().__init__(asked, policy, gate)
        self._claims: dict[str, tuple[Claims, float, str]] = {}
        found = model_of(self.asked[0].message.content)
        if gate is not None:
            self.identity = gate.begun(round, "evaluate", {} if found is None else arrays_of(found[1]))

    def _take(self, id: str, asked: Asked, reply: Message) -> None:
        brought = opened(reply, self.policy, None)
        self._vouched(id, asked, brought)
        examples = believed(1 if brought.examples is None else brought.examples, self.policy.admission)
        self._claims[id] = (brought.claims, examples, brought.names[1])
        self._claimed[id] = brought.claims

    def handed(self, each: bool) -> Handed:
        """The replies that the strategy gets; as `Training.handed`."""
        carrying = sorted(
            (id for id in self._claims if id not in self.failures), key=lambda sent: self.ids[sent].client
        )
        if not carrying:
            return Handed({}, {})
        weights = [
            float(weight)
            for weight in clamped(np.array([self._claims[id][1] for id in carrying]), self.policy.admission)
        ]
        metrics = agreed([self._claims[id][0] for id in carrying], weights, self.policy.metrics)
        name = Counter(self._claims[id][2] for id in carrying).most_common(1)[0][0]
        chosen = _chosen(carrying, weights, each)
        made = {id: self._reply(id, {}, name, metrics, weight) for id, weight in chosen}
        return Handed(made, metrics, ("", name), tuple((self.ids[id].client, weight) for id, weight in chosen))


def _chosen(carrying: Sequence[str], weights: Sequence[float], each: bool) -> list[tuple[str, int]]:
    """Which replies are handed on, and the number of examples that stands in each."""
    found = list(zip(carrying, weights, strict=True)) if each else [(carrying[0], sum(weights))]
    return [(id, max(1, round(weight))) for id, weight in found]


def _whole_again(arrays: Mapping[str, np.ndarray], first: Layout) -> dict[str, np.ndarray]:
    """The arrays that began as whole numbers and are fractions now, as whole numbers."""
    began = {entry.name: np.dtype(entry.dtype) for entry in first.entries if not entry.floating}
    return {
        name: np.rint(np.nan_to_num(arrays[name])).astype(kind)
        for name, kind in began.items()
        if name in arrays and arrays[name].dtype.kind == "f"
    }


def _broadcast(contents: Sequence[RecordDict]) -> ArrayRecord:
    """The one model that all instructions carry."""
    found = [model_of(content) for content in {id(content): content for content in contents}.values()]
    first = found[0]
    if first is None:
        count = len(contents[0].array_records)
        raise ConfigurationError(
            f"the instruction carries {count} array records, the guard needs the model in exactly one"
        )
    if any(other is None or (other[1] is not first[1] and other != first) for other in found):
        raise ConfigurationError(
            "the instructions of one round carry different models: replies are compared with one broadcast"
        )
    return first[1]


def _from_whom_was_asked(reply: Message, asked: Asked) -> Message:
    """The reply, if it comes from the node that was asked; the SuperLink speaks for nodes that have failed."""
    source, due = reply.metadata.src_node_id, asked.message.metadata.dst_node_id
    if source != due and not (source == SERVER_NODE and reply.has_error()):
        raise Refused("spoofed", f"comes from node {source}, node {due} was asked")
    return reply
