"""Is this statement what the other side should have said, and did its key say it?"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

from mithridate.identity.keys import fingerprint, holds
from mithridate.identity.refusal import NotAuthentic, Reason
from mithridate.identity.statement import Signed, Statement, encoded

__all__ = ["verify"]

_REASONS: dict[str, Reason] = {
    "run": "wrong-run",
    "round": "stale-round",
    "node": "wrong-node",
    "phase": "wrong-phase",
    "model": "wrong-model",
    "update": "wrong-update",
    "examples": "wrong-examples",
    "old": "unknown-key",
    "new": "unknown-key",
}


def verify(signed: Signed, known: Container[str], expected: Statement) -> str:
    """The fingerprint of the key that made this statement, where the statement is the expected one.

    What the caller must do: compute the digests in `expected` from the bytes it holds, never copy them from the statement;
    and ask `Continuity` (server) or `Followed` (client) afterwards, since a replayed statement is signed as well as a new one.

    Args:
        signed: What came.
        known: Fingerprints of the keys that may speak: an `Enrolment`, or the set of the server's key alone.
        expected: The statement as this side would have written it.

    Raises:
        NotAuthentic: the first of these steps that fails names the reason.
    """
    # (1): The kind; another kind's signature is over other bytes in any case.
    if type(signed.statement) is not type(expected):
        raise NotAuthentic("malformed", f"this is no {expected.kind}")
    # (2): Who. Strangers are turned away before any arithmetic on curves.
    who = fingerprint(signed.key)
    if who not in known:
        raise NotAuthentic("unknown-key", f"the key {who} is not one that may speak here")
    # (3): The signature. From here on the holder of the key answers for every field.
    if not holds(signed.key, encoded(signed.statement), signed.signature):
        raise NotAuthentic("bad-signature", f"the signature is not that of {who} over this statement")
    # (4): Every field, in the order in which they stand.
    for name, said, wanted in _differences(signed.statement, expected):
        if name == "round" and said > wanted:
            raise NotAuthentic("from-the-future", f"round {said}, expected {wanted}")
        raise NotAuthentic(_REASONS[name], f"{name} is {said}, expected {wanted}")
    return who


def _differences(one: Statement, two: Statement) -> Iterator[tuple[str, Any, Any]]:
    for name in _REASONS:
        said, wanted = getattr(one, name, None), getattr(two, name, None)
        if said != wanted:
            yield name, said, wanted
