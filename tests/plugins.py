"""A plug-in that is installed for one test: a module and a distribution's entry points, found through sys.path."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mithridate.guard.catalog import Catalog

__all__ = ["Install", "installing"]

Install = Callable[[dict[str, dict[str, str]], str], None]
"""Installs entry points by group and name, and the module `visiting` that they name."""


@contextmanager
def installing(folder: Path, *catalogs: Catalog) -> Iterator[Install]:
    """Lets a test install one plug-in; afterwards nobody remembers it."""

    def install(groups: dict[str, dict[str, str]], module: str) -> None:
        (folder / "visiting.py").write_text(module)
        about = folder / "visiting-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: visiting\nVersion: 1.0\n")
        lines = [
            line
            for group, named in groups.items()
            for line in (f"[{group}]", *(f"{k} = {v}" for k, v in named.items()))
        ]
        (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
        sys.path.insert(0, str(folder))
        forget()

    def forget() -> None:
        importlib.invalidate_caches()
        sys.modules.pop("visiting", None)
        for catalog in catalogs:
            vars(catalog).pop("plugged", None)

    try:
        yield install
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        forget()
