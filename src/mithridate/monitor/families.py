"""The metrics by name: what each says, of which kind it is, and which labels it may carry.

A family is exposed from the moment on at which something is known about it, never before: what nobody measured is absent, not 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["FAMILIES", "PREFIX", "Family", "Kind"]

Kind = Literal["counter", "gauge", "histogram"]
PREFIX = "mithridate_"

_SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
_FINE_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)
_LENGTHS = (0.001, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
_RATIOS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0, 10.0, 100.0)


@dataclass(frozen=True)
class Family:
    """One metric.

    Args:
        name: With the prefix; a counter's ends in `_total`.
        kind: counter, gauge or histogram.
        help: One line for people.
        labels: The labels of each of its series.
        buckets: Upper bounds of a histogram's buckets, rising; the infinite one is implied.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def samples(self) -> tuple[str, ...]:
        """The names under which a query finds it.

        >>> FAMILIES["mithridate_update_norm"].samples
        ('mithridate_update_norm_bucket', 'mithridate_update_norm_sum', 'mithridate_update_norm_count')
        """
        if self.kind == "histogram":
            return tuple(self.name + part for part in ("_bucket", "_sum", "_count"))
        return (self.name,)


def _families(*found: Family) -> dict[str, Family]:
    return {family.name: family for family in found}


FAMILIES = _families(
    Family("mithridate_round", "gauge", "Number of the last finished round, from 0 as in the journal"),
    Family("mithridate_round_duration_seconds", "histogram", "Time per round, all parts together", buckets=_SECONDS),
    Family(
        "mithridate_updates_total", "counter", "Updates by what was decided about them, and why", ("decision", "reason")
    ),
    Family("mithridate_update_norm", "histogram", "Euclidean length of each update", buckets=_LENGTHS),
    Family(
        "mithridate_anomaly_score",
        "histogram",
        "Score of each judged update over the bound it was held against, by who judged; 1 is the bound",
        ("stage",),
        _RATIOS,
    ),
    Family("mithridate_clients", "gauge", "Clients asked in the last round, by what became of them", ("state",)),
    Family("mithridate_quarantined_clients", "gauge", "Clients of the last round who are in quarantine"),
    Family(
        "mithridate_aggregation_seconds",
        "histogram",
        "Time for admission and guard per round",
        ("rule",),
        _FINE_SECONDS,
    ),
    Family("mithridate_canary_accuracy_ratio", "gauge", "Accuracy of the global model on the server's own samples"),
    Family(
        "mithridate_canary_asr_ratio", "gauge", "Attack success rate of a known trigger on the server's own samples"
    ),
    Family("mithridate_dp_epsilon_spent", "gauge", "Privacy loss so far"),
    Family("mithridate_dp_epsilon_budget", "gauge", "Privacy loss at which training ends"),
    Family("mithridate_audit_records_total", "counter", "Records added to the audit log"),
    Family("mithridate_audit_chain_ok", "gauge", "1 if the audit log's chain was whole when last verified, else 0"),
    Family("mithridate_inflight_bytes", "gauge", "Bytes of the last round's replies, which are held at once"),
    Family("mithridate_build_info", "gauge", "Always 1; the versions at work", ("version", "flwr")),
    # What alerts need besides.
    Family("mithridate_rounds_total", "counter", "Rounds by how they ended", ("outcome",)),
    Family("mithridate_run_state", "gauge", "1 for the state that the run is in, 0 for the others", ("state",)),
    Family("mithridate_quorum_clients", "gauge", "Admitted updates below which a round is refused"),
    Family("mithridate_borne_clients", "gauge", "Lying clients that the guard bears in a round"),
    Family("mithridate_key_expiry_timestamp_seconds", "gauge", "When the first key or certificate expires (Unix time)"),
)
"""Every metric there may be, by name."""
