"""`data` and `doctor`: what this machine has, what a deployment lacks, and what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mithridate.cli.examine import Gate, told_weaknesses
from mithridate.cli.speak import Format, FormatOption, answer, table
from mithridate.core.errors import DataError

__all__ = ["Check", "checks", "data", "doctor"]

_LEAST_FREE_BYTES = 2**30


@dataclass(frozen=True)
class Check:
    """One thing looked at: how it is, and what to do if it is not well."""

    what: str
    state: Literal["ok", "missing", "bad"]
    found: str
    remedy: str = ""


def data(form: FormatOption = Format.text) -> None:
    """Show which data sets are here, and how to get others."""
    from mithridate.sim.tasks import TASKS

    found = [_data_set(name) for name in TASKS]
    rows = [
        [each["name"], "here" if each["available"] else "missing", each["samples"], each["provenance"], each["note"]]
        for each in found
    ]
    answer(form, {"data": found}, table(rows, ["task", "", "samples", "provenance", "source, or how to get it"]))


def _data_set(name: str) -> dict[str, Any]:
    from mithridate.sim.tasks import load

    try:
        task = load(name)
    except DataError as error:
        return {
            "name": name,
            "available": False,
            "samples": None,
            "provenance": None,
            "digest": None,
            "note": str(error),
        }
    return {
        "name": name,
        "available": True,
        "samples": len(task.y) + len(task.y_test),
        "provenance": task.provenance,
        "digest": task.digest,
        "note": task.source,
    }


def doctor(
    folder: Annotated[Path, typer.Option("--in", help="where runs will be written")] = Path(),
    deployment: Annotated[
        bool, typer.Option("--deployment", help="examine the SuperLinks and SuperNodes that run here instead")
    ] = False,
    daemon: Annotated[
        list[str] | None, typer.Option("--command", help="examine this command line of a SuperLink or SuperNode")
    ] = None,
    app: Annotated[Path | None, typer.Option("--app", help="examine the Flower app in this folder")] = None,
    flwr_home: Annotated[
        Path | None, typer.Option("--flwr-home", help="examine the connections in this folder")
    ] = None,
    gate: Annotated[Gate, typer.Option("--gate", help="findings from this severity on give exit code 1")] = Gate.medium,
    form: FormatOption = Format.text,
) -> None:
    """Check this machine, or a Flower deployment."""
    if deployment or daemon or app or flwr_home:
        told_weaknesses(daemon or [], app, flwr_home, gate, form, running=deployment)
        return
    found = checks(folder)
    well = all(check.state != "bad" for check in found)
    rows = [[check.what, check.state, check.found, check.remedy] for check in found]
    verdict = "all is well" if well else "something is wrong: see the lines marked bad"
    answer(form, {"well": well, "checks": [asdict(check) for check in found]}, f"{table(rows)}\n\n{verdict}")
    if not well:
        raise typer.Exit(1)


def checks(folder: Path) -> list[Check]:
    """Everything that `doctor` looks at."""
    from mithridate import __version__

    return [
        Check("mithridate", "ok", __version__),
        Check("python", "ok", f"{platform.python_version()} on {platform.platform()}"),
        Check("cores", "ok", str(os.cpu_count())),
        _package("numpy", ""),
        _numba(),
        _torch(),
        *(_data_check(name) for name in ("mnist", "fashion-mnist", "digits")),
        _writable(folder),
        _disk(folder),
    ]


def _package(name: str, remedy: str) -> Check:
    try:
        return Check(name, "ok", version(name))
    except PackageNotFoundError:
        return Check(name, "missing", "not installed", remedy)


def _numba() -> Check:
    return _package("numba", "pip install 'mithridate[fast]' compiles the column-wise rules")


def _torch() -> Check:
    found = _package("torch", "simulations need it: pip install 'mithridate[torch]'")
    if found.state != "ok":
        return found
    import torch

    return Check("torch", "ok", f"{found.found}, {torch.get_num_threads()} threads")


def _data_check(name: str) -> Check:
    try:
        found = _data_set(name)
    except ModuleNotFoundError as missing:
        return Check(f"data {name}", "missing", f"needs {missing.name}")
    if found["available"]:
        return Check(f"data {name}", "ok", f"{found['samples']} samples, {found['provenance']}")
    return Check(f"data {name}", "missing", "not here", found["note"])


def _writable(folder: Path) -> Check:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Check("folder", "ok", f"{folder.resolve()} can be written")
    except OSError as error:
        remedy = "choose another folder with --out"
        return Check("folder", "bad", f"{folder} cannot be written: {error.strerror}", remedy)


def _disk(folder: Path) -> Check:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("disk", "bad", f"{folder}: {error.strerror}", "choose another folder with --out")
    if free < _LEAST_FREE_BYTES:
        return Check(
            "disk", "bad", f"{free / 2**30:.1f} GiB free", "free some space, or set record = false in scenarios"
        )
    return Check("disk", "ok", f"{free / 2**30:.1f} GiB free")
