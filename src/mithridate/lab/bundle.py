"""What a lab runs: the app as a folder that `flwr run` bundles, its data, and the file that makes a SuperNode lie."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mithridate.core.errors import ConfigurationError
from mithridate.lab import app as packaged
from mithridate.sim.tasks import Task, load

__all__ = ["PACKAGE", "Guarding", "written_app", "written_data", "written_liar"]

PACKAGE = "labapp"
"""The app's package in the lab; two packages named mithridate in one process would hide each other."""

_SAMPLES = {"digits": None, "mnist": 6000}
_DEFAULTS: dict[str, Any] = {
    "rounds": 3,
    "min-nodes": 2,
    "data": "data.npz",
    "progress": "progress.jsonl",
    "seed": 0,
    "epochs": 2,
    "rate": 0.1,
}
_PROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{package}"
version = "1.0.0"
description = "A small network on digits, trained by the clients of a lab."
license = "Apache-2.0"
dependencies = ["flwr", "mithridate"]

[tool.flwr.app]
publisher = "mithridate"

[tool.flwr.app.components]
serverapp = "{package}.server_app:{name}"
clientapp = "{package}.client_app:{name}"

[tool.flwr.app.config]
{config}
"""
_LIAR = '''"""Lab only: makes the training functions of this SuperNode lie. The app's bundle knows nothing of it."""

import sys

if any("flwr-clientapp" in word for word in sys.orig_argv):
    from mithridate.lab.liar import corrupt

    corrupt()
'''


@dataclass(frozen=True)
class Guarding:
    """What a lab adds to the policy of the guarded app.

    Args:
        record: The folder in which the guard keeps its evidence.
        enrolment: The list of signing keys; None lets anybody answer.
        server_key: The file of the key that signs invitations.
        server: The fingerprint of that key, which clients expect.
    """

    record: Path
    enrolment: Path | None = None
    server_key: Path | None = None
    server: str | None = None

    @property
    def tables(self) -> str:
        """The policy's tables."""
        told: dict[str, dict[str, Any]] = {
            "identity": {
                "enrolment": self.enrolment,
                "require": self.enrolment and "signature",
                "server-key": self.server_key,
            },
            "client": {"server": self.server},
            "record": {"folder": self.record},
        }
        return "".join(
            f"\n[{name}]\n" + "".join(f"{key} = {json.dumps(str(value))}\n" for key, value in table.items() if value)
            for name, table in told.items()
            if any(table.values())
        )


def written_app(folder: Path, guarding: Guarding | None) -> Path:
    """Write the app into a new folder, its package renamed; returns the folder.

    The files are those of `mithridate.lab.app`: copy them as a beginning of an app of your own.

    Args:
        folder: Where to.
        guarding: What the lab adds to its policy; None for the same app without a guard.
    """
    source = Path(str(packaged.__file__)).parent
    (folder / PACKAGE).mkdir(parents=True)
    for path in sorted(source.glob("*.py")):
        text = path.read_text(encoding="utf-8").replace(packaged.__name__, PACKAGE)
        (folder / PACKAGE / path.name).write_text(text, encoding="utf-8")
    config = "\n".join(f"{key} = {_toml(value)}" for key, value in _DEFAULTS.items())
    name = "bare" if guarding is None else "app"
    project = _PROJECT.format(package=PACKAGE, name=name, config=config)
    (folder / "pyproject.toml").write_text(project, encoding="utf-8")
    policy = (source / "policy.toml").read_text(encoding="utf-8")
    more = "" if guarding is None else guarding.tables
    (folder / PACKAGE / "policy.toml").write_text(policy + more, encoding="utf-8")
    return folder


def written_data(path: Path, name: str) -> Task:
    """Write the task's samples into one file that a client opens in milliseconds; returns the task.

    Raises:
        ConfigurationError: the lab has no such task.
        DataError: the data is not here; the message says how to get it.
    """
    if name not in _SAMPLES:
        raise ConfigurationError(f"the lab trains on {' or '.join(_SAMPLES)}, not {name!r}")
    most = _SAMPLES[name]
    task = load(name) if most is None else load(name).limited(most, 0)
    np.savez(path, x=task.x, y=task.y, x_test=task.x_test, y_test=task.y_test)
    return task


def written_liar(folder: Path, lie: str) -> Path:
    """Write what makes a SuperNode lie whose PYTHONPATH begins with this folder; the file `lie` names the lie."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(_LIAR, encoding="utf-8")
    (folder / "lie").write_text(lie, encoding="utf-8")
    return folder


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
