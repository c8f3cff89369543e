"""Development mode: who a caller without a token is while no keys are configured.

Only loopback can call then. The signing secret is no secret: a core takes it only in development
mode, where a caller without any token has every right anyway. It lets people try tokens with fewer
rights before they have keys of their own.
"""

from typing import Final

from blackroad.core.identity.identity import ALL_ACTIONS, Identity, Kind, grant
from blackroad.core.names import GUARDED, check_id

SECRET: Final = "blackroad development: everybody knows this"  # noqa: S105 (that is the point)
TENANT: Final = "default"
DEVELOPER: Final = "developer"
ALL_GRANTS: Final = (
    grant(">", ALL_ACTIONS),
    *(grant(f"{first}.>", ALL_ACTIONS) for first in sorted(GUARDED)),
)


def developer_service() -> Identity:
    """Return the identity of a gRPC caller without a token: it may also speak for others."""
    return Identity(TENANT, DEVELOPER, Kind.SERVICE, ALL_GRANTS, speaks_for_others=True)


def developer_user(client_id: str = "") -> Identity:
    """Return a browser's identity by the client id of its path; raise INVALID_NAME."""
    return Identity(TENANT, check_id(client_id or DEVELOPER), Kind.USER, ALL_GRANTS)
