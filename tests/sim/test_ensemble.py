"""Ensembles in a federation: their certificates hold."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mithridate.attacks import Adversary, Alie, Gaussian, LabelFlip, Patch
from mithridate.core.errors import ConfigurationError
from mithridate.sim.engine import simulate
from mithridate.sim.ensemble import FIGURES, members, vote
from mithridate.sim.members import Members
from mithridate.sim.partition import Iid
from mithridate.sim.scenario import Clients, ModelChoice, Scenario, TaskChoice, dump_scenario, parse_scenario
from mithridate.sim.tasks import load
from mithridate.sim.training import LocalTraining
from mithridate.sim.voting import Ensemble

PLAIN = Scenario(
    rounds=6,
    seed=3,
    task=TaskChoice("digits"),
    model=ModelChoice("mlp", (16,)),
    clients=Clients(24, partition=Iid()),
    training=LocalTraining(lr=0.3, steps=10),
    ensemble=Ensemble(groups=8),
)


@pytest.fixture(scope="module")
def clean():
    return vote(PLAIN, threads=1)


def test_every_group_is_a_run_in_which_only_its_clients_take_part(clean):
    assert sorted(i for group in clean.groups for i in group) == list(range(24))
    for group, run in zip(clean.groups, clean.runs, strict=True):
        asked = {row["client"] for event in run.events if event["event"] == "round" for row in event["clients"]}
        assert asked == {f"c{i:03d}" for i in group}
        alone = replace(PLAIN, ensemble=None, name=run.scenario.name, clients=replace(PLAIN.clients, only=group))
        assert simulate(alone, threads=1).model_digest == run.model_digest


def test_everybody_keeps_its_samples(clean):
    task = load("digits")
    whole = Members(replace(PLAIN, ensemble=None), task)
    part = Members(clean.runs[0].scenario, task)
    assert all(np.array_equal(whole.parts[c], part.parts[c]) for c in whole.ids)


def test_the_vote_is_no_worse_than_its_models(clean):
    assert clean.accuracy > np.mean([run.accuracy for run in clean.runs])
    assert clean.certified[0] == pytest.approx(clean.accuracy)
    assert list(clean.certified) == sorted(clean.certified, reverse=True) and len(clean.certified) <= 4 + 1


@pytest.mark.parametrize("liars", [1, 2, 3])
@pytest.mark.parametrize(
    "lie", [{"update": Gaussian(std=30.0)}, {"data": LabelFlip()}, {"trigger": Patch(target=0, share=0.5)}]
)
def test_what_is_certified_stands_whatever_they_do(clean, liars, lie):
    attacked = vote(replace(PLAIN, attack=Adversary(liars, **lie)), threads=1)
    sure = clean.bounds >= liars
    assert sure.any()
    assert np.array_equal(attacked.votes.argmax(axis=1)[sure], clean.votes.argmax(axis=1)[sure])


def test_a_backdoor_of_few_clients_loses_the_vote():
    attack = Adversary(2, trigger=Patch(target=0, size=3, share=0.5))
    alone = simulate(replace(PLAIN, ensemble=None, attack=attack, clients=replace(PLAIN.clients, only=(0, 1, 2))))
    found = vote(replace(PLAIN, attack=attack), threads=1)
    assert alone.asr is not None and found.asr is not None
    assert found.asr < max(run.asr for run in found.runs) - 0.3


def test_a_lie_that_a_group_does_not_allow_is_noted_and_not_fatal():
    found = vote(replace(PLAIN, rounds=1, attack=Adversary(6, update=Alie())), threads=1)
    foiled = [event["attack_foiled"] for run in found.runs for event in run.events if event["event"] == "round"]
    assert any(foiled)


def test_an_interrupted_ensemble_goes_on_where_it_was(tmp_path, clean):
    def stop(number, event):
        if number == 1 and event.get("round") == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vote(PLAIN, stop, tmp_path / "run", threads=1)
    assert not (tmp_path / "run" / FIGURES).exists()
    found = vote(PLAIN, None, tmp_path / "run", threads=2)
    assert [run.model_digest for run in found.runs] == [run.model_digest for run in clean.runs]
    figures = json.loads((tmp_path / "run" / FIGURES).read_text())
    assert figures["certified"] == list(clean.certified) and len(figures["models"]) == len(clean.runs)


def test_sampled_groups_certify_with_many_models_only():
    found = vote(replace(PLAIN, rounds=2, ensemble=Ensemble(6, "sampled", size=4)), threads=1)
    assert all(len(group) == 4 for group in found.groups)
    assert (found.bounds == -1).all() and found.figures["abstained"] == 1.0 and found.certified == ()


def test_a_scenario_with_an_ensemble_is_its_toml():
    for ensemble in (Ensemble(), Ensemble(4), Ensemble(9, "sampled", size=3)):
        scenario = replace(PLAIN, ensemble=ensemble)
        assert parse_scenario(dump_scenario(scenario)) == scenario
    only = replace(PLAIN, ensemble=None, clients=replace(PLAIN.clients, only=(1, 5)))
    assert parse_scenario(dump_scenario(only)) == only


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: simulate(PLAIN), "sim.ensemble.vote"),
        (lambda: vote(replace(PLAIN, ensemble=None)), "has no ensemble"),
        (lambda: replace(PLAIN, clients=replace(PLAIN.clients, only=(1,))), "leave out 'only'"),
        (lambda: replace(PLAIN, ensemble=Ensemble(3, "sampled", size=25)), "groups of 25 of 24"),
        (lambda: Clients(3, only=(2, 1)), "rising"),
        (lambda: Clients(3, only=(3,)), "only must be"),
        (lambda: Clients(3, only=()), "only must name clients"),
    ],
)
def test_what_cannot_be_is_refused(build, message):
    with pytest.raises(ConfigurationError, match=message):
        build()


def test_the_base_rate_and_the_weakest_class_are_those_of_the_vote(clean):
    task = load("digits")
    answers = clean.votes.argmax(axis=1)
    worst = min((answers[task.y_test == each] == each).mean() for each in range(10))
    assert clean.weakest == pytest.approx(worst)
    assert clean.base_rate is None
    stamped = vote(replace(PLAIN, rounds=1, attack=Adversary(liars=1, trigger=Patch(target=0))), threads=1)
    others = task.y_test != 0
    assert stamped.base_rate == pytest.approx((stamped.votes.argmax(axis=1)[others] == 0).mean())
    assert stamped.ending["summary"]["base_rate"] == stamped.base_rate


def test_of_other_scenarios_the_only_member_is_the_scenario():
    plain = replace(PLAIN, ensemble=None)
    assert members(plain) == (plain,)
    assert [each.clients.only for each in members(PLAIN)] == [
        each for each in PLAIN.ensemble.drawn(PLAIN.clients.ids, PLAIN.seed) if each
    ]
