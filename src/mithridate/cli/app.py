"""The command `mithridate`: its verbs, its exit codes, its errors.

0 ok    1 findings    2 usage or configuration    3 the run failed    130 interrupted
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from itertools import pairwise
from types import TracebackType
from typing import Annotated, Any, NoReturn

import click
import typer
import typer.core
from typer.core import TyperGroup

from mithridate import __version__
from mithridate.cli import (
    catalogue,
    compare,
    demo,
    enrol,
    flower,
    lab,
    metrics,
    recover,
    replay,
    report,
    run,
    scaffold,
    surroundings,
    sweep,
    theory,
)
from mithridate.cli.plugins import PluginOption, hoisted
from mithridate.cli.speak import Interrupted, log, printable
from mithridate.core.errors import ConfigurationError, MithridateError, suggestion
from mithridate.store.strict_json import dumped

__all__ = ["app", "invoked", "main"]

_OF_FLOWER = ("cryptography", "flwr")

typer.core.HAS_RICH = False  # help is plain text here, and typer would write \[default: ...] for rich all the same

OK, FINDINGS, USAGE, FAILED, INTERRUPTED = 0, 1, 2, 3, 130


class _Verbs(TyperGroup):
    """The verbs; a misspelt one is suggested."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        verbs = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in verbs:
            raise click.UsageError(f"unknown verb {args[0]!r}{suggestion(args[0], verbs)}", ctx)
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Verbs,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Federated learning that survives poisoned clients, and proves it.",
    epilog="Exit codes: 0 ok, 1 findings, 2 usage or configuration, 3 the run failed, 130 interrupted.",
)
app.command("demo")(demo.demo)
app.command("init")(scaffold.init)
app.command("run")(run.run)
app.command("flower")(flower.flower)
app.command("sweep")(sweep.sweep)
app.command("compare")(compare.compare)
app.command("replay")(replay.replay)
app.command("recover")(recover.recover)
app.command("report")(report.report)
app.add_typer(lab.lab, name="lab")
app.command("metrics")(metrics.metrics)
app.command("list")(catalogue.list_names)
app.command("describe")(catalogue.describe)
app.command("theory")(theory.theory)
app.add_typer(enrol.verbs, name="enrol", cls=_Verbs)
app.command("data")(surroundings.data)
app.command("doctor")(surroundings.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mithridate {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version and exit")
    ] = False,
    plugin: PluginOption = None,
) -> None:
    """Options before the verb."""


def main() -> NoReturn:
    """The console script."""
    sys.excepthook = _unforeseen
    sys.exit(invoked(sys.argv[1:]))


def invoked(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code."""
    as_json = _wants_json(arguments)
    try:
        code = typer.main.get_command(app).main(
            hoisted(arguments) or ["--help"], prog_name="mithridate", standalone_mode=False
        )
    except click.UsageError as error:
        near = "" if error.ctx is None else f"\n{error.ctx.get_usage()}"
        return _failed(error.format_message(), USAGE, as_json, near)
    except click.ClickException as error:
        return _failed(error.format_message(), USAGE, as_json)
    except click.Abort:
        return _failed("interrupted", INTERRUPTED, as_json)
    except Interrupted as error:
        return _failed(str(error), INTERRUPTED, as_json)
    except ConfigurationError as error:
        return _failed(str(error), USAGE, as_json)
    except MithridateError as error:
        return _failed(str(error), FAILED, as_json)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("mithridate"):
            raise
        extra = "flower" if error.name.partition(".")[0] in _OF_FLOWER else "demo"
        return _failed(f"{error.name} is not installed: pip install 'mithridate[{extra}]'", FAILED, as_json)
    except OSError as error:
        return _failed(f"{error.filename or 'file'}: {error.strerror or error}", FAILED, as_json)
    return code if isinstance(code, int) else OK


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether JSON was asked for, also where the command line does not parse."""
    return "--format=json" in arguments or ("--format", "json") in pairwise(arguments)


def _failed(message: str, code: int, as_json: bool, more: str = "") -> int:
    if as_json:
        typer.echo(dumped({"success": False, "error-message": printable(message), "exit-code": code}))
    else:
        log(f"{'' if code == INTERRUPTED else 'error: '}{message}{more}", "red")
    return code


def _unforeseen(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An error of ours: everything is shown, and the exit code is not that of findings."""
    if issubclass(kind, KeyboardInterrupt):
        raise SystemExit(INTERRUPTED)
    traceback.print_exception(kind, error, trace)
    message = f"this is a flaw in mithridate, please report it: {kind.__name__}: {error}"
    raise SystemExit(_failed(message, FAILED, _wants_json(sys.argv[1:])))
