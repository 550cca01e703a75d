"""What became of every cell of a sweep: read from its folder, the cells that were not run included."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mithridate.core.errors import ConfigurationError, StoreError
from mithridate.report.labels import attack_label, defence_label, spoken_value
from mithridate.report.settings import amount, differences, is_plain_mean, nested, procedures, table, undefended
from mithridate.report.wording import short
from mithridate.store.cells import Cells
from mithridate.store.index import runs_below
from mithridate.store.plans import Planned, read_plan
from mithridate.store.run import RunFolder
from mithridate.store.summary import KINDS, summary

__all__ = ["Outcome", "State", "outcomes"]

State = Literal["finished", "diverged", "refused", "failed", "crashed", "not run"]
"""It has figures; its model went to infinity, which counts as no accuracy at all; the guard refused every round, or the parts
do not work together; it ended with another error; its process died; it was never begun or is not finished."""

_DEEPEST = 16
_ERRORS: Mapping[str, State] = {
    "Crashed": "crashed",
    "Diverged": "diverged",
    "ConfigurationError": "refused",
    "UnmetPrecondition": "refused",
}


@dataclass(frozen=True)
class Outcome:
    """One cell.

    Args:
        attack, defence, condition: What people call them.
        seed: The root of all its randomness.
        state: What became of it.
        accuracy: In the end, in [0, 1]; 0 of a model that diverged; None without figures.
        asr: Attack success rate in the end, in [0, 1]; None without a trigger.
        base_rate: How often the target is answered without the trigger, in [0, 1]; None where not known.
        attacked, guarded: Whether anybody lied, and whether anything but the plain mean aggregates; None where not known.
        judged, excluded: Updates that arrived in rounds that were not refused and, of these, the excluded, by kind.
        names_clients: Whether the guard judges clients at all; a rule that judges coordinates does not.
        refused_rounds: Rounds that the guard refused.
        guard_s: Mean seconds of admission and guard per round.
        procedures: What stands beside the guard, in words.
        liars: How many clients may lie.
        curve: Of an ensemble: the share of test samples answered rightly whatever 0, 1, 2, ... clients do; empty without one.
        certified: What a run without liars certifies against as many as these; filled in by `report.comparison`.
        models: How many vote; 1 without an ensemble.
        error: Why there are no figures.
        run: The run folder; None where there is none.
    """

    attack: str
    defence: str
    condition: str = ""
    seed: int = 0
    state: State = "finished"
    accuracy: float | None = None
    asr: float | None = None
    base_rate: float | None = None
    attacked: bool | None = None
    guarded: bool | None = None
    judged: Mapping[str, int] = field(default_factory=dict)
    excluded: Mapping[str, int] = field(default_factory=dict)
    names_clients: bool = False
    refused_rounds: int = 0
    guard_s: float | None = None
    procedures: frozenset[str] = frozenset()
    liars: int = 0
    curve: tuple[float, ...] = ()
    certified: float | None = None
    models: int = 1
    error: str | None = None
    run: str | None = None

    @property
    def measured(self) -> bool:
        return self.accuracy is not None

    @property
    def lift(self) -> float | None:
        """How much more often the target is answered with the trigger than without, in [0, 1]."""
        return None if self.asr is None else max(0.0, self.asr - (self.base_rate or 0.0))

    def rate(self, kind: str) -> float | None:
        """Excluded of judged updates of a kind; None where there are none, or where the guard does not judge clients."""
        judged, excluded = self.judged.get(kind, 0), self.excluded.get(kind, 0)
        return excluded / judged if judged and (self.names_clients or sum(self.excluded.values())) else None


def outcomes(folders: Sequence[str | Path]) -> tuple[Outcome, ...]:
    """The outcomes of sweeps, or of any folders with runs below them, in the order of their plans.

    Raises:
        ConfigurationError: no folder was given, or there is neither plan nor run in one.
        StoreError: a plan or a run is damaged.
    """
    if not folders:
        raise ConfigurationError("a comparison needs at least one folder")
    found: list[Outcome] = []
    for folder in map(Path, folders):
        plan = read_plan(folder)
        some = list(_unplanned(folder) if plan is None else (_cell(Cells(folder), cell) for cell in plan))
        if not some:
            raise ConfigurationError(f"{folder}: holds neither a plan of a sweep nor a run")
        found += some
    return tuple(found)


def _cell(cells: Cells, cell: Planned) -> Outcome:
    attack, defence, condition = (short(name, 120) for name in (cell.attack, cell.defence, cell.condition))
    run = cells.find(cell.key)
    if run is None:
        return Outcome(attack, defence, condition, cell.seed, "not run")
    return _outcome(run, _settings(run), attack, defence, condition, cell.seed)


def _unplanned(folder: Path) -> Iterator[Outcome]:
    """Runs that no sweep planned: told apart by what their scenarios say."""
    runs = [RunFolder.open(path) for path in runs_below(folder)] if folder.is_dir() else []
    read = [_settings(run) for run in runs]
    apart = ("attack", "seed", "name", "record")
    rest = [{k: v for k, v in undefended(each).items() if k not in apart} for each in read]
    varied = [key for key, _ in differences(rest)]
    told = dict(differences(rest))
    attacks = _distinct(attack_label, [table(each, "attack") for each in read])
    guards = _distinct(defence_label, [_defence(each) for each in read])
    for place, (run, settings) in enumerate(zip(runs, read, strict=True)):
        condition = ", ".join(f"{key} = {told[key][place]}" for key in varied)
        seeds = run.manifest["seeds"]
        yield _outcome(run, settings, attacks[place], guards[place], short(condition, 120), seeds[0] if seeds else 0)


def _defence(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a scenario that defend it."""
    server = {key: value for key, value in table(settings, "server").items() if key != "optimiser"}
    clients = {key: value for key, value in table(settings, "clients").items() if key == "sanitise"}
    found = {"guard": table(settings, "guard"), "server": server, "clients": clients}
    return found | ({"ensemble": settings["ensemble"]} if "ensemble" in settings else {})


def _distinct(label: Any, tables: list[Mapping[str, Any]]) -> list[str]:
    """The shortest labels that tell different tables apart."""
    for full in (False, True):
        found = [label(each, full=full) for each in tables]
        if all(
            a != b or x == y for a, x in zip(found, tables, strict=True) for b, y in zip(found, tables, strict=True)
        ):
            break
    return found


def _outcome(
    run: RunFolder, settings: Mapping[str, Any], attack: str, defence: str, condition: str, seed: int
) -> Outcome:
    last = run.ending
    said: dict[str, Any] = {"run": str(run.path)}
    said["attacked"] = bool(table(settings, "attack").get("liars"))
    said["liars"] = amount(table(settings, "attack").get("liars", 0)) or 0
    said["guarded"] = not is_plain_mean(table(settings, "guard"))
    said["procedures"] = frozenset(spoken_value(each) for each in procedures(settings))
    match last.get("event"):
        case "finished":
            return Outcome(attack, defence, condition, seed, **said, **_figures(run, last, settings))
        case "failed":
            state = _ERRORS.get(str(last.get("kind")), "failed")
            error = short(str(last.get("error") or "no reason given"), 200)
            worth = 0.0 if state == "diverged" else None
            return Outcome(attack, defence, condition, seed, state, worth, error=error, **said)
    return Outcome(attack, defence, condition, seed, "not run", **said)


def _figures(run: RunFolder, last: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a finished run is worth. Its last line carries the counts; an older run's are counted again."""
    where = f"{run.path / 'events.jsonl'}: the last line"
    counts = last.get("summary")
    if not isinstance(counts, dict):
        counts = summary(run.events())
    refused = _whole(counts.get("refused"), where)
    planned = settings.get("rounds", 20)
    voted = last.get("ensemble")
    return {
        **({} if voted is None else _voted(voted, where)),
        "state": "refused" if refused and refused == planned else "finished",
        "accuracy": _share(last.get("accuracy"), where),
        "asr": _share(last.get("asr"), where),
        "base_rate": _share(counts.get("base_rate"), where),
        "judged": _counts(counts.get("judged"), where),
        "excluded": _counts(counts.get("excluded"), where),
        "names_clients": counts.get("names_clients") is True,
        "refused_rounds": refused,
        "guard_s": _real(counts.get("guard_s"), where),
        "error": "the guard refused every round" if refused and refused == planned else None,
    }


def _voted(found: Any, where: str) -> dict[str, Any]:
    """What an ensemble has beside other runs."""
    curve = found.get("certified") if isinstance(found, dict) else None
    shares = [_share(each, where) for each in curve] if isinstance(curve, list) else [None]
    known = tuple(each for each in shares if each is not None)
    if len(known) < len(shares):
        raise StoreError(f"{where}: an ensemble without its certificate")
    return {"models": _whole(found.get("models"), where), "curve": known}


def _settings(run: RunFolder) -> Mapping[str, Any]:
    try:
        found = tomllib.loads(run.scenario_text)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{run.path / 'scenario.toml'}: not valid TOML: {error}") from error
    if nested(found, _DEEPEST):
        raise StoreError(f"{run.path / 'scenario.toml'}: nested deeper than {_DEEPEST}")
    return found


def _counts(value: Any, where: str) -> dict[str, int]:
    if not isinstance(value, dict):
        raise StoreError(f"{where}: the counts of updates are missing")
    return {kind: _whole(value.get(kind), where) for kind in KINDS}


def _whole(value: Any, where: str) -> int:
    if type(value) is not int or not 0 <= value < 10**12:
        raise StoreError(f"{where}: a count that is no whole number of a sane size")
    return value


def _share(value: Any, where: str) -> float | None:
    found = _real(value, where)
    if found is not None and not 0 <= found <= 1:
        raise StoreError(f"{where}: a share outside [0, 1]")
    return found


def _real(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300 or math.isnan(value):
        raise StoreError(f"{where}: not a number of a sane size")
    return float(value)
