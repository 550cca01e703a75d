"""The threat model of a run as terms and texts: what the liars could do, what they knew, and what they were after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mithridate.attacks.catalog import DATA_POISONS, SCHEDULES, STEERINGS, TRIGGERS, UPDATE_ATTACKS
from mithridate.core.card import Card
from mithridate.report.facts import Facts, RunFacts
from mithridate.report.settings import amount, class_of, part, parts, spoken, table

__all__ = ["Threat", "threats"]

_SLOTS: tuple[tuple[str, str, Mapping[str, type]], ...] = (
    ("update", "Updates", UPDATE_ATTACKS),
    ("data", "Data", DATA_POISONS),
    ("trigger", "Backdoor", TRIGGERS),
    ("schedule", "Timing", SCHEDULES),
)
_KNOWS = {
    "omniscient": "all honest updates of the round",
    "partial": "their own clean updates and data",
    "none": "nothing but the broadcast model and their own data",
}


@dataclass(frozen=True)
class Threat:
    """One attack.

    Args:
        runs: The runs that met it.
        terms: What is said about it, in order.
    """

    runs: tuple[str, ...]
    terms: tuple[tuple[str, str], ...]


def threats(facts: Facts) -> tuple[Threat, ...]:
    """Every different attack of the runs."""
    found: dict[str, tuple[RunFacts, list[str]]] = {}
    for run in facts.runs:
        if run.attacked:
            found.setdefault(repr(run.settings.get("attack")), (run, []))[1].append(run.label)
    return tuple(Threat(tuple(labels), tuple(_terms(run))) for run, labels in found.values())


def _terms(run: RunFacts) -> Iterator[tuple[str, str]]:
    attack = table(run.settings, "attack")
    steered = parts(attack, "steering")
    cards = [card for slot, _, known in _SLOTS if (card := _card(part(attack, slot), known)) is not None]
    cards += [card for each in steered if (card := _card(each, STEERINGS)) is not None]
    lying = len(run.liars) if run.voted is None else amount(attack.get("liars")) or 0
    yield "Liars", f"{lying} of {run.enrolled} clients, who work together"
    yield "Goal", _goal(run)
    for slot, title, known in _SLOTS:
        chosen = part(attack, slot)
        card = _card(chosen, known)
        if chosen is not None:
            counted = " (settings count rounds from 0)" if slot == "schedule" and len(chosen) > 1 else ""
            yield title, f"{spoken(chosen)}{': ' + card.summary if card is not None else ''}{counted}"
    for each in steered:
        card = _card(each, STEERINGS)
        yield "Training", f"{spoken(each)}{': ' + card.summary if card is not None else ''}"
    update = part(attack, "update")
    chosen_knows = None if update is None else update.get("knows")
    knows = next((card.knows for card in cards if card.knows is not None), None)
    if chosen_knows in _KNOWS or knows is not None:
        yield "Knowledge", _KNOWS[str(chosen_knows if chosen_knows in _KNOWS else knows)]
    adapts = update is not None and bool(getattr(class_of(UPDATE_ATTACKS, update["name"]), "reads_guard", False))
    yield "Adaptive", "yes: the attack reads the guard" if adapts else "no: the attack does not know the guard"
    tags = dict.fromkeys(tag for card in cards for tag in card.tags)
    if tags:
        yield "Taxonomy", "; ".join(tags)


def _card(chosen: Mapping[str, Any] | None, known: Mapping[str, type]) -> Card | None:
    found = getattr(class_of(known, chosen["name"]), "card", None) if chosen is not None else None
    return found if isinstance(found, Card) else None


def _goal(run: RunFacts) -> str:
    if run.trigger is None:
        return "to make the model worse"
    target = amount(run.trigger.get("target"))
    wanted = "the target class" if target is None else f"class {target}"
    return f"a backdoor: triggered samples shall be taken for {wanted}, others not be disturbed"
