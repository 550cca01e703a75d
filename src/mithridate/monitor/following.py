"""A journal that grows: what is new in it since the last look, and whether what was read before still stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mithridate.core.errors import StoreError
from mithridate.store import events
from mithridate.store.disk import streamed, there, within

__all__ = ["Following"]

_TAIL_BYTES = 512


class Following:
    """The events of a run folder, as they come.

    A run that is resumed after a crash drops lines and writes them anew. Then `news` begins again with the first event and
    `began_again` tells so; a look is cheap, as only the last bytes that were read are compared.

    Args:
        folder: The run's folder; its journal may not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self.path = within(folder, "events.jsonl")
        self.began_again = False
        self._place = 0
        self._tail = b""

    def news(self) -> Iterator[dict[str, Any]]:
        """Every event since the last look. A line that is being written is left for the next one.

        Raises:
            StoreError: the journal is damaged.
        """
        self.began_again = not self._stands()
        if self.began_again:
            self._place, self._tail = 0, b""
        found = list(events.lines(self.path, self._place))
        if found:
            self._place = found[-1][1]
            self._tail = self._before(self._place)
        return (event for event, _ in found)

    def _stands(self) -> bool:
        """Whether the journal still holds what was read of it."""
        return not self._place or (there(self.path) and self._before(self._place) == self._tail)

    def _before(self, place: int) -> bytes:
        """The bytes before a place; fewer where the file ends earlier."""
        begin = max(0, place - _TAIL_BYTES)
        with streamed(self.path, events.MOST_BYTES) as file:
            try:
                file.seek(begin)
                return file.read(place - begin)
            except OSError as error:
                raise StoreError(f"{self.path}: {error.strerror or error}") from error
