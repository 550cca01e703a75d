"""A lab on disk: one folder that holds everything it made, and a file that says what it is and how its processes are marked."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from mithridate.core.errors import ConfigurationError, StoreError
from mithridate.lab.commands import CONNECTION, HOST, MARKER, Plan
from mithridate.store.disk import read
from mithridate.store.strict_json import parsed

__all__ = ["STATE", "Lab", "made", "opened"]

STATE = "lab.json"
_FORM = 1
_MARKER = re.compile(r"[0-9a-f]{32}")
_MOST_BYTES = 2**16


@dataclass(frozen=True)
class Lab:
    """One lab: where it lies, what it should be, and the secret word that its processes carry.

    Args:
        root: Its folder; absolute.
        plan: What it should be.
        word: 32 hexadecimal digits, drawn when it was made.
    """

    root: Path
    plan: Plan
    word: str

    @property
    def marker(self) -> str:
        """What stands in the environment of each of its processes."""
        return f"{MARKER}={self.word}"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def data(self) -> Path:
        return self.root / "data.npz"

    @property
    def record(self) -> Path:
        """Where the guard keeps its evidence."""
        return self.root / "record"

    def app(self, *, guarded: bool) -> Path:
        """The app's folder, with its guard or without."""
        return self.root / ("app" if guarded else "bare")

    def signing_key(self, name: str) -> Path:
        """The key that signs what a client, or the server, says."""
        return self.keys / f"{name}.signing.pem"

    def home(self, name: str) -> Path:
        """The FLWR_HOME of a process: each its own, as on machines of their own."""
        return self.root / "homes" / name

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def progress(self, run: str) -> Path:
        """Where the app writes the accuracy of each round of a run."""
        return self.root / "runs" / f"{run}.jsonl"


def made(root: Path, plan: Plan) -> Lab:
    """A new lab in a new or empty folder, readable by its owner only; nothing runs yet.

    Raises:
        ConfigurationError: the folder holds something.
    """
    root = root.absolute()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        hint = f"; an old lab: mithridate lab down {root} --remove" if (root / STATE).exists() else ""
        raise ConfigurationError(f"{root} holds something already: choose another folder with --folder{hint}")
    if {'"', "'"} & set(str(root)):
        raise ConfigurationError(
            f"{root}: Flower's command line cannot pass on a path with quotes: choose another folder"
        )
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    root.chmod(0o700)
    lab = Lab(root, plan, secrets.token_hex(16))
    _write_state(lab)
    for folder in (lab.keys, lab.logs, lab.progress("x").parent, lab.home("operator")):
        folder.mkdir(parents=True)
    (lab.home("operator") / "config.toml").write_text(_connection(lab), encoding="utf-8")
    return lab


def opened(root: Path) -> Lab:
    """The lab that lies in a folder.

    Raises:
        ConfigurationError: there is none, or its file is not one of ours.
    """
    path = root.absolute() / STATE
    if not path.exists():
        raise ConfigurationError(f"{root}: there is no lab here (no {STATE})")
    try:
        return _lab(path.parent, parsed(read(path, _MOST_BYTES), str(path)))
    except (StoreError, TypeError, KeyError) as error:
        raise ConfigurationError(f"{path}: not the file of a lab: {error}") from error


def _lab(root: Path, state: Any) -> Lab:
    if not isinstance(state, Mapping) or state.get("form") != _FORM:
        raise StoreError(f"form {_FORM} is understood")
    word, plan = state["word"], state["plan"]
    # Whoever can write this file must not be able to make `lab down` end other processes.
    if not isinstance(word, str) or not _MARKER.fullmatch(word):
        raise StoreError("the word is not 32 hexadecimal digits")
    kinds = {each.name: type(each.default) for each in fields(Plan)}
    if set(plan) != set(kinds) or any(type(plan[name]) is not kinds[name] for name in kinds):
        raise StoreError("the plan is not one")
    return Lab(root, Plan(**plan), word)


def _write_state(lab: Lab) -> None:
    content = json.dumps({"form": _FORM, "word": lab.word, "plan": asdict(lab.plan)}, indent=2) + "\n"
    descriptor = os.open(lab.root / STATE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)


def _connection(lab: Lab) -> str:
    """The file by which `flwr` finds the lab's SuperLink."""
    authority = json.dumps(str(lab.keys / "ca.crt"))
    return (
        f'[superlink]\ndefault = "{CONNECTION}"\n\n'
        f'[superlink.{CONNECTION}]\naddress = "{HOST}:{lab.plan.port}"\nroot-certificates = {authority}\n'
    )
