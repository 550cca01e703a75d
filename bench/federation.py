"""One small federation in this process, with some hostile clients: what it comes to, bare and guarded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flwr.app import Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp

from bench.behaviours import EXAMPLES, HARMLESS, Behaviour, Scene
from bench.strategies import MODEL, Way, server_app
from mithridate.flower.arrays import record_of
from mithridate.flower.grid import GuardedGrid
from mithridate.flower.keeper import Keeper
from mithridate.flower.local import Client, LocalGrid, LocalNode, copied, seeded
from mithridate.flower.private import identified, message_like
from mithridate.guard.policy import read_policy

__all__ = ["FIRST_NODE", "LIARS", "NODES", "ROUNDS", "TOLERANCE", "Cell", "applies", "drift", "ended", "verdict"]

NODES, ROUNDS, FIRST_NODE = 12, 3, 1000
LIARS = (3, 8)
TOLERANCE = 0.05
"""How far a model may be from the one without liars, as a share of the way that training went."""

POINT = {"w": np.full((2, 3), 2.0, np.float32), "b": np.full(3, -1.0, np.float32)}
MOST_METRIC = 1e6
_WAITED = 3


class Hangs(Exception):
    """The app waits for nodes, again and again, and has nothing under way."""


class Wire(LocalGrid):
    """A Grid in which replies arrive when they should, some of them more than once."""

    def __init__(self, nodes: Sequence[LocalNode], liars: Sequence[int], arrives: str) -> None:
        super().__init__(nodes, at_once=len(nodes))
        self._late = {"first": -1, "last": 1}.get(arrives, 0)
        self._liars = {FIRST_NODE + i for i in liars}
        self._idle = 0

    def get_node_ids(self) -> Iterable[int]:
        self._idle += 1
        if self._idle >= _WAITED:
            raise Hangs
        return super().get_node_ids()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        self._idle = 0
        return super().push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        found: list[Message] = []
        for reply in super().pull_messages(message_ids):
            found += map(_delivered, reply if isinstance(reply, tuple) else (reply,))
        return sorted(found, key=lambda reply: self._late * (reply.metadata.src_node_id in self._liars))


def _delivered(reply: Message) -> Message:
    """The reply with records of its own: what a strategy does to them does not reach back to the client."""
    return message_like(reply, copied(reply.content)) if reply.has_content() else reply


@dataclass
class Watch:
    """Time that passes only when somebody waits."""

    now: float = 0.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def client(mods: Sequence[Any] = ()) -> ClientApp:
    """An honest client: goes half of the way to a point near `POINT`."""
    app = ClientApp()

    @app.train(mods=list(mods))
    def train(message: Message, context: Context) -> Message:
        model = {name: array.numpy() for name, array in message.content["arrays"].items()}
        own = np.float32(0.005 * int(context.node_config["partition-id"]))
        for name, point in POINT.items():
            model[name] = (model[name] + (point + own - model[name]) / 2).astype(np.float32)
        if "steps" in model:
            model["steps"] = np.asarray(model["steps"] + 1)
        metrics = MetricRecord({"num-examples": EXAMPLES, "train_loss": 0.5})
        return Message(RecordDict({"arrays": record_of(model), "metrics": metrics}), reply_to=message)

    @app.evaluate()
    def evaluate(message: Message, _: Context) -> Message:
        model = {name: array.numpy() for name, array in message.content["arrays"].items()}
        loss = float(sum(np.square(model[name] - point).sum() for name, point in POINT.items()))
        metrics = MetricRecord({"num-examples": EXAMPLES, "train_loss": loss})
        return Message(RecordDict({"metrics": metrics}), reply_to=message)

    return app


def hostile(behaviour: Behaviour, honest: Client, liars: int, node: LocalNode) -> Client:
    """A client that works honestly and then sends what the behaviour makes of it."""
    kept: dict[str, Any] = {}
    trained = [0]

    def turn(message: Message, context: Context) -> Any:
        answer = honest(message, context)
        training = message.metadata.message_type == "train"
        trained[0] += training
        if answer is None or answer.has_error() or not (training or behaviour.evaluating):
            return answer
        if not training:  # so that what is done to a reply of training can be done to this one
            answer = Message(
                RecordDict({"arrays": message.content["arrays"], **dict(answer.content)}), reply_to=message
            )
        scene = Scene(message, answer, trained[0], NODES - liars, liars, node, kept)
        return behaviour.act(scene)

    return turn


@dataclass(frozen=True)
class Cell:
    """What a run came to.

    Args:
        end: "ended", or the name of what ended it: "hangs", or an exception.
        model: The model; None if there is none.
        fates: Of each client, its status and reason round by round; empty without a guard.
        odd: Who was turned away, and why, in evaluations.
        metrics: What the strategy reports of the clients' metrics, all rounds in a row.
    """

    end: str
    model: dict[str, np.ndarray] | None
    fates: Mapping[str, tuple[tuple[str, str | None], ...]]
    odd: tuple[tuple[str, str], ...] = ()
    metrics: tuple[float, ...] = ()

    @property
    def misled(self) -> bool:
        """Whether metrics are reported that no honest client has seen."""
        return any(not abs(number) <= MOST_METRIC for number in self.metrics)


def ended(way: Way, behaviour: Behaviour | None, liars: int, *, guarded: bool, rounds: int = ROUNDS) -> Cell:
    """Hold a federation to its end, or to whatever ends it."""
    into: dict[str, Any] = {}
    events: list[dict[str, Any]] = []
    honest, lying = client(way.mods), LIARS[:liars] if behaviour is not None else ()
    nodes = [LocalNode(honest, FIRST_NODE + i, {"partition-id": i, "num-partitions": NODES}) for i in range(NODES)]
    for i in lying if behaviour is not None else ():
        nodes[i].client = hostile(behaviour, honest, liars, nodes[i])
    wire = Wire(nodes, lying, "anywhere" if behaviour is None else behaviour.arrives)
    evaluates = behaviour is not None and behaviour.evaluating
    app = server_app(way, NODES, max(1, liars), rounds, into, evaluates=evaluates)
    end = _run(app, wire, way, events) if guarded else _run(app, wire)
    model = {k: array.numpy() for k, array in into["arrays"].items()} if into.get("arrays") else None
    told = [event for event in events if event["event"] == "round"]
    fates = {
        f"node-{node.node_id}": tuple(
            (row["status"], row["reason"]) for event in told for row in event["clients"]
            if row["client"] == f"node-{node.node_id}"
        )
        for node in nodes
    }  # fmt: skip
    odd = {(who, why) for event in events if event["event"] == "evaluated" for who, why, _ in event["refusals"]}
    metrics = tuple(np.hstack([0.0, *(value for record in into.get("metrics", ()) for value in record.values())]))
    return Cell(end, model, fates, tuple(sorted(odd)), metrics)


def _run(app: ServerApp, wire: Wire, way: Way | None = None, events: list[dict[str, Any]] | None = None) -> str:
    """How it ended; guarded where there is a way to say of the policy."""
    watch, grid = Watch(), wire
    if way is not None and events is not None:
        policy = read_policy('[round]\nreplies = "each"\n' if way.each else "")
        keeper = Keeper(policy, watchers=[lambda event: events.append(dict(event))])
        grid = GuardedGrid(wire, keeper, clock=watch.time, sleep=watch.sleep)
    try:
        with identified(1), seeded(0), np.errstate(all="ignore"):
            app(grid, Context(1, 1, {}, RecordDict(), {}))
    except Hangs:
        return "hangs"
    except Exception as error:  # noqa: BLE001 - whatever ends a run is what this is about
        return type(error).__name__
    return "ended"


def drift(found: Mapping[str, np.ndarray] | None, honest: Mapping[str, np.ndarray]) -> float:
    """How far a model is from another, as a share of the way that the other went; NaN where it holds NaN or Inf.

    Arrays that were sent as fractions count; a model without arrays, or with arrays of other shapes, is infinitely far.
    """
    if found is None or any(k not in found or found[k].shape != honest[k].shape for k in POINT):
        return float("inf")
    way = max(float(np.abs(honest[k] - MODEL[k]).max()) for k in POINT)
    apart = [np.abs(found[k].astype(np.complex128) - honest[k]).max() for k in POINT]
    return float(max(apart)) / way if np.isfinite(apart).all() else float("nan")


def applies(behaviour: Behaviour, way: Way) -> bool:
    """Whether there is such a reply: not where it lies about a counter, and the model holds none."""
    return way.counter or not behaviour.counter


def verdict(behaviour: Behaviour, found: Cell, honest: Cell, liars: int) -> list[str]:
    """What the guard failed to do; empty if nothing."""
    names = {f"node-{FIRST_NODE + i}" for i in LIARS[:liars]}
    wrong = [] if found.end == "ended" else [f"the run ended with {found.end}"]
    wrong += ["the metrics are not those of honest clients"] if found.misled else []
    if honest.model is None or found.model is None:
        return [*wrong, "no model"]
    apart = drift(found.model, honest.model)
    if not apart <= TOLERANCE:
        wrong.append(f"the model is {apart:.3g} off")
    for name, fates in found.fates.items():
        told = {status for status, _ in fates} & {"refused", "absent"}
        if name not in names and told:
            wrong.append(f"{name} is honest and {', '.join(sorted(told))}")
        if name in names and behaviour.reason == HARMLESS and told:
            wrong.append(f"{name} did no harm and is {', '.join(sorted(told))}")
        if name in names and behaviour.reason not in (HARMLESS, *(reason for _, reason in fates)):
            wrong.append(f"{name} is not named for {behaviour.reason}")
    wrong += [f"{who} is honest and turned away in an evaluation" for who, _ in found.odd if who not in names]
    return wrong
