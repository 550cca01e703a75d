"""What a report must say against itself: what was not tested, and what its numbers cannot show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mithridate.attacks.catalog import DATA_POISONS, SCHEDULES, STEERINGS, TRIGGERS, UPDATE_ATTACKS
from mithridate.report.facts import Facts
from mithridate.report.settings import class_of, name_of_part, parts, table
from mithridate.report.wording import count, listed

__all__ = ["Gap", "limitations", "untested"]

_FAMILIES = {
    "update": ("Update attacks", UPDATE_ATTACKS),
    "data": ("Data poisoning", DATA_POISONS),
    "trigger": ("Backdoor triggers", TRIGGERS),
    "steering": ("Steered training", STEERINGS),
    "schedule": ("Timing", SCHEDULES),
}


@dataclass(frozen=True)
class Gap:
    """One thing that was not tested: what, and what is missing."""

    what: str
    missing: str


def untested(facts: Facts) -> tuple[Gap, ...]:
    """What these runs leave open."""
    return (*_families(facts), *_adaptive(facts), *_breadth(facts), *_peace(facts), *_always())


def _families(facts: Facts) -> Iterator[Gap]:
    attacks = [table(run.settings, "attack") for run in facts.runs if run.attacked]
    for slot, (title, known) in _FAMILIES.items():
        default = "always" if slot == "schedule" else None
        used = {name for attack in attacks if (name := name_of_part(attack, slot) or default)}
        used |= {str(each["name"]) for attack in attacks for each in parts(attack, slot)}
        missing = sorted(set(known) - used)
        if not used:
            yield Gap(title, f"none was used; mithridate knows {listed(missing)}.")
        elif missing:
            yield Gap(title, f"only {listed(sorted(used))}; not {listed(missing)}.")


def _adaptive(facts: Facts) -> Iterator[Gap]:
    used = [name_of_part(table(run.settings, "attack"), "update") for run in facts.runs if run.attacked]
    if not any(getattr(class_of(UPDATE_ATTACKS, name), "reads_guard", False) for name in used):
        yield Gap(
            "Adaptive attackers",
            "no attacker in these runs knew the guard and fitted the lie to it. Such attackers get further than all others: "
            "these results show the least damage, not the most.",
        )


def _breadth(facts: Facts) -> Iterator[Gap]:
    seeds = sorted({seed for run in facts.runs for seed in run.made_of["seeds"]})
    spoken = listed([str(seed) for seed in seeds[:12]])
    if len(seeds) > 1:
        yield Gap("Chance", f"{count(len(seeds), 'seed')} ({spoken}); the intervals say nothing about other seeds.")
    else:
        yield Gap(
            "Chance",
            f"one seed only ({spoken}): the intervals say nothing about other seeds, and small differences may be luck.",
        )
    for title, owner, key in (("Data", "task", "name"), ("Models", "model", "name"), ("Skew", "clients", "partition")):
        used = sorted({_choice(table(run.settings, owner), key) for run in facts.runs})
        yield Gap(title, f"{listed(used)} and nothing else.")
    liars = sorted({(len(run.liars), run.enrolled) for run in facts.runs if run.attacked and run.voted is None})
    if liars:
        tried = listed([f"{liar} of {all_clients}" for liar, all_clients in liars])
        yield Gap("Number of liars", f"{tried}; against more liars than its f, a guard promises nothing.")
    lossy = any(fate.status in ("absent", "late") for run in facts.runs for each in run.rounds for fate in each.fates)
    if not lossy and any(run.rounds for run in facts.runs):
        yield Gap("Lost and late replies", "every client answered in time, in every round.")


def _choice(owner: object, key: str) -> str:
    return (name_of_part(owner, key) if isinstance(owner, dict) else None) or "the default"


def _peace(facts: Facts) -> Iterator[Gap]:
    guards = [table(run.settings, "guard") for run in facts.of("guarded")]
    calm = [table(run.settings, "guard") for run in facts.of("peaceful")]
    if any(guard not in calm for guard in guards):
        yield Gap("Peace", "the guard was not run without an attack: what it costs when nobody lies is not shown.")


def _always() -> Iterator[Gap]:
    yield Gap("Privacy", "what the server or a client learns about others’ data from updates is not measured here.")


def limitations(facts: Facts) -> tuple[str, ...]:
    """What the numbers cannot show."""
    return tuple(_limits(facts))


def _limits(facts: Facts) -> Iterator[str]:
    yield (
        "This is a simulation: who lied is known because the simulator chose the liars. A real federation does not know, and the "
        "rates of right and wrong exclusions cannot be computed there."
    )
    yield (
        "A dropped client is one whose update looked odd, not one proven to lie; honest clients with rare data look odd as well."
    )
    provenance = sorted({str(run.made_of["data"].get("provenance")) for run in facts.runs})
    yield f"Accuracy and attack success are measured on the task's test samples ({'; '.join(provenance)})."
    yield (
        "The intervals beside final figures are Wilson's, at 95 %. They count one source of chance, the draw of test samples, as "
        "if these were independent; how much another seed, partition or set of liars would change is not in them."
    )
    if any(run.asr is not None for run in facts.runs):
        yield (
            "The attack success rate is measured for the attacker's own trigger. A low rate does not prove that the model holds "
            "no other backdoor."
        )
        yield (
            "A model that has hardly learnt may take triggered samples for the target by chance. Where the rate without the "
            "trigger was recorded, a backdoor is judged by what the trigger adds; an older run may be called backdoored wrongly."
        )
    if any(run.judges_coordinates and run.attacked for run in facts.runs):
        yield "Where a rule judges coordinates, no client is dropped, and the rates of exclusion say nothing about its quality."
    yield (
        "Digests show that two runs had the same configuration, data or model. They are not signatures: whoever can write to the "
        "run folder can change what this page says."
    )
