"""A Flower app as it lies on disk: whether server and clients are guarded, and by which policy, told without running it."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mithridate.core.errors import ConfigurationError
from mithridate.deployment.finding import Finding
from mithridate.deployment.policy import examine_policy

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
    for path in sorted(_policies(folder, components["serverapp"], server, "guard_app", 1)
                       | _policies(folder, components["clientapp"], client, "guard_client", 0)):  # fmt: skip
        yield from examine_policy(path)


def _policies(folder: Path, component: str, values: list[ast.expr], name: str, place: int) -> set[Path]:
    """The policy files that the guards of a component are given by a literal name, found as the guards find them."""
    beside = folder.joinpath(*component.partition(":")[0].split(".")).parent
    paths = set()
    for call in (each for value in values for each in ast.walk(value) if isinstance(each, ast.Call)):
        given = [*call.args[place : place + 1], *(each.value for each in call.keywords if each.arg == "policy")]
        if _name(call.func) == name and given and isinstance(given[0], ast.Constant):
            asked = Path(str(given[0].value))
            places = [beside, *beside.parents][: len(beside.relative_to(folder).parts) + 1]
            there = [each / asked for each in places if (each / asked).is_file()]
            paths.add(there[0] if there else beside / asked)
    return paths


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
    return any(isinstance(each, ast.Call) and _name(each.func) == name for each in ast.walk(value))


def _name(called: ast.expr) -> str:
    """The last part of what is called."""
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""
