"""Rules that count signs: a vote per coordinate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mithridate.core.card import Card
from mithridate.core.cohort import Cohort
from mithridate.core.kernels import column_signs
from mithridate.core.protocols import Columnwise, at_least, fits

__all__ = ["RobustRate", "SignMajority"]


@dataclass(frozen=True)
class SignMajority(Columnwise):
    """Every coordinate moves by one step in the direction that most rows want: step * sign(sum_i sign u_i).

    Args:
        step: Length of the move per coordinate; > 0. None means the median over the rows of ‖u_i‖ / sqrt(d), so that the
            aggregate is as long as a typical row.
    Cost: one pass (two without `step`).
    From: Bernstein et al., ICLR 2019, arXiv:1810.05291, Algorithm 1.
    Differs: the paper's step is a learning rate that the server schedules; the default here follows the rows.
    Weak against: attacks within the majority of each coordinate; coordinates on which honest clients disagree.

    >>> from mithridate.testing import cohort
    >>> SignMajority(step=0.5)(cohort([[1., -2.], [3., -.1], [-9e9, 0.]])).delta
    array([ 0.5, -0.5], dtype=float32)
    """

    step: float | None = None
    card: ClassVar[Card] = Card(
        "sign-majority",
        "rule",
        "majority vote of the signs of every coordinate",
        "Bernstein et al., ICLR 2019, arXiv:1810.05291",
        knows="omniscient",
        bears="f < n/2 where honest signs agree",
        cost="one pass, O(n d)",
        weak=("alie",),
    )

    def __post_init__(self) -> None:
        if self.step is not None:
            fits(self.step, 0, math.inf, "step", open_low=True)

    def columns(self, cohort: Cohort) -> np.ndarray:
        step = float(np.median(cohort.norms)) / math.sqrt(max(cohort.d, 1)) if self.step is None else self.step
        votes = column_signs(cohort.updates)
        np.clip(votes, -1, 1, out=votes)  # whole numbers: their signs
        votes *= np.float32(step)
        return votes


@dataclass(frozen=True)
class RobustRate(Columnwise):
    """The mean, with its sign turned on every coordinate where fewer than `threshold` more rows point one way than the other.

    eta_j * mean_j with eta_j = 1 where |sum_i sign u_ij| >= threshold and -1 elsewhere.

    Args:
        threshold: theta, the vote needed; >= 1. A coalition of f rows cannot win a coordinate on which honest rows split evenly
            once threshold > f.
    Raises:
        UnmetPrecondition: fewer than `threshold` rows, so that every coordinate would be turned.
    Cost: two passes.
    From: Ozdayi et al., AAAI 2021, arXiv:2007.03767, section 4 (robust learning rate over FedAvg).
    Differs: the mean is unweighted.
    Weak against: any large row: the turned mean is still a mean. Put Clip before it.

    >>> from mithridate.testing import cohort
    >>> RobustRate(threshold=3)(cohort([[1., 3.], [1., 3.], [4., -3.]])).delta
    array([ 2., -1.], dtype=float32)
    """

    threshold: int
    card: ClassVar[Card] = Card(
        "robust-rate",
        "rule",
        "mean with the sign turned where too few rows agree",
        "Ozdayi et al., AAAI 2021, arXiv:2007.03767",
        knows="partial",
        bears="backdoors of f < threshold rows, after clipping",
        cost="two passes, O(n d)",
        weak=("gaussian", "scaling"),
    )

    def __post_init__(self) -> None:
        fits(self.threshold, 1, math.inf, "threshold", whole=True)

    def columns(self, cohort: Cohort) -> np.ndarray:
        at_least(cohort.n, self.threshold, str(self), "threshold")
        mean = cohort.combine(np.full(cohort.n, 1 / cohort.n))
        votes = column_signs(cohort.updates)
        turned = np.abs(votes, out=votes) < self.threshold
        np.negative(mean, out=mean, where=turned)
        return mean
