"""What a client does in a round: its batches, its changed images, and settings that cannot be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from mithridate.core.errors import ConfigurationError
from mithridate.sim.local import LocalTraining, Shard, augmented


def test_steps_epochs_and_batches_are_counted():
    rng = np.random.default_rng(0)
    assert [len(b) for b in LocalTraining(epochs=2, batch=4).batches(10, rng)] == [4, 4, 2, 4, 4, 2]
    assert [len(b) for b in LocalTraining(steps=3, batch=4).batches(10, rng)] == [4, 4, 4]
    assert [len(b) for b in LocalTraining(steps=2, batch=4).batches(3, rng)] == [3, 3]
    assert sorted(np.concatenate(LocalTraining(epochs=1, batch=4).batches(10, rng))) == list(range(10))


def test_crops_and_flips_are_crops_and_flips():
    x = torch.arange(2 * 25, dtype=torch.float32).reshape(2, 1, 5, 5) + 1
    flipped = augmented(x.repeat(20, 1, 1, 1), "flip", np.random.default_rng(0))
    kinds = {tuple(row[0, 0].tolist()) for row in flipped[::2]}
    assert kinds == {(1, 2, 3, 4, 5), (5, 4, 3, 2, 1)}
    cropped = augmented(x.repeat(50, 1, 1, 1), "crop", np.random.default_rng(0))
    assert cropped.shape == (100, 1, 5, 5)
    padded = functional.pad(x[0, 0], (2, 2, 2, 2), value=1.0)
    windows = {tuple(padded[i : i + 5, j : j + 5].reshape(-1).tolist()) for i in range(5) for j in range(5)}
    assert {tuple(image.reshape(-1).tolist()) for image in cropped[::2]} <= windows


@pytest.mark.parametrize(
    "wrong",
    [
        {"lr": 0},
        {"steps": 1, "epochs": 1},
        {"steps": 0},
        {"epochs": 1.5},
        {"batch": 0},
        {"momentum": 1.0},
        {"weight_decay": -1},
        {"prox": float("nan")},
        {"augment": "rotate"},
        {"keep_momentum": True},
    ],
)
def test_training_that_cannot_work_is_unbuildable(wrong):
    with pytest.raises(ConfigurationError):
        LocalTraining(**wrong)


def test_a_shard_of_rows_takes_its_own_samples():
    x, y = torch.arange(6.0)[:, None, None, None], torch.arange(6)
    shard = Shard("c", x, y, torch.tensor([4, 1, 5]))
    images, labels = shard.take(np.array([2, 0]))
    assert (images.flatten().tolist(), labels.tolist(), shard.size) == ([5, 4], [5, 4], 3)
