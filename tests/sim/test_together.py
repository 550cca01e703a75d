"""Clients that train together: every bit of an update is its client's own, and the update is the plain loop's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mithridate.sim.models import build
from mithridate.sim.tasks import Task, load
from mithridate.sim.training import LocalTraining, Shard, Trainer

DIGITS = load("digits")
X, Y = torch.from_numpy(DIGITS.normalised(DIGITS.x)), torch.from_numpy(DIGITS.y)
KINDS = {
    "one step": LocalTraining(steps=1),
    "momentum": LocalTraining(steps=3, batch=16, momentum=0.9),
    "epochs": LocalTraining(epochs=2, batch=7, weight_decay=0.1, prox=0.2),
}


def shards(parts, seed=0):
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.choice(np.arange(10, 700), parts - 1, replace=False))
    return [Shard(f"c{i}", X, Y, torch.from_numpy(p)) for i, p in enumerate(np.split(rng.permutation(720), cuts))]


@pytest.mark.parametrize("name", ["mlp", "cnn"])
@pytest.mark.parametrize("kind", KINDS)
def test_not_a_bit_depends_on_who_else_trains_or_on_how_many_threads(name, kind):
    clients, rng = shards(17), np.random.default_rng(1)
    trainer = Trainer(build(name, DIGITS, 1), KINDS[kind], 1)
    start = trainer.model.vector
    whole, _ = trainer.train(start, clients, round=0, seed=3)
    two, _ = Trainer(trainer.model, KINDS[kind], 2).train(start, clients, round=0, seed=3)
    assert np.array_equal(whole, two)
    for _ in range(3):
        some = rng.permutation(len(clients))[: rng.integers(1, len(clients))]
        updates, _ = trainer.train(start, [clients[i] for i in some], round=0, seed=3)
        assert np.array_equal(updates, whole[some])


@pytest.mark.parametrize("kind", KINDS)
def test_both_paths_give_the_same_updates(kind):
    clients = shards(6)
    trainer = Trainer(build("cnn", DIGITS, 1), KINDS[kind], 1)
    start = trainer.model.vector
    together, _ = trainer.train(start, clients, round=0, seed=3)
    trainer.batched = False
    alone, _ = trainer.train(start, clients, round=0, seed=3)
    assert np.allclose(together, alone, rtol=1e-3, atol=1e-5)


def test_lenet_on_images_of_28_is_the_plain_loop_and_nobodys_neighbour():
    rng = np.random.default_rng(0)
    images, labels = rng.random((400, 1, 28, 28), np.float32), rng.integers(0, 10, 400)
    task = Task("noise", images, labels, images[:10], labels[:10], "simulated", "noise")
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    clients = [Shard(f"c{i}", x, y, torch.arange(36 * i, 36 * i + 36)) for i in range(11)]
    trainer = Trainer(build("lenet5", task, 1), LocalTraining(steps=2, momentum=0.5), 1)
    start = trainer.model.vector
    whole, _ = trainer.train(start, clients, round=0, seed=3)
    some, _ = trainer.train(start, clients[4:7], round=0, seed=3)
    assert np.array_equal(whole[4:7], some)
    trainer.batched = False
    alone, _ = trainer.train(start, clients, round=0, seed=3)
    assert np.allclose(whole, alone, rtol=1e-3, atol=1e-5)
