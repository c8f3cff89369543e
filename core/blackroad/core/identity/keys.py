"""The keys that tokens are verified with: how strong they must be and what each is for."""

from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

MIN_SECRET_BYTES = 32
MIN_RSA_BITS = 2048
PEM_BEGIN = "-----BEGIN"

PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey


class RefusedKeyError(Exception):
    """The key cannot be used; the text says why and never shows it."""


def read_secret(secret: str) -> bytes:
    """Return an HS256 secret's bytes; raise `RefusedKeyError` where it has fewer than 32."""
    key = secret.encode()
    if len(key) < MIN_SECRET_BYTES:
        raise RefusedKeyError(
            f"the secret has {len(key)} bytes and needs at least {MIN_SECRET_BYTES}"
        )
    return key


def read_public_key(pem_or_path: str) -> tuple[str, PublicKey]:
    """Return the one algorithm that a PEM public key, inline or in a file, is for, and the key."""
    try:
        key = load_pem_public_key(_pem(pem_or_path))
    except (ValueError, UnsupportedAlgorithm):
        raise RefusedKeyError(
            "the public key is not PEM of an RSA, P-256 or Ed25519 public key"
        ) from None
    return checked_key(key)


def checked_key(key: object) -> tuple[str, PublicKey]:
    """Return the one algorithm that a public key is for, and the key.

    Raises `RefusedKeyError` where it is weak, secret or of another kind.
    """
    match key:
        case RSAPublicKey() if key.key_size >= MIN_RSA_BITS:
            return "RS256", key
        case RSAPublicKey():
            raise RefusedKeyError(
                f"the RSA key has {key.key_size} bits and needs at least {MIN_RSA_BITS}"
            )
        case EllipticCurvePublicKey() if isinstance(key.curve, SECP256R1):
            return "ES256", key
        case Ed25519PublicKey():
            return "EdDSA", key
        case _:
            raise RefusedKeyError("the public key is not an RSA, P-256 or Ed25519 key")


def _pem(pem_or_path: str) -> bytes:
    if pem_or_path.lstrip().startswith(PEM_BEGIN):
        return pem_or_path.encode()
    try:
        return Path(pem_or_path).read_bytes()
    except OSError:
        raise RefusedKeyError(
            f"the public key is neither PEM nor a file that can be read: {pem_or_path}"
        ) from None
