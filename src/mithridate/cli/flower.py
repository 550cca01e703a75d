"""`flower`: a Flower app out of its folder, run in this process, guarded or bare, with liars of one's choice."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mithridate.cli.speak import Format, FormatOption, answer, log, table
from mithridate.core.errors import ConfigurationError

if TYPE_CHECKING:
    from mithridate.flower.trial import RoundTold, Setting

__all__ = ["flower", "liars_of", "told_line"]

_MOST_NAMED = 6


def flower(
    folder: Annotated[Path, typer.Argument(help="the app: the folder with its pyproject.toml")] = Path(),
    nodes: Annotated[int, typer.Option("--nodes", min=1, max=100_000, help="how many SuperNodes")] = 10,
    liar: Annotated[
        list[str] | None,
        typer.Option(
            "--liar",
            help="PARTITION=LIE: nan, noise, scaled, sign-flip, zero, garbage, or a ClientApp: 3=pkg.module:app",
        ),
    ] = None,
    run_config: Annotated[
        list[str] | None, typer.Option("--run-config", help="as flwr run takes it: \"num-server-rounds=5 name='text'\"")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="of everything")] = 0,
    bare: Annotated[bool, typer.Option("--bare", help="without a guard; one that the app has is taken off")] = False,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="the guard's policy; else the app's own, else the default")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="keep the run on record, in a folder of its own here")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no line per round")] = False,
    form: FormatOption = Format.text,
) -> None:
    """Run a Flower app in this process, without any network.

    An app that has no guard gets the default one, unless --bare says otherwise. Each round is a line: what the app measures, and
    whom the guard left out and why.
    """
    from mithridate.flower.folder import AppFolder
    from mithridate.flower.trial import Setting, tried

    if bare and (policy is not None or out is not None):
        raise ConfigurationError(f"--bare and {'--policy' if policy else '--out'}: it is the guard that has them")
    app = AppFolder.read(folder)
    setting = Setting(nodes, liars_of(liar or ()), app.configured(run_config or ()), seed, guarded=not bare)
    with app.opened() as opened:
        setting = _with_policy(setting, policy, out, opened.server)
        if not quiet:
            log(_heading(setting, opened.folder.path.name), "bold")
        with redirect_stdout(sys.stderr):  # what the app prints is no part of the answer
            heard, _ = tried(opened, setting, lambda told, of: None if quiet else log(told_line(told, of)))
    fields = _fields(setting, heard.rounds)
    answer(form, fields, _text(fields, heard.rounds))


def liars_of(given: Any) -> dict[int, str]:
    """What `--liar` says, by partition.

    >>> liars_of(["3=nan", "5,6=sign-flip"])
    {3: 'nan', 5: 'sign-flip', 6: 'sign-flip'}
    """
    found: dict[int, str] = {}
    for each in given:
        numbers, equals, how = each.partition("=")
        parts = [number.strip() for number in numbers.split(",")]
        if not equals or not how.strip() or not all(part.isascii() and part.isdigit() for part in parts):
            raise ConfigurationError(f"--liar {each}: expected PARTITION=LIE, such as --liar 3=sign-flip")
        for part in parts:
            if int(part) in found:
                raise ConfigurationError(f"--liar {each}: partition {part} lies already")
            found[int(part)] = how.strip()
    return found


def told_line(told: RoundTold, of: int | None) -> str:
    """One round in one line."""
    number = f"round {told.number}" if of is None else f"round {told.number:>{len(str(of))}}/{of}"
    verb = "answered" if any(row["status"] == "answered" for row in told.clients) else "counted"
    parts = [number, *_numbers(told.metrics), f"{_in(told)} of {len(told.clients)} {verb}"]
    if told.refused is not None:
        parts.append(f"round refused: {told.refused}")
    elif told.out:
        parts.append(f"not {_named(told.out)}")
    return "  ".join(parts)


def _in(told: RoundTold) -> int:
    return len(told.clients) - len(told.out)


def _named(out: dict[str, str]) -> str:
    shown = [f"{client} ({why})" for client, why in list(out.items())[:_MOST_NAMED]]
    return ", ".join(shown) + (f" and {len(out) - _MOST_NAMED} more" if len(out) > _MOST_NAMED else "")


def _numbers(metrics: dict[str, float]) -> list[str]:
    return [f"{name} {value:.4g}" for name, value in sorted(metrics.items())]


def _with_policy(setting: Setting, path: Path | None, out: Path | None, server: Any) -> Setting:
    """The setting with the policy that replaces the app's own, if one is given or the run is kept on record."""
    from mithridate.flower.server import GuardedApp, policy_from
    from mithridate.guard.policy import Policy, Record

    if path is not None:
        given, home = policy_from(path, None)
        setting = replace(setting, policy=given, home=home)
    if out is None:
        return setting
    own = server.policy if isinstance(server, GuardedApp) else Policy()
    recorded = replace(setting.policy or own, record=Record(folder=str(out.resolve()), rounds=True))
    return replace(setting, policy=recorded)


def _heading(setting: Setting, name: str) -> str:
    liars = ", ".join(f"node-{partition} {how}" for partition, how in setting.liars.items()) or "nobody lies"
    return f"{name}: {setting.nodes} nodes, {'guarded' if setting.guarded else 'bare'}; {liars}"


def _fields(setting: Setting, rounds: list[RoundTold]) -> dict[str, Any]:
    return {
        "guarded": setting.guarded,
        "nodes": setting.nodes,
        "liars": {f"node-{partition}": how for partition, how in setting.liars.items()},
        "run-config": dict(setting.config),
        "seed": setting.seed,
        "metrics": rounds[-1].metrics if rounds else {},
        "rounds": [
            {
                "round": told.number,
                "metrics": told.metrics,
                "counted": _in(told),
                "out": told.out,
                "refused": told.refused,
            }
            for told in rounds
        ],
    }


def _text(fields: dict[str, Any], rounds: list[RoundTold]) -> str:
    refused = sum(told.refused is not None for told in rounds)
    parts = [f"{len(rounds)} rounds{f', {refused} of them refused' if refused else ''}"]
    if fields["metrics"]:
        parts.append("at the end: " + ", ".join(_numbers(fields["metrics"])))
    left_out = Counter((client, why) for told in rounds if told.refused is None for client, why in told.out.items())
    rows = [
        [client, why, f"{times} of {len(rounds)} rounds", fields["liars"].get(client, "")]
        for (client, why), times in left_out.most_common(20)
    ]
    if rows:
        parts.append(table(rows, ["left out", "why", "how often", "lie"]))
    return "\n\n".join(parts)
