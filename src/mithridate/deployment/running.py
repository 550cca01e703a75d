"""The process table of this machine, read from /proc: who runs, since when, as whose child and with which command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mithridate.core.errors import ConfigurationError

__all__ = ["Running", "family", "found", "table"]

PROC = Path("/proc")


@dataclass(frozen=True)
class Running:
    """One process.

    Args:
        pid: Its id, which another process may have tomorrow.
        started: Clock ticks after boot at which it began: pid and this together name one process for ever.
        parent: Process id of its parent.
        command: Its command line.
        environment: Its environment as `NAME=value` texts; empty where this account may not read it.
        zombie: It has ended, and its parent has not asked yet.
        folder: Its working folder; empty where this account may not know.
    """

    pid: int
    started: int
    parent: int
    command: tuple[str, ...]
    environment: frozenset[str] = field(default=frozenset(), repr=False)
    zombie: bool = False
    folder: str = ""

    @property
    def program(self) -> str:
        """The name of the program; of a script its own, not its interpreter's.

        >>> Running(9, 1, 1, ("/usr/bin/python3.11", "/usr/bin/flower-superlink", "--insecure")).program
        'flower-superlink'
        """
        names = [Path(word).name for word in self.command[:2]]
        if len(names) > 1 and names[0].startswith("python") and not self.command[1].startswith("-"):
            return names[1]
        return names[0] if names else ""


def table(root: Path = PROC) -> tuple[Running, ...]:
    """Every process that runs now.

    Raises:
        ConfigurationError: this system has no /proc.
    """
    if not (root / "self" / "stat").exists() and root == PROC:
        raise ConfigurationError(f"processes are read from /proc, which {sys.platform} does not have: use Linux")
    ids = sorted(int(entry.name) for entry in root.iterdir() if entry.name.isdecimal())
    return tuple(process for pid in ids if (process := found(pid, root)) is not None)


def found(pid: int, root: Path = PROC) -> Running | None:
    """The process with this id, or None if there is none (any more)."""
    folder = root / str(pid)
    try:
        # The name in brackets may hold spaces and brackets itself: fields are counted after the last one.
        fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        command = tuple(_texts((folder / "cmdline").read_bytes()))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    if len(fields) < 20:
        return None
    return Running(
        pid, int(fields[19]), int(fields[1]), command, _environment(folder), fields[0] in "ZX", _folder(folder)
    )


def family(processes: Iterable[Running], belongs: Callable[[Running], bool]) -> tuple[Running, ...]:
    """Those that belong, and all that descend from them.

    >>> one, two, three = Running(1, 0, 0, ()), Running(2, 0, 1, ("x",)), Running(3, 0, 2, ())
    >>> [each.pid for each in family((one, two, three), lambda process: process.command == ("x",))]
    [2, 3]
    """
    everyone = tuple(processes)
    members = {process.pid for process in everyone if belongs(process)}
    grown = -1
    while grown != len(members):
        grown = len(members)
        members |= {process.pid for process in everyone if process.parent in members}
    return tuple(process for process in everyone if process.pid in members)


def _environment(folder: Path) -> frozenset[str]:
    """What the process was started with; a process that forbids to be looked into has none for others."""
    try:
        return frozenset(_texts((folder / "environ").read_bytes()))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return frozenset()


def _folder(folder: Path) -> str:
    try:
        return str((folder / "cwd").readlink())
    except OSError:
        return ""


def _texts(content: bytes) -> Iterator[str]:
    return (part.decode("utf-8", errors="replace") for part in content.rstrip(b"\0").split(b"\0") if part)
