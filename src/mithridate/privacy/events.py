"""What a release costs, as plain values: the accountant adds them up, the ledger keeps them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mithridate.core.errors import PrivacyError
from mithridate.core.protocols import fits

__all__ = ["Event", "Gaussian", "PoissonSampled", "Repeated", "plain", "restored"]

LEAST_NOISE = 1e-3
"""Below this noise multiplier epsilon exceeds 500,000 and no accountant says anything of worth."""


@dataclass(frozen=True)
class Gaussian:
    """One release behind Gaussian noise.

    Args:
        noise_multiplier: Standard deviation of the noise per unit of L2 sensitivity; [0.001, inf). The sensitivity belongs to
            one neighbouring relation; whoever makes the event says which.

    >>> Gaussian(2.0)
    Gaussian(noise_multiplier=2.0)
    """

    noise_multiplier: float

    def __post_init__(self) -> None:
        fits(self.noise_multiplier, LEAST_NOISE, math.inf, "noise_multiplier")
        if math.isinf(self.noise_multiplier):
            raise PrivacyError("noise_multiplier must be finite: with infinite noise nothing is released")
        object.__setattr__(self, "noise_multiplier", float(self.noise_multiplier))


@dataclass(frozen=True)
class PoissonSampled:
    """A release about a Poisson sample: each unit takes part by a coin of its own that nobody sees who sees the release.

    It holds for neighbours by adding or removing one unit only, and never for local noise: a server that gets the reply knows
    who took part. Fixed cohorts, shuffles and epochs are no Poisson samples; accounting them as such is off by up to four times
    (arXiv:2411.10614).

    Args:
        probability: Of a unit to take part; (0, 1].
        event: What the sample goes into.
    """

    probability: float
    event: Gaussian

    def __post_init__(self) -> None:
        fits(self.probability, 0, 1, "probability", open_low=True)
        if not isinstance(self.event, Gaussian):
            raise PrivacyError(f"no account for a Poisson sample of {type(self.event).__name__}: only of Gaussian")


@dataclass(frozen=True)
class Repeated:
    """One and the same release several times, each with fresh randomness.

    Args:
        event: The release.
        count: How often; [0, inf), whole.
    """

    event: Gaussian | PoissonSampled
    count: int

    def __post_init__(self) -> None:
        fits(self.count, 0, math.inf, "count", whole=True)
        if not isinstance(self.event, Gaussian | PoissonSampled):
            raise PrivacyError(f"no account for a repeated {type(self.event).__name__}")


Event = Gaussian | PoissonSampled | Repeated


def plain(event: Event) -> dict[str, Any]:
    """The event as a table that JSON can carry.

    >>> plain(Repeated(Gaussian(2.0), 3))
    {'repeated': {'count': 3, 'event': {'gaussian': {'noise-multiplier': 2.0}}}}
    """
    match event:
        case Gaussian(noise_multiplier):
            return {"gaussian": {"noise-multiplier": noise_multiplier}}
        case PoissonSampled(probability, inner):
            return {"poisson-sampled": {"event": plain(inner), "probability": probability}}
        case Repeated(inner, count):
            return {"repeated": {"count": count, "event": plain(inner)}}
    raise PrivacyError(f"no account for {type(event).__name__}")


def restored(table: Any) -> Event:
    """The strict inverse of `plain`.

    Raises:
        PrivacyError: anything that `plain` does not write.
        ConfigurationError: a number out of range.

    >>> restored(plain(Gaussian(2.0)))
    Gaussian(noise_multiplier=2.0)
    """
    match table:
        case {"gaussian": {"noise-multiplier": noise_multiplier}}:
            event: Event = Gaussian(noise_multiplier)
        case {"poisson-sampled": {"event": inner, "probability": probability}}:
            event = PoissonSampled(probability, _unrepeated(inner, Gaussian))
        case {"repeated": {"count": count, "event": inner}}:
            event = Repeated(_unrepeated(inner, Gaussian, PoissonSampled), count)
        case _:
            raise PrivacyError(f"no privacy event: {str(table)[:80]}")
    if plain(event) != table:
        raise PrivacyError(f"no privacy event: {str(table)[:80]}")
    return event


def _unrepeated(table: Any, *kinds: type) -> Any:
    # Looked at before it is read, so that no depth of nesting can be asked for.
    if not isinstance(table, Mapping) or "repeated" in table:
        raise PrivacyError(f"no privacy event: {str(table)[:80]}")
    event = restored(table)
    if not isinstance(event, kinds):
        raise PrivacyError(f"no account for a {type(event).__name__} there")
    return event
