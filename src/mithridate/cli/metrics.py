"""`metrics`: a run's metrics for Prometheus, printed once or served while the run goes on."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mithridate.cli.speak import Format, FormatOption, Interrupted, answer, line, log, printable
from mithridate.core.errors import StoreError

if TYPE_CHECKING:
    from mithridate.monitor.following import Following
    from mithridate.monitor.metrics import Metrics
    from mithridate.monitor.observations import Setting

__all__ = ["metrics"]

_LOOK_S = 1.0


def metrics(
    run: Annotated[Path, typer.Argument(help="a run folder", show_default=False)],
    port: Annotated[int, typer.Option("--port", help="0 for any free one")] = 9477,
    host: Annotated[str, typer.Option("--host", help="an address of this machine")] = "127.0.0.1",
    exposed: Annotated[
        bool, typer.Option("--exposed", help="other machines shall read it, without a password")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="print the metrics and end")] = False,
    clients: Annotated[int, typer.Option("--clients", help="so many clients get a label of their own")] = 0,
    form: FormatOption = Format.text,
) -> None:
    """Serve a run's metrics to Prometheus, until Ctrl-C.

    The run may be over, or go on: its journal is followed.
    """
    from mithridate.monitor.following import Following
    from mithridate.monitor.metrics import Metrics
    from mithridate.store.run import RunFolder

    folder = RunFolder.open(run)
    found = Metrics(_setting(folder), clients=clients)
    following = Following(folder.path)
    _catch_up(following, found)
    if once:
        answer(form, {"run": str(run), "metrics": _told(found)}, found.text().rstrip("\n"))
        return
    _serve(following, found, host, port, exposed, form)


def _serve(following: Following, found: Metrics, host: str, port: int, exposed: bool, form: Format) -> None:
    from mithridate.monitor.serving import Serving

    with Serving(found, host=host, port=port, exposed=exposed) as serving:
        if form is Format.json:
            line({"success": True, "url": serving.url})
        else:
            typer.echo(serving.url)
            log("Ctrl-C ends it")
        try:
            while True:
                time.sleep(_LOOK_S)
                _catch_up(following, found)
        except KeyboardInterrupt as stop:
            raise Interrupted(f"{serving.url} is no longer served") from stop


def _catch_up(following: Following, found: Metrics) -> None:
    """Take in what is new in the journal."""
    news = following.news()
    if following.began_again:
        found.forget()
    for event in news:
        found.consume(event)


def _setting(folder: Any) -> Setting:
    """What the run's configuration says about its guard."""
    from mithridate.monitor.observations import Setting

    try:
        guard = tomllib.loads(folder.scenario_text).get("guard")
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{folder.path / 'scenario.toml'}: not valid TOML: {error}") from error
    if not isinstance(guard, dict):
        return Setting()
    stages = guard.get("stages")
    named = [_name(stage) for stage in stages] if isinstance(stages, list) else []
    return Setting(_name(guard.get("rule")), tuple(name for name in named if name is not None))


def _name(table: Any) -> str | None:
    """A rule's or stage's name; "krum" is short for { name = "krum" }."""
    found = table.get("name") if isinstance(table, dict) else table
    return found if isinstance(found, str) else None


def _told(found: Metrics) -> list[dict[str, Any]]:
    return [
        {"name": family.name, "kind": family.type, "help": family.documentation}
        | {
            "samples": [
                {"name": each.name, "labels": {key: printable(text) for key, text in each.labels.items()}}
                | {"value": each.value}
                for each in family.samples
            ]
        }
        for family in found.collect()
    ]
