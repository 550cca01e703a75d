"""`enrol`: which keys may speak in a federation, for whom, and until when."""

from __future__ import annotations

import base64
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mithridate.cli.speak import Format, FormatOption, answer, table
from mithridate.core.disk import there
from mithridate.core.errors import ConfigurationError

if TYPE_CHECKING:
    from mithridate.identity.enrolment import Client, Enrolment, Token

__all__ = ["approve", "list_clients", "new_key", "revoke", "token", "verbs"]

verbs = typer.Typer(add_completion=False, rich_markup_mode=None)

ListOption = Annotated[Path, typer.Option("--file", help="the enrolment list")]
_LIST = Path("enrolment.toml")


@verbs.callback(invoke_without_command=True)
def _enrol(ctx: typer.Context) -> None:
    """Say which keys may speak in a federation, and for whom."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@verbs.command("new-key")
def new_key(
    path: Annotated[Path, typer.Argument(help="where the secret key goes; nothing may be there", show_default=False)],
    replaces: Annotated[
        Path | None,
        typer.Option(
            "--replaces", help="the key that this one takes the place of; it signs the new one", show_default=False
        ),
    ] = None,
    form: FormatOption = Format.text,
) -> None:
    """Make a signing key. Only its public half is shown."""
    from mithridate.identity.approval import spoken_rotation
    from mithridate.identity.enrolment import public_text
    from mithridate.identity.keys import SigningKey
    from mithridate.identity.statement import Rotation, sign

    old = None if replaces is None else SigningKey.load(replaces)
    key = SigningKey.create(path)
    found: dict[str, Any] = {"file": str(path), "fingerprint": key.fingerprint, "public_key": public_text(key.public)}
    rows = [["secret key", str(path)], ["fingerprint", key.fingerprint], ["public key", found["public_key"]]]
    then = "next: send the public key and your token to the operator; the file stays with you"
    if old is not None:
        found["rotation"] = spoken_rotation(sign(old, Rotation(old.fingerprint, key.public.hex())))
        rows.append(["rotation", found["rotation"]])
        then = "next: send the rotation to the operator, who says: mithridate enrol approve --rotation ..."
    answer(form, found, f"{table(rows)}\n\n{then}")


@verbs.command("token")
def token(
    name: Annotated[str, typer.Argument(help="the client's name", show_default=False)],
    organisation: Annotated[str, typer.Argument(help="who answers for the client", show_default=False)],
    days: Annotated[float, typer.Option("--days", help="how long it is good for", min=0.001, max=3650)] = 7.0,
    path: ListOption = _LIST,
    form: FormatOption = Format.text,
) -> None:
    """Permit one key to be enrolled, once."""
    from mithridate.identity.approval import TOKEN_BYTES, changed, issue, spoken_token

    secret_token = secrets.token_bytes(TOKEN_BYTES)
    expires = datetime.now(UTC) + timedelta(days=days)
    changed(path, lambda text: issue(text, name, organisation, expires=expires, secret_token=secret_token), new=True)
    said = spoken_token(secret_token)
    found = {"token": said, "name": name, "organisation": organisation, "expires": _when(expires), "file": str(path)}
    text = (
        f"{said}\n\nIt enrols one key for {name} of {organisation}, until {_when(expires)}. It is shown only now: pass it on by "
        "a channel that you trust.\nWhen the public key comes back: mithridate enrol approve --token - --key KEY"
    )
    answer(form, found, text)


@verbs.command("approve")
def approve(
    held: Annotated[
        str | None, typer.Option("--token", help="the token; - reads it from standard input", show_default=False)
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="the public key, in base64", show_default=False)] = None,
    rotation: Annotated[
        str | None, typer.Option("--rotation", help="instead: a new key, signed by the old one", show_default=False)
    ] = None,
    path: ListOption = _LIST,
    form: FormatOption = Format.text,
) -> None:
    """Enrol a key, by its owner's token or by its old key."""
    if (rotation is None) != (held is not None and key is not None) or (rotation is not None and (held or key)):
        raise ConfigurationError("give --token and --key, or --rotation alone")
    _must_exist(path)
    from mithridate.identity import approval
    from mithridate.identity.refusal import NotAuthentic

    now = datetime.now(UTC)
    try:
        if rotation is not None:
            signed = approval.heard_rotation(rotation)
            found = approval.changed(path, lambda text: approval.rotate(text, signed, today=now.date()))
        else:
            public, said = _public(str(key)), _heard(str(held))
            found = approval.changed(path, lambda text: approval.approve(text, said, public, now=now))
    except NotAuthentic as error:
        option = "--key" if rotation is None else "--rotation"
        raise ConfigurationError(f"{option}: {error}") from error
    client = found.clients[-1]
    fields = {"name": client.name, "organisation": client.organisation, "fingerprint": client.fingerprint}
    answer(
        form, fields | {"file": str(path)}, f"enrolled {client.fingerprint} for {client.name} of {client.organisation}"
    )


@verbs.command("revoke")
def revoke(
    who: Annotated[str, typer.Argument(help="a client's name, or a key's fingerprint", show_default=False)],
    reason: Annotated[str, typer.Option("--reason", help="why; it stays in the list", show_default=False)],
    path: ListOption = _LIST,
    form: FormatOption = Format.text,
) -> None:
    """Shut a key out, for good."""
    _must_exist(path)
    from mithridate.identity import approval

    today = datetime.now(UTC).date()
    before = approval.load_enrolment(path)
    after = approval.changed(path, lambda text: approval.revoke(text, who, reason, today=today))
    (client,) = set(after.clients) - set(before.clients)
    fields = {"name": client.name, "organisation": client.organisation, "fingerprint": client.fingerprint}
    fields |= {"revoked": str(today), "reason": reason, "file": str(path)}
    answer(
        form,
        fields,
        f"revoked {client.fingerprint} of {client.name}; it counts once the server has read the list again",
    )


@verbs.command("list")
def list_clients(path: ListOption = _LIST, form: FormatOption = Format.text) -> None:
    """Show who is enrolled and which tokens are open."""
    _must_exist(path)
    from mithridate.identity.approval import load_enrolment

    found, now = load_enrolment(path), datetime.now(UTC)
    clients = [_client(each, found) for each in found.clients]
    tokens = [_token(each, now) for each in found.tokens]
    caps = found.organisations
    fields = {"clients": clients, "tokens": tokens, "most_clients": caps.most_clients, "most_share": caps.most_share}
    parts = [
        table([list(_cells(each).values()) for each in rows], [name.replace("_", " ") for name in rows[0]])
        for rows in (clients, tokens)
        if rows
    ]
    answer(form, fields, "\n\n".join(parts) or f"{path}: nobody is enrolled")


def _must_exist(path: Path) -> None:
    """Say how to begin where there is no list yet."""
    if not there(path):
        raise ConfigurationError(
            f"{path}: there is no such file; `mithridate enrol token` makes one, --file names another"
        )


def _public(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise ConfigurationError("--key: not base64; give the line that `mithridate enrol new-key` prints") from None


def _heard(held: str) -> str:
    """The token itself: on the command line every user of the machine could read it."""
    return sys.stdin.readline(200).strip() if held == "-" else held


def _client(client: Client, found: Enrolment) -> dict[str, Any]:
    member = found.member(client.fingerprint)
    return {
        "name": client.name,
        "organisation": client.organisation,
        "fingerprint": client.fingerprint,
        "status": member if isinstance(member, str) else "member",
        "approved": None if client.approved is None else str(client.approved),
        "revoked": None if client.revoked is None else str(client.revoked),
        "reason": client.reason or None,
    }


def _token(held: Token, now: datetime) -> dict[str, Any]:
    state = f"used {held.used}" if held.used is not None else "expired" if now >= held.expires else "open"
    return {"token_for": held.name, "organisation": held.organisation, "expires": _when(held.expires), "state": state}


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    return {name: "-" if value is None else value for name, value in row.items()}


def _when(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
