"""Bytes to and from a disk: replaced as a whole or not at all; read with a size cap, and never through a link."""

from __future__ import annotations

import mmap
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mithridate.core.errors import StoreError

__all__ = ["create", "mapped", "read", "streamed", "sync_folder", "there", "told", "within", "write"]


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn the system's errors about a path into ours."""
    try:
        yield
    except FileNotFoundError as error:
        raise StoreError(f"{path}: there is no such file") from error
    except OSError as error:
        hint = "; free some space, the run can be resumed" if error.errno in (28, 122) else ""
        raise StoreError(f"{path}: {error.strerror or error}{hint}") from error
    except ValueError as error:  # a NUL in a name
        raise StoreError(f"{str(path)!r}: not a path: {error}") from error


def within(root: Path, *parts: str) -> Path:
    """A path below `root` of which no part is a link, so that nothing outside is ever read or written.

    Raises:
        StoreError: a part is a link or not a plain name.
    """
    path = root
    for part in parts:
        if part in ("", ".", "..") or "/" in part or "\\" in part or "\0" in part:
            raise StoreError(f"{root}: {part!r} is not a plain file name")
        path = path / part
        with told(path):
            if path.is_symlink():
                raise StoreError(f"{path}: is a link; a run directory holds plain files only")
    return path


def there(path: Path) -> bool:
    """Whether a path leads to anything."""
    with told(path):
        return path.exists()


def read(path: Path, most_bytes: int) -> bytes:
    """All bytes of a regular file.

    Raises:
        StoreError: missing, a link, a device or pipe, or larger than `most_bytes`.
    """
    with streamed(path, most_bytes) as file, told(path):
        # By its own size: reading "up to the cap" would set the whole cap aside.
        return file.read(min(most_bytes, os.fstat(file.fileno()).st_size))


@contextmanager
def streamed(path: Path, most_bytes: int) -> Iterator[IO[bytes]]:
    """The file, open for reading; as `read` otherwise."""
    with told(path), _opened(path, most_bytes) as (descriptor, _):
        file = os.fdopen(os.dup(descriptor), "rb")
    with file:
        yield file


def mapped(path: Path, most_bytes: int) -> Any:
    """The file as a read-only buffer that need not fit into memory; as `read` otherwise.

    Only for files that are replaced as a whole: one that shrinks under its map would end the process.
    """
    with told(path), _opened(path, most_bytes) as (descriptor, size):
        return mmap.mmap(descriptor, size, prot=mmap.PROT_READ) if size else b""


def write(path: Path, chunks: Iterable[Any], mode: int = 0o644) -> None:
    """Replace a file as a whole: after a crash it holds either the old bytes or the new ones.

    The bytes go to a file beside it and to the disk before they take the name.
    """
    beside = path.with_name(f".{path.name}.new")
    with told(path):
        beside.unlink(missing_ok=True)  # left over from a crash, or a trap
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)


def create(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file that must not exist yet: after a crash it is there as a whole or not at all.

    Whoever is second is refused: the whole file takes the name by a hard link, which never replaces.

    Raises:
        StoreError: the name is taken, or the file cannot be written.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    with told(path):
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(beside, path, follow_symlinks=False)
        finally:
            beside.unlink()
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _opened(path: Path, most_bytes: int) -> Iterator[tuple[int, int]]:
    # O_NONBLOCK: opening somebody's pipe must not hang.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise StoreError(f"{path}: is not a regular file")
        if about.st_size > most_bytes:
            raise StoreError(f"{path}: {about.st_size} bytes, at most {most_bytes} are read")
        yield descriptor, about.st_size
    finally:
        os.close(descriptor)
