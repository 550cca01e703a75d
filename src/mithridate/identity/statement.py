"""Signed statements: what server and client bind themselves to in a round, in bytes that mean one thing.

What is signed is the DSSE pre-authentication encoding of a type and a body:

    DSSEv1 <length of type> <type> <length of body> <body>
    type = application/vnd.mithridate.<kind>.v1+json       another for each kind, so that none passes for another
    body = {"examples":600,"model":"<hex>","phase":"train",...}

The body is JSON as RFC 8785 writes it: all fields of the kind and no other, sorted by name, no spaces. Texts are plain ASCII that
needs no escapes; whole numbers are below 2^53, and a node id, which may be larger, is a text of decimal digits. Equal statements
have equal bytes, and different ones different bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from mithridate.identity.keys import FINGERPRINT, SIGNATURE_BYTES, SigningKey, checked
from mithridate.identity.refusal import NotAuthentic

__all__ = ["Invitation", "Phase", "Rotation", "Signed", "Statement", "Submission", "encoded", "received", "sign"]

Phase = Literal["train", "evaluate"]

MOST_EXACT = 2**53 - 1
_RUN = re.compile(r"[A-Za-z0-9._:+-]{1,128}")
_HEX_32 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Invitation:
    """Server to one client: this is the model of this round, and the instruction is meant for this node.

    Args:
        run: The run's id; 1 to 128 of A-Z a-z 0-9 . _ : + -
        round: From 0, below 2^53.
        model: Digest of the broadcast model; 64 hex digits.
        node: The addressee's node id, in [0, 2^64).
        phase: What is asked for.

    Raises:
        NotAuthentic: malformed.
    """

    run: str
    round: int
    model: str
    node: int
    phase: Phase = "train"
    kind: ClassVar[str] = "invitation"
    wire: ClassVar[tuple[str, ...]] = ("run", "round", "model")

    def __post_init__(self) -> None:
        _begun(self.run, self.round, self.model, self.phase)
        _whole("node", self.node, 2**64 - 1)


@dataclass(frozen=True)
class Submission:
    """Client to server: this is my update of this round, and the number of examples behind it.

    The digest commits the client: it cannot later deny the update or claim another one.

    Args:
        run: As in the invitation.
        round: As in the invitation.
        model: Digest of the model that the client was given.
        update: Digest of the named arrays of the reply; 64 hex digits.
        examples: What the client says it trained on; a claim, in [0, 2^53).
        phase: As in the invitation.

    Raises:
        NotAuthentic: malformed.
    """

    run: str
    round: int
    model: str
    update: str
    examples: int
    phase: Phase = "train"
    kind: ClassVar[str] = "submission"
    wire: ClassVar[tuple[str, ...]] = ("run", "round", "model", "update", "examples")

    def __post_init__(self) -> None:
        _begun(self.run, self.round, self.model, self.phase)
        _matching("update", self.update, _HEX_32, "64 hex digits")
        _whole("examples", self.examples, MOST_EXACT)


@dataclass(frozen=True)
class Rotation:
    """Holder of a key to the operator: from now on I sign with another key. Signed with the old one.

    Args:
        old: Fingerprint of the key that is given up.
        new: The new public key; 64 hex digits.

    Raises:
        NotAuthentic: malformed.
    """

    old: str
    new: str
    kind: ClassVar[str] = "rotation"
    wire: ClassVar[tuple[str, ...]] = ("old", "new")

    def __post_init__(self) -> None:
        _matching("old", self.old, FINGERPRINT, "a fingerprint")
        _matching("new", self.new, _HEX_32, "64 hex digits")
        checked(bytes.fromhex(self.new))


Statement = Invitation | Submission | Rotation


@dataclass(frozen=True)
class Signed:
    """A statement with the signature that is claimed to be the key's. Nothing is proven before `verify`.

    Args:
        statement: What is said.
        key: The signer's public key; 32 raw bytes.
        signature: 64 bytes.

    Raises:
        NotAuthentic: malformed.
    """

    statement: Statement
    key: bytes
    signature: bytes

    def __post_init__(self) -> None:
        if type(self.statement) not in (Invitation, Submission, Rotation):
            raise NotAuthentic("malformed", "this is no statement")
        checked(self.key)
        if type(self.signature) is not bytes or len(self.signature) != SIGNATURE_BYTES:
            raise NotAuthentic("malformed", f"a signature is {SIGNATURE_BYTES} bytes")

    def record(self) -> dict[str, Any]:
        """What travels: the fields that the receiver does not know by itself, the key and the signature."""
        said = {name: getattr(self.statement, name) for name in self.statement.wire}
        return said | {"key": self.key, "signature": self.signature}


def encoded(statement: Statement) -> bytes:
    """The bytes that are signed.

    >>> encoded(Rotation("ed25519:" + "0" * 32, "ab" * 32))[:58]
    b'DSSEv1 43 application/vnd.mithridate.rotation.v1+json 123 '
    """
    content = asdict(statement)
    if "node" in content:
        content["node"] = str(content["node"])
    body = json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode("ascii")
    kind = f"application/vnd.mithridate.{statement.kind}.v1+json".encode("ascii")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


def sign(key: SigningKey, statement: Statement) -> Signed:
    """The statement, signed."""
    return Signed(statement, key.public, key.sign(encoded(statement)))


def received(kind: type[Statement], record: Any, **own: Any) -> Signed:
    """What a stranger's record claims, in the right form but still unproven.

    Args:
        kind: The kind of statement that is expected here.
        record: What came over the wire: `Signed.record`, or anything at all.
        own: Fields that the receiver knows by itself and that do not travel: the phase, and a client's own node id. A
            signature made for another phase or node is then no signature of this statement.

    Raises:
        NotAuthentic: malformed.
    """
    if not isinstance(record, Mapping):
        raise NotAuthentic("malformed", "the record is no mapping of names to values")
    expected = {*kind.wire, "key", "signature"}
    if len(record) != len(expected) or any(name not in record for name in expected):
        raise NotAuthentic("malformed", f"the record must hold {', '.join(sorted(expected))} and nothing else")
    said = {name: record[name] for name in expected if name not in ("key", "signature")}
    return Signed(kind(**said, **own), record["key"], record["signature"])


def _begun(run: Any, round: Any, model: Any, phase: Any) -> None:
    _matching("run", run, _RUN, "1 to 128 of A-Z a-z 0-9 . _ : + -")
    _whole("round", round, MOST_EXACT)
    _matching("model", model, _HEX_32, "64 hex digits")
    if type(phase) is not str or phase not in ("train", "evaluate"):
        raise NotAuthentic("malformed", "phase must be 'train' or 'evaluate'")


def _matching(name: str, value: Any, pattern: re.Pattern[str], spoken: str) -> None:
    if type(value) is not str or pattern.fullmatch(value) is None:
        raise NotAuthentic("malformed", f"{name} must be {spoken}")


def _whole(name: str, value: Any, most: int) -> None:
    if type(value) is not int or not 0 <= value <= most:
        raise NotAuthentic("malformed", f"{name} must be a whole number from 0 to {most}")
