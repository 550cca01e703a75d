"""Local training: both paths are the plain loop, whatever trains beside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from mithridate.core.randomness import stream
from mithridate.sim.local import augmented
from mithridate.sim.models import build
from mithridate.sim.tasks import Task, load
from mithridate.sim.training import LocalTraining, Shard, Trainer

DIGITS = load("digits")
X, Y = torch.from_numpy(DIGITS.normalised(DIGITS.x)), torch.from_numpy(DIGITS.y)
SIZES = [40, 33, 7, 64, 50, 12, 90, 31, 32, 65, 20, 1]
SHARDS = [Shard(f"c{i}", X, Y, torch.arange(10 * i, 10 * i + size)) for i, size in enumerate(SIZES)]


def slow(model, training: LocalTraining, broadcast, shard, round, seed, momentum=None):
    """torch's own optimiser on a fresh copy: the oracle."""
    model.load(broadcast)
    model.module.train()
    optimiser = torch.optim.SGD(
        model.module.parameters(), training.lr, momentum=training.momentum, weight_decay=training.weight_decay
    )
    start = [p.detach().clone() for p in model.module.parameters()]
    rng = stream(seed, round, f"train:{shard.client}")
    for chosen in training.batches(shard.size, rng):
        x, y = shard.take(chosen)
        loss = functional.cross_entropy(model.module(augmented(x, training.augment, rng)), y)
        loss = loss + training.prox / 2 * sum(
            ((p - s) ** 2).sum() for p, s in zip(model.module.parameters(), start, strict=True)
        )
        optimiser.zero_grad(set_to_none=False)
        loss.backward()
        optimiser.step()
    return model.vector - broadcast


KINDS = {
    "fedsgd": LocalTraining(steps=1),
    "steps": LocalTraining(steps=4, batch=16),
    "epochs": LocalTraining(epochs=2, batch=16),
    "momentum": LocalTraining(steps=5, momentum=0.9),
    "decay": LocalTraining(steps=3, weight_decay=0.1),
    "prox": LocalTraining(steps=3, prox=0.5, momentum=0.5),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batched", [True, False])
def test_an_update_is_what_torchs_optimiser_makes(kind, batched):
    training, model = KINDS[kind], build("mlp", DIGITS, 3, (16,))
    trainer = Trainer(model, training)
    assert trainer.batched
    trainer.batched = batched
    updates, _ = trainer.train(model.vector, SHARDS, round=2, seed=1)
    broadcast = model.vector
    for shard, update in zip(SHARDS, updates, strict=True):
        expected = slow(model, training, broadcast, shard, 2, 1)
        assert np.allclose(update, expected, rtol=1e-3, atol=2e-6)


@pytest.mark.parametrize("batched", [True, False])
def test_an_update_depends_on_nothing_but_its_client(batched):
    trainer = Trainer(build("mlp", DIGITS, 3, (16,)), LocalTraining(steps=3))
    trainer.batched = batched
    start = trainer.model.vector
    whole, _ = trainer.train(start, SHARDS, round=0, seed=0)
    some, _ = trainer.train(start, SHARDS[3:6], round=0, seed=0)
    assert np.allclose(whole[3:6], some, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_the_number_of_threads_changes_no_bit(name):
    results = []
    for threads in (1, 2, 3):
        trainer = Trainer(build(name, DIGITS, 3), LocalTraining(steps=2), threads)
        results.append(trainer.train(trainer.model.vector, SHARDS, round=0, seed=0)[0])
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_the_setting_of_torchs_threads_is_put_back():
    before = torch.get_num_threads()
    trainer = Trainer(build("mlp", DIGITS, 0), LocalTraining(steps=1))
    trainer.train(trainer.model.vector, SHARDS[:1], round=0, seed=0)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("batched", [True, False])
def test_kept_momentum_goes_on_where_it_stopped(batched):
    training = LocalTraining(steps=1, batch=64, momentum=0.9, keep_momentum=True)
    trainer = Trainer(build("mlp", DIGITS, 3, (16,)), training)
    trainer.batched = batched
    start, shard = trainer.model.vector, SHARDS[0]  # a shard within one batch: every step sees all of it
    first, kept = trainer.train(start, [shard], round=0, seed=0)
    second, _ = trainer.train(start + first[0], [shard], round=1, seed=0, momenta=kept)
    two = LocalTraining(steps=2, batch=64, momentum=0.9)
    expected = slow(build("mlp", DIGITS, 3, (16,)), two, start, shard, 0, 0)
    assert np.allclose(first[0] + second[0], expected, rtol=1e-3, atol=1e-6)


def test_batch_norm_statistics_travel_and_stay_out_of_weight_decay():
    model = build("tests.sim.test_models:normalised", DIGITS, 0)
    trainer = Trainer(model, LocalTraining(steps=2, weight_decay=0.5))
    updates, _ = trainer.train(model.vector, SHARDS[3:4], round=0, seed=0)
    expected = slow(model, trainer.training, model.vector, SHARDS[3], 0, 0)
    assert np.allclose(updates[0], expected, rtol=1e-3, atol=1e-6)
    assert updates[0][model.trained :].any()


def test_augmented_training_takes_the_plain_path_and_learns():
    grey = Task("grey", DIGITS.x, DIGITS.y, DIGITS.x_test, DIGITS.y_test, "real", "digits")
    trainer = Trainer(build("cnn", grey, 0), LocalTraining(steps=3, augment="crop-flip"))
    assert not trainer.batched
    updates, _ = trainer.train(trainer.model.vector, SHARDS[:2], round=0, seed=0)
    assert np.isfinite(updates).all()
    assert np.abs(updates).max() > 0
