"""A Flower app as it lies in its folder: what its pyproject.toml says, and its two apps, loaded as Flower loads them."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp

from mithridate.core.digest import digest
from mithridate.core.errors import ConfigurationError, suggestion

__all__ = ["AppFolder", "OpenApp", "settings"]

_PAIR = re.compile(r"""\s*([\w.-]+)\s*=\s*('[^']*'|"[^"]*"|[^\s'"]+)(?=\s|$)""")
_REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_CODE = (".py", ".toml")

Scalar = bool | int | float | str


class OpenApp:
    """The apps of a folder, importable for as long as the folder is open.

    Args:
        folder: Which.
        server: Its ServerApp.
        client: Its ClientApp.
    """

    def __init__(self, folder: AppFolder) -> None:
        self.folder = folder
        self.server: ServerApp = self._app(folder.server, ServerApp, "serverapp")
        self.client: ClientApp = self.other_client(folder.client, "clientapp")

    def other_client(self, reference: str, key: str) -> ClientApp:
        """A ClientApp of the folder by its reference, such as "package.module:app".

        Args:
            reference: Module and attribute.
            key: Who refers to it, for the error.
        """
        found: ClientApp = self._app(reference, ClientApp, key)
        return found

    def _app(self, reference: str, kind: type, key: str) -> Any:
        where = f'{self.folder.path}: {key} = "{reference}": '
        if not _REFERENCE.fullmatch(reference):
            raise ConfigurationError(f'{where}write it as "package.module:app"')
        module, _, attributes = reference.partition(":")
        found: Any = self._module(module, where)
        for name in attributes.split("."):
            if not hasattr(found, name):
                raise ConfigurationError(f"{where}{module} has no {name!r}{suggestion(name, vars(found))}")
            found = getattr(found, name)
        if not isinstance(found, kind):
            raise ConfigurationError(f"{where}is a {type(found).__name__}, not a {kind.__name__}")
        return found

    def _module(self, name: str, where: str) -> Any:
        try:
            found = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
                raise ConfigurationError(f"{where}there is no module {error.name} in the folder") from error
            raise ConfigurationError(
                f"{where}needs {error.name}, which is not installed: pip install -e {self.folder.path}"
            ) from error
        except Exception as error:
            raise ConfigurationError(f"{where}importing it failed: {type(error).__name__}: {error}") from error
        file = getattr(found, "__file__", None)
        if file is None or not _within(file, self.folder.path):
            raise ConfigurationError(
                f"{where}another {name} is installed at {file} and stands in its way: rename the module"
            )
        return found


@dataclass(frozen=True)
class AppFolder:
    """What an app's pyproject.toml says.

    Args:
        path: The folder, absolute.
        server: Reference of the ServerApp.
        client: Reference of the ClientApp.
        config: The run config's defaults, flattened as Flower flattens them: {"a.b": 1}.
    """

    path: Path
    server: str
    client: str
    config: Mapping[str, Scalar]

    @classmethod
    def read(cls, folder: str | Path) -> AppFolder:
        """The app in a folder.

        Raises:
            ConfigurationError: no folder, no pyproject.toml, or one that is no Flower app's; it says what is missing where.
        """
        file = Path(folder) / "pyproject.toml"
        try:
            document = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            what = "there is no such folder" if not Path(folder).is_dir() else "no Flower app: it has no pyproject.toml"
            raise ConfigurationError(f"{folder}: {what}; mithridate init --flower {folder} writes an app") from error
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigurationError(f"{file}: not valid TOML: {error}") from error
        app = _table(document, ("tool", "flwr", "app"), file)
        parts = _table(app, ("components",), file, "tool.flwr.app.")
        for key in ("serverapp", "clientapp"):
            if not isinstance(parts.get(key), str):
                raise ConfigurationError(
                    f'{file}: [tool.flwr.app.components] needs {key} = "package.{key[:-3]}_app:app"'
                )
        config = _flat(app.get("config", {}), f"{file}: [tool.flwr.app.config] ")
        return cls(Path(folder).resolve(), parts["serverapp"], parts["clientapp"], config)

    def configured(self, given: Sequence[str]) -> dict[str, Scalar]:
        """The run config with some values changed, as `flwr run --run-config` changes them.

        Args:
            given: Texts such as "num-server-rounds=5 optimizer='adam'", or paths of TOML files.

        Raises:
            ConfigurationError: a key that the app does not declare, as Flower refuses it, too.
        """
        config = dict(self.config)
        for text in given:
            for key, value in settings(text).items():
                if key not in config:
                    known = suggestion(key, config) or "; the app declares none in [tool.flwr.app.config]"
                    raise ConfigurationError(f"--run-config: unknown key {key!r}{known}")
                config[key] = value
        return config

    @property
    def digest(self) -> str:
        """SHA-256 of the app's code and settings: what tells one version of it from the next."""
        files = sorted(path for path in self.path.rglob("*") if path.suffix in _CODE and path.is_file())
        return digest(tuple((path.relative_to(self.path).as_posix(), path.read_bytes().hex()) for path in files))

    @contextmanager
    def opened(self) -> Iterator[OpenApp]:
        """Load both apps; when it is over, nothing of the folder is left in the interpreter, and what was there before is back.

        Raises:
            ConfigurationError: a module or app is missing, is something else, or fails when it is imported.
        """
        here = str(self.path)
        tops = {reference.partition(":")[0].partition(".")[0] for reference in (self.server, self.client)}
        before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in tops}
        for name in before:
            del sys.modules[name]
        known = set(sys.modules)
        sys.path.insert(0, here)
        importlib.invalidate_caches()
        try:
            yield OpenApp(self)
        finally:
            sys.path.remove(here)
            for name in set(sys.modules) - known:
                if _within(getattr(sys.modules[name], "__file__", None), self.path):
                    del sys.modules[name]
            sys.modules.update(before)


def settings(text: str) -> dict[str, Scalar]:
    """What one `--run-config` says.

    Differs: Flower passes over what it cannot read; here it is an error.

    >>> settings("rounds=5 name='a b' fast=true lr=0.1")
    {'rounds': 5, 'name': 'a b', 'fast': True, 'lr': 0.1}
    """
    if text.strip().endswith(".toml") and "=" not in text:
        path = Path(text.strip()).expanduser()
        try:
            return _flat(tomllib.loads(path.read_text(encoding="utf-8")), f"{path}: ")
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigurationError(f"--run-config {path}: {error}") from error
    found: dict[str, Scalar] = {}
    place, end = 0, len(text.rstrip())
    while place < end:
        pair = _PAIR.match(text, place)
        if pair is None:
            raise ConfigurationError(
                f"--run-config: cannot read {text[place:].strip()!r}; write it as \"rounds=5 name='text'\""
            )
        try:
            value = tomllib.loads(f"value = {pair[2]}")["value"]
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(
                f"--run-config: {pair[1]}={pair[2]} is no number, true or false; text stands in quotes: "
                f"\"{pair[1]}='{pair[2]}'\""
            ) from error
        found |= _flat({pair[1]: value}, "--run-config: ")
        place = pair.end()
    return found


def _table(document: Mapping[str, Any], path: Sequence[str], file: Path, above: str = "") -> Mapping[str, Any]:
    found: Any = document
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        raise ConfigurationError(f"{file}: no Flower app: it has no [{above}{'.'.join(path)}]")
    return found


def _flat(table: Any, where: str, above: str = "") -> dict[str, Scalar]:
    """Nested tables as dotted keys."""
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{where}must be a table")
    found: dict[str, Scalar] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found |= _flat(value, where, f"{above}{key}.")
        elif isinstance(value, bool | int | float | str):
            found[f"{above}{key}"] = value
        else:
            raise ConfigurationError(f"{where}{above}{key} must be a number, a text, true or false")
    return found


def _within(file: str | None, folder: Path) -> bool:
    return file is not None and Path(file).resolve().is_relative_to(folder)
