"""A lab at work: certificates and keys are made, a SuperLink and SuperNodes started and enrolled, the app run and watched.

What happens is told as events, dictionaries with a field `event`:
    {"event": "step", "what": "superlink", "detail": ...}
    {"event": "round", "run": "guarded", "round": 1, "accuracy": 0.9}
    {"event": "ended", "run": "guarded", "accuracy": 0.9}
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mithridate.core.errors import ConfigurationError, MithridateError, UnknownName
from mithridate.deployment.running import Running
from mithridate.lab import commands
from mithridate.lab.bundle import written_app, written_data, written_liar
from mithridate.lab.certificates import Issued, issue, node_key
from mithridate.lab.commands import HOST, Plan, Site
from mithridate.lab.enrolled import enrolled
from mithridate.lab.folder import Lab
from mithridate.lab.ports import taken
from mithridate.lab.processes import Daemon, NotReady, await_port, kill, start, tail
from mithridate.lab.verdicts import verdict

__all__ = ["SERVER_APP", "Event", "asked", "crash", "issued_in", "killable", "prepare", "rise", "started", "train"]

Event = dict[str, Any]

SUPERLINK_S, ONLINE_S, ANSWER_S = 90.0, 180.0, 60.0
"""How long may pass until the SuperLink listens, all SuperNodes are connected, a command line has answered."""
ROUND_S = 300.0
"""How long may pass without a new round before a run is given up; a loaded machine needs 40 s for four SuperNodes."""

SERVER_APP = "server"
"""The name of the ServerApp for `crash`."""

_RUN = ("flwr", "flwr-serverapp")
"""The processes of a run on the server's side: whoever started it and follows its log, and the app itself."""

_PAUSE_S = 0.2


def prepare(lab: Lab) -> Iterator[Event]:
    """Make what the lab's processes read: app, data, certificates, keys.

    Raises:
        ConfigurationError: a port is taken, or Flower is not installed.
    """
    plan, now = lab.plan, datetime.now(UTC)
    for name in ("flower-superlink", "flower-supernode", "flwr"):
        commands.program(name)
    if busy := taken(HOST, range(plan.port, plan.port + len(plan.sites) + 1)):
        raise ConfigurationError(f"port {busy[0]} is taken: choose others with --port")
    task = written_data(lab.data, plan.task)
    yield {"event": "step", "what": "data", "detail": f"{task.source}: {len(task.y)} + {len(task.y_test)} samples"}
    for site in plan.sites:
        node_key(lab.keys / site.name)
        if site.liar:
            written_liar(_liar(lab, site), plan.lie)
    issue(lab.keys, now)
    written_app(lab.app(guarded=True), enrolled(lab, now))
    written_app(lab.app(guarded=False), None)
    yield {
        "event": "step",
        "what": "keys",
        "detail": f"an authority, a certificate for {HOST}, {len(plan.sites)} nodes enrolled",
    }


def rise(lab: Lab) -> Iterator[Event]:
    """Start the SuperLink, enrol the SuperNodes' keys and start them; over when all are connected.

    Raises:
        NotReady: a process ended or did not answer in time.
    """
    plan = lab.plan
    link = started(lab, "superlink", commands.superlink(plan, issued_in(lab), lab.root / "state.db"))
    await_port(link, HOST, plan.port, most_s=SUPERLINK_S)
    yield {"event": "step", "what": "superlink", "detail": f"https://{HOST}:{plan.port}, TLS, registered nodes only"}
    for site in plan.sites:
        asked(lab, commands.register(lab.keys / f"{site.name}.pub", site.name))
        yield {"event": "step", "what": "registered", "detail": site.name}
    nodes = [started(lab, site.name, _supernode(lab, site), site) for site in plan.sites]
    _await_online(lab, [link, *nodes])
    yield {"event": "step", "what": "supernodes", "detail": f"{len(nodes)} connected, {plan.liars} of them lying"}


def train(
    lab: Lab, run: str, *, guarded: bool, lie: str, crashing: str | None = None, round_s: float = ROUND_S
) -> Iterator[Event]:
    """Run the app to its end, with an event for each round.

    Args:
        lab: A lab that has risen.
        run: The run's name in events, logs and the folder `runs`.
        guarded: With the guard, or the same app without.
        lie: What the liars tell in this run.
        crashing: Who is killed after the first round: a SuperNode, with whom the run goes on without it, or `SERVER_APP`, after
            which the same app is started again; it goes on with the guard's record, and from the beginning without.
        round_s: Most seconds without a new round.

    Raises:
        MithridateError: the run ended early or stood still; the message ends with what it said last.
    """
    for site in lab.plan.sites:
        if site.liar:
            written_liar(_liar(lab, site), lie)
    command = commands.run(lab.app(guarded=guarded), lab.plan, lab.data, lab.progress(run))
    child = started(lab, f"run-{run}", command)
    done, last = -1, time.monotonic()
    accuracy: float | None = None
    while done < lab.plan.rounds:
        ended = child.child.poll() is not None
        for told in (line for line in _lines(lab.progress(run)) if line["round"] > done):
            done, last, accuracy = told["round"], time.monotonic(), told["accuracy"]
            yield {"event": "round", "run": run, **told, **(verdict(lab, told["round"]) if guarded else {})}
            if crashing is not None and done == 1:
                yield crash(lab, crashing)
                if crashing == SERVER_APP:
                    child, ended = started(lab, f"run-{run}-again", command), False
                    yield {"event": "step", "what": "started", "detail": f"{run} again, with the record of before"}
        if done < lab.plan.rounds and (ended or time.monotonic() - last > round_s):
            why = "ended early" if ended else f"stood still for {round_s:g} s"
            raise MithridateError(f"the run {why} after {max(done, 0)} rounds; {child.log}:\n{tail(child.log, 30)}")
        time.sleep(_PAUSE_S)
    child.child.wait(ANSWER_S)
    yield {"event": "ended", "run": run, "accuracy": accuracy}


def killable(plan: Plan, name: str) -> None:
    """Refuse a name that nobody in such a lab will have, and a crash after which there is nothing left to see.

    Raises:
        UnknownName: there will be no such process.
        ConfigurationError: the first round is the last.
    """
    names = (*(site.name for site in plan.sites), SERVER_APP)
    if name not in names:
        raise UnknownName("process", name, names)
    if plan.rounds < 2:
        raise ConfigurationError(f"{name} is killed after the first round, and there is no other: more --rounds")


def crash(lab: Lab, name: str) -> Event:
    """Kill a SuperNode of a lab that has risen, or its ServerApp with the run, as a power cut would.

    Raises:
        ConfigurationError: nobody of that name runs.
    """
    sites = [site.name for site in lab.plan.sites]
    key = str(lab.keys / name)

    def meant(process: Running) -> bool:
        if name != SERVER_APP:
            return key in process.command
        return any(Path(word).name in _RUN for word in process.command[:3])

    if name not in (*sites, SERVER_APP) or not kill(lab.marker, meant):
        raise ConfigurationError(f"no {name!r} runs in {lab.root}; there are {', '.join(sites)} and {SERVER_APP}")
    return {"event": "step", "what": "killed", "detail": name}


def asked(lab: Lab, command: Sequence[str]) -> Any:
    """What a command of `flwr` answers in JSON.

    Raises:
        MithridateError: it fails or does not answer in time.
    """
    shown = " ".join(Path(word).name if word == command[0] else word for word in command[:3])
    try:
        done = subprocess.run(  # noqa: S603 - the lab's own commands, no shell
            list(command),
            env=_environment(lab, "operator"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=False,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise MithridateError(f"{shown} did not answer in {ANSWER_S:g} s") from error
    except json.JSONDecodeError as error:
        raise MithridateError(f"{shown} failed: {(done.stderr or done.stdout).strip()[-500:]}") from error
    if done.returncode != 0 or not answer.get("success"):
        raise MithridateError(f"{shown} failed: {answer.get('error-message', done.stderr.strip()[-500:])}")
    return answer


def issued_in(lab: Lab) -> Issued:
    """The certificates of a lab that was prepared."""
    return Issued(lab.keys / "ca.crt", lab.keys / "server.pem", lab.keys / "server.key")


def started(lab: Lab, name: str, command: Sequence[str], site: Site | None = None) -> Daemon:
    """Start one of the lab's processes: its own FLWR_HOME for a daemon, the operator's for everything else."""
    liar = _liar(lab, site) if site is not None and site.liar else None
    home = name if site is not None or name == "superlink" else "operator"
    lab.home(home).mkdir(parents=True, exist_ok=True)
    return start(name, command, _environment(lab, home, liar), lab.log(name), lab.root)


def _await_online(lab: Lab, daemons: Sequence[Daemon]) -> None:
    until = time.monotonic() + ONLINE_S
    while True:
        answer = asked(lab, commands.nodes())
        online = sum(node["status"] == "online" for node in answer["nodes"])
        if online == len(lab.plan.sites):
            return
        for daemon in daemons:
            if daemon.child.poll() is not None:
                raise NotReady(f"{daemon.name} ended; {daemon.log}:\n{tail(daemon.log)}")
        if time.monotonic() > until:
            raise NotReady(f"{online} of {len(lab.plan.sites)} SuperNodes connected in {ONLINE_S:g} s; see {lab.logs}")
        time.sleep(_PAUSE_S)


def _lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file that is still being written."""
    if not path.exists():
        return []
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def _supernode(lab: Lab, site: Site) -> list[str]:
    own = {"mithridate-key": lab.signing_key(site.name), "mithridate-state": lab.home(site.name) / "guard"}
    return commands.supernode(lab.plan, site, issued_in(lab), lab.keys / site.name, own)


def _environment(lab: Lab, home: str, liar: Path | None = None) -> dict[str, str]:
    return commands.environment(lab.word, lab.home(home), os.environ, liar)


def _liar(lab: Lab, site: Site) -> Path:
    return lab.root / "liars" / site.name
