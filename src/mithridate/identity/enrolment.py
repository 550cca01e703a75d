"""The enrolment list: which keys may speak, for whom, and how much of a round one organisation may have.

    [organisations]
    most-clients = 5                    # keys of one organisation that may be enrolled at a time
    most-share = 0.34                   # of the clients of a round

    [[client]]
    name = "st-mary"                    # the client's id everywhere else: reputation and journal keep to it
    organisation = "North"
    key = "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik="      # or its fingerprint, "ed25519:..."
    approved = 2026-05-04               # without it the key is listed, and may not speak
    revoked = 2026-06-01                # with it the key may never speak again
    reason = "laptop lost"

    [[token]]                           # written by `mithridate enrol token`
    hash = "..."
    name = "st-john"
    organisation = "North"
    expires = 2026-05-11T12:00:00Z
    used = 2026-05-05

Dates are for people; that they are there decides, so that the same list gives the same answer on every day. The list holds no
secret.
"""

from __future__ import annotations

import base64
import binascii
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any, Literal

from mithridate.core.blame import located
from mithridate.core.errors import ConfigurationError, suggestion
from mithridate.core.tables import fill
from mithridate.identity.caps import surplus
from mithridate.identity.keys import FINGERPRINT, fingerprint
from mithridate.identity.refusal import NotAuthentic

__all__ = ["Client", "Enrolment", "Member", "NotMember", "Organisations", "Token", "parse_enrolment", "public_text"]

NotMember = Literal["not-enrolled", "not-approved", "revoked"]

_HASH = re.compile(r"[0-9a-f]{64}")
# Ids of clients that nobody vouches for begin like this; a name must not pass for one.
_RESERVED = ("node-", "ed25519:")


@dataclass(frozen=True)
class Member:
    """Who stands behind a key that may speak."""

    name: str
    organisation: str
    fingerprint: str


@dataclass(frozen=True)
class Client:
    """One key.

    Args:
        name: Whose; 1 to 64 printable characters. One name may have several keys if at most one of them is not revoked.
        organisation: Who answers for the client; the same for all keys of a name.
        key: The public key's 32 bytes in base64, or its fingerprint.
        approved: When it was let in.
        revoked: When it was shut out.
        reason: Why it was shut out.
    """

    name: str
    organisation: str
    key: str
    approved: date | None = None
    revoked: date | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        _named("name", self.name)
        _named("organisation", self.organisation)
        object.__setattr__(self, "fingerprint", _fingerprint(self.key))
        if (self.revoked is None) != (self.reason == ""):
            raise ConfigurationError("'revoked' and 'reason' belong together: when, and why")
        if self.reason and (not self.reason.isprintable() or len(self.reason) > 200):
            raise ConfigurationError("reason must be at most 200 printable characters")

    fingerprint: str = field(init=False, repr=False, compare=False)


@dataclass(frozen=True)
class Organisations:
    """How much of the federation one organisation may be.

    Args:
        most_clients: Keys that are not revoked; at least 1; None sets no bound.
        most_share: Of the clients of a round, in (0, 1].
    """

    most_clients: int | None = None
    most_share: float = 1.0

    def __post_init__(self) -> None:
        if self.most_clients is not None and self.most_clients < 1:
            raise ConfigurationError(f"most-clients must be at least 1, not {self.most_clients}")
        if not 0 < self.most_share <= 1:
            raise ConfigurationError(f"most-share must lie in (0, 1], not {self.most_share}")


@dataclass(frozen=True)
class Token:
    """A permission to enrol one key, once.

    Args:
        hash: SHA-256 of the token; 64 hex digits. The token itself is kept nowhere.
        name: Who may use it.
        organisation: Who answers for that client.
        expires: From then on it is worth nothing; with a time zone.
        used: When it was used up.
    """

    hash: str
    name: str
    organisation: str
    expires: datetime
    used: date | None = None

    def __post_init__(self) -> None:
        _named("name", self.name)
        _named("organisation", self.organisation)
        if _HASH.fullmatch(self.hash) is None:
            raise ConfigurationError("hash must be 64 hex digits")
        if self.expires.tzinfo is None:
            raise ConfigurationError("expires must have a time zone, such as 2026-05-11T12:00:00Z")


@dataclass(frozen=True)
class Enrolment:
    """The whole list.

    Raises:
        ConfigurationError: a key stands twice, a name has two keys that are not revoked or two organisations, or an organisation
            has more keys than it may.
    """

    organisations: Organisations = Organisations()
    clients: tuple[Client, ...] = ()
    tokens: tuple[Token, ...] = ()

    def __post_init__(self) -> None:
        home: dict[str, str] = {}
        keys: set[str] = set()
        current: set[str] = set()
        for i, client in enumerate(self.clients, 1):
            if client.fingerprint in keys:
                raise ConfigurationError(f"client {i}: key {client.fingerprint} stands twice; a key has one owner")
            if home.setdefault(client.name, client.organisation) != client.organisation:
                raise ConfigurationError(
                    f"client {i}: {client.name!r} belongs to two organisations; choose another name"
                )
            if client.revoked is None and client.name in current:
                raise ConfigurationError(
                    f"client {i}: {client.name!r} has two keys; revoke one, or choose another name"
                )
            keys.add(client.fingerprint)
            current |= {client.name} if client.revoked is None else set()
        if len({token.hash for token in self.tokens}) < len(self.tokens):
            raise ConfigurationError("a token stands twice")
        most = self.organisations.most_clients
        sizes = Counter(client.organisation for client in self.clients if client.revoked is None)
        for organisation, size in sorted(sizes.items()):
            if most is not None and size > most:
                raise ConfigurationError(
                    f"[organisations] most-clients is {most}, and {organisation!r} has {size}: revoke some, or raise it"
                )

    @cached_property
    def _by_fingerprint(self) -> dict[str, Client]:
        return {client.fingerprint: client for client in self.clients}

    def __contains__(self, who: object) -> bool:
        return isinstance(self.member(who), Member)

    def member(self, who: object) -> Member | NotMember:
        """Who stands behind a fingerprint, or why nobody does; O(1)."""
        client = self._by_fingerprint.get(who) if isinstance(who, str) else None
        if client is None:
            return "not-enrolled"
        if client.revoked is not None:
            return "revoked"
        return (
            "not-approved" if client.approved is None else Member(client.name, client.organisation, client.fingerprint)
        )

    def capped(self, present: Iterable[str], round: int = 0, seed: int = 0) -> tuple[str, ...]:
        """Who of a round has to be refused, so that no organisation is more than `most_share` of those who stay; sorted.

        As `caps.surplus` says. Whoever is no member is refused as well.

        Clients are counted, not the examples they claim: bound those with `[admission]`.

        Args:
            present: Fingerprints.
            round: The round's number.
            seed: With the round it fixes the order.
        """
        here = sorted(set(present))
        found = {who: member for who in here if isinstance(member := self.member(who), Member)}
        home = {who: member.organisation for who, member in found.items()}
        beyond = surplus(home, self.organisations.most_share, round, seed)
        return tuple(who for who in here if who not in home or who in beyond)


def parse_enrolment(text: str, where: str = "enrolment.toml") -> Enrolment:
    """The list that a file holds.

    Raises:
        ConfigurationError: broken TOML, an unknown key, a missing key, a wrong type or value, or a list that contradicts itself;
            with file and line where that is certain.

    >>> parse_enrolment('[organisation]')
    Traceback (most recent call last):
        ...
    mithridate.core.errors.ConfigurationError: enrolment.toml:1: unknown table 'organisation'; did you mean 'organisations'?
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{where}: not valid TOML: {error}") from error
    try:
        known = ("organisations", "client", "token")
        for key in document:
            if key not in known:
                raise ConfigurationError(f"unknown table {key!r}{suggestion(key, known)}")
        return Enrolment(
            fill(Organisations, document.get("organisations", {}), "[organisations] "),
            tuple(fill(Client, each, f"client {i}: ") for i, each in _listed(document, "client")),
            tuple(fill(Token, each, f"token {i}: ") for i, each in _listed(document, "token")),
        )
    except ConfigurationError as error:
        raise ConfigurationError(located(str(error), text, where)) from error


def public_text(public: bytes) -> str:
    """A public key as it stands in the list."""
    return base64.b64encode(public).decode("ascii")


def _listed(document: Mapping[str, Any], key: str) -> list[tuple[int, Any]]:
    found = document.get(key, [])
    if not isinstance(found, list):
        raise ConfigurationError(f"{key!r} must be a list: write [[{key}]]")
    return list(enumerate(found, 1))


def _named(what: str, value: str) -> None:
    if not 1 <= len(value) <= 64 or not value.isprintable() or value != value.strip() or value.startswith(_RESERVED):
        raise ConfigurationError(
            f"{what} must be 1 to 64 printable characters, without blanks at its ends, and not begin with 'node-' or 'ed25519:'"
        )


def _fingerprint(key: str) -> str:
    if FINGERPRINT.fullmatch(key):
        return key
    try:
        public = base64.b64decode(key, validate=True)
        if public_text(public) != key:
            raise ConfigurationError("key must be in plain base64")
        return fingerprint(public)
    except (ValueError, binascii.Error, NotAuthentic) as error:
        raise ConfigurationError(
            "key must be a public key's 32 bytes in base64 or its fingerprint 'ed25519:' and 32 hex digits, as "
            f"`mithridate enrol new-key` prints them ({error})"
        ) from error
