"""A Flower app as it lies on disk: whether its server and its clients are guarded, told from the source without running it."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mithridate.core.errors import ConfigurationError
from mithridate.deployment.finding import Finding

__all__ = ["examine_app"]

_MOST_BYTES = 2**20


def examine_app(folder: Path) -> Iterator[Finding]:
    """Findings about the app whose `pyproject.toml` lies in a folder.

    Differs: source is read, not run; a guard that is put on by other means than a call named `guard_app` or `guard_client`
        in the component's own file is not seen.

    Raises:
        ConfigurationError: there is no Flower app here.
    """
    project = folder / "pyproject.toml"
    components = _components(project)
    subject = f"app {folder}"
    server = _named(folder, components, "serverapp")
    if not any(_calls(source, "guard_app") for source in server):
        cure = "last line of the server's file: app = guard_app(app, 'policy.toml')"
        evidence = f"{components['serverapp']} is not passed through guard_app: one client can ruin the model"
        yield Finding("app-unguarded", "high", subject, evidence, cure)
    client = _named(folder, components, "clientapp")
    if not any(_calls(source, "guard_client") for source in client):
        cure = "app = ClientApp(mods=[guard_client('policy.toml')])"
        evidence = (
            f"{components['clientapp']} has no guard_client: updates are not signed, and the server is not checked"
        )
        yield Finding("client-unguarded", "medium", subject, evidence, cure)


def _components(project: Path) -> Mapping[str, str]:
    """Which names in which modules are the two apps."""
    try:
        with project.open("rb") as file:
            content: Any = tomllib.loads(file.read(_MOST_BYTES).decode("utf-8"))
        found = content["tool"]["flwr"]["app"]["components"]
        return {name: str(found[name]) for name in ("serverapp", "clientapp")}
    except OSError as error:
        raise ConfigurationError(f"{project}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{project}: not TOML: {error}") from error
    except (KeyError, TypeError) as error:
        raise ConfigurationError(f"{project}: no Flower app: [tool.flwr.app.components] names none") from error


def _named(folder: Path, components: Mapping[str, str], which: str) -> list[ast.expr]:
    """The values that are given to the component's name, at the top of its module."""
    module, _, name = components[which].partition(":")
    path = folder.joinpath(*module.split(".")).with_suffix(".py")
    try:
        with path.open("rb") as file:
            tree = ast.parse(file.read(_MOST_BYTES), filename=str(path))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}: {which} is said to lie there") from error
    except (SyntaxError, ValueError) as error:
        raise ConfigurationError(f"{path}: not Python: {error}") from error
    return [
        statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in statement.targets)
    ]


def _calls(value: ast.expr, name: str) -> bool:
    """Whether a call of this name, plain or of a module, takes part in the value."""
    called = (node.func for node in ast.walk(value) if isinstance(node, ast.Call))
    return any(
        (isinstance(each, ast.Name) and each.id == name) or (isinstance(each, ast.Attribute) and each.attr == name)
        for each in called
    )
