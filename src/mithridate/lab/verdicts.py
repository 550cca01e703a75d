"""What the guard said of a round, read from its record and told by the names of the lab's SuperNodes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from mithridate.lab.folder import Lab
from mithridate.store.events import lines

__all__ = ["known_as", "verdict"]


def known_as(public: Path) -> str:
    """The name under which the guard remembers a SuperNode: the fingerprint of its key.

    Args:
        public: Its public key, in OpenSSH's format.
    """
    key = serialization.load_ssh_public_key(public.read_bytes())
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    content = key.public_bytes(serialization.Encoding.PEM, form)
    return f"key:{hashlib.sha256(content).hexdigest()[:32]}"


def verdict(lab: Lab, round: int) -> dict[str, Any]:
    """What became of each client in a round, and whether the round as a whole was refused.

    Args:
        lab: A lab in which the guarded app runs.
        round: Flower's number of the round, from 1.

    Returns:
        "clients": name, status and reason of each that was asked; "refused": why the round was, or None. Empty if the record
        does not have the round.
    """
    newest = max(lab.record.glob("*/events.jsonl"), default=None)
    events = () if newest is None else lines(newest)
    for event in (event for event, _ in events if event["event"] == "round" and event["round"] == round - 1):
        names = {known_as(lab.keys / f"{site.name}.pub"): site.name for site in lab.plan.sites}
        return {"clients": [_told(client, names) for client in event["clients"]], "refused": event.get("refused")}
    return {}


def _told(client: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    name = names.get(client["client"], client["client"])
    return {"client": name, "status": client["status"], "reason": client.get("reason")}
