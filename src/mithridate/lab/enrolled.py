"""Who may speak in a lab: a signing key for the server and for each SuperNode, and the list that names them."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from pathlib import Path

from mithridate.identity.approval import TOKEN_BYTES, approve, changed, issue, spoken_token
from mithridate.identity.keys import SigningKey
from mithridate.lab.bundle import Guarding
from mithridate.lab.folder import Lab

__all__ = ["enrolled"]


def enrolled(lab: Lab, now: datetime) -> Guarding:
    """Make the keys and enrol each by a token, as `mithridate enrol` would; the liars too, for nobody knows them.

    Returns:
        What goes into the app's policy.
    """
    path = lab.root / "enrolment.toml"
    server = SigningKey.create(lab.signing_key("server"))
    for site in lab.plan.sites:
        _enrol(path, site.name, SigningKey.create(lab.signing_key(site.name)).public, now)
    return Guarding(lab.record, path, lab.signing_key("server"), server.fingerprint)


def _enrol(path: Path, name: str, public: bytes, now: datetime) -> None:
    """Each site is an organisation of its own."""
    token = secrets.token_bytes(TOKEN_BYTES)
    until = now + timedelta(hours=1)
    changed(path, lambda text: issue(text, name, name, expires=until, secret_token=token), new=True)
    changed(path, lambda text: approve(text, spoken_token(token), public, now=now))
