"""Keys that others read, and certificates that end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mithridate.deployment.files import examine_certificate, examine_secret
from mithridate.lab.certificates import issue

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def names(findings):
    return [(each.name, each.severity) for each in findings]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0o600, []),
        (0o400, []),
        (0o640, [("key-open-to-group", "medium")]),
        (0o644, [("key-open-to-all", "high")]),
        (0o602, [("key-open-to-all", "high")]),
    ],
)
def test_a_secret_is_its_owners(tmp_path, mode, expected):
    path = tmp_path / "key"
    path.write_text("secret")
    path.chmod(mode)
    found = list(examine_secret(path, "a key"))
    assert names(found) == expected
    assert all(f"has mode {mode:03o}" == each.evidence and f"chmod 600 {path}" in each.cure for each in found)


def test_what_is_missing_is_told(tmp_path):
    assert names(examine_secret(tmp_path / "key", "a key")) == [("file-missing", "medium")]
    assert names(examine_certificate(tmp_path / "c", "a certificate", NOW)) == [("file-missing", "medium")]


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (timedelta(hours=15), []),
        (timedelta(hours=17), [("certificate-ends-soon", "medium")]),
        (timedelta(hours=25), [("certificate-expired", "high")]),
        (timedelta(hours=-1), [("certificate-not-yet", "high")]),
        (timedelta(days=-30), [("certificate-not-yet", "high")]),
    ],
)
def test_a_certificate_holds_for_its_day(tmp_path, later, expected):
    path = issue(tmp_path, NOW).certificate
    assert names(examine_certificate(path, "a certificate", NOW + later)) == expected


def test_the_time_that_is_left_is_told_in_hours_on_the_last_day(tmp_path):
    (found,) = examine_certificate(issue(tmp_path, NOW).certificate, "it", NOW + timedelta(hours=20))
    assert found.evidence == "holds until 2026-05-05 12:00 UTC: 4 hours more"


def test_each_certificate_of_a_bundle_is_looked_at(tmp_path):
    issued = issue(tmp_path, NOW)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(issued.authority.read_bytes() + issued.certificate.read_bytes())
    found = list(examine_certificate(bundle, "it", NOW + timedelta(days=2)))
    assert {each.name for each in found} == {"certificate-expired"}


@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_told(tmp_path, content):
    (tmp_path / "c").write_bytes(content)
    found = examine_certificate(tmp_path / "c", "it", NOW)
    assert names(found) == [("certificate-unreadable", "medium")]
