"""Facts read from run folders, and from nowhere else."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mithridate.core.errors import StoreError
from mithridate.report.assurance import promised
from mithridate.report.claims import claims
from mithridate.report.facts import Facts, Lasted, RunFacts
from mithridate.report.procedures import smoothed, voted
from mithridate.report.rounds import round_of
from mithridate.report.settings import amount, nested
from mithridate.report.wording import short
from mithridate.store.run import RunFolder

__all__ = ["read"]

_DEEPEST = 16


def read(folders: Sequence[str | Path]) -> Facts:
    """The facts of one or several runs.

    Raises:
        ConfigurationError: no folder was given.
        StoreError: a folder holds no run, or a damaged one.
    """
    opened = [RunFolder.open(folder) for folder in folders]
    return Facts(tuple(_run(run, label) for run, label in zip(opened, _labels(opened), strict=True)))


def _labels(runs: Sequence[RunFolder]) -> list[str]:
    """The runs' names if they tell them apart, else their folders', else these with numbers."""
    named = [short(str(run.manifest.get("name") or run.path.name)) for run in runs]
    if len(set(named)) < len(runs):
        named = [short(run.path.name) for run in runs]
    if len(set(named)) < len(runs):
        named = [f"{name} #{number}" for number, name in enumerate(named, 1)]
    return named


def _run(folder: RunFolder, label: str) -> RunFacts:
    events = list(folder.events())
    last = events[-1] if events else {}
    text = folder.scenario_text
    try:
        settings = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{folder.path / 'scenario.toml'}: not valid TOML: {error}") from error
    if nested(settings, _DEEPEST):
        raise StoreError(f"{folder.path / 'scenario.toml'}: nested deeper than {_DEEPEST}")
    try:
        rounds = tuple(round_of(event) for event in events if event["event"] == "round")
        first = next((promised(event) for event in events if event["event"] == "started"), None)
        vote, models, said = smoothed(last), voted(last), claims(events)
    except StoreError as error:
        raise StoreError(f"{folder.path / 'events.jsonl'}: {error}") from error
    return RunFacts(
        label=label,
        status=folder.status,
        scenario=text,
        settings=settings,
        made_of=folder.manifest,
        rounds=rounds,
        error=_failure(last) if last.get("event") == "failed" else None,
        model_digest=None if last.get("model_digest") is None else short(last["model_digest"]),
        promised=first,
        lasted=_lasted(last.get("durability")),
        smoothed=vote,
        voted=models,
        claims=said,
    )


def _lasted(found: Mapping[str, Any] | None) -> Lasted | None:
    rounds = amount((found or {}).get("rounds"))
    return None if found is None or rounds is None else Lasted(rounds, found.get("halved") is True)


def _failure(event: Mapping[str, Any]) -> str:
    said = short(event.get("error") or "no reason given")
    return f"{short(event['kind'], 60)}: {said}" if event.get("kind") else said
