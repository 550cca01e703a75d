"""mithridate: federated learning that survives poisoned clients, and proves it.

A round is a value (`Cohort`), a defence is a pure function of it (`Guard`, made of rules and stages), and the same guard runs
in the simulator, on a replayed recording and in a real federation.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mithridate.core.cohort import Cohort, Mark
from mithridate.core.errors import ConfigurationError, MithridateError, UnmetPrecondition
from mithridate.core.layout import Layout
from mithridate.guard.admission import Reply, Sent, admit
from mithridate.guard.claims import Limits, Refusal
from mithridate.guard.guard import Decision, Guard
from mithridate.rules import (
    Bulyan,
    CenteredClip,
    DivideAndConquer,
    GeometricMedian,
    Krum,
    Mean,
    MeanAroundMedian,
    Median,
    MinDiameter,
    MultiKrum,
    RobustRate,
    SignMajority,
    TrimmedMean,
    WeightedMean,
)
from mithridate.stages import Buckets, Clip, NearestNeighbourMixing, WorkerMomentum

if TYPE_CHECKING:
    from mithridate.attacks.adversary import Adversary
    from mithridate.guard.spec import dump, parse
    from mithridate.sim.engine import simulate
    from mithridate.sim.scenario import Scenario
    from mithridate.store.replay import replay

__version__ = "0.1.0"

__all__ = [
    "Adversary",
    "Buckets",
    "Bulyan",
    "CenteredClip",
    "Clip",
    "Cohort",
    "ConfigurationError",
    "Decision",
    "DivideAndConquer",
    "GeometricMedian",
    "Guard",
    "Krum",
    "Layout",
    "Limits",
    "Mark",
    "Mean",
    "MeanAroundMedian",
    "Median",
    "MinDiameter",
    "MithridateError",
    "MultiKrum",
    "NearestNeighbourMixing",
    "Refusal",
    "Reply",
    "RobustRate",
    "Scenario",
    "Sent",
    "SignMajority",
    "TrimmedMean",
    "UnmetPrecondition",
    "WeightedMean",
    "WorkerMomentum",
    "admit",
    "dump",
    "parse",
    "replay",
    "simulate",
]

# What pulls in torch, a file format or the whole catalogue is imported when it is first named, so that `import mithridate` costs
# numpy and little more.
_LATER = {
    "Adversary": "mithridate.attacks.adversary",
    "Scenario": "mithridate.sim.scenario",
    "dump": "mithridate.guard.spec",
    "parse": "mithridate.guard.spec",
    "replay": "mithridate.store.replay",
    "simulate": "mithridate.sim.engine",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'mithridate' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
