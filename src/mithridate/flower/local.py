"""Flower apps in this very process: the same ServerApp, ClientApp, strategies and messages, without Ray, sockets or threads.

Deterministic: node ids, order of work and order of arrival are fixed by the seed. A client's failure is a reply that says so, as
Flower's own engines make it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flwr.app import Context, Error, Message, RecordDict
from flwr.serverapp import Grid, ServerApp

from mithridate.core.errors import ConfigurationError
from mithridate.core.protocols import fits
from mithridate.core.randomness import stream
from mithridate.flower.private import NodeInfo, Run, empty_run, identified, message_like, numbered

__all__ = ["Client", "LocalGrid", "LocalNode", "run_local"]

Client = Callable[[Message, Context], Message | None]
"""A ClientApp, or anything that is called like one; None for a reply is a client that died over its work."""

_FAILED = 1


@dataclass(eq=False)
class LocalNode:
    """One SuperNode of an in-process federation.

    Args:
        client: Its ClientApp.
        node_id: Its number, unique.
        config: Its node config; `partition-id` and `num-partitions` by Flower's convention.
        name: What its operator calls it.
        public_key: The key that it authenticates with; empty for none.
        state: Kept between rounds, as Flower keeps it.
        online: Whether it is seen; a node that is not gets no messages.
    """

    client: Client
    node_id: int
    config: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    public_key: bytes = b""
    state: RecordDict = field(default_factory=RecordDict)
    online: bool = True

    @property
    def info(self) -> NodeInfo:
        return NodeInfo(node_id=self.node_id, name=self.name, public_key=self.public_key, status="online")


class LocalGrid(Grid):
    """A Grid whose nodes work in this process, each when its reply is asked for.

    Every node gets its own copy of a message's records, so that what one of them does to its copy is seen by nobody else. Replies
    arrive in an order drawn from the seed, a few at a time, so that a large round is never in memory as a whole.

    Args:
        nodes: The SuperNodes.
        run_id: Number of the run.
        run_config: What `[tool.flwr.app.config]` would hold.
        seed: Of the order of arrival.
        at_once: How many replies one `pull_messages` brings.
        app_digest: What tells the app's code from other code, where a SuperLink has the hash of the app's bundle: a run on record
            is gone on with only under the same digest and run config.
    """

    def __init__(
        self,
        nodes: Sequence[LocalNode],
        *,
        run_id: int = 1,
        run_config: Mapping[str, Any] | None = None,
        seed: int = 0,
        at_once: int = 16,
        app_digest: str = "",
    ) -> None:
        if len({node.node_id for node in nodes}) != len(nodes):
            raise ConfigurationError("two nodes share a node id")
        fits(at_once, 1, 2**31, "at_once", whole=True)
        self._nodes = {node.node_id: node for node in nodes}
        self._run, self._config, self._at_once = empty_run(run_id), dict(run_config or {}), at_once
        self._run.fab_hash, self._run.override_config = app_digest, dict(self._config)
        self._rng = stream(seed, 0, "order of arrival")
        self._sent = 0
        self._waiting: dict[str, Message] = {}

    def set_run(self, run: Run) -> None:
        self._run = run

    @property
    def run(self) -> Run:
        return self._run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_nodes(self) -> Iterable[NodeInfo]:
        return [node.info for node in self._nodes.values() if node.online]

    def get_node_ids(self) -> Iterable[int]:
        return [node.node_id for node in self._nodes.values() if node.online]

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        ids = []
        for message in messages:
            self._sent += 1
            numbered(message, f"{self._run.run_id}-{self._sent}")
            ids.append(message.metadata.message_id)
            self._waiting[ids[-1]] = message
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        asked = [id for id in message_ids if id in self._waiting]
        chosen = [asked[i] for i in sorted(self._rng.permutation(len(asked))[: self._at_once])]
        self._rng.shuffle(chosen)
        replies = [self._worked(self._waiting.pop(id)) for id in chosen]
        return [reply for reply in replies if reply is not None]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        ids = set(self.push_messages(messages))
        replies: list[Message] = []
        while ids & set(self._waiting):
            replies += self.pull_messages(sorted(ids))
        return replies

    def _worked(self, message: Message) -> Message | None:
        """The reply of the node that a message went to."""
        node = self._nodes.get(message.metadata.dst_node_id)
        if node is None or not node.online:
            return Message(Error(_FAILED, "the node is not there"), reply_to=message)
        run = self._run.run_id
        context = Context(run, node.node_id, dict(node.config), node.state, dict(self._config))
        with identified(run, node.node_id):
            try:
                reply = node.client(message_like(message, copied(message.content)), context)
            except Exception as error:  # noqa: BLE001 - whatever a client does, it is the client that failed
                reply = Message(Error(_FAILED, f"{type(error).__name__}: {error}"), reply_to=message)
        node.state = context.state
        return reply


def copied(content: RecordDict) -> RecordDict:
    """Records of one's own; the arrays' bytes, which nobody can change, are shared."""
    return RecordDict({name: record.copy() for name, record in content.items()})


def run_local(
    server: ServerApp,
    client: Client,
    *,
    nodes: int | Sequence[LocalNode] = 10,
    instead: Mapping[int, Client] | None = None,
    run_config: Mapping[str, Any] | None = None,
    seed: int = 0,
    run_id: int = 1,
    app_digest: str = "",
) -> Context:
    """Run a Flower app in this process, from the first round to the last.

    Python's, numpy's and (where it is loaded) torch's global generators, which Flower's strategies and most apps draw from, are
    seeded for the run and put back afterwards.

    Args:
        server: The ServerApp, guarded or not.
        client: The ClientApp of every node.
        nodes: How many, or the nodes themselves.
        instead: Another client for some partitions, by number: the liars of a laboratory.
        run_config: Values of `context.run_config`.
        seed: Of everything.
        run_id: Number of the run.
        app_digest: See `LocalGrid`.

    Returns:
        The server's context, with what the app left in its state.

    Raises:
        Whatever the ServerApp raises.
    """
    if isinstance(nodes, int):
        fits(nodes, 1, 10**6, "nodes", whole=True)
        others = dict(instead or {})
        nodes = [
            LocalNode(others.get(i, client), 1000 + i, {"partition-id": i, "num-partitions": nodes}, f"node-{i}")
            for i in range(nodes)
        ]
    grid = LocalGrid(nodes, run_id=run_id, run_config=run_config, seed=seed, app_digest=app_digest)
    context = Context(run_id, 1, {}, RecordDict(), dict(run_config or {}))
    with identified(run_id), seeded(seed):
        server(grid, context)
    return context


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The global generators, seeded for a while."""
    torch = sys.modules.get("torch")
    before = random.getstate(), np.random.get_state(), torch and torch.get_rng_state()  # noqa: NPY002 - theirs, put back
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - what the apps draw from
    if torch is not None:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002 - as it was
        if torch is not None:
            torch.set_rng_state(before[2])
