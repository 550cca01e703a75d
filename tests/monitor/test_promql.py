"""The reader of expressions, and through it every expression that the package ships: alerts and dashboard."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib import resources

import pytest
import yaml

from mithridate.monitor.families import FAMILIES
from mithridate.monitor.vocabulary import DECISIONS, JUDGES, OUTCOMES, REASONS, RULE_NAMES, RUN_STATES, STATES
from tests.monitor.promql import Selected, grouped, selected
from tests.shape.tree import ROOT

SHIPPED = resources.files("mithridate.monitor")
ALERTS = [
    rule
    for group in yaml.safe_load(SHIPPED.joinpath("alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads(SHIPPED.joinpath("dashboard.json").read_text("utf-8"))
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
EXPRESSIONS = {rule["alert"]: rule["expr"] for rule in ALERTS} | {
    f"{panel['title']}/{target['refId']}": target["expr"]
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
}
BY_SAMPLE = {sample: family for family in FAMILIES.values() for sample in family.samples}
OF_THE_SCRAPE = {"job", "instance"}
WORDS = {
    ("mithridate_updates_total", "decision"): set(DECISIONS),
    ("mithridate_updates_total", "reason"): set(REASONS) | {"none", "other"},
    ("mithridate_anomaly_score", "stage"): set(JUDGES),
    ("mithridate_clients", "state"): set(STATES),
    ("mithridate_run_state", "state"): set(RUN_STATES),
    ("mithridate_rounds_total", "outcome"): set(OUTCOMES),
    ("mithridate_aggregation_seconds", "rule"): set(RULE_NAMES),
}
every = pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
alerts = pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])


def test_an_expression_read_by_hand():
    text = 'sum without (a, b) (increase(x_total{c=~"d|e", f!="g{"}[30m])) / on (job) max_over_time(y[6h] offset 5m)'
    text += " - 0.1 >= time() and z"
    assert selected(text) == [
        Selected("x_total", (("c", "=~", "d|e"), ("f", "!=", "g{"))),
        Selected("y"),
        Selected("z"),
    ]
    assert grouped(text) == {"a", "b", "job"}


def test_an_aggregation_before_its_grouping_is_no_metric():
    assert [each.name for each in selected("sum by (le) (x) or sum(y) by (le) unless on () vector(1)")] == ["x", "y"]


@every
def test_every_metric_that_is_asked_for_is_one_that_there_may_be(expression):
    found = selected(expression)
    assert found
    assert {each.name for each in found} <= set(BY_SAMPLE)


@every
def test_every_label_that_is_asked_for_is_one_that_the_metric_has(expression):
    for each in selected(expression):
        family = BY_SAMPLE[each.name]
        for label, operator, text in each.matchers:
            if label in OF_THE_SCRAPE:
                assert (operator, text) == ("=~", f"${label}")
                continue
            assert label in family.labels
            assert set(text.split("|")) <= WORDS[family.name, label]
    inside = {label for each in selected(expression) for label in BY_SAMPLE[each.name].labels}
    assert grouped(expression) <= inside | OF_THE_SCRAPE | {"client", "le"}


@every
def test_a_histogram_is_asked_by_its_buckets_and_only_a_histogram_is(expression):
    bucketed = [each.name for each in selected(expression) if each.name.endswith("_bucket")]
    assert bool(bucketed) == ("le" in grouped(expression))
    if "histogram_quantile" in expression:
        assert bucketed


@every
def test_a_counter_is_asked_how_it_rises(expression):
    for each in selected(expression):
        if BY_SAMPLE[each.name].kind != "gauge":
            assert re.search(rf"(rate|increase)\(\s*{each.name}\b", expression)


@alerts
def test_an_alert_pages_and_has_a_runbook_that_exists(rule):
    assert rule["labels"] == {"severity": "page"}
    assert rule["annotations"]["summary"]
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert page == "docs/operations.md"
    assert anchor == rule["alert"].lower()
    (section,) = re.findall(rf"^### {rule['alert']}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    for part in ("**Means.**", "**Do.**", "**Risk.**"):
        assert section.count(part) == 1, f"{rule['alert']}: {part}"


def test_no_runbook_is_left_of_an_alert_that_is_gone():
    assert set(re.findall(r"^### (Mithridate\w+)$", PAGE, re.MULTILINE)) == {rule["alert"] for rule in ALERTS}


def test_alerts_have_names_of_their_own():
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (package prometheus) is not installed")
def test_prometheus_finds_the_alerts_to_fire_when_they_should():
    done = subprocess.run(
        ["promtool", "test", "rules", "alerts.test.yaml"],  # noqa: S607 - whichever promtool is there
        cwd=ROOT / "tests" / "monitor", capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tried_by_the_file_for_promtool():
    text = (ROOT / "tests" / "monitor" / "alerts.test.yaml").read_text(encoding="utf-8")
    assert all(rule["alert"] in text for rule in ALERTS)


def test_panels_have_ids_of_their_own_and_do_not_overlap():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_the_dashboard_asks_whichever_prometheus_is_chosen():
    chosen = {"type": "prometheus", "uid": "${source}"}
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"] == chosen
        assert all(target["datasource"] == chosen for target in panel["targets"])
    assert [each["name"] for each in DASHBOARD["templating"]["list"]] == ["source", "job", "instance"]
    assert "http" not in json.dumps(DASHBOARD)


def test_what_is_not_measured_is_said_and_not_shown_as_zero():
    assert all(panel["fieldConfig"]["defaults"]["noValue"] == "not measured" for panel in DASHBOARD["panels"])


def test_every_promised_metric_is_on_the_dashboard():
    shown = {BY_SAMPLE[each.name].name for expression in EXPRESSIONS.values() for each in selected(expression)}
    assert shown == set(FAMILIES)
