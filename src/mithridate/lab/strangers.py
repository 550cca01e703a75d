"""Those whom a sound deployment refuses: SuperNodes that have no key, a key that nobody registered, or no authority to trust."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mithridate.core.errors import MithridateError
from mithridate.lab import commands
from mithridate.lab.certificates import node_key
from mithridate.lab.commands import Site
from mithridate.lab.federation import Event, issued_in, started
from mithridate.lab.folder import Lab
from mithridate.lab.processes import tail

__all__ = ["STRANGERS", "Stranger", "knock"]

ANSWER_S = 60.0
_SAID = "Failed to initialize the connection to the SuperLink."


@dataclass(frozen=True)
class Stranger:
    """A SuperNode that should not get in.

    Args:
        name: What is wrong with it.
        altered: Its command line, made from that of a sound SuperNode.
        token: What Flower says when it refuses it.
    """

    name: str
    altered: Callable[[list[str]], list[str]]
    token: str


def knock(lab: Lab) -> Iterator[Event]:
    """Let each stranger try to connect to a lab that has risen, one after the other; about 8 s each.

    Raises:
        MithridateError: a stranger got in, or it neither got in nor was refused in time.
    """
    for number, stranger in enumerate(STRANGERS):
        site = Site(f"stranger-{number + 1}", 0, 1, lab.plan.port + len(lab.plan.sites) + 1, False)
        node_key(lab.keys / site.name)
        sound = commands.supernode(lab.plan, site, issued_in(lab), lab.keys / site.name)
        daemon = started(lab, site.name, [*stranger.altered(sound), "--max-retries", "1", "--max-wait-time", "5"], site)
        try:
            code = daemon.child.wait(ANSWER_S)
        except subprocess.TimeoutExpired as error:
            daemon.child.kill()
            daemon.child.wait()
            raise MithridateError(f"a SuperNode with {stranger.name} was not refused in {ANSWER_S:g} s") from error
        said = _reason(tail(daemon.log, 60))
        if code == 0 or stranger.token not in said:
            raise MithridateError(f"a SuperNode with {stranger.name} ended with exit code {code} and said: {said}")
        yield {"event": "refused", "who": stranger.name, "said": said}


def _reason(log: str) -> str:
    """The line after Flower's heading."""
    return log.partition(_SAID)[2].strip().partition("\n")[0]


def _without(*options: str) -> Callable[[list[str]], list[str]]:
    """The command line without options and their values."""

    def altered(words: list[str]) -> list[str]:
        dropped = {number + ahead for number, word in enumerate(words) if word in options for ahead in (0, 1)}
        return [word for number, word in enumerate(words) if number not in dropped]

    return altered


STRANGERS = (
    Stranger("a key that nobody registered", list, "[code: 2004]"),
    Stranger("no key", _without("--auth-supernode-private-key"), "[code: 2001]"),
    Stranger("no authority to trust", _without("--root-certificates"), "CERTIFICATE_VERIFY_FAILED"),
)
