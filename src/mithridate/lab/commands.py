"""The command lines and environments of a lab's processes, as pure functions of where it lies and what it should be."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mithridate
from mithridate.core.errors import ConfigurationError
from mithridate.lab.certificates import Issued
from mithridate.lab.liar import known
from mithridate.lab.stolen import LIE_FILE

__all__ = [
    "CONNECTION",
    "HOST",
    "MARKER",
    "Plan",
    "Site",
    "environment",
    "nodes",
    "program",
    "register",
    "run",
    "superlink",
    "supernode",
]

HOST = "127.0.0.1"
CONNECTION = "lab"
MARKER = "MITHRIDATE_LAB"
"""The variable that every process of a lab carries, and by which it is found again."""

_TASKS = ("digits", "mnist")


@dataclass(frozen=True)
class Plan:
    """What a lab should be.

    Args:
        nodes: Honest SuperNodes; at least 1.
        liars: Lying SuperNodes; at least 0.
        rounds: Rounds of training; at least 1.
        port: Of the SuperLink; the SuperNodes take the ones after it.
        task: "digits" or "mnist".
        lie: What the liars tell, one of `liar.known`.
        seed: Of the first model.
    """

    nodes: int = 3
    liars: int = 1
    rounds: int = 3
    port: int = 18443
    task: str = "digits"
    lie: str = "reverse"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("nodes", 1), ("liars", 0), ("rounds", 1), ("port", 1024), ("seed", 0)):
            if getattr(self, name) < least:
                raise ConfigurationError(f"{name} must be at least {least}, not {getattr(self, name)}")
        if self.port + self.nodes + self.liars > 65535:
            raise ConfigurationError(
                f"port {self.port} leaves no ports after it for {self.nodes + self.liars} SuperNodes"
            )
        if self.task not in _TASKS:
            raise ConfigurationError(f"the lab trains on {' or '.join(_TASKS)}, not {self.task!r}")
        if self.lie not in known():
            raise ConfigurationError(f"unknown lie {self.lie!r}; known: {', '.join(known())}")

    @property
    def sites(self) -> tuple[Site, ...]:
        """All SuperNodes, the honest ones first."""
        total = self.nodes + self.liars
        return tuple(
            Site(
                f"{'site' if part < self.nodes else 'liar'}-{part + 1}",
                part,
                total,
                self.port + part + 1,
                part >= self.nodes,
            )
            for part in range(total)
        )


@dataclass(frozen=True)
class Site:
    """One SuperNode of a lab: its name, which part of the data it holds, its port, and whether it lies."""

    name: str
    part: int
    parts: int
    port: int
    liar: bool


def program(name: str) -> str:
    """Where a command of Flower lies: beside this Python, else on the path.

    Raises:
        ConfigurationError: it is not installed.
    """
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise ConfigurationError(f"{name} is not installed: pip install 'mithridate[flower,demo]'")
    return found


def environment(marker: str, home: Path, outside: Mapping[str, str], liar: Path | None = None) -> dict[str, str]:
    """What a process of the lab is started with.

    Flower's own settings of the user are left out: a lab must neither report home nor touch the user's deployments.

    Args:
        marker: Names the lab; every process carries it.
        home: The FLWR_HOME of this process.
        outside: The environment of whoever starts the lab.
        liar: For a liar the folder with its `sitecustomize.py`.
    """
    kept = {name: value for name, value in outside.items() if not name.startswith(("FLWR_", MARKER))}
    source = Path(mithridate.__file__).resolve().parents[1]
    paths = [*([str(liar)] if liar else []), str(source), *filter(None, [outside.get("PYTHONPATH")])]
    commands = [str(Path(sys.executable).parent), *filter(None, [outside.get("PATH")])]
    own = {
        MARKER: marker,
        "FLWR_HOME": str(home),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.2",
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": ":".join(paths),
        "PATH": ":".join(commands),
    }
    return kept | own | ({LIE_FILE: str(liar / "lie")} if liar else {})


def superlink(plan: Plan, issued: Issued, database: Path) -> list[str]:
    """The SuperLink: TLS, registered SuperNodes only, and nothing installed at run time."""
    return [
        program("flower-superlink"),
        *("--host", HOST, "--port", str(plan.port)),
        *_tls(issued),
        "--enable-supernode-auth",
        *("--database", str(database)),
        "--disable-runtime-dependency-installation",
    ]


def supernode(plan: Plan, site: Site, issued: Issued, key: Path, own: Mapping[str, Path] | None = None) -> list[str]:
    """One SuperNode, which knows the authority and proves who it is.

    Args:
        plan: The lab's plan.
        site: The SuperNode.
        issued: The lab's certificates.
        key: The private key that it authenticates with.
        own: More of its own configuration, which only its app sees: where its signing key and its memory lie.
    """
    config = {"partition-id": site.part, "num-partitions": site.parts}
    told = [f"{name}={value}" for name, value in config.items()]
    told += [f"{name}={json.dumps(str(path))}" for name, path in (own or {}).items()]
    return [
        program("flower-supernode"),
        *("--superlink", f"{HOST}:{plan.port}"),
        *("--root-certificates", str(issued.authority)),
        *("--auth-supernode-private-key", str(key)),
        *("--node-config", " ".join(told)),
        *("--host", HOST, "--port", str(site.port)),
        *_tls(issued),
    ]


def register(public: Path, name: str) -> list[str]:
    """Tell the SuperLink about a SuperNode's public key."""
    return [program("flwr"), "supernode", "register", str(public), CONNECTION, "--name", name, "--format", "json"]


def run(app: Path, plan: Plan, data: Path, progress: Path) -> list[str]:
    """Start the app and follow its log."""
    config = {"rounds": plan.rounds, "min-nodes": plan.nodes, "seed": plan.seed}
    told = " ".join(
        f"{key}={json.dumps(value)}" for key, value in (config | {"data": str(data), "progress": str(progress)}).items()
    )
    return [program("flwr"), "run", str(app), CONNECTION, "--stream", "--run-config", told]


def nodes() -> list[str]:
    """Ask the SuperLink which SuperNodes it knows."""
    return [program("flwr"), "supernode", "list", CONNECTION, "--format", "json"]


def _tls(issued: Issued) -> tuple[str, ...]:
    files = ("--ssl-certfile", issued.certificate, "--ssl-keyfile", issued.key, "--ssl-ca-certfile", issued.authority)
    return tuple(str(each) for each in files)
