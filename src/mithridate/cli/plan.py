"""The cells of a sweep before they are run: what is varied, how far each is, and what the rest will cost."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mithridate.cli.axes import Variant

if TYPE_CHECKING:
    from mithridate.sim.scenario import Scenario
    from mithridate.store.cells import Cells
    from mithridate.store.run import RunFolder

__all__ = ["Cell", "Estimate", "begun", "estimated", "kept", "known_fields", "made_of", "planned"]

_TIMED_CELLS = 3
_TIMED_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Cell:
    """One cell of a plan: what is varied, its key and how far it is."""

    variant: Variant
    key: str
    status: str

    @property
    def fields(self) -> dict[str, Any]:
        found = {"cell": self.key, "axes": self.variant.axes, "labels": self.variant.labels, "status": self.status}
        return found if self.models == 1 else found | {"models": self.models}

    @cached_property
    def models(self) -> int:
        """How many models it trains: as many as its ensemble has groups with clients."""
        from mithridate.sim.ensemble import members

        return len(members(self.variant.scenario))


@dataclass(frozen=True)
class Estimate:
    """What a sweep will take.

    Args:
        cells: All of the plan.
        known: Finished before.
        cell_s: Seconds of one core per cell that is left; None where there is none.
        measured: What that is taken from, in words.
        jobs: Cells run at once.
        models: Models that are trained by the cells that are left, ensembles' included; 0 where that is one each.
    """

    cells: int
    known: int
    cell_s: float | None
    measured: str
    jobs: int
    models: int = 0

    @property
    def left_s(self) -> float:
        """Wall time until the end.

        >>> Estimate(10, 4, 3.0, "", 2).left_s
        9.0
        """
        return (self.cells - self.known) * (self.cell_s or 0.0) / self.jobs


def planned(found: list[Variant], cells: Cells) -> list[Cell]:
    """The cells of all variants; equal ones are one cell."""
    from mithridate.sim.tasks import load
    from mithridate.store.cells import cell_key
    from mithridate.store.manifest import code_version

    plan: dict[str, Cell] = {}
    for variant in found:
        scenario = variant.scenario
        task = load(scenario.task.name, scenario.task.path)
        key = cell_key(scenario.digest, code_version(), task.digest, scenario.seed)
        if key not in plan:
            plan[key] = Cell(variant, key, cells.state(key))
    return list(plan.values())


def kept(plan: Sequence[Cell], cells: Cells) -> None:
    """Write down what is planned, for whoever compares and reports."""
    from mithridate.store.plans import Planned, write_plan

    said = ((cell.key, cell.variant) for cell in plan)
    write_plan(cells.root, [Planned(key, v.attack, v.defence, v.condition, v.scenario.seed) for key, v in said])


def begun(scenario: Scenario, key: str, axes: Mapping[str, Any], cells: Cells) -> RunFolder:
    """The cell's folder, created if need be: its manifest names key and axes, and the engine takes it from there."""
    from mithridate.sim.scenario import dump_scenario

    if (run := cells.find(key)) is not None:
        return run
    return cells.begin(key, made_of(scenario, axes=axes), dump_scenario(scenario))


def made_of(scenario: Scenario, **more: Any) -> dict[str, Any]:
    """The manifest of a scenario that is begun now; `more` holds further plain entries."""
    from datetime import UTC, datetime

    from mithridate.sim.tasks import load
    from mithridate.store.manifest import manifest

    task = load(scenario.task.name, scenario.task.path)
    return manifest(
        config_digest=scenario.digest,
        seeds=[scenario.seed],
        data_digest=task.digest,
        provenance=f"{task.provenance}: {task.source}",
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        more={"name": scenario.name, "test_samples": task.test_samples} | more,
    )


def known_fields(run: RunFolder) -> dict[str, Any]:
    """What JSON says about a finished run, from its folder alone, as `cli.run.fields_of` says it about a fresh one."""
    last, checkpoint = run.ending, run.load_checkpoint()
    state = checkpoint[1] if checkpoint else None
    voted = {"ensemble": last["ensemble"]} if isinstance(last.get("ensemble"), dict) else {}
    return voted | {
        "name": run.manifest.get("name"),
        "accuracy": last.get("accuracy"),
        "asr": last.get("asr"),
        "model_digest": last.get("model_digest"),
        "config_digest": run.manifest["config_digest"],
        "rounds": last.get("rounds"),
        "seconds": last.get("seconds"),
        "excluded": state.get("excluded", {}) if isinstance(state, dict) else {},
        "run": str(run.path),
    }


def estimated(plan: Sequence[Cell], cells: Cells, jobs: int) -> Estimate:
    """What the plan will take: from the seconds of its finished cells, or from a few rounds of a few cells.

    Cells that train equally many models are taken to cost the same: an ensemble's cost is told from ensembles alone.
    """
    done = [cell for cell in plan if cell.status == "finished"]
    left = [cell for cell in plan if cell.status != "finished"]
    jobs = max(1, min(jobs, len(left)))
    if not left:
        return Estimate(len(plan), len(done), None, "nothing is left", jobs)
    finished = timed = 0
    total = 0.0
    for models in sorted({cell.models for cell in left}):
        alike = [cell for cell in left if cell.models == models]
        spent = [s for cell in done if cell.models == models and (s := _seconds(cell, cells)) is not None]
        if spent:
            finished += len(spent)
        else:
            some = alike[:: -(-len(alike) // _TIMED_CELLS)]
            spent = [_timed(cell.variant.scenario) for cell in some]
            timed += len(some)
        total += len(alike) * sum(spent) / len(spent)
    known = f"{finished} finished cell{'' if finished == 1 else 's'}" if finished else ""
    rounds = f"{_TIMED_ROUNDS} rounds of {timed} cells" if timed else ""
    models = sum(cell.models for cell in left)
    said = " and ".join(filter(None, [known, rounds]))
    return Estimate(len(plan), len(done), total / len(left), said, jobs, models if models > len(left) else 0)


def _seconds(cell: Cell, cells: Cells) -> float | None:
    run = cells.find(cell.key)
    seconds = None if run is None else run.ending.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else None


def _timed(scenario: Scenario) -> float:
    """A cell's seconds, from the first rounds of its model; of an ensemble the middle one by clients, times their number."""
    from mithridate.sim.ensemble import members

    models = sorted(members(scenario), key=lambda each: len(each.clients.only or ()))
    return len(models) * _timed_model(models[len(models) // 2])


def _timed_model(scenario: Scenario) -> float:
    """A run's seconds, from its first rounds: the very first one builds data and caches, and counts once."""
    from mithridate.core.errors import MithridateError
    from mithridate.sim.engine import simulate

    rounds = min(_TIMED_ROUNDS, scenario.rounds)
    passed = [time.perf_counter()]

    def observe(event: Mapping[str, Any]) -> None:
        if event["event"] == "round":
            passed.append(time.perf_counter())

    try:
        simulate(replace(scenario, rounds=rounds, record=False), observe, threads=1)
    except MithridateError:
        return passed[-1] - passed[0]  # it will end as quickly in the sweep
    if rounds == 1:
        return passed[1] - passed[0]
    steady = (passed[-1] - passed[1]) / (rounds - 1)
    return passed[1] - passed[0] + steady * (scenario.rounds - 1)
