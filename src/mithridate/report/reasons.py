"""The reason codes of a run, in words."""

from __future__ import annotations

__all__ = ["MEANINGS", "meaning"]

MEANINGS: dict[str, str] = {
    # the rule and the guard
    "not-selected": "the rule chose other updates",
    "challenge-passed": "it was a challenge, and the answer was as it should be",
    "failed-challenge": "its last answer to a challenge was wrong, and it has had no chance to mend that",
    "answer-points-elsewhere": "its answer to a challenge points elsewhere than the known one",
    "answer-too-long": "its answer to a challenge is much longer than the known one",
    "answer-too-short": "its answer to a challenge is much shorter than the known one",
    "round-refused": "the guard refused the whole round",
    "late": "the answer came after the round was over",
    # a venue beyond one machine
    "bad-signature": "the signature is not that of the key",
    "failed": "the client, or the network, said that it failed",
    "malformed": "bytes that are not what they say they are",
    "not-approved": "enrolled, and not approved yet",
    "not-enrolled": "the key is on no enrolment list",
    "organisation-cap": "more of one organisation than may speak in one round",
    "records": "other records than a model and its metrics",
    "revoked": "the key was revoked",
    "spoofed": "claims to come from another node than was asked",
    "too-many-bytes": "more bytes than a model of this size takes",
    "copied-update": "signed an update that is another client's",
    "reused-update": "signed an update that it sent before, on another model",
    "wrong-node": "an invitation for another node",
    "wrong-phase": "an answer to another kind of question",
    "unknown-key": "signed by a key that nobody knows",
    "unsigned": "carries no signature",
    "stale-round": "signed for an earlier round",
    "wrong-examples": "signed for another number of examples",
    "wrong-model": "signed for another model than was sent",
    "wrong-run": "signed for another run",
    "wrong-update": "signed for another update than was sent",
    # admission
    "bad-client-id": "the client's id is no printable text",
    "bad-examples": "the claimed number of examples is no number",
    "bad-key": "an array's name is no text",
    "bad-round": "the claimed round is no number",
    "contradicts-itself": "several different replies in one round",
    "dtype": "an array of another type than was sent",
    "empty": "an array without values",
    "extra-key": "an array that was not sent",
    "from-the-future": "answers a round that has not begun",
    "key-order": "the arrays come in another order than they were sent in",
    "missing-key": "an array is missing",
    "no-examples": "claims to have trained on no example",
    "not-a-mapping": "the arrays do not come by name",
    "not-an-array": "something else than an array",
    "not-finite": "holds NaN or infinity",
    "replayed": "repeats an update of an earlier round",
    "sent-twice": "the same reply twice",
    "shape": "an array of another shape than was sent",
    "stale": "answers an earlier round",
    "too-large": "a value beyond every sane size",
    "too-many-examples": "claims more examples than anybody may",
    "unknown-client": "was not asked",
}


def meaning(code: str) -> str | None:
    """What a code says; None for a code of a plug-in."""
    return MEANINGS.get(code)
