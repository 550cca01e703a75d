"""How often the check for imprint layers speaks up: on honest models, where it should not, and on attacks, where it should.

    OMP_NUM_THREADS=1 python bench/imprint.py [--seeds 3] [--json FILE]

Honest: layers as PyTorch starts them, federations of the simulator at several rounds, and those models pruned by size. Attacks:
the layers of tests/privacy/imprints.py. A model counts as flagged where any of its layers is.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mithridate.privacy.imprint import ImprintCheck
from mithridate.privacy.layers import weights_of
from mithridate.sim.federation import Federation
from mithridate.sim.partition import Dirichlet, Iid
from mithridate.sim.scenario import Clients, ModelChoice, Scenario, TaskChoice
from mithridate.sim.tasks import load
from mithridate.sim.training import LocalTraining
from tests.privacy import imprints

Model = dict[str, np.ndarray]
ROUNDS = (0, 2, 9, 24)
BINS = (2, 8, 64, 512)


def residual(channels: int, classes: int) -> nn.Module:
    """The layers of a small residual network, in order."""
    parts: list[nn.Module] = [nn.Conv2d(3, channels, 3, bias=False), nn.BatchNorm2d(channels)]
    for wide in (channels, 2 * channels, 4 * channels):
        parts += [nn.Conv2d(wide, wide, 3, bias=False), nn.BatchNorm2d(wide), nn.Conv2d(wide, 2 * wide, 3, bias=False)]
        parts += [nn.BatchNorm2d(2 * wide), nn.Conv2d(wide, 2 * wide, 1, bias=False)]
    return nn.Sequential(*parts, nn.Linear(8 * channels, classes))


def dense(*widths: int) -> nn.Module:
    return nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(widths)))


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5), nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)
    )


def mobile() -> nn.Module:
    """Depthwise and pointwise convolutions."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 3),
        nn.Conv2d(32, 32, 3, groups=32),
        nn.BatchNorm2d(32),
        nn.Conv2d(32, 64, 1),
        nn.Linear(64, 100),
    )


def attending() -> nn.Module:
    """A block of a transformer with its embedding and head."""
    return nn.Sequential(
        nn.Embedding(2000, 64),
        nn.TransformerEncoderLayer(64, 4, 128, batch_first=True),
        nn.Linear(64, 2000, bias=False),
    )


FRESH = {
    "fresh MLP": lambda: dense(784, 256, 128, 10),
    "fresh wide MLP": lambda: dense(3072, 1024, 10),
    "fresh tabular MLP": lambda: dense(13, 64, 32, 2),
    "fresh LeNet-5": lenet,
    "fresh ResNet-like": lambda: residual(16, 10),
    "fresh MobileNet-like": mobile,
    "fresh transformer block": attending,
}


def arrays_of(module: nn.Module) -> Model:
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def fresh(seeds: int) -> Iterator[tuple[str, Model]]:
    for name, build in FRESH.items():
        for seed in range(10 * seeds):
            torch.manual_seed(seed)
            yield name, arrays_of(build())


TASKS = (
    ("trained digits, MLP 128", "digits", ModelChoice("mlp", (128,)), 0.1),
    ("trained digits, MLP 16-16", "digits", ModelChoice("mlp", (16, 16)), 0.3),
    ("trained digits, one layer from 0", "digits", ModelChoice("tests.privacy.starts:zero_head"), 0.5),
    ("trained MNIST, MLP 256", "mnist", ModelChoice("mlp", (256,)), 0.1),
    ("trained MNIST, LeNet-5", "mnist", ModelChoice("lenet5"), 0.05),
)


def federations(seeds: int) -> Iterator[tuple[str, Scenario]]:
    for seed in range(seeds):
        for name, task, model, lr in TASKS:
            for partition in (Iid(), Dirichlet(alpha=0.1)):
                yield (
                    name,
                    Scenario(
                        rounds=ROUNDS[-1] + 1,
                        seed=seed,
                        task=TaskChoice(task, limit=2000),
                        model=model,
                        clients=Clients(5, partition=partition),
                        training=LocalTraining(lr=lr, momentum=0.9, steps=5, batch=32),
                    ),
                )


def trained(seeds: int) -> Iterator[tuple[str, Model]]:
    for name, scenario in federations(seeds):
        federation = Federation(scenario, threads=1)
        state = federation.state()
        for number in range(scenario.rounds):
            _, state, *_ = federation.play(number, state)
            if number in ROUNDS:
                yield name, dict(federation.model.layout.unflatten(state["model"], federation.model.rest))


def pruned(model: Model, share: float) -> Model:
    """The smallest numbers of each array with two dimensions or more set to 0."""
    found = dict(model)
    for name, array in model.items():
        if array.ndim >= 2 and array.dtype.kind == "f":
            found[name] = np.where(np.abs(array) >= np.quantile(np.abs(array), share), array, 0)
    return found


def structured(model: Model, share: float) -> Model:
    """The shortest rows of each array with two dimensions or more set to 0."""
    found = dict(model)
    for name, array in model.items():
        if array.ndim >= 2 and array.dtype.kind == "f":
            lengths = np.linalg.norm(array.reshape(len(array), -1), axis=1)
            keep = lengths >= np.quantile(lengths, share)
            found[name] = array * keep.reshape(-1, *[1] * (array.ndim - 1))
    return found


def attacks(seeds: int) -> Iterator[tuple[str, Model]]:
    for seed in range(10 * seeds):
        rng = np.random.default_rng(seed)
        for bins in BINS:
            for kind in ("mean", "cosine", "any"):
                yield f"Robbing the Fed, {bins} bins", imprints.robbing(784, bins, rng, kind, gain=1e-3)
                yield f"Robbing the Fed, sparse, {bins} bins", imprints.robbing_sparse(784, bins, rng, kind)
        for units in BINS[1:]:
            for scale in (0.5, 0.95, 0.99):
                yield f"trap weights, {units} rows", imprints.boenisch(784, units, rng, scale)
                yield f"trap weights drawn apart, {units} rows", imprints.boenisch(784, units, rng, scale, exact=False)
        for noise in (0.1, 0.2, 0.3, 0.5):
            hidden = imprints.robbing(784, 64, rng, "any")
            yield f"Robbing the Fed, {noise:.0%} noise on the rows", imprints.blurred(hidden, noise, rng)
        for part in (0.05, 0.2):
            yield f"Robbing the Fed in {part:.0%} of an honest layer", imprints.among_honest(784, 256, part, rng)
        for clients in (1, 10):
            yield f"LOKI, {clients} clients", imprints.loki(3, 8, 64, clients, seed % clients, rng)
            yield f"MANDRAKE, {clients} clients", imprints.mandrake(3, 8, 64, clients, seed % clients, rng)
        yield "a way through convolutions", imprints.through_convolutions(3, 32, rng)


def measured(seeds: int) -> dict[str, dict[str, Any]]:
    """For each kind of model: how many, how many flagged, and by which figures."""
    check, table = ImprintCheck(), dict[str, dict[str, Any]]()
    nearest = {name: math.inf for name, *_ in check.statistics()}

    def count(name: str, model: Model, honest: bool = True) -> None:
        if honest:
            for weights in weights_of(model):
                for statistic, value, threshold, above, _ in check.statistics():
                    distance = threshold - value(weights) if above else value(weights) - threshold
                    nearest[statistic] = min(nearest[statistic], distance)
        entry = table.setdefault(name, {"models": 0, "flagged": 0, "by": {}})
        found = {finding.statistic for finding in check(model)}
        entry["models"] += 1
        entry["flagged"] += bool(found)
        for statistic in sorted(found):
            entry["by"][statistic] = entry["by"].get(statistic, 0) + 1

    for name, model in fresh(seeds):
        count(name, model)
    for name, model in trained(seeds):
        count(name, model)
        for share in (0.5, 0.9, 0.99):
            count(f"pruned, {share:.0%} of the numbers", pruned(model, share))
        for share in (0.5, 0.8):
            count(f"pruned, {share:.0%} of the rows", structured(model, share))
    for name, model in attacks(seeds):
        count(name, model, honest=False)
    return {"models": table, "nearest": nearest, "stolen": stolen()}


def stolen() -> dict[str, int]:
    """Images of MNIST that the server reads off one step, by how many were in it and what the 512 units are."""
    images = load("mnist").x.reshape(-1, 784).astype(float)
    brightness = images.mean(axis=1)
    table = {}
    for batch in (32, 128):
        samples = images[np.random.default_rng(batch).permutation(len(images))[:batch]]
        for noise in (0.0, 0.1, 0.3, 0.5):
            rng = np.random.default_rng(0)
            plain = imprints.robbing(784, 512, rng, mean=brightness.mean(), std=brightness.std())
            model = imprints.blurred(plain, noise, rng)
            weight, bias = model.values()
            table[f"{batch} images, Robbing the Fed, {noise:.0%} noise"] = imprints.stolen(weight, bias, samples)
        for exact in (True, False):
            model = imprints.boenisch(784, 512, np.random.default_rng(0), exact=exact)
            name = f"{batch} images, trap weights{'' if exact else ' drawn apart'}"
            table[name] = imprints.stolen(*model.values(), samples)
        rng = np.random.default_rng(0)
        bound = 784**-0.5
        rows, bias = rng.uniform(-bound, bound, (512, 784)), rng.uniform(-bound, bound, 512)
        table[f"{batch} images, as PyTorch starts them"] = imprints.stolen(rows, bias, samples)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    table = measured(asked.seeds)
    for name, distance in table["nearest"].items():
        print(f"{name:42} honest layers keep {distance:.3g} from the threshold")
    for name, count in table["stolen"].items():
        print(f"{name:50} {count:5} stolen")
    for name, entry in table["models"].items():
        print(f"{name:42} {entry['flagged']:5} of {entry['models']:5}  {entry['by'] or ''}")
    if asked.json:
        asked.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
