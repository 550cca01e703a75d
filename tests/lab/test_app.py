"""The lab's app learns digits, by itself and as a client would, and its guard names the liar."""

from __future__ import annotations

import importlib
import json
import sys

import numpy as np
import pytest
import torch

from mithridate.lab import liar
from mithridate.lab.app.task import accuracy, loaded, network, shard, train
from mithridate.lab.bundle import PACKAGE, Guarding, written_app, written_data


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


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Three rounds of four clients in this process, the last of whom lies."""
    pytest.importorskip("flwr")
    from flwr.clientapp import ClientApp

    from mithridate.flower import run_local

    def run(lie, *, guarded):
        written_data(tmp_path / "data.npz", "digits")
        monkeypatch.syspath_prepend(written_app(tmp_path / "app", Guarding(tmp_path / "record")))
        for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
            monkeypatch.delitem(sys.modules, name)
        server, client = (importlib.import_module(f"{PACKAGE}.{name}") for name in ("server_app", "client_app"))
        (tmp_path / "lie").write_text(lie)
        monkeypatch.setenv(liar.LIE_FILE, str(tmp_path / "lie"))
        app = ClientApp()

        @app.train()
        def fit(message, context):
            reply = client.fit(message, context)
            return liar._lying(message, reply) if context.node_config["partition-id"] == 3 else reply

        config = {"rounds": 3, "min-nodes": 4, "seed": 0, "epochs": 2, "rate": 0.1}
        config |= {"data": str(tmp_path / "data.npz"), "progress": str(tmp_path / "progress.jsonl")}
        run_local(server.app if guarded else server.bare, app, nodes=4, run_config=config, seed=0)
        return [json.loads(line)["accuracy"] for line in (tmp_path / "progress.jsonl").read_text().splitlines()]

    return run


def dropped(folder):
    """Who was turned away, of all rounds."""
    (journal,) = folder.glob("record/*/events.jsonl")
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    return [
        [(number, each["reason"]) for number, each in enumerate(event["clients"]) if each["status"] != "counted"]
        for event in events
        if event["event"] == "round"
    ]


@pytest.mark.parametrize(
    ("lie", "reason"),
    [("reverse", "norm-stands-out"), ("noise", "norm-stands-out"), ("nan", "not-finite"), ("shape", "shape")],
)
def test_the_guard_names_the_liar_and_nobody_else(trained, tmp_path, lie, reason):
    assert trained(lie, guarded=True)[-1] > 0.85
    assert dropped(tmp_path) == [[(3, reason)]] * 3


def test_without_a_lie_nobody_is_turned_away(trained, tmp_path):
    assert trained("none", guarded=True)[-1] > 0.85
    assert dropped(tmp_path) == [[]] * 3


def test_without_a_guard_the_lie_ruins_the_model(trained):
    assert trained("reverse", guarded=False)[-1] < 0.2
