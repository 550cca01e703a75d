"""The learnt attacker: liars who rehearse the federation and learn by trying which lie pays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mithridate.attacks.access import ModelAccess, Samples
from mithridate.attacks.imitation import Harm, Imitation, harm
from mithridate.attacks.policy_search import acted, learnt
from mithridate.attacks.rehearsal import descended, drawn, output_rows, pooled
from mithridate.attacks.view import View, sent
from mithridate.core.card import Card, Knowledge
from mithridate.core.errors import ConfigurationError, UnmetPrecondition
from mithridate.core.kernels import LARGEST
from mithridate.core.protocols import Memory, fits
from mithridate.core.randomness import stream

__all__ = ["LearnedPolicy", "compressed"]

_REMEMBERED, _JUDGED = 50, 200


@dataclass(frozen=True)
class LearnedPolicy:
    """Learning to attack: every liar sends what a policy says that was learnt by trial in a rehearsed federation.

    The lie is a long training of the liars' own, backwards: with w' the model after E plain steps from w_t on their pooled
    samples,

        v = -c (w' - w_t),   (c, E) chosen in each round by the action tanh(W s_t)

    where -1 to 1 stands for c = low to high and for E = 1 to `steps`, both on a geometric scale. The state s_t is 1, the liars'
    share of the rows, log(1 + loss) and `features` numbers that the output layer is compressed to. W is what is learnt: by a
    cross-entropy search over whole rehearsals of `horizon` rounds (`Imitation`), from W = 0, the middle of both ranges. A
    rehearsal earns the rise of the harm, summed over its rounds without discount. The liars have their first lesson when they
    first lie, and another one every so many rounds, from the broadcast of that round and the policy that they have.

    Args:
        horizon: Rounds per rehearsal; >= 1.
        population: Policies tried per generation; 2 to 1000.
        generations: Per lesson; >= 0. With 0 nothing is learnt and the policy stays at W = 0.
        every: Rounds from one lesson to the next; >= 1. None: one lesson.
        reward: What is to rise: "loss" or "error", on up to 200 of the liars' samples.
        low: Least c; > 0.
        high: Greatest c; above `low`.
        steps: Greatest E; >= 1.
        rate: Learning rate of these steps; > 0.
        batch: Samples per step; >= 1.
        features: Numbers that the output layer is compressed to; >= 0.
    Raises:
        ConfigurationError: high does not exceed low.
        UnmetPrecondition: no network or samples, or a guard that is hidden or needs what only the server measures.
    Cost: per lesson (1 + population x generations) rehearsals of horizon rounds, each (n - m) trainings and E gradients;
        else E gradients per round; 28 s of one core for 15 rounds on MNIST. Remembers W and the counts of up to 50 rounds.
    From: Li, Sun and Zheng, NeurIPS 2022; state, action, lie and reward as in the authors' code (environments for MNIST under
        clipped median and Krum: c to 29.9 and 9.9, E to 49 and 21, gamma 1; `reward = "error"` is its one for EMNIST).
    Differs: not TD3. The authors train an actor and critics of 256 and 128 units over 80,000 rounds, in episodes of 1,000 from
        the first model; here W is linear, and a few hundred rounds from the broadcast on must do. Their c and E are linear in
        the action. Their state is the whole output layer, scaled to [-1, 1], and the count of liars; ours has that layer, so
        scaled, on fixed random directions, and the loss. Their liars first invert the model's moves for images like those of
        honest clients; ours know their own samples alone. Their action against FLTrust (rate, E, and the weight of a clean
        loss) is left out. The paper's text was not at hand.
    Weak against: coordinate-wise rules, under which the length of a lie hardly counts and lessons are worth nothing. On MNIST,
        as in docs/results.md (4 of 20 clients lie, three seeds), the clipped median ends at 83.0 % taught and 82.8 % untaught
        (`generations = 0`), Krum at 55.4 and 64.6 %, the mean at 10.1 and 88.9 %. Under Krum that is more harm than `ipm` and
        `alie` do, and less than `fang-krum` (42.4 %) and `agr-tailored` (12.4 %), who see the honest updates. Where no lie that
        is tried gets past, as with Krum on clients that are all alike, all rehearsals earn the same and nothing is learnt.
    """

    horizon: int = 3
    population: int = 8
    generations: int = 4
    every: int | None = 5
    reward: Harm = "loss"
    low: float = 0.1
    high: float = 30.0
    steps: int = 49
    rate: float = 0.05
    batch: int = 200
    features: int = 4
    card: ClassVar[Card] = Card(
        "learned-policy",
        "update",
        "a policy learnt in a rehearsed federation says how far and how long to train backwards",
        "Li, Sun and Zheng, NeurIPS 2022",
        knows="partial",
        cost="per lesson population x generations x horizon rehearsed rounds",
        tags=("NISTAML.011 Model Poisoning", "AML.T0018.000 Poison AI Model", "AML.T0031 Erode AI Model Integrity"),
    )
    reads_guard: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("horizon", "steps", "batch"):
            fits(getattr(self, name), 1, math.inf, name, whole=True)
        for name in ("generations", "features"):
            fits(getattr(self, name), 0, math.inf, name, whole=True)
        fits(self.population, 2, 1000, "population", whole=True)
        if self.every is not None:
            fits(self.every, 1, math.inf, "every", whole=True)
        if self.reward not in ("loss", "error"):
            raise ConfigurationError(f"reward must be 'loss' or 'error', not {self.reward!r}")
        fits(self.low, 0, LARGEST, "low", open_low=True)
        fits(self.high, self.low, LARGEST, "high", open_low=True)
        fits(self.rate, 0, LARGEST, "rate", open_low=True)

    @property
    def knows(self) -> Knowledge:
        return "partial"

    def init(self) -> Memory:
        return {"policy": np.zeros((2, 3 + self.features)), "counts": (), "due": 0, "earned": ()}

    def craft(self, view: View) -> tuple[np.ndarray, Memory]:
        if view.access is None or not any(len(each.y) for each in view.samples):
            raise UnmetPrecondition("learned-policy needs the model and the liars’ samples")
        memory = dict(view.memory)
        memory["counts"] = (*memory["counts"], (view.m, view.n_total))[-_REMEMBERED:]
        if self.due(view, memory):
            memory |= self._taught(view, view.access, memory)
        pool = pooled(view.samples)
        lie = self.lie(memory["policy"], view.access, pool, view.model, view.m / view.n_total, view.rng)
        return sent(lie, view), memory

    def due(self, view: View, memory: dict[str, Any]) -> bool:
        """Whether this round begins with a lesson."""
        return self.generations > 0 and memory["due"] is not None and view.round >= memory["due"]

    def _taught(self, view: View, access: ModelAccess, memory: dict[str, Any]) -> dict[str, Any]:
        """What a lesson changes in the memory."""
        stage = Imitation(view, access, memory["counts"], self.horizon, self.reward)

        def earned(weights: np.ndarray) -> float:
            return stage.gain(lambda w, share, rng: self.lie(weights, access, stage.pool, w, share, rng))

        found = learnt(earned, memory["policy"], view.rng, generations=self.generations, population=self.population)
        due = None if self.every is None else view.round + self.every
        return {"policy": found.weights, "due": due, "earned": (found.before, found.after)}

    def lie(
        self,
        weights: np.ndarray,
        access: ModelAccess,
        pool: Samples,
        model: np.ndarray,
        share: float,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """(d,), what a policy makes every liar send; `share` of the rows are theirs."""
        judged = drawn(pool, _JUDGED, rng)
        state = np.concatenate(
            [
                [1.0, share, math.log1p(harm(access, model, judged, "loss"))],
                compressed(model, access, self.features),
            ]
        )
        scale, steps = self.meant(acted(weights, state))
        with np.errstate(over="ignore", invalid="ignore"):
            ahead = descended(access, model, pool, rng, steps=steps, rate=self.rate, batch=self.batch)
            return np.asarray(np.nan_to_num(-scale * (ahead.astype(np.float64) - model)))

    def meant(self, action: np.ndarray) -> tuple[float, int]:
        """c and E of an action in [-1, 1].

        >>> LearnedPolicy(low=1.0, high=4.0, steps=49).meant(np.array([-1.0, 0.0]))
        (1.0, 7)
        """
        part = (np.asarray(action, float) + 1) / 2
        return self.low * (self.high / self.low) ** float(part[0]), round(self.steps ** float(part[1]))


def compressed(model: np.ndarray, access: ModelAccess, features: int) -> np.ndarray:
    """(features,), the output layer scaled to [-1, 1] by its least and greatest value, on fixed random directions."""
    places = output_rows(access.layers, access.classes).reshape(-1)
    layer = (model[places] if places.size else model).astype(np.float64)
    low, high = float(layer.min()), float(layer.max())
    scaled = 2 * (layer - low) / (high - low) - 1 if math.isfinite(high - low) and high > low else np.zeros(layer.size)
    directions = stream(0, 0, "learned-policy").choice([-1.0, 1.0], (features, layer.size))
    return np.asarray(directions @ scaled / math.sqrt(layer.size))
