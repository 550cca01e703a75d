"""Failures on record: whoever lists the runs later sees what became of each, and why."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from mithridate.core.errors import StoreError
from mithridate.store.disk import there
from mithridate.store.run import RunFolder

__all__ = ["OnRecord"]

_LONGEST = 2000


@dataclass(frozen=True)
class OnRecord:
    """If the run within ends with an error, its kind and message go into the run's journal, and the error goes on.

    An interruption is no failure. A folder that holds no run yet, another scenario's run or a finished one is left alone, as is
    one that cannot be written to: then the error itself is worth more than a second one about the journal. The next run in the
    folder drops the line and goes on after the last finished round.

    Args:
        folder: The run's folder.
        config_digest: Of the scenario that is run.
    """

    folder: Path
    config_digest: str

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            with suppress(StoreError):
                _note(self.folder, self.config_digest, error)


def _note(folder: Path, config_digest: str, error: Exception) -> None:
    if not there(folder / "manifest.json"):
        return
    with RunFolder.open(folder) as run:
        if run.manifest["config_digest"] != config_digest:
            return
        said = {"event": "failed", "kind": type(error).__name__, "error": str(error)[:_LONGEST]}
        *_, last = ({}, *run.events())
        if last.get("event") != "finished" and last != said:
            run.append(said)
