"""`replay`: decide a recorded run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mithridate.cli.documents import content
from mithridate.cli.speak import Format, FormatOption, answer, table
from mithridate.core.errors import StoreError

if TYPE_CHECKING:
    from mithridate.store.replay import Replayed
    from mithridate.store.run import RunFolder

__all__ = ["replay"]


def replay(
    folder: Annotated[Path, typer.Argument(help="the run folder", show_default=False)],
    policy: Annotated[
        Path | None,
        typer.Option("--guard", help="another guard, a policy file: what would it have done?", show_default=False),
    ] = None,
    form: FormatOption = Format.text,
) -> None:
    """Decide a run's recorded rounds again.

    Neither data nor training is needed. Under the run's own guard this checks the record: exit code 1 if any decision is not
    byte-identical. Under another guard it answers "what if", and exits with 0. Rounds are counted from 1 in text, and from 0
    in JSON, as in the journal.
    """
    from mithridate.guard.spec import parse
    from mithridate.store.replay import recorded_guard, replayed
    from mithridate.store.run import RunFolder

    run = RunFolder.open(folder)
    own = recorded_guard(run)
    guard = own if policy is None else parse(content(policy), str(policy))
    liars = _liars(run)
    rounds = [
        _told(each, None if liars is None else liars.get(each.round, frozenset())) for each in replayed(run, guard)
    ]
    same = sum(told["same"] for told in rounds)
    is_own = guard == own
    fields = {"run": str(run.path), "own_guard": is_own, "identical": same == len(rounds), "rounds": rounds}
    answer(form, fields, _text(rounds, same, is_own))
    if is_own and same < len(rounds):
        raise typer.Exit(1)


def _liars(run: RunFolder) -> dict[int, frozenset[str]] | None:
    """Who lied in which round; None of a real federation, which does not know."""
    rounds = [event for event in run.events() if event["event"] == "round"]
    if rounds and all(client.get("liar", False) is None for event in rounds for client in event.get("clients", ())):
        return None
    return {
        event["round"]: frozenset(client["client"] for client in event.get("clients", ()) if client.get("liar"))
        for event in rounds
    }


def _told(each: Replayed, liars: frozenset[str] | None) -> dict[str, Any]:
    decision = each.decision
    return {
        "round": each.round,
        "same": each.same,
        "exact_recording": each.exact,
        "decision": decision.digest,
        "recorded": each.recorded,
        "refused": decision.refused,
        "counted": list(decision.counted),
        "dropped": list(decision.dropped),
        "liars_counted": None if liars is None else sorted(liars.intersection(decision.counted)),
    }


def _text(rounds: list[dict[str, Any]], same: int, is_own: bool) -> str:
    if not rounds:
        raise StoreError("no recorded round belongs to the journal: there is nothing to replay")
    known = rounds[0]["liars_counted"] is not None
    rows = [
        [told["round"] + 1, "same" if told["same"] else "differs", len(told["counted"]), len(told["dropped"]),
         *([len(told["liars_counted"])] if known else []), told["refused"] or ""]
        for told in rounds
    ]  # fmt: skip
    shown = table(rows, ["round", "decision", "counted", "dropped", *(["liars counted"] if known else []), ""])
    if not is_own:
        return f"{shown}\n\nanother guard: {same} of {len(rounds)} decisions are the recorded ones"
    if same == len(rounds):
        return f"{shown}\n\nall {same} decisions are byte-identical to the recorded ones"
    inexact = any(not told["exact_recording"] for told in rounds)
    why = "the recording is rounded to float16" if inexact else "the record was altered, or the code or machine differ"
    return f"{shown}\n\n{len(rounds) - same} of {len(rounds)} decisions are NOT the recorded ones: {why}"
