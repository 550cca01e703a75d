"""A whole deployment: every daemon that runs here or was named, the app, the operator's connections, and Flower itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mithridate.deployment.app import examine_app
from mithridate.deployment.connections import examine_connections, examine_version
from mithridate.deployment.daemons import examine_daemon
from mithridate.deployment.finding import Finding, worst_first
from mithridate.deployment.options import DAEMONS, Options, from_words
from mithridate.deployment.running import Running

__all__ = ["Examined", "daemons_among", "examine"]


@dataclass(frozen=True)
class Examined:
    """What is examined.

    Args:
        daemons: SuperLinks and SuperNodes.
        app: The folder of an app, if one is given.
        home: A FLWR_HOME, if one is given.
    """

    daemons: tuple[Options, ...] = ()
    app: Path | None = None
    home: Path | None = None


def examine(subjects: Examined, now: datetime) -> tuple[Finding, ...]:
    """All findings, the worst first.

    Raises:
        ConfigurationError: a file that was named cannot be read.
    """
    return worst_first(_findings(subjects, now))


def daemons_among(processes: Iterable[Running]) -> tuple[Options, ...]:
    """The SuperLinks and SuperNodes in a process table."""
    return tuple(_options(process) for process in processes if process.program in DAEMONS)


def _options(process: Running) -> Options:
    words = process.command[[Path(word).name for word in process.command].index(process.program) + 1 :]
    folder = Path(process.folder) if process.folder else None
    where = f"pid {process.pid}"
    return from_words(process.program, words, where=where, folder=folder, environment=process.environment)


def _findings(subjects: Examined, now: datetime) -> Iterator[Finding]:
    for daemon in subjects.daemons:
        yield from examine_daemon(daemon, now)
    if subjects.app is not None:
        yield from examine_app(subjects.app)
    if subjects.home is not None:
        yield from examine_connections(subjects.home, now)
    yield from examine_version(_installed())


def _installed() -> str | None:
    try:
        return version("flwr")
    except PackageNotFoundError:
        return None
