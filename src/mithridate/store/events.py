"""The journal of a run: one JSON object per line, only ever added to.

A line is added in one write and reaches the disk before anything that depends on it. After a crash the last line may be
torn: it is dropped. Whatever else is wrong is damage.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mithridate.core.errors import StoreError
from mithridate.store.disk import streamed, there, told
from mithridate.store.strict_json import dumped, parsed

__all__ = ["MOST_BYTES", "MOST_LINE_BYTES", "add", "last", "lines", "mend"]

MOST_BYTES = 4 * 2**30
MOST_LINE_BYTES = 16 * 2**20
_GLANCE_BYTES = 64 * 2**10
_STATUSES = frozenset({"counted", "dropped", "refused", "absent", "late"})
_NUMBER = (int, float, type(None))
_TEXT = (str, type(None))
_FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "started": {"id": _TEXT, "version": _TEXT, "config_digest": _TEXT, "time": (str, int, float, type(None)),
                "theory": (dict, type(None))},
    "round": {
        "accuracy": _NUMBER, "asr": _NUMBER, "loss": _NUMBER, "delta_norm": _NUMBER, "per_class": (list, type(None)),
        "decision": _TEXT, "model": _TEXT, "refused": _TEXT, "seconds": (dict, type(None)), "bytes_up": _NUMBER,
        "bytes_down": _NUMBER, "base_rate": _NUMBER, "victims": _NUMBER, "attack_foiled": _TEXT,
        "theory": (dict, type(None)),
    },
    "finished": {
        "accuracy": _NUMBER, "asr": _NUMBER, "durability": (dict, type(None)), "model_digest": _TEXT, "rounds": _NUMBER,
        "seconds": _NUMBER, "ensemble": (dict, type(None)),
    },
    "failed": {"kind": _TEXT, "error": _TEXT},
}  # fmt: skip
_CLIENT: dict[str, tuple[type, ...]] = {
    "liar": (bool, type(None)), "minority": (bool, type(None)), "examples": _NUMBER, "share": _NUMBER, "stage": _TEXT,
    "reason": _TEXT, "score": _NUMBER, "threshold": _NUMBER,
}  # fmt: skip


def add(descriptor: int, event: Mapping[str, Any], where: Path, *, sync: bool = True) -> None:
    """Write one event and bring it, and all before it, to the disk; without `sync` the system does so when it likes."""
    line = dumped(event).encode("ascii") + b"\n"
    _checked(parsed(line, str(where)), str(where))
    if len(line) > MOST_LINE_BYTES:
        raise StoreError(f"{where}: an event of {len(line)} bytes, at most {MOST_LINE_BYTES} are kept")
    with told(where):
        while line:
            line = line[os.write(descriptor, line) :]
        if sync:
            os.fsync(descriptor)


def lines(path: Path, start: int = 0) -> Iterator[tuple[dict[str, Any], int]]:
    """Every event with the place behind its line; a torn last line is left out.

    Args:
        path: The journal.
        start: A place behind a line, as it was told with an event: only what came after it is read.

    Raises:
        StoreError: a line that is no event, rounds out of order, a file or line beyond every sane size. The message
            begins with file and line.
    """
    if not there(path):
        return
    place, number, due = start, 0, None if start else 0
    with streamed(path, MOST_BYTES) as file:
        file.seek(start)
        while line := file.readline(MOST_LINE_BYTES + 1):
            number += 1
            where = f"{path}:{number}" if not start else f"{path}: line {number} behind byte {start}"
            if len(line) > MOST_LINE_BYTES:
                raise StoreError(f"{where}: a line of more than {MOST_LINE_BYTES} bytes")
            if not line.endswith(b"\n"):
                return  # torn
            event = _checked(parsed(line, where), where)
            if event["event"] == "round":
                if due is not None and event["round"] != due:
                    raise StoreError(f"{where}: round {event['round']} where round {due} was due")
                due = event["round"] + 1
            place += len(line)
            yield event, place


def last(path: Path) -> dict[str, Any] | None:
    """The last event, without reading those before it; None if there is none. A torn last line is left out.

    Raises:
        StoreError: the line is no event, or longer than every sane size.
    """
    if not there(path):
        return None
    with streamed(path, MOST_BYTES) as file, told(path):
        size = os.fstat(file.fileno()).st_size
        reach = _GLANCE_BYTES
        while True:
            file.seek(max(0, size - reach))
            *whole, _torn = file.read(min(size, reach)).split(b"\n")
            if len(whole) >= 2 or reach >= size:  # the first of several may have lost its beginning
                return (
                    _checked(parsed(whole[-1], f"{path}: the last line"), f"{path}: the last line") if whole else None
                )
            if reach > MOST_LINE_BYTES:
                raise StoreError(f"{path}: a line of more than {MOST_LINE_BYTES} bytes")
            reach *= 8


def mend(descriptor: int, path: Path) -> None:
    """Cut off a torn last line, so that the next event begins a line of its own."""
    cut(descriptor, path, max((end for _, end in lines(path)), default=0))


def cut(descriptor: int, path: Path, place: int) -> None:
    """Drop everything behind a place."""
    with told(path):
        if os.fstat(descriptor).st_size != place:
            os.ftruncate(descriptor, place)
            os.fsync(descriptor)


def _checked(event: Any, where: str) -> dict[str, Any]:
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        raise StoreError(f"{where}: not an event: an object with an 'event'")
    _typed(event, _FIELDS.get(event["event"], {}), where)
    if event["event"] != "round":
        return event
    if type(event.get("round")) is not int or event["round"] < 0:
        raise StoreError(f"{where}: the event has no round number")
    if not all(isinstance(item, _NUMBER) for item in event.get("per_class") or ()):
        raise StoreError(f"{where}: 'per_class' must hold numbers")
    for key in ("seconds", "theory"):
        if not all(isinstance(item, _NUMBER) for item in (event.get(key) or {}).values()):
            raise StoreError(f"{where}: {key!r} must hold numbers")
    clients = event.get("clients", [])
    if not isinstance(clients, list):
        raise StoreError(f"{where}: 'clients' must be a list")
    for client in clients:
        if not isinstance(client, dict) or not isinstance(client.get("client"), str):
            raise StoreError(f"{where}: an entry of 'clients' names no client")
        if client.get("status") not in _STATUSES:
            raise StoreError(f"{where}: a client's status must be one of {', '.join(sorted(_STATUSES))}")
        _typed(client, _CLIENT, where)
    return event


def _typed(entry: Mapping[str, Any], fields: Mapping[str, tuple[type, ...]], where: str) -> None:
    for key, kinds in fields.items():
        value = entry.get(key)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise StoreError(f"{where}: {key!r} is a {type(value).__name__}")
