"""A run's metrics: fed with the journal's events, read by Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from mithridate.core.errors import ConfigurationError
from mithridate.monitor.families import FAMILIES, Family
from mithridate.monitor.observations import UNKNOWN, Observation, Setting, observed
from mithridate.monitor.vocabulary import OTHER

__all__ = ["Metrics"]

_LONGEST_NAME = 64
_MOST_CLIENTS = 1000
_UPDATES = "mithridate_updates_total"


class Metrics(Collector):
    """What the events said so far, as Prometheus metrics in a registry of their own.

    A family appears with the first number about it. Series cannot grow without bound: every label is from a closed vocabulary.
    May be fed by one thread while others read.

    Args:
        setting: What is known of the run beside its events.
        clients: So many clients get a label of their own on `mithridate_updates_total`, in the order in which they are first
            heard of; all others share "other". 0 for no such label: names of clients cost series and privacy.

    Raises:
        ConfigurationError: `clients` is negative or beyond 1000.

    >>> metrics = Metrics()
    >>> metrics.consume({"event": "round", "round": 4, "accuracy": 0.9, "asr": None, "clients": []})
    >>> metrics.value("mithridate_canary_accuracy_ratio"), metrics.value("mithridate_canary_asr_ratio")
    (0.9, None)
    """

    def __init__(self, setting: Setting = UNKNOWN, *, clients: int = 0) -> None:
        if isinstance(clients, bool) or not isinstance(clients, int) or not 0 <= clients <= _MOST_CLIENTS:
            raise ConfigurationError(f"clients must be a whole number from 0 to {_MOST_CLIENTS}, not {clients!r}")
        self._setting, self._most = setting, clients
        self._lock = Lock()
        self._empty()
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def _empty(self) -> None:
        self._numbers: dict[str, dict[tuple[str, ...], float]] = {}
        self._histograms: dict[str, dict[tuple[str, ...], list[float]]] = {}
        self._names: set[str] = set()

    def consume(self, event: Mapping[str, Any]) -> None:
        """Take note of one event. Never raises on what an event holds: what makes no sense is left out."""
        found = list(observed(event, self._setting))
        with self._lock:
            for each in found:
                self._note(each)

    def forget(self) -> None:
        """Start over, as after a restart."""
        with self._lock:
            self._empty()

    def value(self, sample: str, **labels: str) -> float | None:
        """The value of one sample; None if it is not exposed."""
        return self.registry.get_sample_value(sample, labels)

    def text(self) -> str:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry).decode("utf-8")

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance: what will be exposed depends on what is known."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Every family of which something is known, in the order of `FAMILIES`."""
        with self._lock:
            found = [
                _exposed(family, self._labels(family), rows)
                for family in FAMILIES.values()
                if (rows := self._rows(family))
            ]
        return iter(found)

    def _rows(self, family: Family) -> dict[tuple[str, ...], Any]:
        if family.kind == "histogram":
            return self._histograms.get(family.name, {})
        return self._numbers.get(family.name, {})

    def _labels(self, family: Family) -> tuple[str, ...]:
        return (*family.labels, "client") if self._most and family.name == _UPDATES else family.labels

    def _note(self, each: Observation) -> None:
        family = FAMILIES[each.name]
        labels = each.labels
        if self._most and each.name == _UPDATES:
            labels = (*labels, self._spoken(each.client))
        if family.kind == "histogram":
            # Per bucket, then the sum.
            counts = self._histograms.setdefault(each.name, {}).setdefault(labels, [0.0] * (len(family.buckets) + 2))
            counts[bisect_left(family.buckets, each.value)] += 1
            counts[-1] += each.value
            return
        rows = self._numbers.setdefault(each.name, {})
        if each.name == "mithridate_build_info":
            rows.clear()
        rows[labels] = each.value + (rows.get(labels, 0.0) if family.kind == "counter" else 0.0)

    def _spoken(self, client: str | None) -> str:
        """A client's name, fit for a label, while there is room for it."""
        if client is None:
            return OTHER
        name = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in client[:_LONGEST_NAME])
        if name not in self._names and len(self._names) < self._most:
            self._names.add(name)
        return name if name in self._names else OTHER


def _exposed(family: Family, labels: tuple[str, ...], rows: Mapping[tuple[str, ...], Any]) -> Metric:
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.name, family.help, labels=labels)
        for values, (*counts, total) in rows.items():
            histogram.add_metric(values, _cumulative(family, counts), total)
        return histogram
    if family.kind == "counter":
        counter = CounterMetricFamily(family.name, family.help, labels=labels)
        for values, value in rows.items():
            counter.add_metric(values, value)
        return counter
    gauge = GaugeMetricFamily(family.name, family.help, labels=labels)
    for values, value in rows.items():
        gauge.add_metric(values, value)
    return gauge


def _cumulative(family: Family, counts: list[float]) -> list[tuple[str, float]]:
    """Prometheus counts in each bucket everything up to its bound."""
    bounds = [*(str(bound) for bound in family.buckets), "+Inf"]
    reached = 0.0
    found = []
    for bound, count in zip(bounds, counts, strict=True):
        reached += count
        found.append((bound, reached))
    return found
