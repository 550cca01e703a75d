"""Command lines of Flower's daemons, taken apart as their own parsers would."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from mithridate.core.errors import ConfigurationError

__all__ = ["DAEMONS", "Options", "from_text", "from_words", "is_loopback"]

DAEMONS = ("flower-superlink", "flower-supernode")

_FLAGS = frozenset(
    {
        "--allow-runtime-dependency-installation",
        "--disable-runtime-dependency-installation",
        "--enable-event-log",
        "--enable-supernode-auth",
        "--insecure",
        "--simulation",
    }
)
_VALUED = frozenset(
    {
        "--artifact-provider-config",
        "--auth-list-public-keys",
        "--auth-supernode-private-key",
        "--auth-supernode-public-key",
        "--control-api-address",
        "--database",
        "--fleet-api-address",
        "--fleet-api-type",
        "--health-server-address",
        "--host",
        "--isolation",
        "--log-file",
        "--log-rotation-backup-count",
        "--log-rotation-interval-hours",
        "--max-retries",
        "--max-wait-time",
        "--node-config",
        "--port",
        "--root-certificates",
        "--ssl-ca-certfile",
        "--ssl-certfile",
        "--ssl-keyfile",
        "--superexec-auth-secret-file",
        "--superlink",
        "--trusted-entities",
    }
)


@dataclass(frozen=True)
class Options:
    """What a daemon was told.

    Args:
        program: One of `DAEMONS`.
        flags: Options without a value that are set.
        values: The others.
        unknown: Options that this version does not know; they are named, never guessed at.
        where: Which process, or that it was given.
        folder: Where relative paths of this daemon begin.
        environment: `NAME=value` texts, empty where unknown.
    """

    program: str
    flags: frozenset[str] = frozenset()
    values: dict[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    where: str = "as given"
    folder: Path | None = None
    environment: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def subject(self) -> str:
        return f"{self.program} ({self.where})"

    def path(self, option: str) -> Path | None:
        """A file that an option names; None where the option is not set or nobody knows where its path begins."""
        value = self.values.get(option)
        if value is None:
            return None
        path = Path(value).expanduser()
        if path.is_absolute():
            return path
        return None if self.folder is None else self.folder / path

    def variable(self, name: str) -> str | None:
        """A variable of its environment, if that is known and it is set."""
        return next((text.partition("=")[2] for text in self.environment if text.startswith(f"{name}=")), None)


def from_text(text: str, folder: Path | None = None) -> Options:
    """A command line as one would type it.

    Raises:
        ConfigurationError: its quotes do not match, or it starts no daemon of Flower's.

    >>> from_text("flower-superlink --insecure --port=9000").values
    {'--port': '9000'}
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is no command line: {error}") from error
    for number, word in enumerate(words):
        if Path(word).name in DAEMONS:
            return from_words(Path(word).name, words[number + 1 :], folder=folder)
    raise ConfigurationError(f"{text!r} starts neither {' nor '.join(DAEMONS)}")


def from_words(
    program: str,
    words: Sequence[str],
    *,
    where: str = "as given",
    folder: Path | None = None,
    environment: frozenset[str] = frozenset(),
) -> Options:
    """The words after the program; an abbreviation that argparse would understand is understood."""
    flags: set[str] = set()
    values: dict[str, str] = {}
    unknown: list[str] = []
    rest = list(words)
    while rest:
        name, given, value = rest.pop(0).partition("=")
        known = _meant(name)
        if known in _FLAGS:
            flags.add(known)
        elif known in _VALUED and (given or rest):
            values[known] = value if given else rest.pop(0)
        else:
            unknown.append(name)
    return Options(program, frozenset(flags), values, tuple(unknown), where, folder, environment)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "[::1]", "localhost", "0.0.0.0", "example.org")]
    [True, True, True, True, False, False]
    """
    bare = host.strip("[]")
    if bare == "localhost":
        return True
    try:
        return ip_address(bare).is_loopback
    except ValueError:
        return False


def _meant(name: str) -> str:
    """The one option that begins like this, as argparse has it; else the name itself."""
    if not name.startswith("--") or name in _FLAGS | _VALUED:
        return name
    meant = [option for option in _FLAGS | _VALUED if option.startswith(name)]
    return meant[0] if len(meant) == 1 else name
