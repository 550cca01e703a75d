"""Every part of an adversary by name, and the [attack] table of a scenario.

[attack]
liars = 4
update = { name = "model-replacement", boost = 5.0 }
trigger = { name = "patch", target = 0, size = 3, share = 0.3 }
schedule = { name = "from-round", round = 2 }

Plug-ins announce parts of their own as entry points, like rules and stages do: see `guard.catalog.Catalog`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mithridate.attacks.adversary import Adversary
from mithridate.attacks.backdoor import Blended, ModelReplacement, Patch, Pixel
from mithridate.attacks.blunt import Constant, Gaussian, Scaling, SignFlip, Zero
from mithridate.attacks.data import FeatureNoise, LabelFlip
from mithridate.attacks.faults import Faults
from mithridate.attacks.geometric import MinMax, MinSum
from mithridate.attacks.mimic import Mimic
from mithridate.attacks.moments import Alie, Ipm
from mithridate.attacks.schedules import Always, Churn, EveryKth, FromRound, Ramp, SingleShot
from mithridate.core.errors import ConfigurationError, suggestion
from mithridate.guard.catalog import Catalog
from mithridate.guard.tables import build, table_of

__all__ = [
    "DATA_POISONS",
    "SCHEDULES",
    "TRIGGERS",
    "UPDATE_ATTACKS",
    "adversary_from_table",
    "adversary_to_table",
]

UPDATE_ATTACKS = Catalog(
    "mithridate.update_attacks",
    {
        "alie": Alie,
        "constant": Constant,
        "faults": Faults,
        "gaussian": Gaussian,
        "ipm": Ipm,
        "mimic": Mimic,
        "min-max": MinMax,
        "min-sum": MinSum,
        "model-replacement": ModelReplacement,
        "scaling": Scaling,
        "sign-flip": SignFlip,
        "zero": Zero,
    },
)

DATA_POISONS = Catalog(
    "mithridate.data_poisons",
    {
        "feature-noise": FeatureNoise,
        "label-flip": LabelFlip,
    },
)

TRIGGERS = Catalog(
    "mithridate.triggers",
    {
        "blended": Blended,
        "patch": Patch,
        "pixel": Pixel,
    },
)

SCHEDULES = Catalog(
    "mithridate.schedules",
    {
        "always": Always,
        "churn": Churn,
        "every-kth": EveryKth,
        "from-round": FromRound,
        "ramp": Ramp,
        "single-shot": SingleShot,
    },
)

_PARTS = {
    "data": ("data poison", DATA_POISONS),
    "trigger": ("trigger", TRIGGERS),
    "update": ("update attack", UPDATE_ATTACKS),
    "schedule": ("schedule", SCHEDULES),
}


def adversary_from_table(table: Any, where: str = "") -> Adversary:
    """The adversary that an [attack] table describes.

    Args:
        table: `liars` and any of `data`, `trigger`, `update`, `schedule`, each a name or a table with a name.
        where: Prefix of every message.

    Raises:
        ConfigurationError: an unknown key or name, a missing key, a wrong type or value.

    >>> adversary_from_table({"liars": 4, "update": {"name": "alie", "z": 1.5}}).update
    Alie(z=1.5, mode='neurips', knows='omniscient')
    """
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{where}[attack] must be a table")
    for key in table:
        if key not in ("liars", *_PARTS):
            raise ConfigurationError(f"{where}unknown key {key!r}{suggestion(str(key), ['liars', *_PARTS])}")
    if "liars" not in table:
        raise ConfigurationError(f"{where}'liars' is missing: how many clients lie?")
    parts = {
        slot: build(kind, classes, table[slot], f"{where}{slot}: ")
        for slot, (kind, classes) in _PARTS.items()
        if slot in table
    }
    try:
        return Adversary(table["liars"], **parts)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}{error}") from error


def adversary_to_table(adversary: Adversary) -> dict[str, Any]:
    """The [attack] table of an adversary: `adversary_from_table(adversary_to_table(a)) == a`."""
    table: dict[str, Any] = {"liars": adversary.liars}
    for slot in _PARTS:
        part = getattr(adversary, slot)
        if part is not None and not (slot == "schedule" and part == Always()):
            table[slot] = table_of(part)
    return table
