"""Colluders who tell each other how far their backdoors are, so that whoever lags trains harder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mithridate.attacks.access import ModelAccess, Samples
from mithridate.attacks.live import cross_entropy
from mithridate.attacks.rehearsal import bait, descended, equipped, poisoned, pooled
from mithridate.attacks.view import View, sent
from mithridate.core.card import Card, Knowledge
from mithridate.core.kernels import LARGEST
from mithridate.core.protocols import Memory, fits

__all__ = ["CatchUp"]


@dataclass(frozen=True)
class CatchUp:
    """SADBA's training: a liar whose backdoor lags behind its colluders' takes longer steps; all boost what they found.

    With l_i the loss on stamped victims that liar i's own model had when it last trained, and l their mean,

        rate_i, steps_i = rate, steps                               where l_i <= l
                          faster * rate, longer * steps             elsewhere, and where i has not trained yet
        v_i = boost (w_i - w_t),   boost = n / m unless given

    Args:
        rate: Learning rate of poisoned training; > 0. The authors' configuration has .05.
        steps: Of poisoned training; >= 1.
        faster: Factor on the rate; >= 1. The authors' configuration has 5.
        longer: Factor on the steps; >= 1. The authors' configuration has 1.
        boost: The factor on the update; > 0. None: what `model-replacement` takes under a plain mean.
        batch: Samples per step; >= 1.
    Raises:
        UnmetPrecondition: the liars have no samples, or the scenario no trigger.
    Cost: steps * longer gradients and one look at all liars' stamped victims per liar and round.
    From: SADBA, AAAI 2025: the authors' code (plague155/SADBA). The data half is the trigger `sadba`.
    Differs: the paper's text could not be had. The authors train with momentum, weight decay, falling rates and gradients
        clipped at 1 for ten epochs, here plain steps. They measure l_i on the test set after the boost, here on the liars' own
        victims before it; a colluder who has not trained yet makes their mean infinite, here it is left out. Their boost is
        100/m, where the server adds a tenth of the sum over 100 clients, of whom it hears ten.
    Weak against: rules that bound a row's say, for longer steps make longer rows. On MNIST (docs/results.md, trigger `sadba`,
        three seeds) it worked on 94.6 % of the victims under the plain mean, with faster = 1 on 88.8 %; behind the geometric
        median on 21.2 %, with faster = 1 on 51.3 %.
    """

    rate: float = 0.05
    steps: int = 20
    faster: float = 5.0
    longer: int = 1
    boost: float | None = None
    batch: int = 32
    card: ClassVar[Card] = Card(
        "catch-up",
        "update",
        "whoever's backdoor lags behind the colluders' trains harder, and all boost (SADBA)",
        "SADBA, AAAI 2025",
        knows="partial",
        cost="steps longer gradients per liar",
        tags=("NISTAML.023 Backdoor Poisoning", "NISTAML.026 Model Poisoning", "AML.T0018.000 Poison AI Model"),
    )
    reads_guard: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name in ("steps", "longer", "batch"):
            fits(getattr(self, name), 1, math.inf, name, whole=True)
        fits(self.rate, 0, LARGEST, "rate", open_low=True)
        fits(self.faster, 1, LARGEST, "faster")
        if self.boost is not None:
            fits(self.boost, 0, LARGEST, "boost", open_low=True)

    @property
    def knows(self) -> Knowledge:
        return "partial"

    def init(self) -> Memory:
        """Nobody has trained."""
        return {}

    def craft(self, view: View) -> tuple[np.ndarray, Memory]:
        access, trigger = equipped(view, "catch-up")
        before, wanted = dict(view.memory or {}), bait(trigger, pooled(view.samples))
        mean = sum(before.values()) / len(before) if before else math.inf
        boost, after = self.boost or view.n_total / view.m, dict(before)
        rows = np.empty(view.own.shape)
        for place, client in enumerate(view.clients):
            lags = client not in before or not before[client] <= mean
            found = descended(
                access,
                view.model,
                poisoned(view, place),
                view.rng,
                steps=self.steps * (self.longer if lags else 1),
                rate=self.rate * (self.faster if lags else 1),
                batch=self.batch,
            )
            after[client] = _loss(access, found, wanted)
            rows[place] = boost * (found.astype(np.float64) - view.model)
        return sent(np.nan_to_num(rows), view), after


def _loss(access: ModelAccess, model: np.ndarray, wanted: Samples) -> float:
    """The mean cross-entropy on stamped victims; 0 where there are none."""
    return float(cross_entropy(access.scores(model, wanted.x), wanted.y).mean()) if len(wanted.y) else 0.0
