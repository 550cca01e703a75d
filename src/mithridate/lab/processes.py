"""Processes that belong together: started with a marker, watched until they are ready, and ended with all their descendants.

Flower's daemons start children in sessions of their own, which outlive a signal to a process group. So whoever belongs to a lab
is found by the marker in its environment, and by descent, each time anew from the process table; nobody is ended by a number
that was written down and may belong to another process today.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mithridate.core.errors import MithridateError
from mithridate.deployment.running import Running, family, found, table

__all__ = ["Daemon", "NotReady", "await_line", "await_port", "end", "kill", "members", "start", "tail"]

_PAUSE_S = 0.1


class NotReady(MithridateError):
    """A process of the lab ended, or was not ready in time; the message ends with what it said last."""


@dataclass(frozen=True)
class Daemon:
    """A process that was started, and the file that its output goes to."""

    name: str
    log: Path
    child: subprocess.Popen[bytes]


def start(name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path) -> Daemon:
    """Start a process in a session of its own, so that Ctrl-C reaches the lab and not it; its output goes to a file."""
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603 - the lab's own commands, no shell
            list(command),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )
    return Daemon(name, log, child)


def await_port(daemon: Daemon, host: str, port: int, *, most_s: float) -> None:
    """Wait until the process listens.

    Raises:
        NotReady: it ended, or does not listen in time.
    """

    def listens() -> bool:
        with suppress(OSError), socket.create_connection((host, port), timeout=1):
            return True
        return False

    _await(daemon, listens, f"does not listen on {host}:{port}", most_s)


def await_line(daemon: Daemon, text: str, *, most_s: float) -> None:
    """Wait until its log holds a text; raises as `await_port`."""
    _await(
        daemon,
        lambda: text in daemon.log.read_text(encoding="utf-8", errors="replace"),
        f"did not say {text!r}",
        most_s,
    )


def members(marker: str) -> tuple[Running, ...]:
    """All processes that carry the marker `NAME=value` in their environment, and all that descend from them."""
    own = os.getpid()
    everyone = (each for each in table() if each.pid != own and not each.zombie)
    return family(everyone, lambda process: marker in process.environment)


def end(marker: str, *, grace_s: float = 5.0) -> int:
    """End everybody who carries the marker, with all descendants: asked first, then without asking.

    Returns:
        How many processes there were.

    Raises:
        MithridateError: some would not end; the message names them.
    """
    seen: dict[tuple[int, int], Running] = {}
    asked_until, killed_until = time.monotonic() + grace_s, time.monotonic() + 2 * grace_s
    while remaining := _remaining(marker, seen):
        now = time.monotonic()
        if now > killed_until:
            raise MithridateError(f"processes {', '.join(str(each.pid) for each in remaining)} would not end")
        for process in remaining:
            new = (process.pid, process.started) not in seen
            seen[process.pid, process.started] = process
            if new or now > asked_until:
                _signal(process, signal.SIGKILL if now > asked_until else signal.SIGTERM)
        time.sleep(_PAUSE_S)
    return len(seen)


def _remaining(marker: str, seen: Mapping[tuple[int, int], Running]) -> tuple[Running, ...]:
    """Who belongs now, and who belonged before and runs still: once its parent has ended, descent no longer tells."""
    now = members(marker)
    known = {(process.pid, process.started) for process in now}
    return now + tuple(process for key, process in seen.items() if key not in known and _runs(process))


def _runs(process: Running) -> bool:
    now = found(process.pid)
    return now is not None and now.started == process.started and not now.zombie


def kill(marker: str, belongs: Callable[[Running], bool]) -> int:
    """End some of those who carry the marker, with their descendants, at once and without asking, as a crash would.

    Returns:
        How many processes there were.
    """
    chosen = family(members(marker), belongs)
    for process in chosen:
        _signal(process, signal.SIGKILL)
    return len(chosen)


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _await(daemon: Daemon, ready: Callable[[], bool], otherwise: str, most_s: float) -> None:
    until = time.monotonic() + most_s
    while not ready():
        code = daemon.child.poll()
        if code is not None:
            raise NotReady(f"{daemon.name} ended with exit code {code}; {daemon.log}:\n{tail(daemon.log)}")
        if time.monotonic() > until:
            raise NotReady(f"{daemon.name} {otherwise} after {most_s:g} s; {daemon.log}:\n{tail(daemon.log)}")
        time.sleep(_PAUSE_S)


def _signal(process: Running, number: int) -> None:
    """Signal this very process: a handle is opened, then its start time compared, so that a number taken anew is spared."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return
    try:
        now = found(process.pid)
        if now is not None and now.started == process.started:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)
