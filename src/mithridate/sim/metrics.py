"""What a model is worth: accuracy, per class, and the attack success rate of a trigger."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from mithridate.attacks.adversary import Trigger
from mithridate.attacks.victims import Natural, victims
from mithridate.sim.models import FlatModel
from mithridate.sim.tasks import Task

__all__ = [
    "Backdoor",
    "Quality",
    "answers",
    "attack_success_rate",
    "backdoor",
    "measure",
    "voted_base_rate",
    "voted_success_rate",
]

_BATCH = 200


@dataclass(frozen=True)
class Quality:
    """How well a model does on clean test samples.

    Args:
        accuracy: Share of right answers, in [0, 1].
        loss: Mean cross-entropy, in nats.
        per_class: Accuracy on the samples of each class; NaN for a class without test samples.
        answers: How often each class is answered to samples of each class: (true class, answer) -> samples.
    """

    accuracy: float
    loss: float
    per_class: tuple[float, ...]
    answers: tuple[tuple[int, ...], ...] = ()

    def base_rate(self, target: int, sources: Container[int] | None = None) -> float | None:
        """Share of clean samples of the `sources` (of all other classes if None) that are taken for `target`, in [0, 1].

        An attack success rate means something only where it stands above this one. None if there are no such samples.

        >>> Quality(0.5, 0.7, (0.5, 0.5), ((2, 2), (1, 1))).base_rate(1)
        0.5
        """
        others = [row for c, row in enumerate(self.answers) if c != target and (sources is None or c in sources)]
        total = sum(map(sum, others))
        return sum(row[target] for row in others) / total if total else None


@dataclass(frozen=True)
class Backdoor:
    """What a trigger achieves; all None without one.

    Args:
        asr: Share of its victims that are classified as the target, in [0, 1]; None of none.
        base_rate: The same share of what the victims are without the trigger, in [0, 1]: a stamp's victims unstamped, a natural
            trigger's bystanders; None of none.
        victims: How many there are.
    """

    asr: float | None = None
    base_rate: float | None = None
    victims: int | None = None


def measure(model: FlatModel, vector: np.ndarray, task: Task, samples: int | None = None) -> Quality:
    """The quality of a parameter vector on the first `samples` test samples (all if None), without augmentation."""
    y = task.y_test[:samples]
    scores = _scores(model, vector, task.test_input[:samples])
    answers = np.zeros((task.classes, task.classes), np.int64)
    np.add.at(answers, (y, scores.argmax(dim=1).numpy()), 1)
    right = answers.diagonal()
    with np.errstate(invalid="ignore"):
        per_class = right / answers.sum(axis=1)
    loss = float(functional.cross_entropy(scores, torch.from_numpy(y)))
    found = tuple(tuple(row) for row in answers.tolist())
    return Quality(float(right.sum() / len(y)), loss, tuple(per_class.tolist()), found)


def answers(model: FlatModel, vector: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(n,) int64, the class that a parameter vector answers to each of these normalised samples."""
    return np.asarray(_scores(model, vector, x).argmax(dim=1).numpy())


def attack_success_rate(
    model: FlatModel, vector: np.ndarray, task: Task, trigger: Trigger | None, samples: int | None = None
) -> float | None:
    """Share of triggered test samples that are classified as the target, in [0, 1].

    Only the trigger's victims are asked, and never a sample whose true class is the target: it would count as a success of any
    good model. The trigger is stamped on raw pixels, before normalisation. None without a trigger, or when no victim is left.
    """
    if trigger is None:
        return None
    x, y = task.x_test[:samples], task.y_test[:samples]
    return _share(model, vector, task, trigger.stamp(x[victims(trigger, x, y)]), trigger.target)


def backdoor(
    model: FlatModel,
    vector: np.ndarray,
    task: Task,
    trigger: Trigger | None,
    quality: Quality,
    samples: int | None = None,
) -> Backdoor:
    """What a trigger achieves on the test samples of which `quality` tells."""
    if trigger is None:
        return Backdoor()
    x, y = task.x_test[:samples], task.y_test[:samples]
    hit = victims(trigger, x, y)
    if isinstance(trigger, Natural):
        base = _share(model, vector, task, x[trigger.bystanders(x, y)], trigger.target)
    else:
        base = quality.base_rate(trigger.target, set(y[hit].tolist()))
    return Backdoor(attack_success_rate(model, vector, task, trigger, samples), base, int(hit.sum()))


def _share(model: FlatModel, vector: np.ndarray, task: Task, x: np.ndarray, target: int) -> float | None:
    """The part of raw images that is classified as the target; None of none."""
    if len(x) == 0:
        return None
    answers = _scores(model, vector, task.normalised(x)).argmax(dim=1)
    return float((answers == target).float().mean())


def voted_success_rate(task: Task, trigger: Trigger | None, polled: Callable[[np.ndarray], np.ndarray]) -> float | None:
    """As `attack_success_rate`, of a vote.

    Args:
        polled: From normalised samples to (n, classes) votes; the smaller class wins a draw.
    """
    if trigger is None:
        return None
    return _voted(task, trigger, polled, trigger.stamp(task.x_test[victims(trigger, task.x_test, task.y_test)]))


def voted_base_rate(task: Task, trigger: Trigger | None, polled: Callable[[np.ndarray], np.ndarray]) -> float | None:
    """How often a vote answers the target without the trigger; as `voted_success_rate`."""
    if trigger is None:
        return None
    x, y = task.x_test, task.y_test
    return _voted(
        task, trigger, polled, x[trigger.bystanders(x, y) if isinstance(trigger, Natural) else victims(trigger, x, y)]
    )


def _voted(task: Task, trigger: Trigger, polled: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> float | None:
    """The part of raw images for which the vote is the target; None of none."""
    if len(x) == 0:
        return None
    return float((polled(task.normalised(x)).argmax(axis=1) == trigger.target).mean())


def _scores(model: FlatModel, vector: np.ndarray, x: np.ndarray) -> torch.Tensor:
    model.load(vector)
    model.module.eval()
    with torch.no_grad():
        return torch.cat([model.module(torch.from_numpy(x[k : k + _BATCH])) for k in range(0, len(x), _BATCH)])
