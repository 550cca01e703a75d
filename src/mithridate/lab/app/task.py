"""What the app trains: a small network on real digits."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from mithridate.core.randomness import stream
from mithridate.sim.tasks import Task, load

__all__ = ["accuracy", "loaded", "network", "shard", "train"]

HIDDEN, BATCH = 32, 32


def loaded(path: str) -> Task:
    """The samples of an .npz file with x, y, x_test and y_test."""
    return load("npz", path)


def network(task: Task, seed: int) -> nn.Module:
    """An MLP with one hidden layer; the same seed gives the same weights."""
    rng = stream(seed, 0, "lab network")
    pixels = int(np.prod(task.x.shape[1:]))
    layers = nn.Linear(pixels, HIDDEN), nn.Linear(HIDDEN, task.classes)
    with torch.no_grad():
        for layer in layers:
            bound = layer.in_features**-0.5
            for parameter in layer.parameters():
                drawn = rng.uniform(-bound, bound, tuple(parameter.shape)).astype(np.float32)
                parameter.copy_(torch.from_numpy(drawn))
    return nn.Sequential(nn.Flatten(), layers[0], nn.ReLU(), layers[1])


def shard(task: Task, part: int, parts: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The samples of one client: every `parts`-th of a shuffled list, normalised."""
    mine = stream(0, 0, "lab partition").permutation(len(task.y))[part::parts]
    return torch.from_numpy(task.normalised(task.x[mine])), torch.from_numpy(task.y[mine])


def train(net: nn.Module, x: torch.Tensor, y: torch.Tensor, *, epochs: int, rate: float, seed: int) -> float:
    """Train by plain SGD in batches of 32; returns the mean loss of the last epoch."""
    rng = stream(seed, 0, "lab batches")
    optimiser = torch.optim.SGD(net.parameters(), lr=rate)
    losses: list[float] = []
    for _ in range(epochs):
        losses = []
        order = torch.from_numpy(rng.permutation(len(y)))
        for begin in range(0, len(y), BATCH):
            batch = order[begin : begin + BATCH]
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(net(x[batch]), y[batch])
            torch.autograd.backward(loss)
            optimiser.step()
            losses.append(float(loss.detach()))
    return float(np.mean(losses)) if losses else 0.0


def accuracy(net: nn.Module, task: Task) -> float:
    """The share of test samples that the network gets right."""
    with torch.no_grad():
        answers = net(torch.from_numpy(task.test_input)).argmax(1)
    return float((answers == torch.from_numpy(task.y_test)).float().mean())
