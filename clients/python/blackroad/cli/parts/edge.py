"""`blackroad edge`: one edge process."""

from collections.abc import Sequence

import uvloop

from blackroad.cli.logs import configure
from blackroad.cli.parts import garbage
from blackroad.cli.parts.lifeline import Lifeline
from blackroad.cli.running import StartError
from blackroad.cli.settings.parts import EdgePart, LoggingPart
from blackroad.cli.settings.read import settings_of
from blackroad.edge.server import serve
from blackroad.edge.settings import EdgeSettings, EdgeTls
from blackroad.edge.trunk.options import PublicDevelopmentError


def run(flags: Sequence[str], lifeline_number: int | None) -> None:
    """Serve until a signal."""
    lifeline = Lifeline(lifeline_number)
    with lifeline.reporting():
        _serve(flags, lifeline)


def _serve(flags: Sequence[str], lifeline: Lifeline) -> None:
    part = settings_of(EdgePart, flags)
    logging = settings_of(LoggingPart, flags).logging
    configure(logging, "edge")
    settings = EdgeSettings.model_validate(
        {
            "http": part.http,
            "core": part.core,
            "token": part.token,
            "origins": part.auth.origins,
            "hosts": part.auth.hosts,
            "trusted_proxies": part.auth.trusted_proxies,
            "compression": part.compression,
            "limits": part.edge,
            "tls": part.tls.model_dump(include=set(EdgeTls.model_fields), exclude_none=True),
            "log_level": logging.level,
        }
    )
    try:
        uvloop.run(serve(settings, lambda address: _ready(lifeline, str(address))))
    except OSError as error:
        text = f"http (BLACKROAD_HTTP): cannot listen on {part.http}: {error.strerror}"
        raise StartError(text) from error
    except ExceptionGroup as group:
        if not group.subgroup(PublicDevelopmentError):
            raise
        text = f"http: {part.http} is public, and the core has no keys: set its auth.secret"
        raise StartError(text) from None


def _ready(lifeline: Lifeline, address: str) -> None:
    garbage.tune()
    lifeline.ready({"http": address})
