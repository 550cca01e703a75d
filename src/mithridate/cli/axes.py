"""The [sweep] table: axes, the values on them, and the scenario of every combination.

[[sweep.attack]]               # a whole table per value: its keys are put over those of [attack]
label = "ALIE"                 # optional: what tables and reports call it
update = { name = "alie", z = 1.5 }

[sweep]
seed = [1, 2, 3]
attack = ["none", "sign-flip"]                                # a name stands for the part of that name
guard = ["mean", { rule = { name = "krum", f = 4 } }]
defence = ["median", "ensemble", { guard = { rule = "median" }, server = { rollback = { rise = 0.5 } } }]   # any procedures
partition = ["iid", { name = "dirichlet", alpha = 0.1 }]      # short for clients.partition
optimiser = ["sgd", { name = "adam", lr = 0.01 }]             # short for server.optimiser
clients.count = [20, 50]                                      # any other setting by its dotted key
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mithridate.cli.defences import tables_of
from mithridate.cli.documents import Document
from mithridate.core.errors import ConfigurationError, UnknownName
from mithridate.core.places import line_of
from mithridate.report.labels import attack_label, defence_label, labels_of

if TYPE_CHECKING:
    from mithridate.sim.scenario import Scenario

__all__ = ["Axis", "Variant", "axes_of", "variants"]

_MOST_CELLS = 100_000
_SHORT = {"partition": "clients.partition", "optimiser": "server.optimiser"}
_TABLES = ("attack", "guard", "task", "model", "clients", "training", "server", "evaluation", "admission")


@dataclass(frozen=True)
class Axis:
    """What is varied.

    Args:
        key: Of the scenario, dotted.
        values: As they were given, without their labels.
        labels: What people call them.
    """

    key: str
    values: tuple[Any, ...]
    labels: tuple[str, ...]

    def spoken(self, place: int) -> str:
        """A value where several axes are told at once.

        >>> Axis("clients.count", (5, 9), ("5", "9")).spoken(1), Axis("guard.rule", ("krum",), ("krum",)).spoken(0)
        ('count 9', 'krum')
        """
        bare = isinstance(self.values[place], bool | int | float)
        return f"{self.key.rpartition('.')[2]} {self.labels[place]}" if bare else self.labels[place]


@dataclass(frozen=True, eq=False)
class Variant:
    """One cell of a sweep.

    Args:
        axes: The values on its axes, by key.
        labels: What people call them, by key.
        scenario: What they make.
        attack, defence: Its row and its column, for people.
        condition: What else is varied, seeds aside; empty if nothing is.
    """

    axes: Mapping[str, Any]
    labels: Mapping[str, str]
    scenario: Scenario
    attack: str
    defence: str
    condition: str


def variants(document: Document) -> list[Variant]:
    """Every combination of the values in a document's [sweep] table.

    Rounds are not recorded for replay unless the document says so: a sweep has very many.

    Raises:
        ConfigurationError: no axes, an axis without values, a combination that is no scenario: all are checked beforehand.
    """
    axes = axes_of(document)
    cells = 1
    for axis in axes:
        cells *= len(axis.values)
    if cells > _MOST_CELLS:
        raise ConfigurationError(f"{document.where}: the [sweep] has {cells} cells, at most {_MOST_CELLS} are planned")
    table = {"record": False} | {key: value for key, value in document.table.items() if key != "sweep"}
    plain = Document(document.text, document.where, table, document.given)
    return [_variant(plain, axes, places) for places in itertools.product(*(range(len(a.values)) for a in axes))]


def axes_of(document: Document) -> list[Axis]:
    """The axes of a document, in its order.

    Raises:
        ConfigurationError: there is none; one without values, or given twice; a label given to two values.
    """
    axes: dict[str, Axis] = {}
    for name, values in _listed(document.table.get("sweep", {}), document):
        key = _SHORT.get(name, name)
        if key in axes:
            raise ConfigurationError(f"{document.where}: the axis {key!r} is given twice")
        values = [_whole(key, value) for value in values]
        labels = labels_of(key, values)
        plain = tuple(_unlabelled(value) for value in values)
        for a, b in itertools.combinations(range(len(plain)), 2):
            if labels[a] == labels[b] and plain[a] != plain[b]:
                raise ConfigurationError(
                    f"{document.where}: two values of the axis {key!r} have the label {labels[a]!r}"
                )
        axes[key] = Axis(key, plain, tuple(labels))
    if not axes:
        raise ConfigurationError(
            f'{document.where}: has no [sweep] table; write for example [sweep] "seed" = [1, 2, 3]'
        )
    return list(axes.values())


def _variant(plain: Document, axes: Sequence[Axis], places: Sequence[int]) -> Variant:
    changed = plain
    for axis, place in zip(axes, places, strict=True):
        value = axis.values[place]
        for key, part in value.items() if axis.key == "defence" else [(axis.key, value)]:
            changed = changed.changed(key, _over(changed.table, key, part))
    try:
        scenario = changed.scenario()
    except ConfigurationError as error:
        message = str(error)
        for axis in axes:
            message = message.replace(f"--set {axis.key}=", f"[sweep] {axis.key} = ", 1)
        if any(axis.key == "defence" for axis in axes):
            message = message.replace("--set ", "[sweep] defence: ", 1)
        raise ConfigurationError(re.sub(r"^\[sweep\]", f"{plain.where}: [sweep]", message)) from error
    chosen = list(zip(axes, places, strict=True))
    return Variant(
        axes={axis.key: axis.values[place] for axis, place in chosen},
        labels={axis.key: axis.labels[place] for axis, place in chosen},
        scenario=scenario,
        attack=_told(chosen, "attack") or attack_label(changed.table.get("attack")),
        defence=_told(chosen, "guard", "defence") or defence_label(changed.table),
        condition=_told(chosen, ""),
    )


def _told(chosen: Sequence[tuple[Axis, int]], *sections: str) -> str:
    """The values on the axes of sections in words; on all that are neither attack, defence nor seed if it is the empty one."""
    heads = [(axis.key.partition(".")[0], axis, place) for axis, place in chosen]
    if sections != ("",):
        return ", ".join(axis.spoken(place) for head, axis, place in heads if head in sections)
    apart = ("attack", "defence", "guard", "seed")
    return ", ".join(axis.spoken(place) for head, axis, place in heads if head not in apart)


def _over(table: Mapping[str, Any], key: str, value: Any) -> Any:
    """The value for a key: a table of a whole section is put over what the section holds."""
    held = table.get(key)
    return {**held, **value} if isinstance(value, Mapping) and isinstance(held, Mapping) and key in _TABLES else value


def _whole(key: str, value: Any) -> Any:
    """A name where a whole section is meant, as that section.

    >>> _whole("guard", "median"), _whole("attack", "alie"), _whole("attack", "label-flip"), _whole("task", "mnist")
    ({'rule': 'median'}, {'update': 'alie'}, {'data': 'label-flip'}, {'name': 'mnist'})
    """
    if key == "defence":
        return tables_of(value)
    if not isinstance(value, str) or value == "none":
        return value
    match key:
        case "guard":
            return {"rule": value}
        case "task" | "model":
            return {"name": value}
        case "attack":
            from mithridate.attacks import catalog

            slots = {"update": catalog.UPDATE_ATTACKS, "data": catalog.DATA_POISONS, "trigger": catalog.TRIGGERS}
            slot = next((slot for slot, known in slots.items() if value in known), None)
            if slot is None:
                raise UnknownName("attack", value, ["none", *(name for known in slots.values() for name in known)])
            return {slot: value}
    return value


def _unlabelled(value: Any) -> Any:
    return {key: item for key, item in value.items() if key != "label"} if isinstance(value, Mapping) else value


def _listed(table: Any, document: Document, path: tuple[str, ...] = ()) -> Iterator[tuple[str, list[Any]]]:
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{document.where}: [sweep] must be a table of lists")
    for key, values in table.items():
        name = ".".join([*path, key])
        if isinstance(values, Mapping):  # guard.rule = [...] without quotes nests
            yield from _listed(values, document, (*path, key))
        elif isinstance(values, list) and values:
            yield name, values
        else:
            line = line_of(document.text, ("sweep", *path, key))
            place = document.where if line is None else f"{document.where}:{line}"
            raise ConfigurationError(f"{place}: the axis {name!r} must be a list of values")
