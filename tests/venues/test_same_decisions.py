"""One guard, three venues: simulator, Flower and replay decide alike, byte for byte, for the whole catalogue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mithridate.attacks import Adversary, Alie, Faults, ModelReplacement, Patch, SignFlip, Sybil, Window
from mithridate.guard.guard import Guard
from mithridate.guard.policy import Policy, Record, read_policy
from mithridate.guard.spec import parse
from mithridate.rules import GeometricMedian, Mean, MultiKrum, TrimmedMean, WeightedMean
from mithridate.screens import FoolsGold, NormScreen, Reputation
from mithridate.sim.engine import simulate
from mithridate.sim.partition import Dirichlet
from mithridate.sim.scenario import ChallengeChoice, Clients, ModelChoice, ProbeChoice, Scenario, TaskChoice
from mithridate.sim.training import LocalTraining
from mithridate.stages import Clip, NearestNeighbourMixing, WorkerMomentum
from mithridate.store.replay import replayed
from tests.laws.catalogue import PROMISES, STAGE_VALUES, F, N
from tests.venues.bridge import flown, policy_of

SMALL = Scenario(
    rounds=2,
    seed=3,
    task=TaskChoice("digits", limit=330),
    model=ModelChoice("mlp", (6,)),
    clients=Clients(N, partition=Dirichlet(5.0)),
    training=LocalTraining(lr=0.2, steps=3),
    attack=Adversary(F, update=SignFlip(3.0)),
    probes=ProbeChoice(root=20, noise=4),
    challenge=ChallengeChoice(every=2, depth=0.5),
)
TOLD = ("client", "status", "share", "stage", "reason", "score", "threshold")
CATALOGUE = [Guard(promise.value) for promise in PROMISES] + [
    Guard(WeightedMean() if stage.weighs else Mean(), (stage,)) for stage in STAGE_VALUES
]
BORNE = Guard(MultiKrum(F), (Clip(), NearestNeighbourMixing(F)))
WHOLE = {
    "bounded, mixed and selected, against liars who see everybody's updates": replace(
        SMALL, rounds=4, guard=BORNE, attack=Adversary(F, update=Alie())
    ),
    "two screens that remember, behind momentum that is remembered, too": replace(
        SMALL,
        rounds=6,
        guard=Guard(WeightedMean(), (WorkerMomentum(), NormScreen(), FoolsGold(), Reputation())),
        attack=Adversary(F, update=Sybil(), schedule=Window(start=1, stop=4)),
    ),
    "a backdoor of liars who boost": replace(
        SMALL,
        rounds=4,
        guard=Guard(GeometricMedian(), (Clip(),)),
        attack=Adversary(F, trigger=Patch(target=0), update=ModelReplacement(boost=4.0)),
    ),
    "replies that are no numbers": replace(SMALL, guard=BORNE, attack=Adversary(F, update=Faults("one-nan"))),
    "clients with momentum of their own": replace(
        SMALL, rounds=4, guard=Guard(TrimmedMean(F)), training=replace(SMALL.training, momentum=0.9, keep_momentum=True)
    ),
    "a network with running statistics and counters": replace(
        SMALL, rounds=3, guard=BORNE, model=ModelChoice("tests.sim.test_odd_models:normalised")
    ),
    "rounds that are refused": replace(SMALL, rounds=3, guard=Guard(MultiKrum(5))),
}
BY_CHANCE = replace(
    SMALL,
    rounds=5,
    guard=Guard(WeightedMean(), (NormScreen(), Reputation())),
    clients=replace(SMALL.clients, per_round=8, drop_out=0.1, straggler=0.15),
)


def held(scenario: Scenario, folder: Path, policy: Policy | None = None, seeds: Any = (1, 2)) -> tuple[Any, Any]:
    """Hold a scenario in all venues and compare: the rounds of the simulator and of the last Flower run."""
    ours, runs = folder / "simulated", folder / "flown"
    rounds = [event for event in simulate(scenario, folder=ours, threads=1).events if event["event"] == "round"]
    decided, models = [event["decision"] for event in rounds], [event["model"] for event in rounds]
    kept = Record(str(runs), rounds=True)
    for seed in seeds:  # of the order in which replies arrive
        events, bridge = flown(scenario, replace(policy or policy_of(scenario), record=kept), seed=seed)
        assert [event["decision"] for event in events] == decided
        assert [event["model"] for event in events] == bridge.models == models
    for run in (ours, *sorted(runs.iterdir())):
        again = list(replayed(run))
        assert [each.decision.digest for each in again] == decided
        assert all(each.same and each.exact for each in again)
    return rounds, events


def told(rounds: list[dict[str, Any]]) -> list[Any]:
    """What became of everybody, without what only the simulator knows."""
    return [([[row[key] for key in TOLD] for row in each["clients"]], each["refusals"]) for each in rounds]


def remembers(guard: Guard) -> bool:
    return any(stage.init() is not None for stage in guard.stages)


@pytest.mark.parametrize("guard", CATALOGUE, ids=str)
def test_every_rule_stage_and_screen_decides_alike_in_all_venues(guard, tmp_path):
    scenario = replace(SMALL, guard=guard, rounds=5 if remembers(guard) else 2)
    simulated, flower = held(scenario, tmp_path, seeds=(1, 2) if remembers(guard) else (1,))
    assert told(simulated) == told(flower)
    assert any(event["refused"] is None for event in simulated)


@pytest.mark.parametrize("scenario", WHOLE.values(), ids=list(WHOLE))
def test_whole_policies_decide_alike_in_all_venues(scenario, tmp_path):
    simulated, flower = held(scenario, tmp_path, seeds=(1, 2, 3))
    assert told(simulated) == told(flower)


def test_who_drops_out_or_is_late_is_as_absent_here_as_there(tmp_path):
    simulated, flower = held(BY_CHANCE, tmp_path)
    assert {len(event["clients"]) for event in simulated} == {8}
    missing = [[row["client"] for row in each["clients"] if row["status"] in ("absent", "late")] for each in simulated]
    assert any(missing)
    assert missing == [[row["client"] for row in each["clients"] if row["status"] == "absent"] for each in flower]


def test_replies_arrive_in_another_order_under_every_seed():
    orders = [flown(SMALL, policy_of(SMALL), seed=seed)[1].order for seed in (1, 2)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


def test_one_policy_file_serves_all_venues(tmp_path):
    text = (
        '[guard]\nrule = { name = "trimmed-mean", f = 2 }\nstages = [{ name = "clip", to = "median" }, "norm-screen"]\n'
    )
    policy = read_policy(text + f"[round]\nseed = {SMALL.seed}\nquorum = 3\n")
    simulated, flower = held(replace(SMALL, guard=parse(text), rounds=3), tmp_path, policy)
    assert told(simulated) == told(flower)


def test_another_guard_is_told_apart(tmp_path):
    events, _ = flown(SMALL, replace(policy_of(SMALL), guard=Guard(TrimmedMean(F))))
    rounds = [event for event in simulate(SMALL, threads=1).events if event["event"] == "round"]
    assert all(ours["decision"] != theirs["decision"] for ours, theirs in zip(events, rounds, strict=True))
