"""Key files and certificates: who may read them, and how long they hold."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from mithridate.deployment.finding import Finding

__all__ = ["examine_certificate", "examine_secret"]

SOON = timedelta(days=14)
"""A certificate that ends sooner is worth a warning: that is two weeks to renew it in."""

_MOST_BYTES = 2**20


def examine_secret(path: Path, what: str) -> Iterator[Finding]:
    """A private file: it must be there, and only its owner may read it.

    Args:
        path: The file.
        what: What it is, for people.
    """
    subject = f"{what} {path}"
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        yield _missing(subject, error)
        return
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        yield Finding("key-open-to-all", "high", subject, f"has mode {mode:03o}", f"chmod 600 {path}")
    elif mode & (stat.S_IRGRP | stat.S_IWGRP):
        yield Finding("key-open-to-group", "medium", subject, f"has mode {mode:03o}", f"chmod 600 {path}")


def examine_certificate(path: Path, what: str, now: datetime) -> Iterator[Finding]:
    """A certificate, or a bundle of them: readable, holding now, and for two weeks or a third of its life more."""
    subject = f"{what} {path}"
    try:
        with path.open("rb") as file:
            certificates = x509.load_pem_x509_certificates(file.read(_MOST_BYTES))
    except OSError as error:
        yield _missing(subject, error)
        return
    except ValueError:
        yield Finding("certificate-unreadable", "medium", subject, "holds no PEM certificate", "issue it again")
        return
    for certificate in certificates:
        yield from _held(certificate, subject, now)


def _held(certificate: x509.Certificate, subject: str, now: datetime) -> Iterator[Finding]:
    ends, begins = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    told = f"holds until {ends:%Y-%m-%d %H:%M} UTC"
    if now > ends:
        yield Finding("certificate-expired", "high", subject, told, "issue a new one and restart")
    elif now + min(SOON, (ends - begins) / 3) > ends:
        left = ends - now
        shown = f"{left.days} days" if left.days else f"{left.seconds // 3600} hours"
        yield Finding(
            "certificate-ends-soon", "medium", subject, f"{told}: {shown} more", "issue a new one and restart"
        )
    if now < begins:
        evidence = f"holds from {begins:%Y-%m-%d %H:%M} UTC on"
        yield Finding("certificate-not-yet", "high", subject, evidence, "set the clock, or issue a new one")


def _missing(subject: str, error: OSError) -> Finding:
    return Finding("file-missing", "medium", subject, error.strerror or str(error), "point to a file that exists")
