"""The operator's connections, and the version of Flower."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mithridate.core.errors import ConfigurationError
from mithridate.deployment.connections import examine_connections, examine_version
from mithridate.lab.certificates import issue

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def found(home):
    return [(each.name, each.severity) for each in examine_connections(home, NOW)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", []),
        ('[superlink]\ndefault = "x"\n', []),
        ('[superlink.x]\naddress = "fl.example.org:9000"\n', []),
        ('[superlink.x]\naddress = "fl.example.org:9000"\ninsecure = true\n', [("no-tls", "critical")]),
        ('[superlink.x]\naddress = "127.0.0.1:9000"\ninsecure = true\n', [("no-tls", "high")]),
        ("[superlink.x]\noptions.num-supernodes = 10\n", []),
        ('[superlink.x]\naddress = "a:1"\nroot-certificates = "gone.crt"\n', [("file-missing", "medium")]),
    ],
)
def test_a_connection_is_judged_by_what_it_encrypts(tmp_path, content, expected):
    (tmp_path / "config.toml").write_text(content)
    assert found(tmp_path) == expected


def test_an_expired_authority_is_found(tmp_path):
    path = issue(tmp_path, NOW - timedelta(days=3)).authority
    (tmp_path / "config.toml").write_text(f'[superlink.x]\naddress = "a:1"\nroot-certificates = "{path}"\n')
    assert found(tmp_path) == [("certificate-expired", "high")]


def test_no_file_is_no_finding(tmp_path):
    assert found(tmp_path) == []


@pytest.mark.parametrize("content", [b"[", b"\xff"])
def test_a_file_that_is_no_toml_is_told(tmp_path, content):
    (tmp_path / "config.toml").write_bytes(content)
    with pytest.raises(ConfigurationError, match="not TOML"):
        found(tmp_path)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (None, [("flower-missing", "note")]),
        ("1.37.9", [("flower-too-old", "high")]),
        ("0.9", [("flower-too-old", "high")]),
        ("nightly", [("flower-too-old", "high")]),
        ("1.38.0", []),
        ("1.41.0", []),
        ("1.42.3", []),
        ("1.43.0.dev1", [("flower-untried", "low")]),
        ("2.0", [("flower-untried", "low")]),
    ],
)
def test_a_version_is_supported_tried_or_neither(version, expected):
    assert [(each.name, each.severity) for each in examine_version(version)] == expected
