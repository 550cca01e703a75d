"""A trial: an app run in this process from its folder, bare or guarded, with liars, told round by round."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flwr.app import Context, Message, MetricRecord
from flwr.serverapp import Grid, ServerApp

from mithridate.core.digest import digest
from mithridate.core.errors import ConfigurationError, MithridateError
from mithridate.flower.around import AroundGrid
from mithridate.flower.folder import OpenApp, Scalar
from mithridate.flower.grid import by_key
from mithridate.flower.keeper import RunStopped
from mithridate.flower.lies import lying
from mithridate.flower.local import Client, run_local
from mithridate.flower.private import LOGGER, ROUND_BEGINS, NodeInfo
from mithridate.flower.server import GuardedApp
from mithridate.guard.policy import Policy

__all__ = ["AppFailed", "Listener", "RoundTold", "Setting", "named_node", "tried"]

_WAITS = 5


class AppFailed(MithridateError):
    """The ServerApp ended with an error."""


@dataclass(eq=False)
class RoundTold:
    """What is known of one round.

    Args:
        number: From 1.
        metrics: What the app says about it: numbers by name, as its strategy logs them.
        clients: One row per client that was asked: "client", "status" ("answered" where nobody judges) and "reason".
        refused: Why the guard refused the round.
    """

    number: int
    metrics: dict[str, float] = field(default_factory=dict)
    clients: list[dict[str, Any]] = field(default_factory=list)
    refused: str | None = None

    @property
    def out(self) -> dict[str, str]:
        """Who did not count, and why."""
        rows = (row for row in self.clients if row["status"] not in ("counted", "answered"))
        return {row["client"]: row.get("reason") or row["status"] for row in rows}


@dataclass(frozen=True)
class Setting:
    """How an app is tried.

    Args:
        nodes: How many SuperNodes; >= 1.
        liars: What some partitions do instead, by number: a lie's name, or the reference of another ClientApp in the folder.
        config: The run config.
        seed: Of everything.
        guarded: Whether there is a guard; an app without one of its own gets one.
        policy: Its policy; None for the app's own, or the default.
        home: The folder that its paths begin in.
    """

    nodes: int = 10
    liars: Mapping[int, str] = field(default_factory=dict)
    config: Mapping[str, Scalar] = field(default_factory=dict)
    seed: int = 0
    guarded: bool = True
    policy: Policy | None = None
    home: Path | None = None

    def __post_init__(self) -> None:
        for partition in self.liars:
            if not 0 <= partition < self.nodes:
                raise ConfigurationError(
                    f"--liar {partition}={self.liars[partition]}: partitions are 0 to {self.nodes - 1}; --nodes adds more"
                )


class Listener(logging.Handler):
    """Hears a guard's events and Flower's own log, and tells each round once it is over.

    Flower's strategies log their metrics as records; these are taken out of the log as they are, whatever text stands around.

    Args:
        tell: Called with each round that is over, and how many there will be (None where nobody has said).
    """

    def __init__(self, tell: Callable[[RoundTold, int | None], None]) -> None:
        super().__init__(logging.INFO)
        self._tell = tell
        self.rounds: list[RoundTold] = []
        self.before: dict[str, float] = {}
        self._of: int | None = None
        self._open = False

    def hear(self, event: Mapping[str, Any]) -> None:
        """An event of the guard, or of a run without one."""
        if event["event"] == "round":
            self.flush_round()
            told = RoundTold(event["round"] + 1, {}, list(event["clients"]), event.get("refused"))
            self.rounds.append(told)
            self._open = True
        if event["event"] in ("round", "evaluated") and self.rounds:
            self.rounds[-1].metrics.update(event.get("metrics") or {})

    def emit(self, record: logging.LogRecord) -> None:
        text = str(record.msg)
        args = record.args if isinstance(record.args, tuple) else (record.args,)
        if text.startswith(ROUND_BEGINS) and len(args) == 2:
            self.flush_round()
            self._of = args[1] if isinstance(args[1], int) else None
        for each in args:
            if isinstance(each, MetricRecord):
                told = self.rounds[-1].metrics if self.rounds else self.before
                told.update({name: float(value) for name, value in each.items() if isinstance(value, int | float)})

    def flush_round(self) -> None:
        """The last round is over."""
        if self._open:
            self._open = False
            self._tell(self.rounds[-1], self._of)


class _Overheard(AroundGrid):
    """A Grid whose rounds are told, for runs without a guard; and which does not wait for nodes that cannot come."""

    def __init__(self, grid: Grid, nodes: int, hear: Callable[[Mapping[str, Any]], None] | None) -> None:
        super().__init__(grid)
        self._nodes, self._hear = nodes, hear
        self._round, self._asks = 0, 0

    def get_node_ids(self) -> Iterable[int]:
        self._asks += 1
        if self._asks > _WAITS:
            raise RunStopped(
                f"the app waits for more than {self._nodes} nodes: --nodes gives it more, or lower its strategy's "
                "min_available_nodes"
            )
        return self._inner.get_node_ids()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        self._asks = 0
        return self._inner.push_messages(messages)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        self._asks, messages = 0, list(messages)
        names = {node.node_id: named_node(node) for node in self._inner.get_nodes()}
        replies = list(self._inner.send_and_receive(messages, timeout=timeout))
        if self._hear is not None and any(each.metadata.message_type.startswith("train") for each in messages):
            good = {reply.metadata.src_node_id for reply in replies if not reply.has_error()}
            asked = sorted({each.metadata.dst_node_id for each in messages})
            rows = [
                {
                    "client": names.get(node, str(node)),
                    "status": "answered" if node in good else "absent",
                    "reason": None if node in good else "failed",
                }
                for node in asked
            ]
            self._hear({"event": "round", "round": self._round, "clients": rows})
            self._round += 1
        return replies


class _Watched(ServerApp):
    """A ServerApp whose Grid is overheard."""

    def __init__(self, app: ServerApp, nodes: int, hear: Callable[[Mapping[str, Any]], None] | None) -> None:
        super().__init__()
        self._app, self._nodes, self._hear = app, nodes, hear

    def __call__(self, grid: Grid, context: Context) -> None:
        self._app(_Overheard(grid, self._nodes, self._hear), context)


def named_node(node: NodeInfo) -> str:
    """A node as its operator calls it; in this process, "node-3" has partition 3.

    >>> named_node(NodeInfo(node_id=1003, name="node-3"))
    'node-3'
    """
    return node.name or by_key(node)


def tried(app: OpenApp, setting: Setting, tell: Callable[[RoundTold, int | None], None]) -> tuple[Listener, Context]:
    """Run an app and tell its rounds.

    Args:
        app: The app, opened.
        setting: How.
        tell: See `Listener`.

    Returns:
        What was heard, and the server's context with what the app left there.

    Raises:
        AppFailed: the ServerApp raised something.
        MithridateError: what the guard raises, such as `RunStopped`.
    """
    heard = Listener(tell)
    server = _server(app.server, setting, heard)
    with _listening(heard):
        try:
            context = run_local(
                server,
                app.client,
                nodes=setting.nodes,
                instead={partition: _liar(app, how, partition, setting) for partition, how in setting.liars.items()},
                run_config=setting.config,
                seed=setting.seed,
                app_digest=digest((app.folder.digest, setting.nodes, setting.seed, dict(setting.liars))),
            )
        except MithridateError:
            raise
        except Exception as error:
            raise AppFailed(
                f"the app stopped in round {len(heard.rounds) + (not heard.rounds)}: {type(error).__name__}: {error}"
            ) from error
        finally:
            heard.flush_round()
    return heard, context


def _server(app: ServerApp, setting: Setting, heard: Listener) -> ServerApp:
    bare = app.unguarded if isinstance(app, GuardedApp) else app
    if not setting.guarded:
        return _Watched(bare, setting.nodes, heard.hear)
    guarded = app if isinstance(app, GuardedApp) else GuardedApp(bare, Policy())
    watched = _Watched(bare, setting.nodes, None)
    return guarded.around(watched, policy=setting.policy, home=setting.home, identify=named_node, watchers=[heard.hear])


def _liar(app: OpenApp, how: str, partition: int, setting: Setting) -> Client:
    if ":" in how:
        return app.other_client(how, f"--liar {partition}")
    return lying(app.client, how, setting.seed + partition)


@contextmanager
def _listening(heard: Listener) -> Iterator[None]:
    """Flower's log goes to the listener and nowhere else."""
    logger = logging.getLogger(LOGGER)
    before = list(logger.handlers), logger.level, logger.propagate
    logger.handlers, logger.propagate = [heard], False
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before[0], before[2]
        logger.setLevel(before[1])
