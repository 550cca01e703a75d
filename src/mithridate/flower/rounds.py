"""A round of training or of evaluation: what comes back is judged, and made into what the strategy is handed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, Message, RecordDict

from mithridate.core.errors import ConfigurationError
from mithridate.core.layout import Layout
from mithridate.flower.arrays import arrays_of, record_bytes, record_of
from mithridate.flower.batch import ENVELOPE_BYTES, Asked, Batch, Handed
from mithridate.flower.gate import Gate
from mithridate.flower.metrics import Claims, agreed
from mithridate.flower.replies import Opened, model_of, opened
from mithridate.flower.spare import SpareRows
from mithridate.guard.admission import Admission, Reply, Sent
from mithridate.guard.claims import believed, clamped
from mithridate.guard.policy import Policy

__all__ = ["Evaluation", "Training"]


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
        return int(self._sent_bytes * self.policy.round.most_bytes_ratio) + ENVELOPE_BYTES

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
