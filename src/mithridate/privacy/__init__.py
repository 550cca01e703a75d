"""Privacy of a client that trusts nobody: noise of its own, a budget that outlives runs, and a look at what the server sends."""

from mithridate.privacy.accountant import epsilon, noise_multiplier_for, repetitions_left
from mithridate.privacy.budget import Balance, Budget
from mithridate.privacy.events import Event, Gaussian, PoissonSampled, Repeated
from mithridate.privacy.imprint import Finding, ImprintCheck
from mithridate.privacy.ledger import Receipt
from mithridate.privacy.mechanism import ClippedGaussian, Noise, simulated_noise, system_noise
from mithridate.privacy.release import Reply, release

__all__ = [
    "Balance",
    "Budget",
    "ClippedGaussian",
    "Event",
    "Finding",
    "Gaussian",
    "ImprintCheck",
    "Noise",
    "PoissonSampled",
    "Receipt",
    "Repeated",
    "Reply",
    "epsilon",
    "noise_multiplier_for",
    "release",
    "repetitions_left",
    "simulated_noise",
    "system_noise",
]
