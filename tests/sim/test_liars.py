"""The adversary at work in a federation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mithridate.attacks import (
    AdversariallyAdapted,
    Adversary,
    AlternatingMinimisation,
    BadSampler,
    CatchUp,
    Cerp,
    Chameleon,
    DarkFed,
    Distributed,
    DynamicFlip,
    EdgeCase,
    F3ba,
    FromRound,
    Iba,
    InputAware,
    LabelFlip,
    LayerSubstitution,
    ModelReplacement,
    Neurotoxin,
    Patch,
    ProjectedDescent,
    Sadba,
    Semantic,
    SignFlip,
    ThreeDFed,
    TrainAndScale,
    Window,
)
from mithridate.core.digest import digest
from mithridate.core.errors import ConfigurationError
from mithridate.sim.engine import simulate
from mithridate.sim.federation import Federation
from mithridate.sim.partition import Iid
from mithridate.sim.scenario import Clients, Evaluation, ModelChoice, Scenario, TaskChoice
from mithridate.sim.training import LocalTraining

PLAIN = Scenario(
    rounds=4,
    seed=1,
    task=TaskChoice("digits"),
    model=ModelChoice("mlp", (32,)),
    clients=Clients(10, partition=Iid()),
    training=LocalTraining(lr=0.2, steps=20),
    evaluation=Evaluation(every=2),
)
SQUARE = Patch(target=0, size=2, share=0.5)


def federation(**attack):
    return Federation(replace(PLAIN, attack=Adversary(3, **attack)))


def shard(played, client, round=0, memory=None):
    state = played.state()
    found = played.liars.shard(client, round, state["model"], memory or state["attack"])
    return found.take(np.arange(found.size))


def test_samples_are_clean_unless_the_attack_touches_data():
    played = federation(update=SignFlip())
    assert digest(played.liars.shard("c003", 0, played.model.vector, {}).rows.numpy()) == digest(
        played.members.clean("c003").rows.numpy()
    )


def test_poisoned_samples_stay_the_same_through_the_run():
    played, again = federation(data=LabelFlip("random")), federation(data=LabelFlip("random"))
    state = played.state()
    first = played.liars.shard("c003", 0, state["model"], state["attack"])
    assert played.liars.shard("c003", 1, state["model"], state["attack"]) is first
    assert np.array_equal(first.y, shard(again, "c003")[1])
    assert not np.array_equal(first.y, played.members.clean("c003").take(np.arange(first.size))[1])


def test_a_trigger_in_parts_gives_every_liar_its_own():
    played = federation(trigger=Distributed(target=0, size=2, gap=1, share=1.0))
    called = played.members.called(0)
    looks = {digest((shard(played, c)[0] - shard(played, c)[0].mean()).sum(dim=(0, 1)).numpy()) for c in called.liars}
    assert len(called.liars) == 3 == len(looks)


def test_chosen_samples_stay_chosen_and_show_parts_of_all_sizes():
    played = federation(trigger=Sadba(target=0, size=2, gap=1, share=0.5))
    state, seen = played.state(), []
    for round in range(2):
        memory = played.liars.prepared(round, state, played.members.called(round))
        liar = played.liars.shard("c003", round, state["model"], memory)
        seen.append(digest(tuple(part.numpy() for part in liar.take(np.arange(liar.size)))))
        _, state, _, _ = played.play(round, state)
    assert seen[0] == seen[1]
    clean = played.members.clean("c003")
    poisoned, before = (each.take(np.arange(each.size))[0] for each in (liar, clean))
    looks = {int(count) for count in (poisoned != before).sum(dim=(1, 2, 3))}
    assert 0 in looks and max(looks) > 4  # three bars of two pixels, but for those that were bright already
    known, chosen = state["attack"]["trigger"]["known"], state["attack"]["trigger"]["chosen"]
    assert chosen.size == pytest.approx(known.size / 2, abs=1) and np.isin(chosen, known).all()


def test_labels_follow_the_broadcast():
    played = federation(data=DynamicFlip())
    x, y = shard(played, "c003")
    scores = played.model
    scores.load(played.state()["model"])
    assert np.array_equal(y.numpy(), scores.module(x).argmin(dim=1).numpy())


def test_the_bad_sampler_keeps_the_samples_of_highest_loss():
    played = federation(data=BadSampler(keep=0.25))
    x, y = shard(played, "c003")
    clean = played.members.clean("c003")
    assert len(y) == -(-clean.size // 4)
    truth = {digest(image.numpy()): int(label) for image, label in zip(*clean.take(np.arange(clean.size)), strict=True)}
    assert all(truth[digest(image.numpy())] == int(label) for image, label in zip(x, y, strict=True))


def test_a_learnt_trigger_changes_while_the_liars_lie_and_only_then():
    attack = Adversary(3, trigger=AdversariallyAdapted(target=0, size=2), schedule=FromRound(round=2))
    played = Federation(replace(PLAIN, attack=attack))
    state, seen = played.state(), []
    for round in range(4):
        _, state, _, _ = played.play(round, state)
        seen.append(state["attack"]["trigger"])
    assert seen[0] is None and seen[1] is None
    assert seen[2].shape == (1, 8, 8) and not np.array_equal(seen[2], seen[3])
    assert ((seen[3] >= 0) & (seen[3] <= 1)).all()
    assert np.array_equal(played.liars.trigger(state["attack"]).pattern, seen[3])


@pytest.mark.parametrize(
    "attack",
    [
        {"trigger": AdversariallyAdapted(target=0, size=3, share=0.5), "update": ModelReplacement()},
        {"trigger": SQUARE, "update": LayerSubstitution(scale=3.0)},
        {"trigger": SQUARE, "steering": (Neurotoxin(),), "update": ModelReplacement()},
        {"trigger": Iba(target=0, steps=3), "steering": (Neurotoxin(),)},
        {"trigger": InputAware(target=0, steps=3)},
        {"trigger": EdgeCase(target=0, source=3), "steering": (ProjectedDescent(radius=0.5),)},
        {"trigger": Semantic(target=0, source=3), "update": TrainAndScale(bound=2.0)},
        {"trigger": SQUARE, "update": AlternatingMinimisation(cycles=2, stealth=2)},
        {"trigger": SQUARE, "update": Cerp(steps=4)},
        {"trigger": SQUARE, "update": Chameleon(contrast=3, steps=3)},
        {"trigger": SQUARE, "update": DarkFed(shadow=64, steps=4, norm=1.0)},
        {"trigger": SQUARE, "update": F3ba()},
        {"trigger": SQUARE, "update": ThreeDFed(steps=4)},
        {"trigger": Sadba(target=0, size=2, gap=1, share=0.5), "update": CatchUp(steps=4)},
        {"trigger": Sadba(target=0, size=2, gap=1, rounds=0), "data": LabelFlip("random")},
    ],
    ids=repr,
)
def test_an_interrupted_attack_goes_on_where_it_was(attack, tmp_path):
    scenario = replace(PLAIN, attack=Adversary(3, **attack))
    whole = simulate(scenario)

    def stop(event):
        if event.get("round") == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(scenario, stop, tmp_path / "run")
    assert simulate(scenario, None, tmp_path / "run").model_digest == whole.model_digest
    assert simulate(scenario, threads=1).model_digest == whole.model_digest


def test_a_backdoor_in_few_layers_works_on_the_plain_mean():
    clean = simulate(replace(PLAIN, attack=Adversary(0, trigger=SQUARE)))
    hit = simulate(replace(PLAIN, attack=Adversary(3, trigger=SQUARE, update=LayerSubstitution(scale=3.0))))
    assert hit.asr > clean.asr + 0.3


def test_what_chameleon_plants_outlives_what_plain_poisoning_plants():
    stay = {"trigger": SQUARE, "schedule": Window(stop=8)}
    many = replace(PLAIN, rounds=20, evaluation=Evaluation(every=1))
    plain, lasting = (
        simulate(replace(many, attack=Adversary(3, **stay, update=update))).durability
        for update in (None, Chameleon(contrast_rate=0.3))
    )
    assert plain is not None and lasting is not None and lasting.rounds > plain.rounds


def test_layers_without_a_trigger_are_refused():
    with pytest.raises(ConfigurationError, match="a trigger"):
        simulate(replace(PLAIN, attack=Adversary(3, update=LayerSubstitution())))
