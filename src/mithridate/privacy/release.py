"""A release as a whole: first the budget, then the noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mithridate.privacy.budget import Balance, Budget
from mithridate.privacy.mechanism import ClippedGaussian, Noise, Released, system_noise

__all__ = ["Reply", "release"]


class Reply(NamedTuple):
    """What a client sends, and what it keeps."""

    released: Released
    balance: Balance


def release(
    mechanism: ClippedGaussian,
    budget: Budget,
    sent: Mapping[str, np.ndarray],
    trained: Mapping[str, np.ndarray],
    purpose: str = "",
    noise: Noise = system_noise,
) -> Reply:
    """Spend one release of the budget, then make it.

    In this order: who is killed between the two has paid for nothing, but never got anything for nothing.

    Raises:
        BudgetExceeded: it does not fit; nothing is released.
        PrivacyError: the ledger cannot be trusted or written; nothing is released.
        ConfigurationError: the arrays do not belong together. What was spent on that is spent.
    """
    balance = budget.spend(mechanism.event(), purpose)
    return Reply(mechanism.release(sent, trained, noise), balance)
