"""Every part of an adversary by name, and the [attack] table of a scenario.

[attack]
liars = 4
update = { name = "model-replacement", boost = 5.0 }
trigger = { name = "patch", target = 0, size = 3, share = 0.3 }
steering = [{ name = "projected-descent", radius = 2.0 }, "neurotoxin"]
schedule = { name = "from-round", round = 2 }

Plug-ins announce parts of their own as entry points, like rules and stages do: see `guard.catalog.Catalog`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mithridate.attacks.adaptive_trigger import AdversariallyAdapted
from mithridate.attacks.adversary import Adversary
from mithridate.attacks.alternating import AlternatingMinimisation
from mithridate.attacks.backdoor import Blended, ModelReplacement, Patch, Pixel
from mithridate.attacks.best_against import BestAgainst
from mithridate.attacks.blunt import Constant, Gaussian, Scaling, SignFlip, Zero
from mithridate.attacks.bounded import TrainAndScale
from mithridate.attacks.camouflage import ThreeDFed
from mithridate.attacks.catching_up import CatchUp
from mithridate.attacks.collusion import Cerp
from mithridate.attacks.composite import Composite
from mithridate.attacks.compound import Bandit, Switch
from mithridate.attacks.data import FeatureNoise, LabelFlip
from mithridate.attacks.data_free import DarkFed
from mithridate.attacks.distributed import Distributed
from mithridate.attacks.durable import Chameleon
from mithridate.attacks.fake_clients import Mpaf, PoisonedFL
from mithridate.attacks.fang import FangKrum, FangTrim
from mithridate.attacks.faults import Faults
from mithridate.attacks.flips import F3ba
from mithridate.attacks.geometric import MinMax, MinSum
from mithridate.attacks.invisible import Iba, InputAware
from mithridate.attacks.layers import LayerSubstitution
from mithridate.attacks.learned_policy import LearnedPolicy
from mithridate.attacks.live import BadSampler, DynamicFlip
from mithridate.attacks.mimic import Mimic
from mithridate.attacks.moments import Alie, Ipm
from mithridate.attacks.natural import EdgeCase, Semantic
from mithridate.attacks.pill import Pill
from mithridate.attacks.relocated import Rop
from mithridate.attacks.schedules import Always, Churn, EveryKth, FromRound, Ramp, SingleShot, Window
from mithridate.attacks.self_adaptive import Sadba
from mithridate.attacks.sinusoid import Sinusoid
from mithridate.attacks.skew import Strike
from mithridate.attacks.steering import ConstrainAndScale, Neurotoxin, ProjectedDescent
from mithridate.attacks.sycophants import Sybil, Sycophantic
from mithridate.attacks.tailored import AgrTailored
from mithridate.core.errors import ConfigurationError, suggestion
from mithridate.guard.catalog import RULES, STAGES, Catalog
from mithridate.guard.tables import build, table_of

__all__ = [
    "CATALOGS",
    "DATA_POISONS",
    "SCHEDULES",
    "STEERINGS",
    "TRIGGERS",
    "UPDATE_ATTACKS",
    "adversary_from_table",
    "adversary_to_table",
]

UPDATE_ATTACKS = Catalog(
    "mithridate.update_attacks",
    {
        "agr-tailored": AgrTailored,
        "3dfed": ThreeDFed,
        "alie": Alie,
        "bandit": Bandit,
        "best-against": BestAgainst,
        "composite": Composite,
        "constant": Constant,
        "fang-krum": FangKrum,
        "fang-trim": FangTrim,
        "alternating-minimisation": AlternatingMinimisation,
        "catch-up": CatchUp,
        "cerp": Cerp,
        "chameleon": Chameleon,
        "darkfed": DarkFed,
        "f3ba": F3ba,
        "faults": Faults,
        "gaussian": Gaussian,
        "ipm": Ipm,
        "layer-substitution": LayerSubstitution,
        "learned-policy": LearnedPolicy,
        "mimic": Mimic,
        "min-max": MinMax,
        "min-sum": MinSum,
        "model-replacement": ModelReplacement,
        "mpaf": Mpaf,
        "pill": Pill,
        "poisonedfl": PoisonedFL,
        "rop": Rop,
        "scaling": Scaling,
        "sign-flip": SignFlip,
        "strike": Strike,
        "switch": Switch,
        "sybil": Sybil,
        "sycophantic": Sycophantic,
        "train-and-scale": TrainAndScale,
        "zero": Zero,
    },
)

DATA_POISONS = Catalog(
    "mithridate.data_poisons",
    {
        "bad-sampler": BadSampler,
        "dynamic-flip": DynamicFlip,
        "feature-noise": FeatureNoise,
        "label-flip": LabelFlip,
    },
)

TRIGGERS = Catalog(
    "mithridate.triggers",
    {
        "adversarially-adapted": AdversariallyAdapted,
        "blended": Blended,
        "distributed": Distributed,
        "edge-case": EdgeCase,
        "iba": Iba,
        "input-aware": InputAware,
        "patch": Patch,
        "pixel": Pixel,
        "sadba": Sadba,
        "semantic": Semantic,
        "sinusoid": Sinusoid,
    },
)

STEERINGS = Catalog(
    "mithridate.steerings",
    {
        "constrain-and-scale": ConstrainAndScale,
        "neurotoxin": Neurotoxin,
        "projected-descent": ProjectedDescent,
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
        "window": Window,
    },
)

CATALOGS: Mapping[str, Catalog] = {
    "data": DATA_POISONS,
    "rule": RULES,
    "schedule": SCHEDULES,
    "screen": STAGES,
    "stage": STAGES,
    "steering": STEERINGS,
    "trigger": TRIGGERS,
    "update": UPDATE_ATTACKS,
}
"""Where a class belongs, by the kind on its card."""

_PARTS = {
    "data": ("data poison", DATA_POISONS),
    "trigger": ("trigger", TRIGGERS),
    "update": ("update attack", UPDATE_ATTACKS),
    "schedule": ("schedule", SCHEDULES),
}
_KEYS = ("liars", *_PARTS, "steering", "unwitting")


def adversary_from_table(table: Any, where: str = "") -> Adversary:
    """The adversary that an [attack] table describes.

    Args:
        table: `liars` and any of `data`, `trigger`, `update`, `schedule`, each a name or a table with a name, `steering`, a
            list of these, and `unwitting`, true or false.
        where: Prefix of every message.

    Raises:
        ConfigurationError: an unknown key or name, a missing key, a wrong type or value.

    >>> adversary_from_table({"liars": 4, "update": {"name": "alie", "z": 1.5}}).update
    Alie(z=1.5, mode='neurips', knows='omniscient')
    """
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{where}[attack] must be a table")
    for key in table:
        if key not in _KEYS:
            raise ConfigurationError(f"{where}unknown key {key!r}{suggestion(str(key), list(_KEYS))}")
    if "liars" not in table:
        raise ConfigurationError(f"{where}'liars' is missing: how many clients lie?")
    parts = {
        slot: build(kind, classes, table[slot], f"{where}{slot}: ")
        for slot, (kind, classes) in _PARTS.items()
        if slot in table
    }
    given = table.get("steering", [])
    if not isinstance(given, list | tuple):
        raise ConfigurationError(f'{where}steering must be a list, such as ["neurotoxin"], not {given!r}')
    unwitting = table.get("unwitting", False)
    if type(unwitting) is not bool:
        raise ConfigurationError(f"{where}unwitting must be true or false, not {unwitting!r}")
    steering = tuple(build("steering", STEERINGS, each, f"{where}steering: ") for each in given)
    try:
        return Adversary(table["liars"], steering=steering, unwitting=unwitting, **parts)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}{error}") from error


def adversary_to_table(adversary: Adversary) -> dict[str, Any]:
    """The [attack] table of an adversary: `adversary_from_table(adversary_to_table(a)) == a`."""
    table: dict[str, Any] = {"liars": adversary.liars}
    for slot in _PARTS:
        part = getattr(adversary, slot)
        if part is not None and not (slot == "schedule" and part == Always()):
            table[slot] = table_of(part)
    if adversary.steering:
        table["steering"] = [table_of(each) for each in adversary.steering]
    if adversary.unwitting:
        table["unwitting"] = True
    return table
