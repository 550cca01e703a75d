"""A policy file: whether it can be read, and what it leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mithridate.core.errors import ConfigurationError
from mithridate.deployment.files import examine_secret
from mithridate.deployment.finding import Finding
from mithridate.deployment.options import is_loopback
from mithridate.guard.policy import Policy, read_policy

__all__ = ["examine_policy"]

_MOST_BYTES = 2**20


def examine_policy(path: Path) -> Iterator[Finding]:
    """Findings about one policy file, and about the keys that it names where they lie here."""
    subject = f"policy {path}"
    try:
        with path.open("rb") as file:
            policy = read_policy(file.read(_MOST_BYTES).decode("utf-8"), str(path))
    except (OSError, UnicodeDecodeError, ConfigurationError) as error:
        yield Finding("policy-broken", "high", subject, str(error), "mend the file: the app will not start with it")
        return
    yield from _judged(policy, subject)
    for name, what in ((policy.identity.server_key, "the server's signing key"), (policy.client.key, "a signing key")):
        key = None if name is None else path.parent / Path(name).expanduser()
        if key is not None and key.exists():  # on another machine it is not, and made where it is first needed
            yield from examine_secret(key, what)


def _judged(policy: Policy, subject: str) -> Iterator[Finding]:
    if policy.identity.require == "none":
        evidence = "[identity] require is none: replies are not tied to whoever sent them"
        cure = 'enrol keys (mithridate enrol), and set require = "signature"'
        yield Finding("replies-unsigned", "medium", subject, evidence, cure)
    if policy.client.server is None:
        evidence = "[client] server is not set: clients train whatever model they are sent"
        cure = "set server to the fingerprint of the key in [identity] server-key"
        yield Finding("server-unchecked", "low", subject, evidence, cure)
    if policy.record.folder is None:
        evidence = "[record] folder is not set: nobody can see afterwards who was turned away, and why"
        yield Finding("no-record", "low", subject, evidence, "set a folder on the server")
    if policy.monitor.port is not None and not is_loopback(policy.monitor.host):
        evidence = f"[monitor] host is {policy.monitor.host}: metrics name clients, and have no password"
        yield Finding(
            "metrics-exposed", "medium", subject, evidence, "serve them on 127.0.0.1 and let a proxy ask for one"
        )
    if policy.round.on_refusal == "keep" and policy.round.quorum == 1:
        evidence = "[round] quorum is 1: a single client that answers makes the round"
        yield Finding("quorum-of-one", "note", subject, evidence, "set quorum to what the rule needs, such as 2 f + 3")
