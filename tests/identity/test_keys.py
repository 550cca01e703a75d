"""Keys: kept by their owner alone, made once, never shown."""

from __future__ import annotations

import contextlib
import copy
import os
import pickle
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.errors import ConfigurationError, StoreError
from mithridate.identity.keys import SigningKey, checked, fingerprint, holds
from mithridate.identity.refusal import NotAuthentic

# RFC 8032, section 7.1, test 2
SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
P = 2**255 - 19


def test_it_signs_as_the_standard_says():
    key = SigningKey.from_seed(SEED)
    assert key.public == PUBLIC
    assert key.sign(b"\x72") == SIGNATURE
    assert holds(PUBLIC, b"\x72", SIGNATURE)
    assert not holds(PUBLIC, b"\x73", SIGNATURE)
    assert not holds(PUBLIC, b"\x72", SIGNATURE[:-1])


def test_a_fingerprint_is_half_of_sha_256():
    # sha256sum of the bytes 00 01 ... 1f begins with these 32 digits
    assert fingerprint(bytes(range(32))) == "ed25519:630dcd2966c4336691125448bbb25b4f"


def test_a_key_survives_a_restart(tmp_path):
    path = tmp_path / "key.pem"
    made = SigningKey.create(path)
    load = f"SigningKey.load(Path({str(path)!r})).fingerprint"
    code = f"from pathlib import Path; from mithridate.identity.keys import SigningKey; print({load})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own interpreter
    assert done.stdout.strip() == made.fingerprint


def test_only_the_owner_can_reach_a_new_key(tmp_path):
    before = os.umask(0)
    try:
        SigningKey.create(tmp_path / "key.pem")
    finally:
        os.umask(before)
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["key.pem"]


def test_a_key_is_never_written_over(tmp_path):
    path = tmp_path / "key.pem"
    SigningKey.create(path)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="never written over"):
        SigningKey.create(path)
    assert path.read_bytes() == before
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="never written over"):
        SigningKey.create(tmp_path / "dangling")


def test_load_or_create_makes_it_once(tmp_path):
    first = SigningKey.load_or_create(tmp_path / "key.pem")
    assert SigningKey.load_or_create(tmp_path / "key.pem").fingerprint == first.fingerprint


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o610, 0o666])
def test_a_key_that_others_reach_is_refused(tmp_path, mode):
    path = tmp_path / "key.pem"
    SigningKey.create(path)
    path.chmod(mode)
    with pytest.raises(
        ConfigurationError, match=rf"others can reach this signing key \(mode {mode:04o}\): run `chmod 600`"
    ):
        SigningKey.load(path)


def test_raw_seeds_are_read_too(tmp_path):
    (tmp_path / "raw").write_bytes(SEED)
    (tmp_path / "raw").chmod(0o600)
    assert SigningKey.load(tmp_path / "raw").public == PUBLIC


def bad_files():
    secret = SigningKey.from_seed(SEED)._secret
    pem = secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    other = generate_private_key(SECP384R1())
    return {
        "empty": b"",
        "cut-off": pem[:-40],
        "short": SEED[:-1],
        "not-pem": b"hello" * 20,
        "locked": secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")),
        "other-curve": other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "public": SigningKey.from_seed(SEED)
        ._secret.public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    }


@pytest.mark.parametrize("defect", sorted(bad_files()))
def test_a_file_without_a_key_is_refused_and_not_quoted(tmp_path, defect):
    path = tmp_path / "key.pem"
    content = bad_files()[defect]
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="holds no Ed25519 signing key") as caught:
        SigningKey.load(path)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    for line in content.splitlines()[1:]:
        assert not line or line.decode("latin-1") not in str(caught.value)


def test_links_pipes_and_giants_are_refused(tmp_path):
    SigningKey.create(tmp_path / "key.pem")
    (tmp_path / "link").symlink_to(tmp_path / "key.pem")
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "giant").write_bytes(b"x" * 5000)
    for name in ("link", "pipe", "giant", "missing"):
        with pytest.raises(StoreError):
            SigningKey.load(tmp_path / name)


def test_nothing_secret_is_shown():
    key = SigningKey.from_seed(SEED)
    for shown in (repr(key), str(key), f"{key}", repr([key]), repr(vars(type(key)))):
        assert SEED.hex() not in shown and repr(SEED) not in shown
    assert repr(key) == f"<SigningKey {key.fingerprint}>"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key)
    with pytest.raises(TypeError, match="not pickled or copied"):
        copy.deepcopy(key)


def doubled(point):
    """Twice a point of the curve -x² + y² = 1 + d x² y², by the addition law."""
    (x, y), d = point, -121665 * pow(121666, -1, P) % P
    t = d * x * x * y * y % P
    return 2 * x * y * pow(1 + t, -1, P) % P, (y * y + x * x) * pow(1 - t, -1, P) % P


def decoded(raw):
    """The point of an encoding, without its sign; None where it is not on the curve."""
    y = int.from_bytes(raw, "little") % 2**255 % P
    d = -121665 * pow(121666, -1, P) % P
    xx = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if x * x % P != xx:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (x, y) if x * x % P == xx else None


def weak():
    from mithridate.identity.keys import _SMALL_ORDER

    return sorted(_SMALL_ORDER)


@pytest.mark.parametrize("raw", weak(), ids=lambda raw: raw.hex()[:8])
def test_a_weak_key_is_one_whose_eightfold_is_nothing_and_is_refused(raw):
    point = decoded(raw)
    assert point is not None
    assert doubled(doubled(doubled(point))) == (0, 1)
    for sign in (0, 0x80):
        with pytest.raises(NotAuthentic, match="small order"):
            checked(raw[:-1] + bytes([raw[-1] | sign]))


def test_a_weak_key_would_sign_anything():
    # why they are refused: under the neutral element, R = identity and s = 0 fit every message
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    neutral = b"\x01" + bytes(31)
    try:
        key = Ed25519PublicKey.from_public_bytes(neutral)
        key.verify(neutral + bytes(32), b"one")
        key.verify(neutral + bytes(32), b"another")
    except (InvalidSignature, ValueError):
        pytest.skip("this OpenSSL refuses the neutral element by itself")


@given(
    st.one_of(
        st.binary(max_size=31),
        st.binary(min_size=33, max_size=40),
        st.text(),
        st.integers(),
        st.none(),
        st.lists(st.integers()),
        st.just(bytearray(32)),
    )
)
def test_what_is_not_32_bytes_is_refused_by_name(value):
    with pytest.raises(NotAuthentic, match="malformed"):
        checked(value)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.binary(max_size=80))
def test_no_random_signature_holds(public, message, signature):
    with contextlib.suppress(NotAuthentic):  # hypothesis likes zeros, and they are a weak key
        assert not holds(public, message, signature)


def test_a_seed_of_another_length_is_refused():
    with pytest.raises(ConfigurationError, match="32 bytes"):
        SigningKey.from_seed(b"short")
