"""What the SDK reads from the environment, besides the address."""

import os


def token_of(token: str | None) -> str | None:
    """Return the token that was given, else BLACKROAD_TOKEN, else None."""
    return (token or os.environ.get("BLACKROAD_TOKEN") or "").strip() or None
