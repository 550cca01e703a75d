"""Hostile clients under Flower's strategies, guarded: runs end, models stay right, culprits are named and nobody else is."""

from __future__ import annotations

import gc
from functools import cache

import numpy as np
import pytest

from bench.behaviours import BEHAVIOURS
from bench.federation import FIRST_NODE, LIARS, NODES, Cell, applies, client, ended, verdict
from bench.strategies import REFUSED, STRATEGIES, tree_app
from mithridate.core.errors import ConfigurationError
from mithridate.flower.local import run_local
from mithridate.flower.server import guard_app
from mithridate.guard.guard import Guard
from mithridate.guard.policy import default_guard
from mithridate.rules import Krum, Mean, Median
from mithridate.testing import cohort

ROUNDS = 2
CENTRAL = ("FedAvg", "FedMedian", "FedAdam")
FEW = ("nan-one", "wrong-shape-last", "extra-metric", "examples-total-0", "error", "permuted-keys")


@pytest.fixture(autouse=True, scope="module")
def swift():
    """Flower collects garbage at every reply: not through everything that was imported, too."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@cache
def honest(strategy: str, liars: int = 1) -> Cell:
    """The guarded run without liars."""
    return ended(STRATEGIES[strategy], None, liars, guarded=True, rounds=ROUNDS)


def held(strategy: str, behaviour: str, liars: int = 1) -> Cell:
    """A guarded run, after everything that it must be was asserted of it."""
    found = ended(STRATEGIES[strategy], BEHAVIOURS[behaviour], liars, guarded=True, rounds=ROUNDS)
    assert verdict(BEHAVIOURS[behaviour], found, honest(strategy, liars), liars) == []
    return found


@pytest.mark.parametrize("strategy", CENTRAL)
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_the_run_ends_well_and_the_culprit_is_named(strategy, behaviour):
    held(strategy, behaviour)


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name not in CENTRAL])
@pytest.mark.parametrize("behaviour", FEW)
def test_every_strategy_is_guarded(strategy, behaviour):
    held(strategy, behaviour)


@pytest.mark.parametrize("strategy", [*CENTRAL, "Bulyan", "DP server fixed"])
@pytest.mark.parametrize("behaviour", ["nan-all", "flipped", "error"])
def test_two_liars_are_borne(strategy, behaviour):
    found = held(strategy, behaviour, liars=2)
    reason = BEHAVIOURS[behaviour].reason
    assert all(found.fates[f"node-{FIRST_NODE + i}"][0][1] == reason for i in LIARS)


def test_the_federation_learns_and_nobody_is_turned_away_where_nobody_lies():
    for strategy in CENTRAL:
        found = honest(strategy)
        assert found.end == "ended"
        assert {status for fates in found.fates.values() for status, _ in fates} <= {"counted", "dropped"}
        assert found.model["b"][0] < 1  # towards -1


def test_without_a_guard_the_same_clients_end_or_spoil_the_run():
    """The verdict can tell: what it passes above, it does not pass here."""
    bare = ended(STRATEGIES["FedAvg"], None, 1, guarded=False)
    for behaviour in ("nan-one", "wrong-shape", "examples-total-1", "extra-metric", "leaves"):
        found = ended(STRATEGIES["FedAvg"], BEHAVIOURS[behaviour], 1, guarded=False)
        assert verdict(BEHAVIOURS[behaviour], found, bare, 1), behaviour


def test_a_behaviour_that_needs_a_counter_is_left_out_where_the_model_has_none():
    assert [name for name in BEHAVIOURS if not applies(BEHAVIOURS[name], STRATEGIES["QFedAvg"])] == [
        "fractions",
        "counter",
    ]


@pytest.mark.parametrize("strategy", REFUSED)
def test_strategies_that_average_no_arrays_are_refused_with_a_reason(strategy):
    with pytest.raises(ConfigurationError, match="no floating-point array"):
        run_local(guard_app(tree_app(REFUSED[strategy])), client(), nodes=NODES)


@pytest.mark.parametrize(
    ("guard", "moves"),
    [(Guard(Mean()), 2 / NODES), (default_guard(NODES), 0.32), (Guard(Median()), 1.0), (Guard(Krum(2)), 2.0)],
    ids=["mean", "default", "median", "krum"],
)
def test_one_client_moves_the_guards_model_further_than_a_dp_wrapper_assumes(guard, moves):
    """Updates of length 1, the clip: five or six of twelve at 1, the others at -1. The mean moves by twice the clip / n."""
    found = []
    for ones in (5, 6, 7):
        decision, _ = guard.apply(cohort([[1.0]] * ones + [[-1.0]] * (NODES - ones)), guard.init())
        found.append(float(decision.delta[0]))
    assert np.diff(found).max() == pytest.approx(moves, abs=1e-6)
