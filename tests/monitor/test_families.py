"""The metrics' names and kinds."""

from __future__ import annotations

import re

import pytest

from mithridate.monitor.families import FAMILIES, PREFIX
from tests.shape.tree import ROOT

PROMISED = {
    "mithridate_round",
    "mithridate_round_duration_seconds",
    "mithridate_updates_total",
    "mithridate_update_norm",
    "mithridate_anomaly_score",
    "mithridate_clients",
    "mithridate_quarantined_clients",
    "mithridate_aggregation_seconds",
    "mithridate_canary_accuracy_ratio",
    "mithridate_canary_asr_ratio",
    "mithridate_dp_epsilon_spent",
    "mithridate_dp_epsilon_budget",
    "mithridate_audit_records_total",
    "mithridate_audit_chain_ok",
    "mithridate_inflight_bytes",
    "mithridate_build_info",
}
"""Dashboards out there rely on these names."""

every = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def test_no_promised_name_is_missing():
    assert set(FAMILIES) >= PROMISED


@every
def test_a_name_is_a_name_of_prometheus_and_ours(family):
    assert re.fullmatch(r"mithridate(_[a-z]+)+", family.name)
    assert family.name.startswith(PREFIX)


@every
def test_counters_and_only_counters_end_in_total(family):
    assert (family.kind == "counter") == family.name.endswith("_total")


@every
def test_only_histograms_have_buckets_and_these_rise(family):
    assert bool(family.buckets) == (family.kind == "histogram")
    assert list(family.buckets) == sorted(set(family.buckets))
    assert all(bound > 0 for bound in family.buckets)


@every
def test_no_family_has_a_client_label(family):
    assert not {"client", "node"} & set(family.labels)


@every
def test_the_page_explains_it(family):
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    labels = "{" + ",".join(family.labels) + "}" if family.labels else ""
    assert f"| `{family.name}{labels}` | {family.kind} |" in page
