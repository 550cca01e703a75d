"""An ensemble at work: one run per group of clients, then the vote and its certificate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mithridate.attacks.access import Learned
from mithridate.core.digest import digest
from mithridate.core.errors import ConfigurationError
from mithridate.sim.account import Event
from mithridate.sim.engine import Federation, Run, simulate
from mithridate.sim.metrics import answers, voted_base_rate, voted_success_rate
from mithridate.sim.scenario import Scenario
from mithridate.sim.training import one_torch_thread
from mithridate.sim.voting import Ensemble, certified_accuracy, tallied
from mithridate.store.disk import there, within, write
from mithridate.store.strict_json import dumped
from mithridate.store.summary import added

__all__ = ["FIGURES", "Vote", "members", "vote"]

FIGURES = "ensemble.json"


@dataclass(frozen=True, eq=False)
class Vote:
    """What came out of an ensemble.

    Args:
        scenario: What was run.
        runs: One per group that has clients.
        groups: The numbers of each run's clients.
        votes: (n, classes), how many models answered what to each test sample.
        bounds: (n,), how many malicious clients each answer bears; -1 where the ensemble abstains.
        accuracy: Of the vote, in [0, 1], whether it abstains or not.
        certified: The share of test samples that are answered rightly whatever 0, 1, 2, ... clients do.
        asr: Share of stamped samples of other classes for which the vote is the target; None without a fixed trigger.
        base_rate: How often the vote is the target without the trigger; None without a fixed trigger.
        weakest: Accuracy of the vote on the worst class.
        folder: Where the runs lie, if they do.
    """

    scenario: Scenario
    runs: tuple[Run, ...]
    groups: tuple[tuple[int, ...], ...]
    votes: np.ndarray
    bounds: np.ndarray
    accuracy: float
    certified: tuple[float, ...]
    asr: float | None
    base_rate: float | None = None
    weakest: float | None = None
    folder: Path | None = None

    @property
    def figures(self) -> dict[str, Any]:
        """What is written to `ensemble.json` and said on the command line."""
        return {
            "name": self.scenario.name,
            "config_digest": self.scenario.digest,
            "rounds": self.scenario.rounds,
            "accuracy": self.accuracy,
            "asr": self.asr,
            "certified": list(self.certified),
            "abstained": float((self.bounds < 0).mean()),
            "models": [
                {
                    "clients": list(group),
                    "accuracy": run.accuracy,
                    "asr": run.asr,
                    "model_digest": run.model_digest,
                    "run": None if run.folder is None else str(run.folder),
                }
                for group, run in zip(self.groups, self.runs, strict=True)
            ],
            "seconds": sum(run.seconds for run in self.runs),
        }

    @property
    def ending(self) -> Event:
        """The last line of a journal that keeps the ensemble as one run, such as a cell of a sweep."""
        return {
            "event": "finished",
            "accuracy": self.accuracy,
            "asr": self.asr,
            "model_digest": digest([run.model_digest for run in self.runs]),
            "rounds": self.scenario.rounds,
            "seconds": sum(run.seconds for run in self.runs),
            "summary": added([run.events[-1]["summary"] for run in self.runs])
            | {"base_rate": self.base_rate, "weakest": self.weakest},
            "ensemble": {
                "models": len(self.runs),
                "certified": list(self.certified),
                "abstained": float((self.bounds < 0).mean()),
                "accuracies": [run.accuracy for run in self.runs],
            },
        }


def members(scenario: Scenario) -> tuple[Scenario, ...]:
    """The scenarios of an ensemble's models, one per group that has clients; of any other scenario itself."""
    ensemble = scenario.ensemble
    if ensemble is None:
        return (scenario,)
    groups = [each for each in ensemble.drawn(scenario.clients.ids, scenario.seed) if each]
    return tuple(
        replace(
            scenario,
            name=f"{scenario.name}-{number}",
            ensemble=None,
            clients=replace(scenario.clients, only=group),
        )
        for number, group in enumerate(groups)
    )


def vote(
    scenario: Scenario,
    observe: Callable[[int, Event], None] | None = None,
    folder: str | Path | None = None,
    *,
    threads: int | None = None,
    spare_s: float = 0.0,
) -> Vote:
    """Train the models of a scenario's ensemble, and let them vote on the test samples.

    Every group is a run of its own, in which only its clients take part; liars are who they are in the whole federation. With a
    folder each has its run directory below it, so that an interrupted ensemble goes on where it stopped.

    Args:
        scenario: With an ensemble.
        observe: Called with the number of the model, from 0, and every event of its run.
        folder: The runs lie below it, and the figures in `ensemble.json`.
        threads, spare_s: As for `simulate`.

    Raises:
        ConfigurationError: the scenario has no ensemble; else as `simulate`.
    """
    ensemble = scenario.ensemble
    if ensemble is None:
        raise ConfigurationError('the scenario has no ensemble; give it an [ensemble] table, such as "groups = 10"')
    alone = members(scenario)
    told = observe or (lambda number, event: None)
    path = None if folder is None else Path(folder)
    runs = []
    for number, each in enumerate(alone):
        below = None if path is None else path / f"model-{number:03d}"
        heard = partial(told, number)
        runs.append(simulate(each, heard, below, threads=threads, spare_s=spare_s))
    groups = tuple(each.clients.only or () for each in alone)
    found = _counted(scenario, ensemble, tuple(runs), groups, path)
    if path is not None and there(path):
        write(within(path.resolve(), FIGURES), [dumped(found.figures).encode()])
    return found


def _counted(
    scenario: Scenario,
    ensemble: Ensemble,
    runs: tuple[Run, ...],
    groups: tuple[tuple[int, ...], ...],
    folder: Path | None,
) -> Vote:
    federation = Federation(replace(scenario, ensemble=None), threads=1)
    task = federation.task

    def polled(x: np.ndarray) -> np.ndarray:
        with one_torch_thread():
            return tallied(np.stack([answers(federation.model, run.model, x) for run in runs]), task.classes)

    trigger = None if scenario.attack is None else scenario.attack.trigger
    if isinstance(trigger, Learned):  # every group has learnt one of its own
        trigger = None
    votes = polled(task.test_input)
    bounds = ensemble.certified(votes, scenario.clients.count)
    return Vote(
        scenario=scenario,
        runs=runs,
        groups=groups,
        votes=votes,
        bounds=bounds,
        accuracy=float((votes.argmax(axis=1) == task.y_test).mean()),
        certified=certified_accuracy(votes, bounds, task.y_test),
        asr=voted_success_rate(task, trigger, polled),
        base_rate=voted_base_rate(task, trigger, polled),
        weakest=_weakest(votes.argmax(axis=1) == task.y_test, task.y_test),
        folder=folder,
    )


def _weakest(right: np.ndarray, y: np.ndarray) -> float:
    """Accuracy on the worst class that has test samples."""
    return min(float(right[y == each].mean()) for each in np.unique(y))
