"""A killed server goes on where it was: no finished round is trained again, whatever the strategy keeps in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flwr.serverapp.strategy import FedAdam, FedAvg, FedAvgM

from mithridate.core.errors import StoreError
from mithridate.flower.local import run_local
from mithridate.flower.server import guard_app
from mithridate.guard.policy import read_policy
from mithridate.store.replay import replayed
from mithridate.store.run import RunFolder
from tests.flower.federation import MODEL, client_app, server_app


class Killed(BaseException):
    """Stands for a kill: nothing in the package may catch it and go on."""


def ran(
    folder: Any, *, strategy: Any = FedAvg, rounds: int = 4, kill: tuple[str, int] | None = None
) -> tuple[dict[str, Any], int]:
    """The model of a run that is killed when the nth message of a kind reaches the clients, and how many trainings there were."""
    honest, seen, into = client_app(), {"train": 0, "evaluate": 0}, {}

    def client(message, context):
        kind = message.metadata.message_type
        seen[kind] += 1
        if kill == (kind, seen[kind]):
            raise Killed
        return honest(message, context)

    policy = read_policy(f'[record]\nfolder = "{folder}"\nrounds = true\n')
    try:
        run_local(guard_app(server_app(strategy, rounds, into), policy), client, nodes=6)
    except Killed:
        into["model"] = None
    return into, seen["train"]


@pytest.mark.parametrize("strategy", [FedAvg, FedAdam, lambda: FedAvgM(server_momentum=0.9)])
@pytest.mark.parametrize("kill", [("train", 1), ("train", 9), ("evaluate", 8), ("train", 13)])
def test_a_killed_run_ends_as_one_that_was_not(tmp_path, strategy, kill):
    whole, trained = ran(tmp_path / "whole", strategy=strategy)
    before, some = ran(tmp_path / "killed", strategy=strategy, kill=kill)
    assert before["model"] is None
    after, rest = ran(tmp_path / "killed", strategy=strategy)
    assert all(np.array_equal(whole["model"][name], after["model"][name]) for name in MODEL)
    assert trained == 24
    assert some + rest <= 24 + 6  # no more than the round in flight is trained twice
    assert len(list((tmp_path / "killed").iterdir())) == 1
    assert RunFolder.open(tmp_path / "killed" / "federation-0001").status == "finished"
    assert whole["result"].evaluate_metrics_clientapp == after["result"].evaluate_metrics_clientapp


def test_a_finished_run_is_not_gone_on_with(tmp_path):
    ran(tmp_path)
    _, trained = ran(tmp_path)
    assert trained == 24
    assert sorted(path.name for path in tmp_path.iterdir()) == ["federation-0001", "federation-0002"]


def test_a_recorded_round_is_decided_again_byte_for_byte(tmp_path):
    ran(tmp_path)
    found = list(replayed(tmp_path / "federation-0001"))
    assert len(found) == 4
    assert all(each.same and each.exact for each in found)


def test_a_run_of_another_policy_begins_afresh(tmp_path):
    ran(tmp_path, kill=("train", 9))
    policy = read_policy(f'[guard]\nrule = "median"\n[record]\nfolder = "{tmp_path}"\n')
    run_local(guard_app(server_app(), policy), client_app(), nodes=6)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_failed_run_says_so_and_can_be_gone_on_with(tmp_path):
    policy = read_policy(f'[record]\nfolder = "{tmp_path}"\n')

    def failing():
        class Failing(FedAvg):
            def aggregate_evaluate(self, server_round, replies):
                raise ValueError("a bug in the app")

        return Failing()

    with pytest.raises(ValueError, match="a bug in the app"):
        run_local(guard_app(server_app(failing), policy), client_app(), nodes=6)
    run = RunFolder.open(tmp_path / "federation-0001")
    assert run.status == "failed"
    assert run.ending["error"] == "a bug in the app"
    assert run.recorded() == ()


def test_a_round_that_is_missing_is_an_error(tmp_path):
    from mithridate.flower.journal import Journal

    ran(tmp_path)
    journal = Journal(RunFolder.open(tmp_path / "federation-0001"))
    assert journal.finished == 3
    with pytest.raises(StoreError, match="round 9 is not in the journal"):
        journal.outcome(9)


def test_the_last_line_names_the_model_and_knows_no_liars(tmp_path):
    ran(tmp_path)
    run = RunFolder.open(tmp_path / "federation-0001")
    rounds = [event for event in run.events() if event["event"] == "round"]
    assert run.ending["model_digest"] == rounds[-1]["model"]
    assert run.ending["summary"]["judged"] == {"liar": 0, "minority": 0, "honest": 0, "unknown": 24}
    assert run.manifest["venue"] == "federation"
