"""From an event to numbers."""

from __future__ import annotations

from collections import Counter

import pytest

from mithridate.guard.guard import CHALLENGED
from mithridate.monitor.observations import UNKNOWN, Setting, number, observed
from tests.report.runs import round_event


def of(event, name, setting=UNKNOWN):
    """Values of one metric by labels."""
    return {each.labels: each.value for each in observed(event, setting) if each.name == f"mithridate_{name}"}


def clients(*rows, **event):
    return {"event": "round", "round": 0, "clients": [{"client": f"c{i}"} | row for i, row in enumerate(rows)]} | event


def decisions(event):
    return Counter(each.labels for each in observed(event) if each.name == "mithridate_updates_total")


def test_a_round_by_hand():
    event = round_event(5, attacked=True, guarded=True)
    assert decisions(event) == {
        ("accepted", "none"): 7,
        ("rejected", "not-selected"): 2,
        ("malformed", "not-finite"): 1,
    }
    assert of(event, "clients") == {
        ("counted",): 7, ("dropped",): 2, ("refused",): 1, ("absent",): 0, ("late",): 0,
    }  # fmt: skip
    assert of(event, "round_duration_seconds") == {(): pytest.approx(0.5 + 0.012 + 0.1)}
    assert of(event, "aggregation_seconds", Setting("multi-krum")) == {("multi-krum",): 0.012}
    assert of(event, "anomaly_score") == {("multi-krum",): 14.5 / 4.25}


def test_what_was_not_measured_is_no_zero():
    event = {"event": "round", "round": 0, "accuracy": None, "asr": None, "seconds": None, "clients": None}
    names = {each.name for each in observed(event)}
    assert names == {"mithridate_round", "mithridate_rounds_total", "mithridate_run_state"}


def test_clipped_and_downweighted_updates_are_told_from_others():
    found = decisions(
        clients(
            {"status": "counted", "reason": "clipped", "stage": "clip"},
            {"status": "counted", "reason": "like-others", "stage": "fools-gold"},
            {"status": "counted", "reason": None},
        )
    )
    assert found == {("clipped", "clipped"): 1, ("downweighted", "like-others"): 1, ("accepted", "none"): 1}


def test_who_passes_a_challenge_was_not_rejected():
    event = clients({"status": "dropped", "reason": "challenge-passed", "stage": "guard"}, refused=CHALLENGED)
    assert decisions(event) == {("accepted", "challenge-passed"): 1}
    assert of(event, "rounds_total") == {("challenge",): 1}


def test_no_update_is_counted_for_who_sent_none():
    assert not decisions(clients({"status": "absent"}, {"status": "late", "reason": "late"}))


def test_a_refusal_counts_once_though_it_stands_twice_in_the_event():
    refused = {"status": "refused", "stage": "admission", "reason": "shape"}
    event = clients(refused, refusals=[["c0", "shape", "detail"], ["mallory", "unknown-client", "detail"]])
    assert decisions(event) == {("malformed", "shape"): 1, ("malformed", "unknown-client"): 1}
    assert decisions(clients(refused)) == {("malformed", "shape"): 1}


def test_a_client_that_failed_is_absent_and_sent_nothing_malformed():
    gone = {"status": "absent", "stage": "admission", "reason": "failed"}
    event = clients(gone, refusals=[["c0", "failed", "no reply within 60 s"]])
    assert not decisions(event)
    assert of(event, "clients")[("absent",)] == 1


def test_a_reply_refused_elsewhere_than_at_admission_is_rejected():
    event = clients({"status": "refused", "stage": "identity", "reason": "forged"})
    assert decisions(event) == {("rejected", "other"): 1}


def test_how_a_round_ended():
    for fields, outcome in [
        ({}, "aggregated"),
        ({"refused": "krum needs n >= 5"}, "refused"),
        ({"refused": "krum needs n >= 5", "fall_back": "median"}, "fell-back"),
    ]:
        assert of({"event": "round", "round": 0} | fields, "rounds_total") == {(outcome,): 1}


def test_in_a_round_that_fell_back_the_other_rule_took_the_time():
    event = {"event": "round", "round": 0, "fall_back": "median", "seconds": {"guard": 2}}
    assert of(event, "aggregation_seconds", Setting("krum")) == {("median",): 2.0}


def test_quarantine_is_told_where_there_is_one():
    nobody = clients({"status": "counted"})
    held = clients({"status": "dropped", "reason": "in-quarantine"}, {"status": "dropped", "reason": "in-quarantine"})
    assert of(nobody, "quarantined_clients") == {}
    assert of(nobody, "quarantined_clients", Setting(stages=("quarantine",))) == {(): 0.0}
    assert of(held, "quarantined_clients") == {(): 2.0}


def test_the_beginning_of_a_run():
    event = {
        "event": "started",
        "version": "0.1.0",
        "flwr": "1.41.0",
        "theory": {"f": 3},
        "quorum": 8,
        "keys_expire": 2e9,
    }
    assert of(event, "build_info") == {("0.1.0", "1.41.0"): 1}
    assert of(event, "borne_clients") == {(): 3}
    assert of(event, "quorum_clients") == {(): 8}
    assert of(event, "key_expiry_timestamp_seconds") == {(): 2e9}
    assert set(of(event, "rounds_total").values()) == {0.0}
    assert of(event, "run_state") == {("running",): 1, ("finished",): 0, ("failed",): 0}


def test_privacy_and_audit_are_told_only_by_events_that_have_them():
    event = {"event": "round", "round": 0, "privacy": {"epsilon_spent": 1.5, "epsilon_budget": 8}}
    assert (of(event, "dp_epsilon_spent"), of(event, "dp_epsilon_budget")) == ({(): 1.5}, {(): 8})
    assert not of(event, "audit_chain_ok")
    event = {"event": "round", "round": 0, "audit": {"records": 12, "ok": False}}
    assert (of(event, "audit_records_total"), of(event, "audit_chain_ok")) == ({(): 12}, {(): 0})


def test_the_end_of_a_run():
    assert of({"event": "finished", "rounds": 3}, "run_state")[("finished",)] == 1
    assert of({"event": "failed", "error": "x"}, "run_state")[("failed",)] == 1


def test_an_event_of_an_unknown_kind_says_nothing():
    assert not list(observed({"event": "plugged-in", "round": 3}))
    assert not list(observed({}))


@pytest.mark.parametrize("value", [True, None, "1", float("nan"), float("inf"), 10**400, [1], 1e19])
def test_what_is_no_sane_number_is_none(value):
    assert number(value) is None


def test_shares_beyond_one_are_left_out():
    assert not of({"event": "round", "round": 0, "accuracy": 1.01}, "canary_accuracy_ratio")
