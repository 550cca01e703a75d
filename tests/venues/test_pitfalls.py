"""What goes wrong in Flower's own rules and engines, and must not go wrong behind the guard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAdam, FedAvg
from flwr.supercore.object_ref import load_app, validate

from mithridate.core.errors import ConfigurationError
from mithridate.flower.arrays import record_of
from mithridate.flower.grid import GuardedGrid
from mithridate.flower.keeper import Keeper
from mithridate.flower.local import LocalGrid, LocalNode, run_local
from mithridate.flower.private import identified
from mithridate.flower.server import guard_app
from mithridate.guard.policy import read_policy
from tests.flower.federation import MODEL, client_app, lying, named, reply, rounds_into, server_app

Train = Callable[[Message, Context, dict[str, np.ndarray]], dict[str, np.ndarray]]


def round_of(model: dict[str, np.ndarray], train: Train, *, policy: str = "", nodes: int = 10, seed: int = 0) -> Any:
    """One guarded round: the event, and the new model (None if the round was refused)."""

    def client(message: Message, context: Context) -> Message:
        sent = {name: array.numpy() for name, array in message.content["arrays"].items()}
        metrics = MetricRecord({"num-examples": 10})
        return Message(RecordDict({"arrays": record_of(train(message, context, sent)), "m": metrics}), reply_to=message)

    events: list[dict[str, Any]] = []
    keeper = Keeper(read_policy(policy), watchers=[rounds_into(events)])
    members = [LocalNode(client, 1000 + i, {"partition-id": i}) for i in range(nodes)]
    grid = GuardedGrid(LocalGrid(members, seed=seed), keeper, clock=lambda: 0.0)
    with identified(1):
        content = RecordDict({"arrays": record_of(model)})
        replies = list(grid.send_and_receive([Message(content, id, "train") for id in grid.get_node_ids()]))
    new = [each.content["arrays"] for each in replies if each.has_content()]
    return events[0], {k: v.numpy() for k, v in new[0].items()} if new else None


def own(context: Context) -> int:
    return int(context.node_config["partition-id"])


def test_krum_tells_updates_apart_that_are_small_beside_the_weights():
    """Updates of 1e-5 on weights of 0.05: distances between models in float32, as Flower's Krum takes them, are noise then."""
    rng = np.random.default_rng(0)
    model = {"w": rng.normal(0, 0.05, 50_000).astype(np.float32)}
    honest = rng.normal(0, 1e-5, (10, 50_000)).astype(np.float32)

    def train(message, context, sent):
        i = own(context)
        return {"w": sent["w"] + (honest[i] if i < 8 else np.full(50_000, 3e-5, np.float32))}

    event, _ = round_of(model, train, policy="[guard]\nrule = { name = 'multi-krum', f = 2 }\n")
    assert [row["client"] for row in event["clients"] if row["status"] != "counted"] == ["node-1008", "node-1009"]


def half(message: Message, context: Context, sent: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {k: v + np.float32(0.1 * own(context)) if v.dtype.kind == "f" else v + 1 for k, v in sent.items()}


def test_the_order_of_keys_changes_nothing():
    def permuted(message, context, sent):
        made = half(message, context, sent)
        return dict(reversed(made.items())) if own(context) % 2 else made

    (one, model), (other, same) = round_of(MODEL, half), round_of(MODEL, permuted)
    assert one["decision"] == other["decision"]
    assert list(model) == list(same) == list(MODEL)


@pytest.mark.parametrize("step", [1000, 2**60])
def test_counters_do_not_decide_who_is_chosen(step):
    def counting(message, context, sent):
        return half(message, context, sent) | {"steps": sent["steps"] + step * own(context) // 10}

    (one, _), (other, model) = round_of(MODEL, half), round_of(MODEL, counting)
    assert one["decision"] == other["decision"]
    assert model["steps"] == MODEL["steps"]


def test_too_few_clients_for_krum_are_refused():
    event, model = round_of(MODEL, half, policy="[guard]\nrule = { name = 'krum', f = 2 }\n", nodes=6)
    assert "2 f + 3" in event["refused"]
    assert model is None


def test_a_share_to_trim_that_comes_to_nobody_cannot_be_written():
    with pytest.raises(ConfigurationError, match="f"):
        read_policy("[guard]\nrule = { name = 'trimmed-mean', f = 0.2 }\n")


@pytest.mark.parametrize("strategy", [FedAvg, FedAdam])
def test_model_and_record_are_the_same_bits_whatever_the_order_of_arrival(strategy):
    liar = lying(lambda message, model: reply(message, {k: v * -9 for k, v in model.items()}, {"num-examples": 7}))
    told = []
    for seed in range(3):
        into: dict[str, Any] = {}
        events: list[dict[str, Any]] = []
        app = guard_app(server_app(strategy, 2, into), watchers=[rounds_into(events)])
        run_local(app, client_app(), nodes=10, instead={3: liar}, seed=seed)
        record = [{k: v for k, v in event.items() if k != "seconds"} for event in events]
        told.append((record, {k: v.tobytes() for k, v in into["model"].items()}))
    assert all(each == told[0] for each in told)


def test_what_a_client_does_to_its_records_is_seen_by_nobody_behind_the_guard():
    honest, seen = client_app(), []

    def vandal(message, context):
        answer = honest(message, context)
        message.content.array_records["arrays"].clear()
        message.content.config_records["config"]["lr"] = 99.0
        return answer

    def witness(message, context):
        if message.metadata.message_type == "train":
            seen.append((len(message.content["arrays"]), message.content["config"]["lr"]))
        return honest(message, context)

    into: dict[str, Any] = {}
    run_local(guard_app(server_app(into=into)), witness, nodes=6, instead={0: vandal, 3: vandal})
    assert set(seen) == {(3, 0.1)}


def test_a_bad_reply_that_comes_first_does_not_make_honest_ones_look_wrong():
    """Flower compares with the first reply; here six orders of arrival are tried."""
    for seed in range(6):
        into: dict[str, Any] = {}
        events: list[dict[str, Any]] = []
        other = lying(lambda message, model: reply(message, {"x": np.ones(4)}, {"num-examples": 7}))
        app = guard_app(server_app(FedAvg, 1, into), watchers=[rounds_into(events)])
        run_local(app, client_app(), nodes=6, instead={3: other}, seed=seed)
        assert [row["client"] for row in events[0]["clients"] if row["status"] == "refused"] == ["node-1003"]


def test_arrays_drift_to_float64_without_harm_over_many_rounds():
    """FedAdam sends float64 from the second round on; clients that answer in either are counted."""
    narrow = lying(
        lambda message, model: reply(
            message,
            {k: v.astype(np.float32) if v.dtype.kind == "f" and k != "steps" else v for k, v in model.items()},
            {"num-examples": 20, "train_loss": 0.5},
        )
    )
    events: list[dict[str, Any]] = []
    app = guard_app(server_app(FedAdam, 4), watchers=[rounds_into(events)])
    run_local(app, client_app(), nodes=8, instead={3: narrow, 5: narrow})
    assert {status for i in (1003, 1004) for status, _ in named(events, f"node-{i}")} <= {"counted", "dropped"}
    assert [event["refusals"] for event in events] == [[]] * len(events)


APP = """
import numpy as np
from flwr.app import Array, ArrayRecord
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAvg

from mithridate.flower import guard_app

app = ServerApp()


@app.main()
def main(grid, context):
    FedAvg().start(grid, ArrayRecord({"w": Array(np.zeros(3, np.float32))}), num_rounds=1)


app = guard_app(app)
"""


def test_flower_finds_a_guarded_app_where_it_looks_for_one(tmp_path):
    (tmp_path / "guarded_server.py").write_text(APP, encoding="utf-8")
    valid, why = validate("guarded_server:app", check_module=True, project_dir=tmp_path)
    assert valid, why
    loaded = load_app("guarded_server:app", RuntimeError, project_dir=tmp_path)
    assert isinstance(loaded, ServerApp)


def test_records_of_another_size_than_they_say_are_measured_by_their_bytes():
    claims = Array("float32", (10**12,), "numpy.ndarray", Array(np.ones(6, np.float32)).data)
    tall = lying(lambda message, model: reply(message, model | {"w": claims}, {"num-examples": 7}))
    events: list[dict[str, Any]] = []
    app = guard_app(server_app(FedAvg, 1), watchers=[rounds_into(events)])
    run_local(app, client_app(), nodes=6, instead={3: tall})
    assert named(events, "node-1003") == [("refused", "shape")]
    assert ArrayRecord({"w": claims})["w"].shape == (10**12,)
