"""Why a statement is not believed: one error, one word from a fixed vocabulary."""

from __future__ import annotations

from typing import Literal

from mithridate.core.errors import MithridateError

__all__ = ["NotAuthentic", "Reason"]

Reason = Literal[
    "malformed",
    "unknown-key",
    "bad-signature",
    "wrong-node",
    "wrong-phase",
    "wrong-run",
    "stale-round",
    "from-the-future",
    "wrong-model",
    "wrong-update",
    "wrong-examples",
    "replayed",
    "contradicts-itself",
    "reused-update",
    "copied-update",
]
"""A fixed vocabulary, so that reports and alerts can count on it."""


class NotAuthentic(MithridateError):
    """A statement was refused. The message is ours alone: it repeats nothing that a stranger wrote.

    >>> str(NotAuthentic("stale-round", "round 3, expected 4"))
    'stale-round: round 3, expected 4'
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail
