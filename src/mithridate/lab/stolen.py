"""Replies that are somebody else's: signed in another client's name, or a good reply of an earlier round sent again.

A liar knows what everybody may know: the public keys of the enrolment list, and what it sent itself.
"""

from __future__ import annotations

import json
import os
import tomllib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["LIE_FILE", "keep", "kept", "replayed", "spoofed"]

LIE_FILE = "MITHRIDATE_LAB_LIE"
"""The variable that names the file with the lie's name; read at each training, so that a lab may change it."""

_OURS = "mithridate"
_KEPT = "said.json"


def spoofed(content: Any, _: Any) -> None:
    """The key of another client in the place of the liar's own, over the liar's signature. Bare apps sign nothing."""
    from flwr.app import ConfigRecord

    said = content.config_records.get(_OURS)
    if said is None:
        return
    lab = _folder().parents[1]
    listed = tomllib.loads((lab / "enrolment.toml").read_text(encoding="utf-8"))["client"]
    keys = (b64decode(client["key"]) for client in listed)
    content[_OURS] = ConfigRecord(dict(said) | {"key": next(key for key in keys if key != said["key"])})


def replayed(content: Any, _: Any) -> None:
    """The reply of the training before, every bit of it; in the first round there is none, and the honest one stays."""
    from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord

    before = kept()
    for name, arrays in before.get("arrays", {}).items():
        record = ArrayRecord()
        for key, (dtype, shape, stype, data) in arrays.items():
            record[key] = Array(dtype, tuple(shape), stype, b64decode(data))
        content[name] = record
    for name, numbers in before.get("metrics", {}).items():
        content[name] = MetricRecord(numbers)
    for name, values in before.get("configs", {}).items():
        content[name] = ConfigRecord(
            {key: b64decode(value["bytes"]) if isinstance(value, dict) else value for key, value in values.items()}
        )


def keep(content: Any) -> None:
    """Write down a reply as it was meant to be sent; each training is a process of its own."""
    arrays = {
        name: {
            key: [array.dtype, list(array.shape), array.stype, b64encode(array.data).decode()]
            for key, array in record.items()
        }
        for name, record in content.array_records.items()
    }
    configs = {
        name: {
            key: {"bytes": b64encode(value).decode()} if isinstance(value, bytes) else value
            for key, value in record.items()
        }
        for name, record in content.config_records.items()
    }
    metrics = {name: dict(record) for name, record in content.metric_records.items()}
    told = json.dumps({"arrays": arrays, "metrics": metrics, "configs": configs})
    (_folder() / _KEPT).write_text(told, encoding="utf-8")


def kept() -> Mapping[str, Any]:
    """What `keep` wrote down last; empty before."""
    path = _folder() / _KEPT
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _folder() -> Path:
    """The liar's own, lab/liars/liar-4."""
    return Path(os.environ[LIE_FILE]).parent
