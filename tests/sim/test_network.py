"""Which modules are written out, and that their gradients are torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from mithridate.sim import network
from mithridate.sim.models import build
from mithridate.sim.network import gradients, traced
from mithridate.sim.tasks import Task, load

DIGITS = load("digits")


def block(inner=1, outer=2, kernel=3, pool=2, **how):
    return nn.Conv2d(inner, outer, kernel, **how), nn.ReLU(), nn.MaxPool2d(pool)


def grey(side):
    images = np.random.default_rng(0).random((40, 1, side, side), np.float32)
    return Task("grey", images, np.arange(40) % 10, images[:10], np.arange(10), "simulated", "noise")


@pytest.mark.parametrize(("name", "side"), [("mlp", 28), ("lenet5", 28), ("lenet5", 20), ("cnn", 28), ("cnn", 8)])
def test_every_row_is_the_gradient_that_torch_finds(name, side):
    task = grey(side)
    if name != "mlp":
        pytest.importorskip("numba")
    model = build(name, task, 1)
    found = traced(model.module, (1, side, side))
    rng, k, batch = np.random.default_rng(2), 3, 16
    flat = model.flat + torch.from_numpy(rng.normal(0, 0.02, (k, model.trained)).astype(np.float32))
    x = torch.from_numpy(rng.normal(size=(k, batch, side * side)).astype(np.float32))
    y, mass = torch.from_numpy(rng.integers(0, 10, (k, batch))), torch.full((k, batch), 1 / batch)
    out = torch.full((k, model.trained), torch.nan)
    gradients(found, flat, x, y, mass, out)
    for row in range(k):
        model.load(flat[row].numpy())
        model.gradient.zero_()
        functional.cross_entropy(model.module(x[row].reshape(batch, 1, side, side)), y[row]).backward()
        assert torch.allclose(out[row], model.gradient, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "parts",
    [
        (*block(stride=2), nn.Flatten(), nn.Linear(18, 2)),
        (*block(dilation=2), nn.Flatten(), nn.Linear(32, 2)),
        (*block(bias=False), nn.Flatten(), nn.Linear(50, 2)),
        (*block(padding=1, padding_mode="reflect"), nn.Flatten(), nn.Linear(72, 2)),
        (*block(padding="same"), nn.Flatten(), nn.Linear(72, 2)),
        (*block(kernel=(3, 1)), nn.Flatten(), nn.Linear(60, 2)),
        (*block(padding=3), nn.Flatten(), nn.Linear(128, 2)),
        (*block(pool=3), nn.Flatten(), nn.Linear(18, 2)),
        (*block(), nn.Linear(5, 2)),
        (nn.Conv2d(1, 2, 3), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(50, 2)),
        (nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(50, 2)),
        (nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(200, 2)),
        (*block(kernel=10), nn.Flatten(), nn.Linear(2, 2)),
        (nn.Flatten(), nn.Linear(144, 2), nn.Dropout()),
    ],
    ids=repr,
)
def test_what_is_not_written_out_is_left_to_torch(parts):
    assert traced(nn.Sequential(*parts), (1, 12, 12)) is None


def test_without_numba_convolutions_are_left_to_torch(monkeypatch):
    parts = nn.Sequential(*block(), nn.Flatten(), nn.Linear(50, 2))
    monkeypatch.setattr(network, "_kernels", lambda: None)
    assert traced(parts, (1, 12, 12)) is None
    assert traced(nn.Sequential(nn.Flatten(), nn.Linear(144, 2)), (1, 12, 12)) is not None


def test_a_network_for_other_images_is_not_this_one():
    pytest.importorskip("numba")
    parts = nn.Sequential(*block(), nn.Flatten(), nn.Linear(50, 2))
    assert traced(parts, (1, 12, 12)).blocks[0].pooled == (2, 5, 5)
    assert traced(parts, (1, 14, 14)) is None
    assert traced(parts, (3, 12, 12)) is None
