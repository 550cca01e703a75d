"""The lab's app learns digits, by itself and as a client would."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mithridate.lab.app.task import accuracy, loaded, network, shard, train
from mithridate.lab.bundle import written_data


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "data.npz"
    written_data(path, "digits")
    return loaded(str(path))


def test_shards_are_disjoint_and_hold_everything(task):
    sizes = [len(shard(task, part, 4)[1]) for part in range(4)]
    assert sum(sizes) == len(task.y)
    assert max(sizes) - min(sizes) <= 1


def test_the_same_seed_gives_the_same_network(task):
    one, two, other = (torch.cat([p.flatten() for p in network(task, seed).parameters()]) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_training_teaches(task):
    net = network(task, 0)
    before = accuracy(net, task)
    loss = train(net, *shard(task, 0, 2), epochs=10, rate=0.1, seed=0)
    assert before < 0.3
    assert accuracy(net, task) > 0.85
    assert 0 < loss < 0.5


def test_training_is_repeatable(task):
    nets = [network(task, 0) for _ in range(2)]
    for net in nets:
        train(net, *shard(task, 0, 2), epochs=1, rate=0.1, seed=5)
    assert all(torch.equal(a, b) for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True))


def test_no_data_is_no_training(task):
    net = network(task, 0)
    before = [parameter.clone() for parameter in net.parameters()]
    empty = torch.zeros(0, 1, 8, 8), torch.zeros(0, dtype=torch.int64)
    assert train(net, *empty, epochs=2, rate=0.1, seed=0) == 0.0
    assert all(np.array_equal(a.detach(), b.detach()) for a, b in zip(before, net.parameters(), strict=True))
