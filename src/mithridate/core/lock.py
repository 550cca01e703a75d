"""One writer per run folder: an advisory lock that ends with its process, however it ends."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from typing import IO

from mithridate.core.disk import told
from mithridate.core.errors import StoreError

__all__ = ["taken"]


def taken(path: Path) -> IO[str]:
    """Take the lock; it is held until the returned file is closed. The file says who holds it.

    Raises:
        StoreError: somebody else holds it; the message says who and what to do.
    """
    with told(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        lock = os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = "".join(c for c in lock.read(200) if c.isprintable()) or "another process"
            lock.close()
            raise StoreError(
                f"{path.parent} is being written by {who}: wait for it or stop it, or choose another folder"
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}")
        lock.flush()
    return lock
