"""Certificates that a TLS stack accepts for loopback and nothing else, and keys as Flower reads them."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

from mithridate.lab.certificates import issue, node_key

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def handshake(issued, name):
    """Connect by TLS to a server that shows the certificate; the client trusts the authority only."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(issued.certificate, issued.key)
    client = ssl.create_default_context(cafile=issued.authority)
    here, there = socket.socketpair()

    def serve():
        try:
            server.wrap_socket(there, server_side=True).close()
        except ssl.SSLError:
            there.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(here, server_hostname=name) as secured:
            return secured.version()
    finally:
        here.close()
        thread.join()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_a_client_that_trusts_the_authority_connects_over_loopback(tmp_path, name):
    assert handshake(issue(tmp_path, datetime.now(UTC)), name) == "TLSv1.3"


def test_another_name_is_refused(tmp_path):
    with pytest.raises(ssl.SSLCertVerificationError, match=r"not valid for 'example.org'"):
        handshake(issue(tmp_path, datetime.now(UTC)), "example.org")


def test_an_expired_certificate_is_refused(tmp_path):
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        handshake(issue(tmp_path, datetime.now(UTC) - timedelta(days=2)), "localhost")


def test_it_holds_for_a_day_and_five_minutes(tmp_path):
    server = x509.load_pem_x509_certificate(issue(tmp_path, NOW).certificate.read_bytes())
    assert server.not_valid_after_utc - server.not_valid_before_utc == timedelta(hours=24, minutes=5)


def test_usages_are_critical_and_least(tmp_path):
    issued = issue(tmp_path, NOW)
    authority, server = (
        x509.load_pem_x509_certificate(path.read_bytes()) for path in (issued.authority, issued.certificate)
    )
    usages = [each.extensions.get_extension_for_class(x509.KeyUsage) for each in (authority, server)]
    assert [usage.critical for usage in usages] == [True, True]
    assert (usages[0].value.key_cert_sign, usages[0].value.digital_signature) == (True, False)
    assert (usages[1].value.key_cert_sign, usages[1].value.digital_signature) == (False, True)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_private_keys_are_readable_by_their_owner_only(tmp_path):
    issued = issue(tmp_path, NOW)
    node_key(tmp_path / "site-1")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (issued.key, tmp_path / "site-1")]
    assert modes == [0o600, 0o600]


def test_the_key_of_the_authority_is_not_kept(tmp_path):
    issue(tmp_path, NOW)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["ca.crt", "server.key", "server.pem"]


def test_a_node_key_is_a_p384_key_that_openssh_would_read(tmp_path):
    public_path = node_key(tmp_path / "site-1")
    private = load_ssh_private_key((tmp_path / "site-1").read_bytes(), None)
    public = load_ssh_public_key(public_path.read_bytes())
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert private.curve.name == "secp384r1"
    assert private.public_key() == public
    assert public_path.read_text().startswith("ecdsa-sha2-nistp384 ")


def test_a_key_is_never_written_over_another(tmp_path):
    node_key(tmp_path / "site-1")
    with pytest.raises(FileExistsError):
        node_key(tmp_path / "site-1")
