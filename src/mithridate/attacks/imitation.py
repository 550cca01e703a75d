"""The whole federation on the attacker's desk: honest clients imitated from the liars' own samples, and the known guard."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Literal

import numpy as np

from mithridate.attacks.access import ModelAccess, Samples
from mithridate.attacks.live import cross_entropy
from mithridate.attacks.rehearsal import drawn, pooled
from mithridate.attacks.trials import known_layout
from mithridate.attacks.view import View
from mithridate.core.cohort import Cohort
from mithridate.core.errors import UnmetPrecondition
from mithridate.core.protocols import Memory, Need
from mithridate.core.randomness import stream

__all__ = ["Harm", "Imitation", "Liar", "harm"]

Harm = Literal["loss", "error"]
"""What the liars want to rise: the mean cross-entropy, or the share of samples that the model gets wrong."""

Liar = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
"""(d,) what every liar sends, from the model, the share of rows that lie, and a random stream."""

_JUDGED, _RUINED = 200, 1e6


def harm(access: ModelAccess, model: np.ndarray, samples: Samples, kind: Harm) -> float:
    """How bad a model is on these samples; 1e6 at most, and for a model that is no longer finite."""
    if not np.isfinite(model).all():
        return _RUINED
    scores = access.scores(model, samples.x)
    if kind == "error":
        return float((scores.argmax(axis=1) != samples.y).mean())
    if not np.isfinite(scores).all():
        return _RUINED
    return min(float(cross_entropy(scores, samples.y).mean()), _RUINED)


class Imitation:
    """Rounds that could come: what the federation would become if the liars lied in a given way from now on.

    Each imitated honest client draws its samples, once, from the liars' pooled ones: as many of its classes as one of the liars
    has of its own, the classes in another order. So the clients are as unlike as the liars are. They train as the federation
    does. The guard begins without a memory; its aggregate is added to the model. How many rows lie, of how many, is drawn from
    the counts of rounds that the liars saw.

    All randomness but the lies' follows from one seed: every way of lying meets the same clients, batches and draws.

    Args:
        view: The round from whose broadcast the rehearsals start; lends the network, the guard and the liars' samples.
        counts: (liars, rows) of rounds seen, at least one pair.
        horizon: Rounds per rehearsal.
        kind: What is to rise.
    Raises:
        UnmetPrecondition: the view hides the guard, or it needs what only the server measures.
    """

    def __init__(self, view: View, access: ModelAccess, counts: tuple[tuple[int, int], ...], horizon: int, kind: Harm):
        if view.guard is None:
            raise UnmetPrecondition("the attack needs to know the defence, and this view hides it")
        unknown = view.guard.needs - {Need.REFERENCE, Need.LAYOUT}
        if unknown:
            asked = ", ".join(sorted(need.value for need in unknown))
            raise UnmetPrecondition(f"the guard asks the server for {asked}, which liars cannot rehearse")
        self.guard, self.access, self.horizon, self.kind = view.guard, access, horizon, kind
        self.view, self.counts, self.seed = view, counts, int(view.rng.integers(2**62))
        self.pool = pooled(view.samples)
        self.judged = drawn(self.pool, _JUDGED, stream(self.seed, 0, "judged"))

    @cached_property
    def shards(self) -> list[Samples]:
        """What the imitated honest clients train on."""
        classes, labels = np.unique(self.pool.y, return_inverse=True)
        skews = [np.array([(each.y == c).sum() for c in classes]) for each in self.view.samples if len(each.y)]
        shards = []
        for client in range(max(n - m for m, n in self.counts)):
            rng = stream(self.seed, client, "imitated shard")
            skew = rng.permutation(skews[int(rng.integers(len(skews)))])
            hits = [rng.choice(np.flatnonzero(labels == c), size) for c, size in enumerate(skew)]
            hit = np.concatenate(hits)
            shards.append(Samples(self.pool.x[hit], self.pool.y[hit]))
        return shards

    def gain(self, liar: Liar) -> float:
        """By how much the harm rises over the horizon: the undiscounted sum of its rises round by round."""
        model, memory = self.view.model, self.guard.init()
        for ahead in range(self.horizon):
            model, memory = self._played(liar, model, memory, ahead)
            if not np.isfinite(model).all():
                break
        return harm(self.access, model, self.judged, self.kind) - self._now

    @cached_property
    def _now(self) -> float:
        return harm(self.access, self.view.model, self.judged, self.kind)

    def _played(self, liar: Liar, model: np.ndarray, memory: Memory, ahead: int) -> tuple[np.ndarray, Memory]:
        """The model and the guard's memory after one more round."""
        m, n = self.counts[int(stream(self.seed, ahead, "counts").integers(len(self.counts)))]
        honest = self._first[: n - m] if ahead == 0 else self._trained(model, ahead, n - m)
        lie = liar(model, m / n, stream(self.seed, ahead, "lie"))
        with np.errstate(over="ignore", invalid="ignore"):
            cohort = Cohort(
                model=model,
                updates=np.vstack([*honest, *(lie[None] for _ in range(m))]),
                clients=tuple((f"imitated-{i}",) for i in range(n - m)) + tuple((f"liar-{i}",) for i in range(m)),
                weights=np.ones(n),
                round=self.view.round + ahead,
                seed=self.seed,
                reference=self._reference(model, ahead),
                layout=known_layout(self.view),
            )
            decision, memory = self.guard.apply(cohort, memory)
            return model + decision.delta, memory

    @cached_property
    def _first(self) -> list[np.ndarray]:
        """The honest updates of the first rehearsed round, which no lie has touched yet."""
        return self._trained(self.view.model, 0, len(self.shards))

    def _trained(self, model: np.ndarray, ahead: int, clients: int) -> list[np.ndarray]:
        with np.errstate(over="ignore", invalid="ignore"):
            return [
                self.access.train(model, shard.x, shard.y, stream(self.seed, ahead, f"imitated:{client}")) - model
                for client, shard in enumerate(self.shards[:clients])
            ]

    def _reference(self, model: np.ndarray, ahead: int) -> np.ndarray | None:
        """The liars' guess of the server's clean update: a training on the samples that judge."""
        if Need.REFERENCE not in self.guard.needs:
            return None
        rng = stream(self.seed, ahead, "imitated reference")
        return np.asarray(self.access.train(model, self.judged.x, self.judged.y, rng) - model)
