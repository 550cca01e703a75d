"""The engine in one process: unmodified apps, in a fixed order, apart from each other."""

from __future__ import annotations

import random

import numpy as np
import pytest
from flwr.app import Message, RecordDict
from flwr.serverapp.strategy import FedAdam, FedAvg, FedMedian

from mithridate.core.errors import ConfigurationError
from mithridate.flower.local import LocalGrid, LocalNode, run_local
from mithridate.flower.private import identified
from tests.flower.federation import MODEL, POINT, client_app, server_app


def ran(seed: int = 0, strategy=FedAvg, **how) -> dict[str, np.ndarray]:
    into: dict = {}
    run_local(server_app(strategy, into=into), client_app(), seed=seed, **how)
    return into["model"]


def test_one_round_of_fedavg_comes_to_the_hand_computed_mean():
    # half of the way from 1 to -1 + 0.01 i, weighted by 20 + i: i = 0, 1 -> (20 * 0 + 21 * 0.005) / 41
    into: dict = {}
    run_local(server_app(rounds=1, into=into), client_app(), nodes=2)
    assert into["model"]["b"] == pytest.approx(np.full(3, 21 * 0.005 / 41))


def test_the_seed_fixes_everything_and_leaves_the_global_generators_alone():
    random.seed(5)
    expected = random.getstate()

    def strategy():
        return FedAvg(fraction_train=0.4)

    one, same, other = ran(1, strategy), ran(1, strategy), ran(2, strategy)
    assert random.getstate() == expected
    assert all(np.array_equal(one[name], same[name]) for name in MODEL)
    assert not np.array_equal(one["b"], other["b"])


@pytest.mark.parametrize("strategy", [FedAvg, FedMedian, FedAdam])
def test_flowers_strategies_learn(strategy):
    found = ran(strategy=strategy)
    assert np.abs(found["b"] - POINT["b"]).max() < np.abs(MODEL["b"] - POINT["b"]).max()


def test_what_one_client_does_to_its_records_is_seen_by_nobody_else():
    honest, seen = client_app(), []

    def vandal(message, context):
        answer = honest(message, context)
        message.content.array_records["arrays"].clear()
        return answer

    def witness(message, context):
        seen.append(len(message.content.array_records["arrays"]))
        return honest(message, context)

    run_local(server_app(rounds=2), witness, nodes=6, instead={0: vandal, 3: vandal})
    assert set(seen) == {3}


def test_a_client_that_raises_is_a_reply_that_says_so():
    def broken(message, context):
        raise KeyError("no data")

    grid = LocalGrid([LocalNode(broken, 5)])
    with identified(1):
        (reply,) = grid.send_and_receive([Message(RecordDict(), 5, "query")])
    assert reply.error.reason == "KeyError: 'no data'"


def test_state_stays_with_its_node():
    counted = []

    def counting(message, context):
        context.state.setdefault("seen", __import__("flwr.app").app.ConfigRecord({"n": 0}))
        context.state["seen"]["n"] += 1
        counted.append((context.node_id, context.state["seen"]["n"]))
        return Message(RecordDict(), reply_to=message)

    grid = LocalGrid([LocalNode(counting, 5), LocalNode(counting, 6)])
    with identified(1):
        for _ in range(2):
            grid.send_and_receive([Message(RecordDict(), node, "query") for node in grid.get_node_ids()])
    assert sorted(counted) == [(5, 1), (5, 2), (6, 1), (6, 2)]


def test_nodes_that_are_offline_are_not_seen_and_do_not_answer():
    grid = LocalGrid([LocalNode(client_app(), 5), LocalNode(client_app(), 6, online=False)])
    assert list(grid.get_node_ids()) == [5]
    with identified(1):
        (reply,) = grid.send_and_receive([Message(RecordDict(), 6, "query")])
    assert reply.has_error()


def test_two_nodes_of_one_number_are_refused():
    with pytest.raises(ConfigurationError, match="share a node id"):
        LocalGrid([LocalNode(client_app(), 5), LocalNode(client_app(), 5)])
