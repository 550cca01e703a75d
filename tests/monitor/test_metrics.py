"""The metrics object: what Prometheus reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from mithridate.core.errors import ConfigurationError
from mithridate.monitor.families import FAMILIES
from mithridate.monitor.metrics import Metrics
from mithridate.monitor.vocabulary import DECISIONS, REASONS, STATES
from tests.report.runs import round_event

HOSTILE = st.one_of(
    st.none(), st.text(max_size=20), st.integers(), st.sampled_from(["stale", 'x"} 1\n', "not-selected"])
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=8,
)
FIELDS = ("round", "accuracy", "asr", "clients", "refusals", "seconds", "privacy", "audit", "theory", "bytes_up", "fall_back",
          "refused", "version", "flwr", "quorum", "keys_expire")  # fmt: skip
CLIENTS = st.lists(
    st.fixed_dictionaries(
        {"client": st.text(max_size=80), "status": st.sampled_from(STATES)},
        optional={key: HOSTILE | st.floats() for key in ("reason", "stage", "score", "threshold", "norm")},
    ),
    max_size=8,
)
EVENTS = st.fixed_dictionaries(
    {"event": st.sampled_from(["started", "round", "finished", "failed"])},
    optional={key: JSON for key in FIELDS if key != "clients"} | {"clients": JSON | CLIENTS},
)


def fed(*events, **options):
    metrics = Metrics(**options)
    for event in events:
        metrics.consume(event)
    return metrics


def rounds(count, **options):
    return fed(*(round_event(number, attacked=True, guarded=True) for number in range(count)), **options)


def test_counts_add_up_over_rounds_and_gauges_show_the_last():
    metrics = rounds(4)
    assert metrics.value("mithridate_round") == 3
    # Two liars in rounds 2 and 3, and c001 in round 3.
    assert metrics.value("mithridate_updates_total", decision="rejected", reason="not-selected") == 5
    assert metrics.value("mithridate_updates_total", decision="accepted", reason="none") == 35
    assert metrics.value("mithridate_clients", state="dropped") == 3


def test_a_histogram_by_hand():
    metrics = fed(*({"event": "round", "round": 0, "seconds": {"guard": s}} for s in (0.001, 0.002, 7.0, 100.0)))
    name = "mithridate_aggregation_seconds"
    found = {
        bound: metrics.value(f"{name}_bucket", rule="none", le=bound)
        for bound in ("0.001", "0.005", "5.0", "30.0", "+Inf")
    }
    assert found == {"0.001": 1, "0.005": 2, "5.0": 2, "30.0": 3, "+Inf": 4}
    assert metrics.value(f"{name}_sum", rule="none") == pytest.approx(107.003)
    assert metrics.value(f"{name}_count", rule="none") == 4


def test_nothing_is_exposed_before_anything_is_known():
    assert Metrics().text() == ""


def test_a_measured_quality_stays_until_it_is_measured_again():
    metrics = fed({"event": "round", "round": 0, "accuracy": 0.8}, {"event": "round", "round": 1, "accuracy": None})
    assert metrics.value("mithridate_canary_accuracy_ratio") == 0.8


def test_only_the_last_build_is_shown():
    metrics = fed({"event": "started", "version": "1"}, {"event": "started", "version": "2"})
    assert metrics.value("mithridate_build_info", version="1", flwr="none") is None
    assert metrics.value("mithridate_build_info", version="2", flwr="none") == 1


def test_two_runs_do_not_share_their_numbers():
    first, second = rounds(2), Metrics()
    assert second.value("mithridate_round") is None
    assert first.value("mithridate_round") == 1


def test_to_forget_is_to_start_over():
    metrics = rounds(2)
    metrics.forget()
    assert metrics.text() == ""


def test_no_client_is_named_unless_asked_for():
    assert "c003" not in rounds(3).text()


def test_so_many_clients_are_named_as_were_asked_for():
    text = rounds(3, clients=2).text()
    assert 'client="c000"' in text and 'client="c001"' in text
    assert 'client="c002"' not in text and 'client="other"' in text


def test_a_hostile_name_is_cut_and_made_printable():
    hostile = {"client": 'a"\n\x1b[31m' + "x" * 99, "status": "counted"}
    text = fed({"event": "round", "round": 0, "clients": [hostile]}, clients=1).text()
    assert "\x1b" not in text
    (sample,) = next(f for f in text_string_to_metric_families(text) if f.name == "mithridate_updates").samples
    assert len(sample.labels["client"]) == 64


@pytest.mark.parametrize("clients", [-1, 1001, True, 1.5, "3"])
def test_an_unbounded_number_of_names_is_refused(clients):
    with pytest.raises(ConfigurationError, match="whole number from 0 to 1000"):
        Metrics(clients=clients)


@given(st.lists(EVENTS, max_size=6), st.sampled_from([0, 2]))
def test_no_event_breaks_it_and_no_event_makes_series_without_bound(events, clients):
    metrics = fed(*events, clients=clients)
    series = 0
    for family in text_string_to_metric_families(metrics.text()):
        declared = FAMILIES.get(family.name) or FAMILIES[f"{family.name}_total"]
        allowed = set(declared.labels) | (
            {"client"} if clients and declared.name == "mithridate_updates_total" else set()
        )
        for sample in family.samples:
            assert sample.name in declared.samples
            assert set(sample.labels) - {"le"} == allowed
            assert sample.value >= 0
            if declared.name == "mithridate_updates_total":
                series += 1
                assert sample.labels["decision"] in DECISIONS
                assert sample.labels["reason"] in REASONS | {"none", "other"}
    assert series <= len(DECISIONS) * (len(REASONS) + 2) * (clients + 1)


@given(st.lists(CLIENTS, max_size=3), st.integers(1, 3))
def test_never_more_names_than_were_asked_for(rounds, clients):
    metrics = fed(*({"event": "round", "round": 0, "clients": rows} for rows in rounds), clients=clients)
    named = {
        sample.labels["client"]
        for family in metrics.collect()
        for sample in family.samples
        if family.name == "mithridate_updates"
    }
    assert len(named - {"other"}) <= clients
