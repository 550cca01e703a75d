"""Ed25519 signing keys: made once, kept in a file that only its owner reads, known to others by a fingerprint."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mithridate.core.disk import create, streamed, there, told
from mithridate.core.errors import ConfigurationError
from mithridate.identity.refusal import NotAuthentic

__all__ = ["FINGERPRINT", "KEY_BYTES", "SIGNATURE_BYTES", "SigningKey", "checked", "fingerprint", "holds"]

KEY_BYTES, SIGNATURE_BYTES = 32, 64
FINGERPRINT = re.compile(r"ed25519:[0-9a-f]{32}")
_MOST_FILE_BYTES = 4096

# Points of order 1, 2, 4 and 8, and their second spellings, without the sign bit. One signature under such a key can fit many
# messages, so that it binds nobody to anything. The list is libsodium's (ge25519_has_small_order).
_SMALL_ORDER = frozenset(
    bytes.fromhex(each)
    for each in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)


def fingerprint(public: bytes) -> str:
    """The short name of a public key: the first 16 bytes of SHA-256 over its 32 raw bytes.

    Two keys with one fingerprint cost 2^64 work to make, and both would be their maker's; another's fingerprint costs 2^128.

    Raises:
        NotAuthentic: malformed; these are not the bytes of a usable key.

    >>> fingerprint(bytes(range(32)))
    'ed25519:630dcd2966c4336691125448bbb25b4f'
    """
    return f"ed25519:{hashlib.sha256(checked(public)).hexdigest()[:32]}"


def checked(public: Any) -> bytes:
    """These bytes, if they can be a public key.

    Raises:
        NotAuthentic: malformed; not 32 bytes, or a point of small order.
    """
    if type(public) is not bytes or len(public) != KEY_BYTES:
        raise NotAuthentic("malformed", f"a public key is {KEY_BYTES} raw bytes")
    if public[:-1] + bytes([public[-1] & 0x7F]) in _SMALL_ORDER:
        raise NotAuthentic("malformed", "the public key is a point of small order, under which signatures bind nobody")
    return public


def holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature over these bytes is that of the key.

    Raises:
        NotAuthentic: malformed; not the bytes of a usable key.
    """
    try:
        Ed25519PublicKey.from_public_bytes(checked(public)).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class SigningKey:
    """A secret key. It is never shown, never compared by content and never pickled.

    >>> key = SigningKey.from_seed(bytes(32))
    >>> key
    <SigningKey ed25519:139e3940e64b5491722088d9a0d74162>
    """

    __slots__ = ("_secret", "public")

    def __init__(self, secret: Ed25519PrivateKey) -> None:
        self._secret = secret
        self.public: bytes = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @classmethod
    def from_seed(cls, secret_seed: bytes) -> SigningKey:
        """The key of a 32-byte seed; the same seed gives the same key."""
        if type(secret_seed) is not bytes or len(secret_seed) != KEY_BYTES:
            raise ConfigurationError(f"the seed of a signing key is {KEY_BYTES} bytes")
        return cls(Ed25519PrivateKey.from_private_bytes(secret_seed))

    @classmethod
    def create(cls, path: Path) -> SigningKey:
        """Make a new key and write it to a file that must not exist yet (PEM, PKCS #8, mode 0600).

        Raises:
            ConfigurationError: something stands at the path already; it is left alone.
            StoreError: the file cannot be written.
        """
        if there(path) or path.is_symlink():
            raise ConfigurationError(f"{path} exists: a signing key is never written over; choose another path")
        key = cls(Ed25519PrivateKey.generate())
        create(path, key._secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return key

    @classmethod
    def load(cls, path: Path) -> SigningKey:
        """The key in a file: PEM (PKCS #8, without a password) or the 32 raw bytes of its seed.

        Raises:
            ConfigurationError: others can read or write the file, or it holds no such key. The message holds none of its bytes.
            StoreError: there is no such file, or it is a link, or far too large.
        """
        with streamed(path, _MOST_FILE_BYTES) as file, told(path):
            about = os.fstat(file.fileno())
            others = stat.S_IMODE(about.st_mode) & 0o077
            if others:
                raise ConfigurationError(
                    f"{path}: others can reach this signing key (mode {stat.S_IMODE(about.st_mode):04o}): run `chmod 600` on it, "
                    "and make a new key if anybody else uses this machine"
                )
            content = file.read(_MOST_FILE_BYTES)
        return cls(_private(content, path))

    @classmethod
    def load_or_create(cls, path: Path) -> SigningKey:
        """The key in a file, made on first use."""
        return cls.load(path) if there(path) else cls.create(path)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)

    def sign(self, message: bytes) -> bytes:
        """64 bytes; the same for the same message (RFC 8032)."""
        return self._secret.sign(message)

    def __repr__(self) -> str:
        return f"<SigningKey {self.fingerprint}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key is not pickled or copied")


def _private(content: bytes, path: Path) -> Ed25519PrivateKey:
    if len(content) == KEY_BYTES:
        return Ed25519PrivateKey.from_private_bytes(content)
    try:
        found = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # broken; locked with a password; of a kind nobody here knows
        found = None
    if not isinstance(found, Ed25519PrivateKey):
        # Nothing of the cause is passed on: it could quote the file.
        raise ConfigurationError(
            f"{path}: holds no Ed25519 signing key (PEM, PKCS #8, without a password); make one with "
            "`mithridate enrol new-key`"
        ) from None
    return found
