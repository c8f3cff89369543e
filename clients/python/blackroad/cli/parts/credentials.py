"""Tokens that `up` makes for its own children, anew at each start."""

from collections.abc import Mapping
from typing import Final

from blackroad.cli.settings.problems import Problem, SettingsError
from blackroad.cli.token import Claims, make_token
from blackroad.core.identity.development import ALL_GRANTS
from blackroad.core.identity.identity import Kind
from blackroad.core.settings import AuthSettings

# As long as a process may run without a restart: tokens of streams cannot be refreshed yet.
LIFETIME_SECONDS: Final = 365 * 86400.0

_KINDS: Final[Mapping[str, Kind]] = {"agents": Kind.SERVICE, "edge": Kind.GATEWAY}


def token_for(part: str, auth: AuthSettings) -> str | None:
    """Return a part's token; None where the core needs none, as in development."""
    if auth.development or part not in _KINDS:
        return None
    if auth.secret is None:
        text = "`up` makes its parts' tokens with auth.secret; with a public key start core, edge"
        raise SettingsError([Problem("auth.public_key", f"{text} and agents one by one")])
    claims = Claims(subject=part, kind=_KINDS[part], grants=ALL_GRANTS)
    return make_token(claims, auth, LIFETIME_SECONDS)
