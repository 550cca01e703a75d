"""The ledger: what was spent on one data set, in a file of the client's that is only ever added to.

    {"data-set": "ward-7", "delta": 1e-05, "epsilon": 8.0, "hash": "<SHA-256>", "ledger": 1, "nonce": "<hex>"}
    {"event": {"gaussian": {"noise-multiplier": 2.0}}, "hash": "<SHA-256>", "purpose": "run 4, round 0", "release": 0}

One line of ASCII JSON each, keys sorted, ended by a line feed. `hash` is that of the hash before (none for the first line) and of
the line without its own `hash`. Reading is the strict inverse of writing: a line that this module would not have written, a gap
in the numbers or a broken chain is damage, and a damaged ledger lets nothing go. The last line may be torn by a crash: without
its line feed it never was on the disk when a release was made, and is cut off.

Times stand nowhere, so no clock can be turned back. The chain has no key: it shows a line that was changed, added between, taken
out or moved, by accident or by hand. Whoever may write the file can also write a new chain or cut its end; against that, keep a
receipt elsewhere (`Ledger.receipt`) and show it when opening.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mithridate.core.errors import ConfigurationError, PrivacyError
from mithridate.privacy.events import Event, plain, restored

__all__ = ["Header", "Ledger", "Receipt", "read", "started", "written"]

MOST_BYTES = 64 * 2**20
MOST_PURPOSE = 200
_VERSION = 1


@dataclass(frozen=True)
class Header:
    """The promise that the ledger was opened with."""

    data_set: str
    epsilon: float
    delta: float


@dataclass(frozen=True)
class Receipt:
    """How far a ledger had come: kept elsewhere, it shows later that nothing was cut off."""

    releases: int
    hash: str


@dataclass(frozen=True)
class Ledger:
    """All that a ledger file says."""

    header: Header
    events: tuple[Event, ...]
    hashes: tuple[str, ...]
    """Of the header and of each release."""

    @property
    def receipt(self) -> Receipt:
        return Receipt(len(self.events), self.hashes[-1])

    def holds(self, receipt: Receipt) -> bool:
        """Whether the ledger goes on from that receipt."""
        return receipt.releases < len(self.hashes) and self.hashes[receipt.releases] == receipt.hash


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """The file, locked for as long as the block runs; made with 0600 where it is not there.

    Raises:
        PrivacyError: it is a link, no regular file, somebody else's, or others may read or write it.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise PrivacyError(f"{path}: the privacy ledger cannot be opened: {error.strerror}") from error
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:
            raise PrivacyError(f"{path}: the privacy ledger must be a regular file with one name")
        if about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) & 0o077:
            raise PrivacyError(f"{path}: the privacy ledger must be yours alone: chown it and chmod 600")
        # Held for milliseconds, by whoever spends. It ends with its process, however that ends.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def started(descriptor: int, path: Path, header: Header) -> Ledger:
    """Write the first line of a new ledger."""
    first = {
        "data-set": header.data_set,
        "delta": header.delta,
        "epsilon": header.epsilon,
        "ledger": _VERSION,
        "nonce": secrets.token_hex(16),
    }
    mark = _append(descriptor, path, "", first)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # the name, too, must outlive a power cut
    finally:
        os.close(folder)
    return Ledger(header, (), (mark,))


def written(descriptor: int, path: Path, ledger: Ledger, event: Event, purpose: str) -> Ledger:
    """Add one release, on the disk before this returns.

    Raises:
        PrivacyError: it may not have reached the disk. It then counts or does not; nothing may be released.
    """
    line = {"event": plain(event), "purpose": purpose[:MOST_PURPOSE], "release": len(ledger.events)}
    mark = _append(descriptor, path, ledger.hashes[-1], line)
    return Ledger(ledger.header, (*ledger.events, event), (*ledger.hashes, mark))


def read(descriptor: int, path: Path) -> Ledger | None:
    """All of a ledger, a torn last line cut off; None where nothing was ever written.

    Raises:
        PrivacyError: damage; the message begins with file and line.
    """
    size = os.fstat(descriptor).st_size
    if size > MOST_BYTES:
        raise PrivacyError(f"{path}: {size} bytes, at most {MOST_BYTES} are read")
    content = os.pread(descriptor, size, 0)
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.ftruncate(descriptor, len(whole))
        os.fsync(descriptor)
    header: Header | None = None
    events: list[Event] = []
    hashes: list[str] = []
    for number, line in enumerate(whole.split(b"\n")[:-1], 1):
        where = f"{path}:{number}"
        entry = _entry(line, hashes[-1] if hashes else "", where)
        hashes.append(entry["hash"])
        if header is None:
            header = _header(entry, where)
        else:
            events.append(_release(entry, len(events), where))
    return None if header is None else Ledger(header, tuple(events), tuple(hashes))


def _append(descriptor: int, path: Path, before: str, line: dict[str, Any]) -> str:
    mark = _mark(before, line)
    rest = _dumped({**line, "hash": mark}) + b"\n"
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError as error:
        raise PrivacyError(
            f"{path}: the privacy ledger cannot be written: {error.strerror}; nothing is released"
        ) from error
    return mark


def _entry(line: bytes, before: str, where: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
        written_so = isinstance(entry, dict) and _dumped(entry) == line
    except (ValueError, RecursionError) as error:
        raise PrivacyError(f"{where}: the privacy ledger is damaged: not a line of it") from error
    if not isinstance(entry, dict) or not written_so:
        raise PrivacyError(f"{where}: the privacy ledger is damaged: not a line that was written so")
    if entry.get("hash") != _mark(before, {key: value for key, value in entry.items() if key != "hash"}):
        raise PrivacyError(f"{where}: the privacy ledger is damaged: a line was changed, added, moved or taken out")
    return entry


def _header(entry: dict[str, Any], where: str) -> Header:
    match entry:
        case {"data-set": str(name), "delta": float(delta), "epsilon": float(limit), "ledger": 1, "nonce": str()}:
            return Header(name, limit, delta)
    raise PrivacyError(f"{where}: the privacy ledger is damaged, or of another version: no header")


def _release(entry: dict[str, Any], due: int, where: str) -> Event:
    if entry.get("release") != due or not isinstance(entry.get("purpose"), str):
        raise PrivacyError(f"{where}: the privacy ledger is damaged: release {due} was due")
    try:
        return restored(entry.get("event"))
    except ConfigurationError as error:
        raise PrivacyError(f"{where}: the privacy ledger is damaged: {error}") from error


def _mark(before: str, line: dict[str, Any]) -> str:
    return hashlib.sha256(before.encode("ascii") + _dumped(line)).hexdigest()


def _dumped(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":")).encode("ascii")
