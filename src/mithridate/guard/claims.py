"""What a stranger's reply may claim: who it is, which round, how many examples, which arrays of which shape.

Every check looks before anything is computed or allocated, and says no with a reason of a fixed vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mithridate.core.errors import ConfigurationError
from mithridate.core.layout import Entry, Layout
from mithridate.core.protocols import fits

__all__ = [
    "Limits",
    "Reason",
    "Refusal",
    "Refused",
    "believed",
    "clamped",
    "identified",
    "keyed",
    "shaped",
    "spoken",
    "timely",
]

Reason = Literal[
    "bad-client-id",
    "unknown-client",
    "not-a-mapping",
    "bad-key",
    "missing-key",
    "extra-key",
    "key-order",
    "not-an-array",
    "dtype",
    "shape",
    "empty",
    "not-finite",
    "too-large",
    "stale",
    "stale-round",
    "from-the-future",
    "bad-round",
    "bad-examples",
    "too-many-examples",
    "no-examples",
    "sent-twice",
    "contradicts-itself",
    "replayed",
    "malformed",
    "too-many-bytes",
    "records",
    "failed",
    "spoofed",
    "unsigned",
    "bad-signature",
    "wrong-run",
    "wrong-model",
    "wrong-update",
    "wrong-examples",
    "unknown-key",
    "wrong-node",
    "wrong-phase",
    "reused-update",
    "copied-update",
    "not-enrolled",
    "not-approved",
    "revoked",
    "organisation-cap",
]
"""Why a reply was refused. A fixed vocabulary, so that reports and alerts can count on it."""


@dataclass(frozen=True)
class Refusal:
    """One reply that did not get in, and why."""

    client: str
    reason: Reason
    detail: str


@dataclass(frozen=True)
class Limits:
    """How far a claim may go.

    Args:
        max_abs: Largest magnitude of one coordinate of an update; (0, 1e18].
        max_examples: Claims above are refused; >= 1.
        weight_ratio: Claims above this multiple of the median claim are clamped to it; >= 1.
        key_order: "exact" refuses arrays in another order than sent; "any" matches them by name.
        max_name: Longest client id or key that is looked at, in characters.
    """

    max_abs: float = 1e9
    max_examples: int = 10_000_000
    weight_ratio: float = 10.0
    key_order: Literal["exact", "any"] = "exact"
    max_name: int = 256

    def __post_init__(self) -> None:
        fits(self.max_abs, 0, 1e18, "max_abs", open_low=True)
        fits(self.max_examples, 1, 2**53, "max_examples", whole=True)
        fits(self.weight_ratio, 1, math.inf, "weight_ratio")
        fits(self.max_name, 1, 65_536, "max_name", whole=True)
        if self.key_order not in ("exact", "any"):
            raise ConfigurationError(f"key_order must be 'exact' or 'any', not {self.key_order!r}")


class Refused(Exception):
    """Carries one refusal out of the checks of one reply: reason and detail."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def identified(client: Any, asked: frozenset[str] | None, limits: Limits) -> str:
    if not isinstance(client, str) or not client or len(client) > limits.max_name or not client.isprintable():
        raise Refused("bad-client-id", f"an id is a printable text of 1 to {limits.max_name} characters")
    if asked is not None and client not in asked:
        raise Refused("unknown-client", "was not asked in this round")
    return str(client)


def timely(claimed: Any, round: int) -> None:
    if claimed is None:
        return
    if isinstance(claimed, bool) or not isinstance(claimed, int | np.integer):
        raise Refused("bad-round", f"the round is a {type(claimed).__name__}, not a whole number")
    if claimed != round:
        raise Refused("stale" if claimed < round else "from-the-future", f"answers another round than {round}")


def believed(claimed: Any, limits: Limits) -> float:
    """A claimed number of examples, as a number.

    Raises:
        Refused: not a number, negative, NaN or beyond the limit.
    """
    if isinstance(claimed, bool | np.bool_) or not isinstance(claimed, int | float | np.integer | np.floating):
        raise Refused("bad-examples", f"the number of examples is a {type(claimed).__name__}")
    if not claimed >= 0:  # also NaN
        raise Refused("bad-examples", "the number of examples is negative or NaN")
    if claimed > limits.max_examples:
        raise Refused("too-many-examples", f"claims more than {limits.max_examples} examples")
    return float(claimed)


def keyed(arrays: Any, layout: Layout, limits: Limits) -> dict[str, Any]:
    if not isinstance(arrays, dict):
        raise Refused("not-a-mapping", f"the arrays come as {type(arrays).__name__}, not as named arrays")
    if len(arrays) > 2 * len(layout.entries) + 16:
        raise Refused("extra-key", f"{len(arrays)} arrays where {len(layout.entries)} were sent")
    for key in arrays:
        if type(key) is not str or len(key) > limits.max_name:
            raise Refused("bad-key", f"a key is no text of at most {limits.max_name} characters")
    for name in layout.names:
        if name not in arrays:
            raise Refused("missing-key", f"{name!r} is missing")
    for key in arrays:
        if key not in layout.names:
            raise Refused("extra-key", f"{spoken(key, limits)!r} was not sent")
    if limits.key_order == "exact" and tuple(arrays) != layout.names:
        raise Refused("key-order", "the arrays come in another order than they were sent in")
    return arrays


def shaped(array: Any, entry: Entry) -> None:
    """Refuse by type, dtype kind and shape: nothing here reads a value or allocates by a claimed size."""
    if type(array) is not np.ndarray:
        raise Refused("not-an-array", f"{entry.name!r} is a {type(array).__name__}")
    if array.size == 0 and math.prod(entry.shape) != 0:
        raise Refused("empty", f"{entry.name!r} is empty")
    expected = np.dtype(entry.dtype).kind
    if array.dtype.kind != expected or array.dtype.itemsize > 8:
        raise Refused("dtype", f"{entry.name!r} is {array.dtype}, sent as {np.dtype(entry.dtype)}")
    if array.shape != entry.shape:
        raise Refused("shape", f"{entry.name!r} has shape {array.shape}, sent as {entry.shape}")


def clamped(claims: np.ndarray, limits: Limits) -> np.ndarray:
    """Claims of a round, none above `weight_ratio` times their median; claims of 0 stay 0 and do not count.

    >>> clamped(np.array([1., 1., 500.]), Limits()).tolist()
    [1.0, 1.0, 10.0]
    """
    positive = claims[claims > 0]
    return np.minimum(claims, limits.weight_ratio * np.median(positive)) if positive.size else claims


def spoken(name: Any, limits: Limits) -> str:
    """A hostile name made fit for a record: printable and short."""
    if not isinstance(name, str):
        return f"<{type(name).__name__}>"
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name[: limits.max_name])
    return text or "<empty>"
