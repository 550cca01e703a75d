"""A journal's event as observations: which metric, which labels, which number. Whatever does not fit is left out, never made up.

Beside what the simulator writes, a `round` may carry `fall_back` (the name of the rule that stepped in), `privacy`
(`epsilon_spent`, `epsilon_budget`), `audit` (`records` written in this round, `ok`), and each client its update's `norm`;
`started` may carry `flwr` (Flower's version), `quorum` and `keys_expire` (Unix time).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mithridate.guard.guard import CHALLENGED
from mithridate.monitor.vocabulary import JUDGES, OUTCOMES, REASONS, RULE_NAMES, RUN_STATES, STATES, known, plain

__all__ = ["UNKNOWN", "Observation", "Setting", "number", "observed"]

_QUARANTINED = "in-quarantine"
_FAILED = "failed"
_MOST = 1e18


@dataclass(frozen=True)
class Observation:
    """One number about one metric: added to a counter, set on a gauge, observed by a histogram.

    Args:
        name: The metric.
        value: The number; finite.
        labels: Values in the order of the family's labels.
        client: Whom it is about; a stranger's text, shown to nobody who did not ask for it.
    """

    name: str
    value: float
    labels: tuple[str, ...] = ()
    client: str | None = None


@dataclass(frozen=True)
class Setting:
    """What is known of a run beside its events.

    Args:
        rule: The rule that aggregates, as in the policy; None where unknown.
        stages: The names of the stages before it.
    """

    rule: str | None = None
    stages: tuple[str, ...] = ()


UNKNOWN = Setting()


def observed(event: Mapping[str, Any], setting: Setting = UNKNOWN) -> Iterator[Observation]:
    """Everything that an event says in numbers; nothing for an event of an unknown kind.

    >>> [(each.name, each.value) for each in observed({"event": "round", "round": 3, "accuracy": None, "asr": 0.5})][:3]
    [('mithridate_round', 3.0), ('mithridate_canary_asr_ratio', 0.5), ('mithridate_rounds_total', 1.0)]
    """
    kind = event.get("event")
    state = {"started": "running", "round": "running", "finished": "finished", "failed": "failed"}.get(str(kind))
    if kind == "started":
        yield from _started(event)
    elif kind == "round":
        yield from _round(event)
        yield from _spent(event, setting)
        yield from _clients(event, setting)
    if state is not None:
        yield from (Observation("mithridate_run_state", float(state == each), (each,)) for each in RUN_STATES)


def _started(event: Mapping[str, Any]) -> Iterator[Observation]:
    yield Observation("mithridate_build_info", 1.0, (plain(event.get("version")), plain(event.get("flwr"))))
    # A counter that is born at 1 has not risen for whoever watches: what an alert counts begins at 0.
    yield from (Observation("mithridate_rounds_total", 0.0, (outcome,)) for outcome in OUTCOMES)
    yield from _given("mithridate_borne_clients", _part(event, "theory").get("f"))
    yield from _given("mithridate_quorum_clients", event.get("quorum"))
    yield from _given("mithridate_key_expiry_timestamp_seconds", event.get("keys_expire"))


def _round(event: Mapping[str, Any]) -> Iterator[Observation]:
    yield from _given("mithridate_round", event.get("round"))
    yield from _given("mithridate_canary_accuracy_ratio", event.get("accuracy"), most=1.0)
    yield from _given("mithridate_canary_asr_ratio", event.get("asr"), most=1.0)
    yield from _given("mithridate_inflight_bytes", event.get("bytes_up"))
    yield Observation("mithridate_rounds_total", 1.0, (_outcome(event),))
    privacy, audit = _part(event, "privacy"), _part(event, "audit")
    yield from _given("mithridate_dp_epsilon_spent", privacy.get("epsilon_spent"))
    yield from _given("mithridate_dp_epsilon_budget", privacy.get("epsilon_budget"))
    yield from _given("mithridate_audit_records_total", audit.get("records"))
    if isinstance(audit.get("ok"), bool):
        yield Observation("mithridate_audit_chain_ok", float(audit["ok"]))


def _outcome(event: Mapping[str, Any]) -> str:
    if event.get("fall_back") is not None:
        return "fell-back"
    refused = event.get("refused")
    return "aggregated" if refused is None else "challenge" if refused == CHALLENGED else "refused"


def _spent(event: Mapping[str, Any], setting: Setting) -> Iterator[Observation]:
    """How long a round took."""
    seconds = _part(event, "seconds")
    parts = [found for part in seconds.values() if (found := number(part)) is not None]
    if parts:
        yield from _given("mithridate_round_duration_seconds", sum(parts))
    fallen = event.get("fall_back")
    rule = known(setting.rule if fallen is None else fallen, RULE_NAMES)
    yield from _given("mithridate_aggregation_seconds", seconds.get("guard"), (rule,))


def _clients(event: Mapping[str, Any], setting: Setting) -> Iterator[Observation]:
    clients = [each for each in _list(event, "clients") if isinstance(each, Mapping) and each.get("status") in STATES]
    if isinstance(event.get("clients"), list | tuple):
        for state in STATES:
            yield Observation("mithridate_clients", float(sum(each["status"] == state for each in clients)), (state,))
        held = sum(each.get("reason") == _QUARANTINED for each in clients)
        if held or "quarantine" in setting.stages:
            yield Observation("mithridate_quarantined_clients", float(held))
    refusals = [tuple(each[:2]) for each in _list(event, "refusals") if isinstance(each, Sequence) and len(each) > 1]
    named = {client for client, _ in refusals if isinstance(client, str)}
    for client, reason in refusals:
        if reason != _FAILED:  # nothing came: the client is absent, which is no word about an update
            yield _decided("malformed", reason, client)
    for each in clients:
        decision = _decision(each)
        if decision is not None and (decision != "malformed" or each.get("client") not in named):
            yield _decided(decision, each.get("reason"), each.get("client"))
        yield from _given("mithridate_update_norm", each.get("norm"))
        score, bound = number(each.get("score")), number(each.get("threshold"))
        if score is not None and bound:
            yield from _given("mithridate_anomaly_score", score / bound, (known(each.get("stage"), JUDGES),))


def _decided(decision: str, reason: Any, client: Any) -> Observation:
    return Observation(
        "mithridate_updates_total", 1.0, (decision, known(reason, REASONS)), client if isinstance(client, str) else None
    )


def _decision(client: Mapping[str, Any]) -> str | None:
    """What was decided about a client's update; None where there was none to decide about."""
    reason = client.get("reason")
    match client["status"]:
        case "counted":
            return "accepted" if reason is None else "clipped" if reason == "clipped" else "downweighted"
        case "dropped":
            return "accepted" if reason == "challenge-passed" else "rejected"
        case "refused":
            return "malformed" if client.get("stage") in (None, "admission") else "rejected"
    return None


def _given(name: str, value: Any, labels: tuple[str, ...] = (), most: float = _MOST) -> Iterator[Observation]:
    """The observation, if there is a sane number."""
    found = number(value)
    if found is not None and 0 <= found <= most:
        yield Observation(name, found, labels)


def number(value: Any) -> float | None:
    """A finite number; None for everything else.

    >>> number(2), number(True), number("2"), number(float("nan")), number(10**400)
    (2.0, None, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_MOST <= value <= _MOST:
        return None
    return float(value) if math.isfinite(value) else None


def _part(event: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = event.get(key)
    return found if isinstance(found, Mapping) else {}


def _list(event: Mapping[str, Any], key: str) -> Sequence[Any]:
    found = event.get(key)
    return found if isinstance(found, list | tuple) else ()
