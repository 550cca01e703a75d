"""The operator's side: by which connections `flwr` reaches SuperLinks, and which version of Flower is installed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from mithridate.core.errors import ConfigurationError
from mithridate.deployment.files import examine_certificate
from mithridate.deployment.finding import Finding, Severity
from mithridate.deployment.options import is_loopback

__all__ = ["examine_connections", "examine_version"]

OLDEST, TESTED = (1, 38), (1, 42)
"""The oldest version of Flower that the guard works with, and the newest that it was tried with."""

_MOST_BYTES = 2**20


def examine_connections(home: Path, now: datetime) -> Iterator[Finding]:
    """Findings about `config.toml` in a FLWR_HOME.

    Raises:
        ConfigurationError: it is there and is no TOML.
    """
    path = home / "config.toml"
    if not path.exists():
        return
    try:
        with path.open("rb") as file:
            told: Any = tomllib.loads(file.read(_MOST_BYTES).decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    links = told.get("superlink")
    for name, link in (links if isinstance(links, dict) else {}).items():
        if isinstance(link, dict) and "address" in link:
            yield from _connection(f"connection {name} ({path})", link, home, now)


def _connection(subject: str, link: dict[str, Any], home: Path, now: datetime) -> Iterator[Finding]:
    address = str(link["address"])
    local = is_loopback(address.rpartition(":")[0] or address)
    if link.get("insecure"):
        evidence = f"insecure = true to {address}: apps, which are code, travel readable and changeable"
        severity: Severity = "high" if local else "critical"
        yield Finding("no-tls", severity, subject, evidence, "set root-certificates and drop insecure")
    if link.get("root-certificates"):
        path = Path(str(link["root-certificates"])).expanduser()
        yield from examine_certificate(home / path, "the authority's certificate", now)


def examine_version(installed: str | None) -> Iterator[Finding]:
    """Findings about the installed version of Flower; None where there is none."""
    subject = "flwr"
    if installed is None:
        yield Finding("flower-missing", "note", subject, "not installed here", "pip install 'mithridate[flower]'")
        return
    numbers = re.match(r"(\d+)\.(\d+)", installed)
    version = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    if version < OLDEST:
        cure = f"pip install 'flwr>={OLDEST[0]}.{OLDEST[1]},<2'"
        yield Finding("flower-too-old", "high", subject, f"version {installed}: the guard does not work with it", cure)
    elif version > TESTED:
        evidence = f"version {installed}: the guard was tried with {TESTED[0]}.{TESTED[1]} at most"
        yield Finding("flower-untried", "low", subject, evidence, "run: mithridate lab up")
