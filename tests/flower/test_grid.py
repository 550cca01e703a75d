"""The guard between app and nodes: strategies get one good model, nodes cannot stop, stall or forge a round."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import Bulyan, DifferentialPrivacyServerSideFixedClipping, FedAdam, FedAvg, FedMedian, Krum

from mithridate.core.errors import ConfigurationError
from mithridate.flower.grid import GuardedGrid, by_key
from mithridate.flower.keeper import Keeper, RunStopped
from mithridate.flower.local import LocalGrid, LocalNode, run_local
from mithridate.flower.private import NodeInfo, identified, message_like
from mithridate.flower.server import guard_app
from mithridate.guard.policy import read_policy
from tests.flower.federation import MODEL, client_app, lying, named, reply, rounds_into, server_app

BARE = "[round]\ntimeout-s = 0.3\n"


def guarded(
    liar: Any = None, *, policy: str = BARE, strategy: Any = FedAvg, rounds: int = 2, nodes: int = 10, seed: int = 0
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a guarded app comes to, and the events it told."""
    into: dict[str, Any] = {}
    events: list[dict[str, Any]] = []
    app = guard_app(
        server_app(strategy, rounds, into),
        read_policy(policy),
        watchers=[rounds_into(events)],
    )
    run_local(app, client_app(), nodes=nodes, instead={} if liar is None else {3: liar}, seed=seed)
    return into, events


def close(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    return all(np.allclose(found["model"][name], expected["model"][name], atol=0.02) for name in MODEL)


def test_the_strategy_gets_the_guards_model():
    found, events = guarded(rounds=1)
    # every client is half of the way from 1 to -1 + 0.01 i; Multi-Krum (f = 2) after mixing chooses among them
    assert np.all(np.abs(found["model"]["b"] - 0.0225) < 0.02)
    assert [row["status"] for row in events[0]["clients"]].count("counted") >= 8
    assert found["model"]["steps"] == MODEL["steps"]


def test_what_came_of_a_round_does_not_depend_on_the_order_of_arrival():
    one, events = guarded(seed=1)
    other, others = guarded(seed=2)
    assert [event["decision"] for event in events if event["event"] == "round"] == [
        event["decision"] for event in others if event["event"] == "round"
    ]
    assert all(np.array_equal(one["model"][name], other["model"][name]) for name in MODEL)


def test_a_node_that_dies_over_its_work_costs_one_time_out_and_no_more():
    found, events = guarded(lambda message, context: None)
    assert close(found, guarded()[0])
    assert named(events, "node-1003") == [("absent", "failed")] * 2


def test_what_is_sent_is_the_guards_own_copy_and_shared_as_the_app_shares_it():
    grid, sent = LocalGrid([LocalNode(client_app(), i) for i in (5, 6)]), []
    push = grid.push_messages
    grid.push_messages = lambda messages: push(sent.extend(kept := list(messages)) or kept)
    content = RecordDict({"arrays": ArrayRecord({name: Array(value) for name, value in MODEL.items()})})
    with identified(1):
        GuardedGrid(grid, Keeper(read_policy(BARE))).push_messages([Message(content, id, "train") for id in (5, 6)])
    assert sent[0].content is sent[1].content
    assert sent[0].content is not content
    assert sent[0].content["arrays"] is not content["arrays"]
    assert sent[0].content == content


def test_a_node_that_raises_is_absent():
    def broken(message, context):
        raise ValueError("boom")

    found, events = guarded(broken)
    assert close(found, guarded()[0])
    assert ["node-1003", "failed", "code 1: ValueError: boom"] in events[0]["refusals"]


def test_a_reply_in_another_nodes_name_is_refused_and_charged_to_the_node_that_was_asked():
    honest = client_app()

    def spoofing(message, context):
        return message_like(honest(message, context), src_node_id=1004)

    _, events = guarded(spoofing)
    assert named(events, "node-1003")[0] == ("refused", "spoofed")
    assert named(events, "node-1004")[0][0] == "counted"


def test_the_superlink_may_report_a_failure_in_its_own_name():
    def failing(message, context):
        return message_like(Message(Error(7, "node lost"), reply_to=message), src_node_id=1)

    _, events = guarded(failing)
    assert named(events, "node-1003")[0] == ("absent", "failed")


def test_a_reply_to_nothing_that_was_asked_is_passed_over():
    honest = client_app()
    found, _ = guarded(lambda message, context: message_like(honest(message, context), reply_to_message_id="1-1"))
    assert close(found, guarded()[0])


@pytest.mark.parametrize("strategy", [FedAvg, FedMedian, FedAdam, lambda: Krum(num_malicious_nodes=1)])
def test_strategies_take_the_model_from_one_reply(strategy):
    nan = lying(
        lambda message, model: reply(message, {k: v * np.float32("nan") for k, v in model.items()}, {"num-examples": 1})
    )
    found, events = guarded(nan, strategy=strategy)
    assert np.isfinite(found["model"]["b"]).all()
    assert {name for name, _ in named(events, "node-1003")} == {"refused"}


def test_a_strategy_that_gives_up_a_round_over_an_error_cannot_be_stopped_by_one_client():
    def broken(message, context):
        raise ValueError("boom")

    def private():
        return DifferentialPrivacyServerSideFixedClipping(FedAvg(), 0.0, 100.0, 10)

    found, events = guarded(broken, strategy=private)
    assert close(found, guarded()[0])
    assert named(events, "node-1003") == [("absent", "failed")] * 2


def test_a_strategy_hears_of_errors_where_nothing_was_made():
    nodes = [LocalNode(client_app(), 5 + i, {"partition-id": i}, online=i > 0) for i in range(3)]
    grid = GuardedGrid(LocalGrid(nodes), Keeper(read_policy("[round]\nquorum = 3\n")), clock=lambda: 0.0)
    with identified(1):
        content = RecordDict({"arrays": ArrayRecord({name: Array(value) for name, value in MODEL.items()})})
        replies = list(grid.send_and_receive([Message(content, id, "train") for id in (5, 6, 7)]))
    assert sorted(each.error.reason for each in replies) == [
        "failed: the node is not there",
        "not handed on by the guard",
        "not handed on by the guard",
    ]


def test_a_strategy_that_counts_replies_gets_one_per_client_as_soon_as_that_shows(caplog):
    found, _ = guarded(strategy=lambda: Bulyan(num_malicious_nodes=1), rounds=3)
    assert "one reply per client" in caplog.text
    assert close(found, guarded(rounds=2)[0])  # the first round was lost


def test_a_strategy_that_counts_replies_can_be_told_beforehand():
    policy = BARE + 'replies = "each"\n'
    found, _ = guarded(strategy=lambda: Bulyan(num_malicious_nodes=1), policy=policy)
    assert close(found, guarded()[0])


def test_a_strategy_that_counts_replies_gets_enough_of_them_when_clients_misbehave():
    def broken(message, context):
        raise ValueError("boom")

    found, _ = guarded(
        broken, strategy=lambda: Bulyan(num_malicious_nodes=1), policy=BARE + 'replies = "each"\n', nodes=7
    )
    assert close(found, guarded()[0])


def test_metrics_are_those_of_the_majority():
    def boasting(message, context):
        answer = client_app()(message, context)
        answer.content["metrics"]["loss"] = -1e30
        answer.content["metrics"]["evil"] = 1.0
        return answer

    found, events = guarded(boasting, rounds=1)
    metrics = found["result"].evaluate_metrics_clientapp[1]
    assert set(metrics) == {"loss"}
    assert metrics["loss"] > 0
    assert [event["event"] for event in events] == ["round", "evaluated"]
    assert events[1]["odd_metrics"] == [["node-1003", ["evil"]]]


def test_an_evaluation_that_fails_is_named():
    def mute(message, context):
        if message.metadata.message_type == "evaluate":
            raise ValueError("no")
        return client_app()(message, context)

    _, events = guarded(mute, rounds=1)
    assert events[-1]["refusals"] == [["node-1003", "failed", "code 1: ValueError: no"]]


def test_a_refused_round_keeps_the_model():
    found, events = guarded(policy=BARE + "quorum = 11\n")
    assert found["result"].arrays == ArrayRecord()
    assert events[0]["refused"] == "short of the quorum: 10 of 11"


def test_a_refused_round_stops_the_run_if_the_policy_says_so():
    with pytest.raises(RunStopped, match=r"round 1 was refused .*quorum"):
        guarded(policy=BARE + 'quorum = 11\non-refusal = "stop"\n')


def test_a_refused_round_falls_back_to_the_declared_rule():
    policy = BARE + 'on-refusal = "fall-back"\nfall-back = "median"\n[guard]\nrule = { name = "krum", f = 5 }\n'
    found, events = guarded(policy=policy)
    assert close(found, guarded()[0])
    assert events[0]["refused"] is None
    assert events[0]["fall_back"] == "median"
    assert "krum" in events[0]["fell_back_from"].lower()


def test_an_app_that_waits_for_nodes_that_never_come_is_stopped():
    now = [0.0]
    keeper = Keeper(read_policy("[round]\nwait-s = 10"))
    grid = GuardedGrid(LocalGrid([LocalNode(client_app(), 5)]), keeper, clock=lambda: now[0])
    assert list(grid.get_node_ids()) == [5]
    now[0] = 11.0
    with pytest.raises(RunStopped, match="waited 10 s for nodes and 1 are online"):
        grid.get_node_ids()


def test_a_node_that_was_asked_before_is_still_there_for_the_strategy_and_fails_at_once():
    nodes = [LocalNode(client_app(), 5 + i, {"partition-id": i}) for i in range(4)]
    events: list[dict[str, Any]] = []
    keeper = Keeper(read_policy(""), watchers=[rounds_into(events)])
    grid = GuardedGrid(LocalGrid(nodes), keeper, clock=lambda: 0.0)
    with identified(1):
        for online in (True, False):
            nodes[0].online = online
            ids = list(grid.get_node_ids())
            content = RecordDict({"arrays": ArrayRecord({name: Array(value) for name, value in MODEL.items()})})
            replies = list(grid.send_and_receive([Message(content, id, "train") for id in ids]))
    assert ids == [5, 6, 7, 8]
    assert all(each.has_content() for each in replies)
    assert [event["refusals"] for event in events] == [[], [["node-5", "failed", "the node is not there"]]]


def test_an_app_with_a_loop_of_its_own_gets_an_answer_to_every_message():
    nan = lying(
        lambda message, model: reply(message, {k: v * np.float32("nan") for k, v in model.items()}, {"num-examples": 1})
    )
    nodes = [LocalNode(nan if i == 3 else client_app(), 5 + i, {"partition-id": i}) for i in range(6)]
    grid = GuardedGrid(LocalGrid(nodes, at_once=2), Keeper(read_policy("")), clock=lambda: 0.0)
    with identified(1):
        content = RecordDict({"arrays": ArrayRecord({name: Array(value) for name, value in MODEL.items()})})
        ids = list(grid.push_messages([Message(content, id, "train") for id in grid.get_node_ids()]))
        replies: list[Message] = []
        for _ in range(10):
            replies += grid.pull_messages(ids)
    assert sorted(each.metadata.reply_to_message_id for each in replies) == sorted(ids)
    models = [each.content["arrays"]["b"].numpy() for each in replies if each.has_content()]
    assert len(models) >= 3
    assert all(np.array_equal(model, models[0]) for model in models)


def test_questions_pass_unguarded():
    def answering(message, context):
        return Message(RecordDict({"answer": ConfigRecord({"is": 42})}), reply_to=message)

    grid = GuardedGrid(LocalGrid([LocalNode(answering, 5)]), Keeper(read_policy("")))
    with identified(1):
        (answer,) = grid.send_and_receive([Message(RecordDict(), 5, "query")])
    assert answer.content["answer"]["is"] == 42


def test_different_models_in_one_round_are_refused():
    grid = GuardedGrid(LocalGrid([LocalNode(client_app(), 5), LocalNode(client_app(), 6)]), Keeper(read_policy("")))
    with identified(1), pytest.raises(ConfigurationError, match="different models"):
        grid.push_messages([
            Message(RecordDict({"arrays": ArrayRecord({"b": Array(np.full(3, float(id)))})}), id, "train") for id in (5, 6)
        ])  # fmt: skip


def test_a_model_without_floating_point_is_refused_with_a_reason():
    app = ServerApp()

    @app.main()
    def main(grid, context):
        FedAvg().start(grid, ArrayRecord({"trees": Array(np.zeros(9, np.uint8))}), num_rounds=1)

    with pytest.raises(ConfigurationError, match="no floating-point array"):
        run_local(guard_app(app), client_app(), nodes=4)


def test_a_reply_that_flower_cannot_unpack_is_its_senders_failure():
    class Torn(LocalGrid):
        def pull_messages(self, message_ids):
            ids = list(message_ids)
            if any(id.endswith("-4") for id in ids):
                if len(ids) > 1:
                    raise ValueError("broken bytes")
                self._waiting.pop(ids[0], None)
                raise json.JSONDecodeError("Expecting value", "", 0)
            return super().pull_messages(ids)

    nodes = [LocalNode(client_app(), 5 + i, {"partition-id": i}) for i in range(6)]
    events: list[dict[str, Any]] = []
    keeper = Keeper(
        read_policy(""),
        watchers=[rounds_into(events)],
    )
    grid = GuardedGrid(Torn(nodes), keeper, clock=lambda: 0.0)
    with identified(1):
        content = RecordDict({"arrays": ArrayRecord({name: Array(value) for name, value in MODEL.items()})})
        list(grid.send_and_receive([Message(content, id, "train") for id in grid.get_node_ids()]))
    assert named(events, "node-8") == [("refused", "malformed")]
    assert sum(row["status"] == "counted" for row in events[0]["clients"]) == 5


def test_a_node_is_known_by_its_key():
    assert by_key(NodeInfo(node_id=1, public_key=b"a")) == by_key(NodeInfo(node_id=2, public_key=b"a"))
    assert by_key(NodeInfo(node_id=1, public_key=b"a")) != by_key(NodeInfo(node_id=1, public_key=b"b"))


def test_the_same_key_twice_in_a_round_does_not_count_twice():
    nodes = [LocalNode(client_app(), 5 + i, {"partition-id": i}, public_key=b"k%d" % (i % 5)) for i in range(6)]
    events: list[dict[str, Any]] = []
    grid = GuardedGrid(
        LocalGrid(nodes),
        Keeper(
            read_policy(""),
            watchers=[rounds_into(events)],
        ),
    )
    with identified(1):
        content = RecordDict({"arrays": ArrayRecord({name: Array(value) for name, value in MODEL.items()})})
        list(grid.send_and_receive([Message(content, id, "train") for id in grid.get_node_ids()]))
    assert [reason for _, reason, _ in events[0]["refusals"]] == ["contradicts-itself"] * 2
    assert len(events[0]["clients"]) == 5


def test_a_metric_record_is_not_needed():
    silent = lying(lambda message, model: Message(
        RecordDict({"arrays": reply(message, model, {"num-examples": 1}).content["arrays"], "metrics": MetricRecord()}),
        reply_to=message,
    ))  # fmt: skip
    _, events = guarded(silent)
    (row,) = [row for row in events[0]["clients"] if row["client"] == "node-1003"]
    assert row["examples"] == 1.0


def test_where_the_policy_asks_for_keys_nodes_without_one_are_not_asked():
    nodes = [
        LocalNode(client_app(), 5 + i, {"partition-id": i}, public_key=b"" if i == 2 else b"k%d" % i) for i in range(5)
    ]
    events: list[dict[str, Any]] = []
    keeper = Keeper(
        read_policy('[identity]\nrequire = "node-key"'),
        watchers=[rounds_into(events)],
    )
    grid = GuardedGrid(LocalGrid(nodes), keeper)
    with identified(1):
        content = RecordDict({"arrays": ArrayRecord({name: Array(value) for name, value in MODEL.items()})})
        list(grid.send_and_receive([Message(content, id, "train") for id in grid.get_node_ids()]))
    assert events[0]["refusals"] == [["node-7", "failed", "the node has no key, and the policy asks for one"]]


def test_metrics_that_are_no_numbers_are_named_in_the_record():
    def odd(message, context):
        answer = client_app()(message, context)
        answer.content["metrics"]["train_loss"] = float("nan")
        answer.content["metrics"]["a\nb" * 999] = 1.0
        return answer

    _, events = guarded(odd, rounds=1)
    ((client, names),) = events[0]["odd_metrics"]
    assert client == "node-1003"
    assert "train_loss" in names
    assert all(name.isprintable() and len(name) <= 256 for name in names)
