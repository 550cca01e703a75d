"""What the lying SuperNode of a lab sends, round by round, and what the guard must say of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SENT", "Sent"]


@dataclass(frozen=True)
class Sent:
    """One lie of the lab.

    Args:
        what: In words, for the page.
        reason: What the guard must say of the client; "counted" for what it counts.
        like: The behaviour of bench/behaviours.py that it is, for what it does to each strategy; None for what is only there
            where replies are packed and sent.
    """

    what: str
    reason: str
    like: str | None = None


SENT: dict[str, Sent] = {
    "nan": Sent("NaN in every coordinate", "not-finite", "nan-all"),
    "minus-inf": Sent("−Inf in every coordinate", "not-finite", "minus-inf-all"),
    "wrong-keys": Sent("all arrays under other names", "missing-key", "wrong-keys"),
    "missing-key": Sent("one array is missing", "missing-key", "missing-key"),
    "shape": Sent("shape (1,) in the place of every array", "shape", "wrong-shape-last"),
    "garbage": Sent("bytes that are no array", "malformed", "garbage"),
    "header-bomb": Sent("a header that claims 4e11 floats", "malformed", "header-bomb"),
    "torn": Sent("a packed array that cannot be unpacked", "malformed"),
    "repeated-part": Sent("a packed array that names its one part 10,000 times", "too-many-bytes"),
    "complex": Sent("complex64 instead of float32", "dtype", "complex"),
    "two-models": Sent("two array records", "records", "two-models"),
    "examples-total-0": Sent("num-examples negative, total 0", "bad-examples", "examples-total-0"),
    "examples-1e12": Sent("num-examples 1e12", "too-many-examples", "examples-1e12"),
    "extra-metric": Sent("a metric too many", "counted", "extra-metric"),
    "spoof": Sent("another client's key over the liar's signature", "bad-signature"),
    "replay": Sent("the signed reply of the round before", "stale-round"),
}
"""By the lab's name, in the order of the rounds."""
