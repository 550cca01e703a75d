"""A scenario of the simulator as a Flower app: the same clients, the same lies, the same server, by Flower's messages.

The ServerApp and the ClientApp are written by Flower's conventions and know nothing of the guard. A client answers what the
simulator's client of that number answers to the same broadcast: liars who look at everybody's updates cannot be run one by
one, so the clients of a round are run together when the first of them is asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from mithridate.core.cohort import Cohort
from mithridate.core.digest import digest
from mithridate.core.protocols import Need
from mithridate.flower.arrays import arrays_of, record_of
from mithridate.flower.grid import NodeInfo
from mithridate.flower.local import LocalNode, run_local
from mithridate.flower.server import guard_app
from mithridate.guard.policy import Policy, Record, Rounds
from mithridate.sim.answering import Answers
from mithridate.sim.federation import Federation
from mithridate.sim.members import Called
from mithridate.sim.scenario import Scenario
from tests.flower.federation import rounds_into

__all__ = ["Bridge", "flown", "policy_of"]


class Bridge:
    """A scenario between its simulator and Flower.

    Args:
        scenario: With a server that adds the aggregate as it is, without control variates, rollback, smoothing or fine-tuning:
            those are parts of a simulated server.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.federation = scenario, Federation(scenario, threads=1)
        self.model, self.layout = self.federation.model, self.federation.model.layout
        self.state = self.federation.state()
        self.models: list[str] = []
        """The digest of the strategy's model after each round."""
        self.order: list[str] = []
        """The clients in the order in which they worked."""
        self._round = -1
        self._called: Called = self.federation.members.called(0)
        self._base, self._seen = self.state, self.state
        self._answers: Answers | None = None

    # The server

    @property
    def plain(self) -> bool:
        """Whether everybody is asked in every round and sent the model itself, so that Flower's FedAvg need not be changed."""
        return not self.scenario.clients.by_chance and not self.scenario.guard.needs & {Need.PLANTED, Need.CHALLENGE}

    def server_app(self) -> ServerApp:
        """As `flwr new` writes it."""
        app = ServerApp()

        @app.main()
        def main(grid: Grid, context: Context) -> None:
            strategy = FedAvg(fraction_evaluate=0.0) if self.plain else _Asking(self)
            strategy.start(
                grid=grid,
                initial_arrays=self.record(self.state["model"]),
                num_rounds=self.scenario.rounds,
                evaluate_fn=self._noted,
            )

        return app

    def record(self, model: np.ndarray) -> ArrayRecord:
        return record_of(self.layout.unflatten(model, self.model.rest))

    def flat(self, record: ArrayRecord) -> np.ndarray:
        return self.layout.flatten(arrays_of(record))

    def opened(self, round: int, model: np.ndarray) -> np.ndarray:
        """What the server sends in a round, given its model."""
        moved = None if self._round < 0 else model - self._seen["model"]
        self.state = self.state | {"model": model, "moved": moved}
        self._round, self._called, self._answers = round, self.federation.members.called(round), None
        self._base = self.federation.broadcasts.planted(round, self.state)
        self._seen = self.federation.broadcasts.posed(round, self._base)
        return np.asarray(self._seen["model"])

    def bring(self, cohort: Cohort) -> dict[str, Any]:
        """What the guard needs beside the replies, as the simulator's server measures it."""
        found = self.federation.equipped(cohort, self._seen)
        return {"reference": found.reference, "probes": found.probes}

    def _noted(self, server_round: int, arrays: ArrayRecord) -> MetricRecord:
        if server_round:
            self.models.append(digest(self.flat(arrays)))
        return MetricRecord({"round": server_round})

    # The clients

    def client_app(self) -> ClientApp:
        """What every node runs; which client it is follows from its partition."""
        app = ClientApp()

        @app.train()
        def train(message: Message, context: Context) -> Message:
            client = self.scenario.clients.ids[int(context.node_config["partition-id"])]
            round = int(message.content["config"]["server-round"]) - 1
            row, examples = self._answer(client, round, self.flat(message.content["arrays"]))
            content = {"arrays": self.record(row), "metrics": MetricRecord({"num-examples": examples})}
            return Message(RecordDict(content), reply_to=message)

        return app

    def nodes(self) -> list[LocalNode]:
        """The nodes, whose numbers are in another order than the clients'."""
        ids, app = self.scenario.clients.ids, self.client_app()
        return [
            LocalNode(app, 5000 - 7 * i, {"partition-id": i, "num-partitions": len(ids)}, client)
            for i, client in enumerate(ids)
        ]

    def _answer(self, client: str, round: int, received: np.ndarray) -> tuple[np.ndarray, int]:
        """A client's model after training on what it received, and the number of its samples."""
        self.order.append(client)
        if round != self._round:
            self.opened(round, received)
        if self._answers is None:
            seen = self._seen | {"model": received}
            self._answers = self.federation.answering.answers(round, seen, self._called)
            momenta = self.state["momenta"] | self._answers.momenta
            self.state = self.state | {"attack": self._answers.attack, "momenta": momenta}
        if client not in self._called.answering or client in self._called.late:
            raise ConnectionError("does not answer in time")
        left = {each.client: each.samples - each.removed for each in self._answers.swept}
        place = self._called.answering.index(client)
        return self._answers.models[place], left.get(client, self.federation.members.size(client))

    def asked(self) -> tuple[str, ...]:
        """Who is sent the model of the round that was opened."""
        return self._called.asked


class _Asking(FedAvg):
    """FedAvg that asks whom the scenario asks, and sends what its server prepares: a planted task, a challenge."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(fraction_evaluate=0.0)
        self._bridge = bridge

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> list[Message]:
        sent = self._bridge.record(self._bridge.opened(server_round - 1, self._bridge.flat(arrays)))
        config["server-round"] = server_round
        names = {node.name: node.node_id for node in grid.get_nodes()}
        content = RecordDict({self.arrayrecord_key: sent, self.configrecord_key: config})
        return list(self._construct_messages(content, [names[client] for client in self._bridge.asked()], "train"))


def policy_of(scenario: Scenario, folder: Path | None = None, **rounds: Any) -> Policy:
    """The policy that says what the scenario says."""
    return Policy(
        scenario.guard,
        scenario.admission,
        Rounds(seed=scenario.seed, **rounds),
        record=Record(None if folder is None else str(folder), rounds=True),
    )


def flown(scenario: Scenario, policy: Policy, *, seed: int = 0) -> tuple[list[dict[str, Any]], Bridge]:
    """Run a scenario on Flower's messages in this process: what was written down, and the bridge as it was left.

    Args:
        scenario: Who takes part, on which data, and who lies; its own guard decides nothing here.
        policy: Who decides.
        seed: Of the order in which replies arrive.
    """
    bridge, events = Bridge(scenario), []
    app = guard_app(
        bridge.server_app(),
        policy,
        bring=bridge.bring,
        identify=_named,
        watchers=[rounds_into(events)],
    )
    run_local(app, bridge.client_app(), nodes=bridge.nodes(), seed=seed)
    return events, bridge


def _named(node: NodeInfo) -> str:
    return str(node.name)
