"""The one decision about rights: default deny, grants only allow."""

from functools import lru_cache

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Action, Grant, Identity
from blackroad.core.names import GUARDED


def authorize(identity: Identity, action: Action, name: str) -> None:
    """Return where a grant of the identity covers the name or pattern for this action.

    Else raise FORBIDDEN.

    `name` is a channel's name or pattern as clients know it, or one of the names that are not
    channels: `agent.<NAME>`, `capability.<name>` and `model.<provider>.<name>` for invoke and
    serve, `presence.<type>.<id>` for presence.
    """
    if not allows(identity, action, name):
        raise Rejection(Code.FORBIDDEN, f"no grant allows {action.value} on {name}", channel=name)


def allows(identity: Identity, action: Action, name: str) -> bool:
    """Tell whether a grant of the identity covers the name or pattern for this action."""
    return _allows(identity.grants, action, name)


@lru_cache(maxsize=4096)
def _allows(grants: tuple[Grant, ...], action: Action, name: str) -> bool:
    return any(action in grant.actions and covers(grant.pattern, name) for grant in grants)


def covering(identity: Identity, action: Action, name: str) -> Grant | None:
    """Return the first grant that covers, for those who explain."""
    return next(
        (g for g in identity.grants if action in g.actions and covers(g.pattern, name)), None
    )


def covers(grant: str, name: str) -> bool:
    """Tell whether the pattern `grant` matches all that `name`, a name or a pattern, matches.

    A grant whose first token is a wildcard never covers names under `presence`, `stream`, `system`
    and `client`; nor does a pattern whose first token is one ever match those.
    """
    mine, theirs = grant.split("."), name.split(".")
    if mine[0] in ("*", ">") and theirs[0] in GUARDED:
        return False
    for position, wanted in enumerate(mine):
        if wanted == ">":
            return len(theirs) > position
        if position >= len(theirs):
            return False
        other = theirs[position]
        if other == ">" or wanted not in ("*", other):
            return False
    return len(mine) == len(theirs)
