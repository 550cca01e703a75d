"""`init`: a policy and a scenario to begin with, or a Flower app behind a guard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from mithridate.cli.speak import Format, FormatOption, answer
from mithridate.core.errors import ConfigurationError

__all__ = ["flower_app", "init", "packaged"]

_FILES = ("policy.toml", "scenario.toml")
_PACKED = ".txt"


def init(
    folder: Annotated[Path, typer.Argument(help="where to write; created if need be")] = Path(),
    flower: Annotated[bool, typer.Option("--flower", help="write a Flower app behind a guard instead")] = False,
    force: Annotated[bool, typer.Option("--force", help="write over files that exist")] = False,
    form: FormatOption = Format.text,
) -> None:
    """Write a policy and a scenario, or a Flower app."""
    texts = flower_app() if flower else {name: packaged(name) for name in _FILES}
    there = [name for name in texts if (folder / name).exists() or (folder / name).is_symlink()]
    if there and not force:
        raise ConfigurationError(f"{folder / there[0]} exists: choose another folder, or write over it with --force")
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    written = [str(folder / name) for name in texts]
    steps = _flower_steps(folder) if flower else [f"mithridate run {written[1]}"]
    told = [f"next: {steps[0]}", *(f"      {step}" for step in steps[1:])]
    answer(form, {"written": written, "next": steps}, "\n".join([*written, "", *told]))


def packaged(name: str) -> str:
    """A file that comes with the command line."""
    return (files("mithridate.cli") / "scenarios" / name).read_text(encoding="utf-8")


def flower_app() -> Mapping[str, str]:
    """The files of the app that comes with the command line, by their paths in its folder.

    Its Python files carry another ending in the package: they are no modules of it.
    """
    found = {
        path.removesuffix(_PACKED): text for path, text in _texts(files("mithridate.cli") / "scenarios" / "flower", "")
    }
    return dict(sorted(found.items()))


def _texts(place: Traversable, above: str) -> Iterator[tuple[str, str]]:
    for each in place.iterdir():
        if each.is_dir():
            yield from _texts(each, f"{above}{each.name}/")
        else:
            yield f"{above}{each.name}", each.read_text(encoding="utf-8")


def _flower_steps(folder: Path) -> list[str]:
    return [
        f"mithridate flower {folder}    # it runs as it is",
        f"mithridate flower {folder} --liar 3=quickstart.liar:app --bare    # one client lies; without --bare it is guarded",
        f"edit {folder / 'quickstart' / 'task.py'}: your model and data; {folder / 'policy.toml'}: how many liars to bear",
        f"flwr run {folder}    # the same app on your SuperLink",
    ]
