"""Replies fetched from a SuperLink one by one, so that what one node sends, or does not finish sending, costs nobody else.

Flower's own Grid takes all replies that are there at once. The SuperLink hands each out once; one that cannot be unpacked ends
the call, and those after it are lost with it. One whose bytes come slowly is waited for, three minutes after its last object and
up to two hours in all, before those after it are looked at. And nothing bounds what is taken into memory, or what it becomes
there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from flwr.app import Message
from flwr.serverapp import Grid

from mithridate.core.errors import MithridateError
from mithridate.flower.private import TRANSPORT, connection, listed, pulled_through, unpacked_bytes
from mithridate.guard.claims import Reason

__all__ = ["Fetch", "Undelivered"]

log = logging.getLogger("mithridate")

_OBJECT_BYTES = 256
"""What an object counts beside what it holds: a million empty ones are no small reply."""


@dataclass(frozen=True)
class Undelivered:
    """A reply that never became a message.

    Args:
        id: Of the instruction that it answers.
        reason: Why, in a word.
        detail: Why, in a sentence.
    """

    id: str
    reason: Reason
    detail: str


class _Unfinished(MithridateError):
    """Some of the reply's bytes have not arrived at the SuperLink yet."""


class _TooLarge(MithridateError):
    """The reply is larger than any honest one."""


class _Parcel:
    """One reply on its way: the SuperLink's connection, as Flower sees it while it unpacks this reply.

    What has arrived is kept, so that another attempt only asks for the rest. Nothing more is asked for after the object with
    which the reply becomes too large.

    Args:
        connection: To the SuperLink.
        listing: What the SuperLink says about the reply.
    """

    def __init__(self, connection: Any, listing: Any) -> None:
        self._connection, self._listing = connection, listing
        self._arrived: dict[str, Any] = {}
        self._bytes, self._most_bytes = 0, 0
        self._lock = Lock()

    def opened(self, grid: Grid, most_bytes: int) -> list[Message]:
        """The message.

        Raises:
            _Unfinished: bytes are still missing.
            _TooLarge: there are more than `most_bytes`.
            Exception: whatever Flower raises over bytes of strangers.
        """
        self._most_bytes = most_bytes
        return pulled_through(grid, self, [])

    def PullMessages(self, _: Any) -> Any:  # noqa: N802 - as Flower calls it
        return self._listing

    def PullObject(self, request: Any) -> Any:  # noqa: N802 - as Flower calls it, from several threads
        held = self._arrived.get(request.object_id)
        if held is not None:
            return held
        found = self._connection.PullObject(request)
        if found.object_found and not found.object_available:
            raise _Unfinished
        with self._lock:
            self._arrived[request.object_id] = found
            self._bytes += len(found.object_content) + _OBJECT_BYTES
            if self._bytes > self._most_bytes:
                raise _TooLarge(f"more than {self._most_bytes} bytes, envelope included")
        return found

    def ConfirmMessageReceived(self, request: Any) -> Any:  # noqa: N802 - as Flower calls it, before it unpacks
        answer = self._connection.ConfirmMessageReceived(request)
        size = unpacked_bytes({id: found.object_content for id, found in self._arrived.items()})
        if size > self._most_bytes:
            raise _TooLarge(f"becomes {size} bytes of arrays, at most {self._most_bytes} for a reply")
        return answer


class Fetch:
    """Replies as they arrive, each by itself.

    Grids without a connection to a SuperLink (simulations) are asked as they are.

    Args:
        grid: The federation.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._parcels: dict[str, _Parcel] = {}

    def arrived(self, ids: Sequence[str], most_bytes: int) -> Iterator[Message | Undelivered]:
        """What has come of some instructions since the last look; never waits for a node.

        Args:
            ids: Of instructions without an answer so far.
            most_bytes: How much a reply may bring.
        """
        if not ids:
            return
        try:
            link = connection(self._grid)
            if link is None:
                yield from self._together(ids)
                return
            new = [id for id in ids if id not in self._parcels]
            begun = dict(listed(link, new)) if new else {}
        except TRANSPORT as error:
            log.warning("the SuperLink does not answer, it is asked again: %s", error)
            return
        self._parcels |= {
            id: _Parcel(link, begun[id]) for id in new if id in begun
        }  # it may list what nobody asked for
        for id in ids:
            if id in self._parcels:
                yield from self._opened(id, most_bytes)

    def forget(self, ids: Iterable[str]) -> None:
        """These instructions are over, whatever else comes of them."""
        for id in ids:
            self._parcels.pop(id, None)

    def _opened(self, id: str, most_bytes: int) -> Iterable[Message | Undelivered]:
        found: Sequence[Message | Undelivered]
        try:
            found = self._parcels[id].opened(self._grid, most_bytes)
        except _Unfinished:
            return ()
        except TRANSPORT as error:
            log.warning("the SuperLink does not hand out a reply, it is asked again: %s", error)
            return ()
        except _TooLarge as error:
            found = [Undelivered(id, "too-many-bytes", str(error))]
        except Exception as error:  # noqa: BLE001 - bytes of strangers are unpacked in there
            found = [_torn(id, error)]
        self.forget([id])
        return found

    def _together(self, ids: Sequence[str]) -> Iterable[Message | Undelivered]:
        """Whatever is there; where one reply cannot be unpacked, each by itself."""
        try:
            return list(self._grid.pull_messages(ids))
        except TRANSPORT:
            raise
        except Exception as error:  # noqa: BLE001 - bytes of strangers are unpacked in there
            if len(ids) > 1:
                return [reply for id in ids for reply in self._together([id])]
            return [_torn(ids[0], error)]


def _torn(id: str, error: Exception) -> Undelivered:
    return Undelivered(id, "malformed", f"{type(error).__name__}: {error}")
