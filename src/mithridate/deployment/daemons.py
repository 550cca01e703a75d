"""What a SuperLink's and a SuperNode's command lines say about who can reach, read and join them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mithridate.deployment.files import examine_certificate, examine_secret
from mithridate.deployment.finding import Finding, Severity
from mithridate.deployment.options import Options, is_loopback

__all__ = ["examine_daemon"]

_LINK, _NODE = "flower-superlink", "flower-supernode"


def examine_daemon(options: Options, now: datetime) -> Iterator[Finding]:
    """Everything that one daemon's options, files and environment show."""
    yield from _link(options) if options.program == _LINK else _node(options)
    yield from _tasks(options)
    yield from _environment(options)
    yield from _files(options, now)
    for name in options.unknown:
        yield _finding(options, "option-unknown", "note", name, "see whether this version of Flower has it")


def _link(options: Options) -> Iterator[Finding]:
    """Who reaches the SuperLink, and who may join it."""
    host = options.values.get("--host", "127.0.0.1")
    local = is_loopback(host)
    if "--insecure" in options.flags:
        severity: Severity = "high" if local else "critical"
        cure = "give --ssl-certfile, --ssl-keyfile and --ssl-ca-certfile, and drop --insecure"
        yield _finding(
            options, "no-tls", severity, "--insecure: models and updates travel readable and changeable", cure
        )
    elif missing := [
        name for name in ("--ssl-certfile", "--ssl-keyfile", "--ssl-ca-certfile") if name not in options.values
    ]:
        yield _finding(options, "tls-incomplete", "medium", f"without {', '.join(missing)}", "give all three")
    if not {"--enable-supernode-auth", "--simulation"} & options.flags:
        evidence = "without --enable-supernode-auth: whoever reaches the port joins as a client"
        yield _finding(options, "nodes-unauthenticated", "high", evidence, "start it with --enable-supernode-auth")
    if not local:
        evidence = f"--host {host}: the Control API has no authentication, shares this port, and starts runs"
        cure = "listen on 127.0.0.1 and let a reverse proxy pass only the fleet endpoints (docs/deployment.md)"
        yield _finding(options, "control-api-exposed", "critical", evidence, cure)
    if not {"--disable-runtime-dependency-installation", "--simulation"} & options.flags:
        evidence = "without --disable-runtime-dependency-installation: each app may have packages installed"
        yield _finding(
            options, "installs-at-run-time", "medium", evidence, "give --disable-runtime-dependency-installation"
        )
    if "--database" not in options.values and "--simulation" not in options.flags:
        evidence = "without --database: registered SuperNodes are forgotten at a restart"
        yield _finding(options, "state-in-memory", "low", evidence, "give --database FILE")
    if "--auth-list-public-keys" in options.values:
        cure = "register keys with: flwr supernode register KEY.pub"
        yield _finding(options, "option-gone", "low", "--auth-list-public-keys is refused by Flower now", cure)


def _node(options: Options) -> Iterator[Finding]:
    """Whom the SuperNode trusts, and how it proves itself."""
    address = options.values.get("--superlink", "127.0.0.1:8000")
    local = is_loopback(address.rpartition(":")[0] or address)
    if "--insecure" in options.flags:
        evidence = f"--insecure to {address}: models and updates travel readable and changeable"
        cure = "give --root-certificates, and drop --insecure"
        yield _finding(options, "no-tls", "high" if local else "critical", evidence, cure)
    elif "--root-certificates" not in options.values:
        evidence = "without --root-certificates: every authority that this system knows can speak for the SuperLink"
        yield _finding(
            options, "public-authorities", "low", evidence, "give --root-certificates with the federation's own"
        )
    if "--auth-supernode-private-key" not in options.values:
        evidence = "without --auth-supernode-private-key: the SuperLink cannot tell who this is"
        yield _finding(options, "node-without-key", "medium", evidence, "make a key, register it, and give it")
    if "--trusted-entities" not in options.values:
        # Signatures come from Flower Hub alone: with the option, an app that `flwr run` bundled is refused.
        evidence = "without --trusted-entities: whatever app the SuperLink sends is run"
        cure = "know that who runs the SuperLink runs code here; for apps of Flower Hub, give their reviewers' keys"
        yield _finding(options, "bundles-unverified", "note", evidence, cure)
    if "--allow-runtime-dependency-installation" in options.flags:
        evidence = "--allow-runtime-dependency-installation: each app may have packages installed"
        yield _finding(
            options, "installs-at-run-time", "medium", evidence, "drop the option and install what apps need"
        )
    host = options.values.get("--host", "127.0.0.1")
    if not is_loopback(host):
        evidence = f"--host {host}: the Runtime API hands out models and takes updates"
        yield _finding(options, "runtime-api-exposed", "high", evidence, "listen on 127.0.0.1")


def _tasks(options: Options) -> Iterator[Finding]:
    """Who may execute tasks."""
    if options.values.get("--isolation") == "process" and "--superexec-auth-secret-file" not in options.values:
        evidence = (
            "--isolation process without --superexec-auth-secret-file: who reaches the Runtime API may take tasks"
        )
        yield _finding(
            options, "executor-unauthenticated", "medium", evidence, "give both sides --superexec-auth-secret-file"
        )


def _environment(options: Options) -> Iterator[Finding]:
    """What the process's environment switches on; nothing is said where it may not be read."""
    if not options.environment:
        return
    if options.variable("FLWR_TELEMETRY_ENABLED") != "0":
        evidence = "FLWR_TELEMETRY_ENABLED is not 0: starts and stops are reported to Flower Labs"
        yield _finding(options, "telemetry-on", "low", evidence, "set FLWR_TELEMETRY_ENABLED=0")
    for name in ("FLWR_INTERNAL_GRPC_CONTROL_API", "FLWR_INTERNAL_GRPC_FLEET_API"):
        if options.program == _LINK and options.variable(name) == "1":
            evidence = f"{name}=1 opens one more port, which no proxy for HTTP covers"
            yield _finding(options, "grpc-api-open", "medium", evidence, f"unset {name}")


def _files(options: Options, now: datetime) -> Iterator[Finding]:
    """The files that the options name, where they can be found."""
    secrets = {
        "--ssl-keyfile": "the server's private key",
        "--auth-supernode-private-key": "the node's private key",
        "--superexec-auth-secret-file": "the executors' secret",
        "--database": "the state with every run's models",
    }
    certificates = {
        "--ssl-certfile": "the server's certificate",
        "--ssl-ca-certfile": "the authority's certificate",
        "--root-certificates": "the authority's certificate",
    }
    for option, what in secrets.items():
        path = options.path(option)
        if path is not None and str(options.values[option]) != ":flwr-in-memory:":
            yield from examine_secret(path, what)
    for option, what in certificates.items():
        path = options.path(option)
        if path is not None:
            yield from examine_certificate(path, what, now)


def _finding(options: Options, name: str, severity: Severity, evidence: str, cure: str) -> Finding:
    return Finding(name, severity, options.subject, evidence, cure)
