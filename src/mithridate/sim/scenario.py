"""A scenario: everything that a simulated federation is made of, as one value and as strict TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from mithridate.attacks.adversary import Adversary
from mithridate.attacks.catalog import adversary_from_table, adversary_to_table
from mithridate.core.digest import digest
from mithridate.core.errors import ConfigurationError, suggestion
from mithridate.core.protocols import Need, fits
from mithridate.guard.catalog import SANITISERS
from mithridate.guard.claims import Limits
from mithridate.guard.guard import Guard
from mithridate.guard.plugins import used
from mithridate.guard.spec import from_table, inline, to_table
from mithridate.guard.tables import build, fill, located, table_of
from mithridate.rules import Mean
from mithridate.sim.choices import (
    ChallengeChoice,
    Clients,
    Evaluation,
    ModelChoice,
    PlantingChoice,
    ProbeChoice,
    TaskChoice,
)
from mithridate.sim.fine_tuning import FineTuning
from mithridate.sim.optimiser import OPTIMISERS, Optimiser, Sgd
from mithridate.sim.partition import PARTITIONS
from mithridate.sim.probes import MEASURED
from mithridate.sim.rollback import Rollback
from mithridate.sim.smoothing import Smoothing
from mithridate.sim.training import LocalTraining
from mithridate.sim.voting import Ensemble

__all__ = [
    "ChallengeChoice",
    "Clients",
    "Evaluation",
    "ModelChoice",
    "PlantingChoice",
    "ProbeChoice",
    "Scenario",
    "TaskChoice",
    "dump_scenario",
    "parse_scenario",
]


@dataclass(frozen=True)
class Scenario:
    """A federation, its attackers and its guard. The seed fixes everything.

    Raises:
        ConfigurationError: parts that cannot work together, such as more liars than clients.
    """

    name: str = "scenario"
    rounds: int = 20
    seed: int = 0
    task: TaskChoice = field(default_factory=TaskChoice)
    model: ModelChoice = field(default_factory=ModelChoice)
    clients: Clients = field(default_factory=Clients)
    training: LocalTraining = field(default_factory=LocalTraining)
    optimiser: Optimiser = field(default_factory=Sgd)
    smoothing: Smoothing | None = None
    rollback: Rollback | None = None
    fine_tuning: FineTuning | None = None
    attack: Adversary | None = None
    guard: Guard = field(default_factory=lambda: Guard(Mean()))
    admission: Limits = Limits()
    probes: ProbeChoice = field(default_factory=ProbeChoice)
    challenge: ChallengeChoice = field(default_factory=ChallengeChoice)
    planting: PlantingChoice = field(default_factory=PlantingChoice)
    evaluation: Evaluation = field(default_factory=Evaluation)
    record: bool = True
    ensemble: Ensemble | None = None

    def __post_init__(self) -> None:
        fits(self.rounds, 1, 1_000_000, "rounds", whole=True)
        fits(self.seed, -(2**63), 2**63 - 1, "seed", whole=True)
        if self.attack is not None and self.attack.liars > self.clients.count:
            raise ConfigurationError(f"{self.attack.liars} liars among {self.clients.count} clients")
        brought = MEASURED | {Need.CHALLENGE, Need.LAYOUT, Need.PLANTED, Need.REFERENCE}
        if (
            self.rollback is not None
            and self.rollback.watch == "asr"
            and (self.attack is None or not self.attack.trigger)
        ):
            raise ConfigurationError("rollback cannot watch the attack success rate: no attack has a trigger")
        if self.ensemble is not None and self.clients.only is not None:
            raise ConfigurationError("an ensemble says itself who trains which model: leave out 'only'")
        if self.ensemble is not None and (self.ensemble.size or 0) > self.clients.count:
            raise ConfigurationError(f"groups of {self.ensemble.size} of {self.clients.count} clients")
        if not self.guard.needs <= brought:
            missing = ", ".join(sorted(need.value for need in self.guard.needs - brought))
            raise ConfigurationError(f"the simulator cannot bring what the guard needs: {missing}")

    @property
    def digest(self) -> str:
        """SHA-256 of the configuration and of the plug-in files it uses: equal for scenarios that give the same results."""
        files = used(self.guard, self.attack)
        return digest(_table(self) | ({"plug-ins": files} if files else {}))


_TABLES = {
    "task": TaskChoice,
    "model": ModelChoice,
    "training": LocalTraining,
    "probes": ProbeChoice,
    "challenge": ChallengeChoice,
    "planting": PlantingChoice,
    "evaluation": Evaluation,
    "admission": Limits,
    "ensemble": Ensemble,
}
_TOP = ("name", "rounds", "seed", "record")
_KNOWN = (*_TOP, *_TABLES, "clients", "server", "attack", "guard")


def parse_scenario(text: str, where: str = "scenario.toml") -> Scenario:
    """The scenario that a TOML text describes; what is left out takes its default.

    Raises:
        ConfigurationError: broken TOML, an unknown key or name, a wrong type or value, with file, line and remedy.

    >>> parse_scenario("rounds = 3\\n[clients]\\ncount = 5").clients.count
    5
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, and integers or nesting beyond Python's own limits
        raise ConfigurationError(f"{where}: not valid TOML: {error}") from error
    try:
        return _scenario(document)
    except ConfigurationError as error:
        raise ConfigurationError(located(str(error), text, where)) from error


def _scenario(document: Mapping[str, Any]) -> Scenario:
    for key in document:
        if key not in _KNOWN:
            raise ConfigurationError(f"unknown key {key!r}{suggestion(key, _KNOWN)}")
    given: dict[str, Any] = {}
    for key, kind in (("name", str), ("rounds", int), ("seed", int), ("record", bool)):
        if key in document:
            if type(document[key]) is not kind:
                raise ConfigurationError(f"{key!r} must be {_SPOKEN[kind]}, not {document[key]!r}")
            given[key] = document[key]
    for key, cls in _TABLES.items():
        if key in document:
            given[key] = fill(cls, document[key], f"[{key}] ")
    if "clients" in document:
        given["clients"] = _clients(document["clients"])
    if "server" in document:
        given |= _server(document["server"])
    if "attack" in document:
        given["attack"] = adversary_from_table(document["attack"], "[attack] ")
    if "guard" in document:
        given["guard"] = from_table(document["guard"], "[guard] ")
    return Scenario(**given)


_SPOKEN = {str: "a text", int: "a whole number", bool: "true or false"}


def _clients(table: Any) -> Clients:
    if not isinstance(table, Mapping):
        raise ConfigurationError("[clients] must be a table")
    apart = ("partition", "sanitise")
    plain = fill(_PlainClients, {key: value for key, value in table.items() if key not in apart}, "[clients] ")
    given = {f.name: getattr(plain, f.name) for f in fields(plain)}
    if "partition" in table:
        given["partition"] = build("partition", PARTITIONS, table["partition"], "[clients] partition: ")
    listed = table.get("sanitise", [])
    if not isinstance(listed, list | tuple):
        raise ConfigurationError(f'[clients] sanitise must be a list, such as ["deep-knn"], not {listed!r}')
    given["sanitise"] = tuple(build("sanitiser", SANITISERS, each, "[clients] sanitise: ") for each in listed)
    return Clients(**given)


@dataclass(frozen=True)
class _PlainClients:
    """The keys of [clients] that are not tables themselves."""

    count: int = 20
    per_round: int | None = None
    drop_out: float = 0.0
    straggler: float = 0.0
    only: tuple[int, ...] | None = None


def _server(table: Any) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise ConfigurationError("[server] must be a table")
    known = ["fine-tuning", "optimiser", "rollback", "smoothing"]
    for key in table:
        if key not in known:
            raise ConfigurationError(f"[server] unknown key {key!r}{suggestion(key, known)}")
    found = {"optimiser": build("optimiser", OPTIMISERS, table.get("optimiser", "sgd"), "[server] optimiser: ")}
    for key, cls in (("smoothing", Smoothing), ("rollback", Rollback), ("fine-tuning", FineTuning)):
        if key in table:
            found[key.replace("-", "_")] = fill(cls, table[key], f"[server] {key}: ")
    return found


def dump_scenario(scenario: Scenario) -> str:
    """The TOML of a scenario: `parse_scenario(dump_scenario(s)) == s`."""
    lines = []
    for key, value in _table(scenario).items():
        if isinstance(value, Mapping):
            lines += ["", f"[{key}]", *(f"{name} = {inline(item)}" for name, item in value.items())]
        else:
            lines.append(f"{key} = {inline(value)}")
    return "\n".join(lines) + "\n"


def _table(scenario: Scenario) -> dict[str, Any]:
    """The whole scenario as nested plain values; tables at their defaults are left out."""
    table: dict[str, Any] = {key: getattr(scenario, key) for key in _TOP}
    for key in _TABLES:
        if getattr(scenario, key) is None:
            continue
        content = table_of(getattr(scenario, key))
        if key in ("task", "model"):
            content["name"] = getattr(scenario, key).name
        else:
            del content["name"]
        if key == "training" and scenario.training.epochs is not None:
            content.pop("steps", None)
        if content or key == "ensemble":
            table[key] = content
    clients = scenario.clients
    table["clients"] = {"count": clients.count, "partition": table_of(clients.partition)}
    for key, value in (
        ("per-round", clients.per_round),
        ("drop-out", clients.drop_out),
        ("straggler", clients.straggler),
        ("only", None if clients.only is None else list(clients.only)),
    ):
        if value:
            table["clients"][key] = value
    if clients.sanitise:
        table["clients"]["sanitise"] = [table_of(each) for each in clients.sanitise]
    table["server"] = {"optimiser": table_of(scenario.optimiser)}
    for key in ("smoothing", "rollback", "fine-tuning"):
        if (part := getattr(scenario, key.replace("-", "_"))) is not None:
            table["server"][key] = {name: value for name, value in table_of(part).items() if name != "name"}
    if scenario.attack is not None:
        table["attack"] = adversary_to_table(scenario.attack)
    table["guard"] = to_table(scenario.guard)
    return table
