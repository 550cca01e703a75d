"""The guard as a Strategy: the same decisions and the same model as `guard_app`."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.serverapp.strategy import FedAdam, FedAvg

from mithridate.core.errors import ConfigurationError
from mithridate.flower.local import run_local
from mithridate.flower.server import guard_app
from mithridate.flower.strategy import GuardedStrategy
from mithridate.guard.policy import read_policy
from tests.flower.federation import MODEL, client_app, lying, reply, rounds_into, server_app

NAN = lying(
    lambda message, model: reply(message, {k: v * np.float32("nan") for k, v in model.items()}, {"num-examples": 1})
)


@pytest.mark.parametrize("strategy", [FedAvg, FedAdam])
def test_it_comes_to_what_a_guarded_app_comes_to(strategy):
    one, other, said, told = {}, {}, [], []

    def watched():
        return GuardedStrategy(strategy(), watchers=[rounds_into(said)])

    run_local(server_app(watched, into=one), client_app(), instead={3: NAN})
    run_local(guard_app(server_app(strategy, into=other), watchers=[rounds_into(told)]), client_app(), instead={3: NAN})
    assert all(np.array_equal(one["model"][name], other["model"][name]) for name in MODEL)
    decisions = [[event.get("decision") for event in events] for events in (said, told)]
    assert decisions[0] == decisions[1]
    assert len(decisions[0]) == 6


def test_a_policy_is_read(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text("[guard]\nrule = 'medain'\n")
    with pytest.raises(ConfigurationError, match="did you mean 'median'"):
        GuardedStrategy(FedAvg(), path)


def test_nothing_but_an_unguarded_strategy_is_guarded():
    with pytest.raises(ConfigurationError, match="not guarded yet"):
        GuardedStrategy(FedAvg)
    with pytest.raises(ConfigurationError, match="not guarded yet"):
        GuardedStrategy(GuardedStrategy(FedAvg()), read_policy(""))


def test_the_rest_is_the_inner_strategys():
    inner = FedAvg()
    outer = GuardedStrategy(inner)
    assert outer.aggregate_train(1, []) == inner.aggregate_train(1, [])
    assert outer.aggregate_evaluate(1, []) == inner.aggregate_evaluate(1, [])
    outer.summary()
