"""The guard between a Flower app and its nodes: a Grid around the Grid.

Whatever strategy or loop runs above sees a federation that answers with one good model per round; whatever nodes do below is
judged first, named in the record, and cannot stop the run.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from flwr.app import Message, RecordDict
from flwr.serverapp import Grid

from mithridate.flower.around import AroundGrid
from mithridate.flower.arrays import record_of
from mithridate.flower.batch import Asked, Batch, Handed, pushed
from mithridate.flower.fetch import Fetch, Undelivered
from mithridate.flower.keeper import Keeper, RunStopped
from mithridate.flower.local import copied
from mithridate.flower.others import Others
from mithridate.flower.private import NodeInfo, message_like, numbered
from mithridate.flower.replies import OURS
from mithridate.flower.rounds import Evaluation, Training
from mithridate.flower.spare import SpareRows

__all__ = ["GuardedGrid", "Identify", "by_key"]

log = logging.getLogger("mithridate")

Identify = Callable[[NodeInfo], str]
"""Who a node is: the name under which its deeds are remembered."""

_To = Literal["one", "counted", "asked"]
"""Whose replies the app is handed: one in all, those of the clients that counted, or those of everybody who was asked."""

_POLL_S = 1.0
_GLANCE = 1024


def by_key(node: NodeInfo) -> str:
    """The fingerprint of the key that the SuperNode authenticates with; its number where there is no key.

    >>> by_key(NodeInfo(node_id=7)), by_key(NodeInfo(node_id=7, public_key=b"key"))
    ('node-7', 'key:2c70e12b7a0646f92279f427c7b38e73')
    """
    return f"key:{hashlib.sha256(node.public_key).hexdigest()[:32]}" if node.public_key else f"node-{node.node_id}"


@dataclass(eq=False)
class _Flight:
    """A batch under way.

    Args:
        batch: What was sent.
        deadline: When no more replies are waited for.
        began: When it was sent.
        answers: What the app gets, by id; None while replies are still out.
    """

    batch: Batch
    deadline: float
    began: float
    answers: dict[str, Message] | None = None


class GuardedGrid(AroundGrid):
    """A Grid whose training rounds pass through a guard.

    A batch of "train" messages that carry one model is a round. Their replies are judged one by one as they arrive, the guard
    makes one model of those admitted, and the app gets it back in one reply (or one per client, see `[round] replies`).
    Errors reach it only where there is no model: some strategies (Flower's DP wrappers) give up a round over a single one, and
    then any client could stop them. "evaluate" replies become one reply of agreed metrics; other messages, such as queries, pass.

    Apps that push and pull by themselves get an answer to every message: the model or an error.

    Differs: one broadcast per round. Strategies that send different models to different clients, or do not wait for a round's
        replies before the next, are refused.

    Args:
        grid: The federation.
        keeper: The guard and its memory.
        identify: Who a node is.
        clock: Seconds, monotonic.
        sleep: Waits some seconds.
    """

    def __init__(
        self,
        grid: Grid,
        keeper: Keeper,
        *,
        identify: Identify = by_key,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(grid)
        self._keeper, self._identify = keeper, identify
        self._clock, self._sleep = clock, sleep
        self._who: dict[int, str] = {}
        self._signed_as: dict[int, str] = {}
        self._roster: set[int] = set()
        self._keyless: set[int] = set()
        self._waiting_since: float | None = None
        self._flights: list[_Flight] = []
        self._each = keeper.policy.round.replies == "each"
        self._handed: tuple[np.ndarray, np.ndarray] | None = None
        self._unsent = 0
        self._fetch, self._spare = Fetch(grid), SpareRows()
        self._others = Others(grid, self._fetch, clock, sleep)

    def get_nodes(self) -> Iterable[NodeInfo]:
        nodes = sorted(self._inner.get_nodes(), key=lambda node: node.node_id)
        self._who |= {node.node_id: self._identify(node) for node in nodes}
        self._keyless |= {node.node_id for node in nodes if not node.public_key}
        return nodes

    def get_node_ids(self) -> Iterable[int]:
        """The nodes that are there, and those that were asked before.

        A node that has died is asked again and fails, so that no strategy waits for it for ever.

        Raises:
            RunStopped: the app has waited for nodes longer than the policy says.
        """
        online = {node.node_id for node in self.get_nodes()}
        now, most = self._clock(), self._keeper.policy.round.wait_s
        self._waiting_since = now if self._waiting_since is None else self._waiting_since
        if now - self._waiting_since > most:
            raise RunStopped(
                f"the app has waited {most:g} s for nodes and {len(online)} are online: start more, or lower the strategy's "
                "min_available_nodes"
            )
        return sorted(online | self._roster)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        messages = list(messages)
        if not _guarded(messages):
            return cast("list[str]", self._others.send(messages))  # Flower says None in spite of its types
        flight = self._launched(messages, self._keeper.policy.round.timeout_s)
        self._flights.append(flight)
        return list(flight.batch.ids)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        ids = list(message_ids)
        found: list[Message] = []
        for flight in list(self._flights):
            mine = [id for id in ids if id in flight.batch.ids]
            if mine and self._landed(flight, "counted") and flight.answers is not None:
                found += [flight.answers.pop(id) for id in mine if id in flight.answers]
                if not flight.answers:
                    self._flights.remove(flight)
            ids = [id for id in ids if id not in flight.batch.ids]
        return found + self._others.arrived(ids)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        messages = list(messages)
        if not messages:
            return []
        if not _guarded(messages):
            return self._others.exchanged(messages, timeout)
        most = self._keeper.policy.round.timeout_s
        flight = self._launched(messages, most if timeout is None else min(timeout, most))
        while True:
            out = len(flight.batch.out)
            if self._landed(flight, "asked" if self._each else "one"):
                return _heard(list((flight.answers or {}).values()))
            if len(flight.batch.out) == out:
                self._sleep(_POLL_S)

    # Out

    def _launched(self, messages: Sequence[Message], patience_s: float) -> _Flight:
        """Send a batch; what was decided before a crash is not asked again."""
        self._waiting_since = None
        self._keeper.open_gate(self._inner.run.run_id)
        online = {node.node_id for node in self.get_nodes()}
        if self._keeper.policy.identity.require == "node-key":
            online -= self._keyless
        asked = [Asked(message, self._name(message.metadata.dst_node_id)) for message in messages]
        now, keeper = self._clock(), self._keeper
        batch: Batch
        if _kind(messages[0]) == "evaluate":
            batch = Evaluation(asked, keeper.policy, max(0, keeper.next - 1), keeper.gate)
            before = keeper.said_before()
        else:
            batch = training = Training(asked, keeper.policy, keeper.next, keeper.layout, keeper.gate, self._spare)
            keeper.begin(len(training.clients), training.sent, self._key())
            self._watch(training)
            before = keeper.held_before()
        flight = _Flight(batch, now + patience_s, now)
        if before is None:
            self._send(batch, online)
        else:
            batch.sent_as([self._aside(message) for message in messages])
            flight.answers = batch.again(before)
        return flight

    def _send(self, batch: Batch, online: set[int]) -> None:
        """Every node that is online is sent its message; the others have failed already."""
        ids: list[str] = []
        going = [asked.message for asked in batch.asked if asked.message.metadata.dst_node_id in online]
        owned = _owned([message.content for message in going], batch.restored if isinstance(batch, Training) else {})
        told = [self._told_to(message, content, batch) for message, content in zip(going, owned, strict=True)]
        given = iter(pushed(self._inner, told))
        lost = []
        for asked in batch.asked:
            id = next(given, None) if asked.message.metadata.dst_node_id in online else None
            ids.append(self._aside(asked.message) if id is None else numbered(asked.message, id).metadata.message_id)
            if id is None:
                lost.append(ids[-1])
        batch.sent_as(ids)
        self._roster |= {message.metadata.dst_node_id for message in going}
        for id in lost:
            batch.miss(id, self._why_not(batch.ids[id].message.metadata.dst_node_id))

    def _why_not(self, node: int) -> str:
        if self._keeper.policy.identity.require == "node-key" and node in self._keyless:
            return "the node has no key, and the policy asks for one"
        return "the node is not there"

    def _told_to(self, message: Message, content: RecordDict, batch: Batch) -> Message:
        """What one node is sent: the records, and, where identity is asked for, what the server says to this node."""
        if batch.gate is not None and batch.identity is not None:
            content = copied(content)
            content[OURS] = batch.gate.invitation(batch.identity, message.metadata.dst_node_id)
        return message_like(message, content)

    def _aside(self, message: Message) -> str:
        """The id of a message that does not go out."""
        self._unsent += 1
        return numbered(message, f"not-sent-{self._unsent}").metadata.message_id

    def _name(self, node_id: int) -> str:
        """What a node is called until its reply says more: as who it signed last, else as the federation knows it."""
        return self._signed_as.get(node_id) or self._who.get(node_id, f"node-{node_id}")

    def _key(self) -> tuple[Any, ...]:
        """What tells this app and its configuration from others."""
        run = self._inner.run
        return run.fab_hash, dict(run.override_config)

    def _watch(self, training: Training) -> None:
        """See whether the strategy took the last model; if not, it is one that counts replies."""
        if self._handed is None or self._each or self._keeper.policy.round.replies != "auto":
            return
        before, delta = self._handed
        if np.array_equal(training.sent.flat[:_GLANCE], before[:_GLANCE]) and (
            np.array_equal(training.sent.flat, before) and not np.array_equal(before, before + delta)
        ):
            self._each = True
            log.warning("the strategy left the guard's model where it was: from now on it gets one reply per client")

    # In

    def _landed(self, flight: _Flight, to: _To) -> bool:
        """Take what has arrived; whether the batch is over, with its answers made."""
        if flight.answers is not None:
            return True
        batch = flight.batch
        for reply in self._fetch.arrived(sorted(batch.out), batch.most_bytes):
            if isinstance(reply, Undelivered):
                batch.lost(reply)
            else:
                batch.take(reply)
        if batch.out and self._clock() < flight.deadline:
            return False
        for id in sorted(batch.out):
            batch.miss(id, f"no reply within {flight.deadline - flight.began:g} s")
        self._fetch.forget(batch.ids)
        batch.close_gate()
        self._signed_as |= batch.vouched
        took = self._clock() - flight.began
        flight.answers = self._decided(batch, took, to) if isinstance(batch, Training) else self._told(batch, to)
        return True

    def _decided(self, batch: Training, took_s: float, to: _To) -> dict[str, Message]:
        cohort, refusals = batch.door.close()
        outcome = self._keeper.decide(batch.round, batch.sent, cohort, refusals, batch.clients)
        weights = (
            {} if cohort is None else {row[0]: float(w) for row, w in zip(cohort.clients, cohort.weights, strict=True)}
        )
        shares = {client: weights[client] for client in outcome.decision.counted}
        handed = Handed({}, {})
        if outcome.model is not None and shares:
            handed = batch.handed(outcome.model, shares, to != "one")
            handed = batch.for_all(handed) if to == "asked" else handed
        told = {"seconds": {"train": took_s}, "bytes_up": batch.bytes_up, "odd_metrics": batch.odd_metrics(handed)}
        told |= handed.told
        self._keeper.write(batch.sent, outcome, told)
        if outcome.model is not None:
            self._handed = batch.sent.flat, outcome.decision.delta
        return handed.replies | batch.errors(but=handed.replies, all_others=to != "one" or not handed.replies)

    def _told(self, batch: Batch, to: _To) -> dict[str, Message]:
        handed = batch.handed(to != "one") if isinstance(batch, Evaluation) else Handed({}, {})
        handed = batch.for_all(handed) if to == "asked" else handed
        told = handed.told | {"odd_metrics": batch.odd_metrics(handed)}
        self._keeper.evaluated(told, {batch.ids[id].client: why for id, why in batch.failures.items()})
        return handed.replies | batch.errors(but=handed.replies, all_others=to != "one" or not handed.replies)


def _heard(answers: Sequence[Message]) -> list[Message]:
    """What a strategy that waits for the whole batch is told: what the guard made of it, or the errors if that is nothing."""
    return [answer for answer in answers if answer.has_content()] or list(answers)


def _owned(contents: Sequence[RecordDict], restored: Mapping[str, np.ndarray]) -> list[RecordDict]:
    """The guard's own copies of the records, with some arrays of the model replaced; what messages share, they share again."""
    copies = {id(content): copied(content) for content in contents}
    for copy in copies.values():
        for record in copy.array_records.values():
            record.update(record_of(restored))
    return [copies[id(content)] for content in contents]


def _kind(message: Message) -> str:
    return message.metadata.message_type.partition(".")[0]


def _guarded(messages: Sequence[Message]) -> bool:
    """Whether a batch is a round of training or evaluation.

    Raises:
        RunStopped: it is both.
    """
    kinds = {_kind(message) for message in messages}
    if len(kinds) > 1 and kinds & {"train", "evaluate"}:
        raise RunStopped(
            f"{' and '.join(sorted(kinds))} messages in one batch: the guard cannot tell one round from the other"
        )
    return bool(kinds) and kinds <= {"train", "evaluate"}
