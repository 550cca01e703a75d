"""Messages that are neither training nor evaluation, such as queries: the guard has no opinion, and keeps them from harm."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence

from flwr.app import Error, Message
from flwr.serverapp import Grid

from mithridate.flower.batch import REFUSED, pushed
from mithridate.flower.fetch import Fetch, Undelivered
from mithridate.flower.private import numbered

__all__ = ["Others"]

log = logging.getLogger("mithridate")

_POLL_S = 1.0
_MOST_BYTES = 1 << 30
"""How much one reply may bring."""


class Others:
    """What an app says to nodes beside training and evaluation, and what they answer, as it is.

    An answer that cannot be unpacked is an error like that of a node that has failed.

    Args:
        grid: The federation.
        fetch: Where replies come from.
        clock: Seconds, monotonic.
        sleep: Waits some seconds.
    """

    def __init__(self, grid: Grid, fetch: Fetch, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._grid, self._fetch, self._clock, self._sleep = grid, fetch, clock, sleep
        self._sent: dict[str, Message] = {}

    def send(self, messages: Sequence[Message]) -> list[str | None]:
        """Send messages; their ids, None for one that could not be sent."""
        ids = pushed(self._grid, messages)
        self._sent |= {id: numbered(message, id) for id, message in zip(ids, messages, strict=True) if id is not None}
        return ids

    def arrived(self, ids: Sequence[str]) -> list[Message]:
        """The answers that are there."""
        found = []
        for reply in self._fetch.arrived(ids, _MOST_BYTES):
            if not isinstance(reply, Undelivered):
                found.append(reply)
            elif (asked := self._sent.get(reply.id)) is not None:
                log.warning("an answer to a %s message: %s", asked.metadata.message_type, reply.detail[:200])
                found.append(Message(Error(REFUSED, f"{reply.reason}: {reply.detail[:200]}"), reply_to=asked))
        for each in found:
            self._sent.pop(each.metadata.reply_to_message_id, None)
        return found

    def exchanged(self, messages: Sequence[Message], timeout: float | None) -> list[Message]:
        """Send messages and wait for their answers, for ever where there is no time-out."""
        until = math.inf if timeout is None else self._clock() + timeout
        out = {id for id in self.send(messages) if id is not None}
        found: list[Message] = []
        while out and self._clock() < until:
            came = self.arrived(sorted(out))
            out -= {reply.metadata.reply_to_message_id for reply in came}
            found += came
            if out and not came:
                self._sleep(_POLL_S)
        return found
