"""One round: the state goes in and comes out, the event says what happened."""

from __future__ import annotations

import numpy as np

from mithridate.core.digest import digest
from mithridate.sim.federation import Federation
from mithridate.sim.partition import Iid
from mithridate.sim.scenario import Clients, ModelChoice, Scenario, TaskChoice
from mithridate.sim.training import LocalTraining

PLAIN = Scenario(
    rounds=2,
    task=TaskChoice("digits", limit=300),
    model=ModelChoice("mlp", (8,)),
    clients=Clients(4, partition=Iid()),
    training=LocalTraining(lr=0.1, steps=2),
)


def test_a_round_is_a_function_of_the_state():
    federation = Federation(PLAIN, threads=1)
    before = federation.state()
    first, after, cohort, refusals = federation.play(0, before)
    again, *_ = federation.play(0, before)
    assert first["model"] == again["model"] == digest(after["model"])
    assert cohort.n == 4
    assert refusals == ()


def test_the_mean_of_the_updates_is_what_moves_the_model():
    federation = Federation(PLAIN, threads=1)
    before = federation.state()
    event, after, cohort, _ = federation.play(0, before)
    expected = np.average(cohort.updates.astype(np.float64), axis=0, weights=cohort.weights)
    assert np.allclose(after["moved"], expected, atol=1e-6)
    assert np.isclose(event["delta_norm"], np.linalg.norm(expected), rtol=1e-3)


def test_traffic_is_counted_in_bytes_of_float32():
    federation = Federation(PLAIN, threads=1)
    event, *_ = federation.play(0, federation.state())
    assert event["bytes_up"] == event["bytes_down"] == 4 * 4 * federation.model.layout.d
