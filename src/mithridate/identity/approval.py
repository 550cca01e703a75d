"""Changes to the enrolment list: tokens, approvals, revocations and new keys for old, each as a whole or not at all.

Each change is a function from the file's text to its new text, which adds lines and leaves all others as they are, comments too.
The new text is read again and must say exactly what was meant before it reaches the disk. A token is used up by the very write
that enrols the key, so that no crash can leave one without the other.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from mithridate.core.disk import read, told, write
from mithridate.core.errors import ConfigurationError, UnknownName
from mithridate.core.lock import taken
from mithridate.core.places import line_of
from mithridate.core.tables import kebab
from mithridate.identity.enrolment import Client, Enrolment, Token, parse_enrolment, public_text
from mithridate.identity.keys import KEY_BYTES, SIGNATURE_BYTES, fingerprint
from mithridate.identity.refusal import NotAuthentic
from mithridate.identity.statement import Rotation, Signed
from mithridate.identity.verify import verify

__all__ = [
    "TOKEN_BYTES",
    "approve",
    "changed",
    "heard_rotation",
    "issue",
    "load_enrolment",
    "revoke",
    "rotate",
    "spoken_rotation",
    "spoken_token",
]

TOKEN_BYTES = 16
_MOST_FILE_BYTES = 16 * 2**20
_TOKEN = re.compile(r"enrol-([0-9a-f]{32})")
_HEAD = "# Which keys may speak in this federation. Written by `mithridate enrol`; comments and hand edits are kept.\n"


def load_enrolment(path: Path) -> Enrolment:
    """The list in a file.

    Raises:
        ConfigurationError: it is wrong.
        StoreError: there is no such file, or it is a link or far too large.
    """
    return parse_enrolment(_text(path), str(path))


def changed(path: Path, change: Callable[[str], str], *, new: bool = False) -> Enrolment:
    """Change the list in a file, under a lock: after a crash it holds the old list or the new one.

    Args:
        path: The list.
        change: From its text to the new text; whatever it raises leaves the file as it was.
        new: Whether the file may be made.

    Raises:
        StoreError: somebody else is changing it, or it cannot be read or written.
    """
    with taken(path.with_name(f".{path.name}.lock")):
        with told(path):
            fresh = new and not path.exists() and not path.is_symlink()
            mode = 0o644 if fresh else stat.S_IMODE(path.lstat().st_mode) & 0o777
        text = _HEAD if fresh else _text(path)
        parse_enrolment(text, str(path))  # what is wrong already is told with the file's own name and line
        text = change(text)
        write(path, [text.encode("utf-8")], mode)
    return parse_enrolment(text, str(path))


def issue(text: str, name: str, organisation: str, *, expires: datetime, secret_token: bytes) -> str:
    """Permit one key to be enrolled under this name.

    Args:
        text: The list.
        name: The client's.
        organisation: The client's.
        expires: From then on the token is worth nothing; with a time zone.
        secret_token: 16 random bytes. Only their hash enters the list.
    """
    before = parse_enrolment(text)
    token = Token(_hash(secret_token), name, organisation, expires)
    token = replace(token, expires=expires.astimezone(UTC).replace(microsecond=0))
    return _checked(_appended(text, "token", token), replace(before, tokens=(*before.tokens, token)))


def approve(text: str, token: str, public: bytes, *, now: datetime) -> str:
    """Enrol the key of whoever holds a token, and use the token up.

    Raises:
        ConfigurationError: the token is unknown, used up or expired, or the list has no place for the key.
        NotAuthentic: malformed; these bytes are no public key.
    """
    before = parse_enrolment(text)
    digest = _hash(_secret_of(token))
    i = next((i for i, each in enumerate(before.tokens) if each.hash == digest), None)
    if i is None:
        raise ConfigurationError("there is no such token in this list: ask for a new one with `mithridate enrol token`")
    held, today = before.tokens[i], now.astimezone(UTC).date()
    if held.used is not None:
        raise ConfigurationError(f"this token was used up on {held.used}: each enrols one key; ask for a new one")
    if now >= held.expires:
        raise ConfigurationError(f"this token expired at {held.expires.isoformat()}: ask for a new one")
    fingerprint(public)
    client = Client(held.name, held.organisation, public_text(public), approved=today)
    tokens = (*before.tokens[:i], replace(held, used=today), *before.tokens[i + 1 :])
    after = replace(before, clients=(*before.clients, client), tokens=tokens)
    return _checked(_appended(_beside(text, ("token", i, "hash"), f"used = {today}\n"), "client", client), after)


def revoke(text: str, who: str, reason: str, *, today: date) -> str:
    """Shut a client's key out, for good.

    Args:
        text: The list.
        who: A fingerprint, or the name of a client, whose key that is not revoked is meant.
        reason: Why; it stays in the list.
        today: When.
    """
    before = parse_enrolment(text)
    i = _current(before, who)
    return _shut(text, before, i, reason, today)


def rotate(text: str, signed: Signed, *, today: date) -> str:
    """Enrol a client's new key in place of its old one, which signed it. The client keeps its name and reputation.

    Raises:
        NotAuthentic: the statement is not that of the old key, or the old key may not speak.
        ConfigurationError: the list has no place for the new key.
    """
    before = parse_enrolment(text)
    who = verify(signed, before, signed.statement)
    if not isinstance(signed.statement, Rotation) or signed.statement.old != who:
        raise NotAuthentic("malformed", "this is no rotation of the key that signed it")
    new = bytes.fromhex(signed.statement.new)
    i = _current(before, who)
    shut = _shut(text, before, i, f"replaced by {fingerprint(new)}", today)
    between = parse_enrolment(shut)
    client = Client(before.clients[i].name, before.clients[i].organisation, public_text(new), approved=today)
    return _checked(_appended(shut, "client", client), replace(between, clients=(*between.clients, client)))


def spoken_token(secret_token: bytes) -> str:
    """A token as people pass it on."""
    return f"enrol-{secret_token.hex()}"


def spoken_rotation(signed: Signed) -> str:
    """A signed rotation as people pass it on: the old key, the new key and the signature, in base64 for URLs."""
    if not isinstance(signed.statement, Rotation):
        raise NotAuthentic("malformed", "this is no rotation")
    content = signed.key + bytes.fromhex(signed.statement.new) + signed.signature
    return f"rotate-{base64.urlsafe_b64encode(content).decode('ascii')}"


def heard_rotation(text: str) -> Signed:
    """What `spoken_rotation` wrote.

    Raises:
        NotAuthentic: malformed.
    """
    try:
        content = base64.b64decode(text.removeprefix("rotate-"), altchars=b"-_", validate=True)
    except ValueError:
        content = b""
    if not text.startswith("rotate-") or len(content) != 2 * KEY_BYTES + SIGNATURE_BYTES:
        raise NotAuthentic("malformed", "a rotation is 'rotate-' and 172 characters; was it copied as a whole?")
    old, new, signature = content[:KEY_BYTES], content[KEY_BYTES : 2 * KEY_BYTES], content[2 * KEY_BYTES :]
    return Signed(Rotation(fingerprint(old), new.hex()), old, signature)


def _secret_of(token: str) -> bytes:
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise ConfigurationError("a token is 'enrol-' and 32 hex digits; was it copied as a whole?")
    return bytes.fromhex(found[1])


def _hash(secret_token: bytes) -> str:
    if type(secret_token) is not bytes or len(secret_token) != TOKEN_BYTES:
        raise ConfigurationError(f"a token is {TOKEN_BYTES} random bytes")
    return hashlib.sha256(b"mithridate enrolment token v1\n" + secret_token).hexdigest()


def _text(path: Path) -> str:
    try:
        return read(path, _MOST_FILE_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from error


def _current(before: Enrolment, who: str) -> int:
    """The position of the client that is meant."""
    standing = {
        each: i for i, client in enumerate(before.clients) if client.revoked is None for each in _called(client)
    }
    if who in standing:
        return standing[who]
    gone = next((client for client in before.clients if who in _called(client)), None)
    if gone is not None:
        raise ConfigurationError(f"{who!r} was revoked on {gone.revoked} already: {gone.reason}")
    raise UnknownName("client", who, [name for name in standing if not name.startswith("ed25519:")])


def _called(client: Client) -> tuple[str, str]:
    return client.name, client.fingerprint


def _shut(text: str, before: Enrolment, i: int, reason: str, today: date) -> str:
    shut = replace(before.clients[i], revoked=today, reason=reason)
    if not reason:
        raise ConfigurationError("say why the key is revoked")
    lines = f"revoked = {today}\nreason = {_toml(reason)}\n"
    after = replace(before, clients=(*before.clients[:i], shut, *before.clients[i + 1 :]))
    return _checked(_beside(text, ("client", i, "key"), lines), after)


def _beside(text: str, path: tuple[str | int, ...], lines: str) -> str:
    """The text with these lines below the one that holds a key."""
    at = line_of(text, path)
    if at is None:
        raise ConfigurationError(_BY_HAND)
    rows = text.split("\n")
    return "\n".join(rows[:at]) + "\n" + lines + "\n".join(rows[at:])


def _appended(text: str, table: str, value: Any) -> str:
    said = {kebab(f.name): getattr(value, f.name) for f in fields(value) if f.init}
    lines = "".join(f"{key} = {_toml(each)}\n" for key, each in said.items() if each is not None and each != "")
    return f"{text.rstrip()}\n\n[[{table}]]\n{lines}".lstrip("\n")


def _toml(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)


def _checked(text: str, meant: Enrolment) -> str:
    try:
        found = parse_enrolment(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{_BY_HAND} ({error})") from error
    if found != meant:
        raise ConfigurationError(_BY_HAND)
    return text


_BY_HAND = (
    "the list is written in a way that only a person can edit: write each client and token as a [[table]] of its own"
)
