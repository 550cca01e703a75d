"""An app tried in this process: told round by round, bare or guarded, whoever lies."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from flwr.app import MetricRecord

from mithridate.core.errors import ConfigurationError
from mithridate.flower.folder import AppFolder
from mithridate.flower.keeper import RunStopped
from mithridate.flower.trial import AppFailed, Listener, Setting, tried
from mithridate.guard.policy import Policy, Record, Rounds
from tests.flower.folders import SERVER, written

LOOP = """from flwr.app import ArrayRecord, Array, ConfigRecord, RecordDict
from flwr.serverapp import ServerApp
import numpy as np

app = ServerApp()

@app.main()
def main(grid, context):
    content = RecordDict({"arrays": ArrayRecord({"w": Array(np.zeros(4, np.float32)), "steps": Array(np.array(0))})})
    for round in range(context.run_config["num-server-rounds"]):
        messages = [grid.create_message(content, "train", node, str(round)) for node in grid.get_node_ids()]
        list(grid.send_and_receive(messages))
"""


def played(folder, **settings):
    rounds = []
    app = AppFolder.read(folder)
    with app.opened() as opened:
        setting = Setting(**{"config": app.configured([])} | settings)
        heard, context = tried(opened, setting, lambda told, of: rounds.append((told, of)))
    assert [told for told, _ in rounds] == heard.rounds
    return rounds, context


@pytest.mark.parametrize("guarded", [False, True])
def test_every_round_is_told_with_what_the_app_measures(tmp_path, guarded):
    rounds, context = played(written(tmp_path), nodes=5, guarded=guarded)
    assert [(told.number, of) for told, of in rounds] == [(1, 3), (2, 3), (3, 3)]
    assert set(rounds[-1][0].metrics) == {"accuracy", "eval_loss", "train_loss"}
    assert [round(told.metrics["accuracy"], 2) for told, _ in rounds] == sorted(
        round(told.metrics["accuracy"], 2) for told, _ in rounds
    )
    status = "counted" if guarded else "answered"
    assert {row["status"] for told, _ in rounds for row in told.clients} == {status}
    assert np.abs(context.state["model"]["w"].numpy() - 1).max() < 0.2


def test_a_guarded_run_names_the_liar_and_the_reason(tmp_path):
    rounds, context = played(written(tmp_path), nodes=10, liars={3: "garbage", 7: "small.client_app:liar"})
    assert [told.out for told, _ in rounds] == [{"node-3": "malformed", "node-7": "not-selected"}] * 3
    assert np.abs(context.state["model"]["w"].numpy() - 1).max() < 0.2


def test_a_bare_run_ends_where_one_client_says_so(tmp_path):
    with pytest.raises(AppFailed, match="stopped in round 1: "):
        played(written(tmp_path), nodes=10, guarded=False, liars={3: "garbage"})


def test_a_bare_run_names_who_failed(tmp_path):
    client = (written(tmp_path) / "small" / "client_app.py").read_text()
    failing = client.replace(
        "    own = point(", "    assert context.node_config['partition-id'] != 2\n    own = point("
    )
    rounds, _ = played(written(tmp_path, client=failing), nodes=4, guarded=False)
    assert rounds[0][0].out == {"node-2": "failed"}


def test_the_guard_of_a_guarded_app_is_taken_off_and_changed(tmp_path):
    folder = written(tmp_path, guarded=True)
    bare, _ = played(folder, nodes=5, guarded=False)
    assert bare[0][0].clients[0]["status"] == "answered"
    own, _ = played(folder, nodes=5)
    assert own[0][0].refused is None
    other, _ = played(folder, nodes=5, policy=Policy(round=Rounds(quorum=6)))
    assert other[0][0].refused == "short of the quorum: 5 of 6"


def test_the_same_seed_gives_the_same_model(tmp_path):
    models = [
        played(written(tmp_path), nodes=6, liars={0: "noise"}, seed=seed)[1].state["model"]["w"].data
        for seed in (1, 1, 2)
    ]
    assert models[0] == models[1]


def test_a_loop_of_ones_own_is_told_too(tmp_path):
    for guarded in (False, True):
        rounds, _ = played(written(tmp_path, server=LOOP), nodes=5, guarded=guarded)
        assert [(told.number, of) for told, of in rounds] == [(1, None), (2, None), (3, None)]
        assert len(rounds[0][0].clients) == 5


@pytest.mark.parametrize("guarded", [False, True])
def test_an_app_that_waits_for_more_nodes_than_there_are_is_stopped(tmp_path, guarded, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    waiting = SERVER.replace("min_available_nodes=2", "min_available_nodes=20")
    with pytest.raises(RunStopped, match="waits for more than 4 nodes: --nodes"):
        played(written(tmp_path, server=waiting), nodes=4, guarded=guarded)


def test_liars_are_partitions_that_exist():
    with pytest.raises(ConfigurationError, match=r"--liar 4=nan: partitions are 0 to 3; --nodes adds more"):
        Setting(nodes=4, liars={4: "nan"})


def test_a_run_on_record_is_gone_on_with_only_if_nothing_has_changed(tmp_path):
    policy = Policy(record=Record(folder=str(tmp_path / "runs")))
    stopping = SERVER + "    raise SystemExit\n"
    folder = written(tmp_path / "app", server=stopping)
    runs = lambda: sorted(path.name for path in (tmp_path / "runs").iterdir())  # noqa: E731 - read twice below
    for expected, changes in ((1, {}), (1, {}), (2, {"seed": 5}), (3, {"liars": {1: "zero"}})):
        with pytest.raises(SystemExit):
            played(folder, nodes=5, policy=policy, **changes)
        assert len(runs()) == expected
    written(tmp_path / "app", server=f"{stopping}    pass\n")
    with pytest.raises(SystemExit):
        played(folder, nodes=5, policy=policy)
    assert len(runs()) == 4


def test_flowers_log_is_put_back(tmp_path):
    logger = logging.getLogger("flwr")
    before = list(logger.handlers), logger.level, logger.propagate
    played(written(tmp_path), nodes=3, guarded=False)
    assert (list(logger.handlers), logger.level, logger.propagate) == before


def test_metrics_are_taken_out_of_the_log_whether_one_record_or_several_stand_there():
    told = []
    heard = Listener(lambda each, of: told.append((each.number, of, each.metrics)))
    heard.emit(logging.makeLogRecord({"msg": "Initial: %s", "args": MetricRecord({"accuracy": 0.1})}))
    heard.emit(logging.makeLogRecord({"msg": "[ROUND %s/%s]", "args": (1, 2)}))
    heard.hear({"event": "round", "round": 0, "clients": []})
    heard.emit(logging.makeLogRecord({"msg": "%s: %s", "args": ("x", MetricRecord({"accuracy": 0.5, "list": [1]}))}))
    assert told == []
    heard.emit(logging.makeLogRecord({"msg": "[ROUND %s/%s]", "args": (2, 2)}))
    assert told == [(1, 2, {"accuracy": 0.5})]
    assert heard.before == {"accuracy": 0.1}
