"""`blackroad core`: one core process."""

from collections.abc import Mapping, Sequence

import uvloop

from blackroad.cli.logs import configure
from blackroad.cli.parts import garbage
from blackroad.cli.parts.lifeline import Lifeline
from blackroad.cli.parts.stop import Stop
from blackroad.cli.running import StartError
from blackroad.cli.settings.parts import LoggingPart
from blackroad.cli.settings.read import settings_of
from blackroad.core.door.tls import RefusedCertificateError
from blackroad.core.log.engine import EngineError
from blackroad.core.server import AddressTakenError, serve
from blackroad.core.settings import CoreSettings


def run(flags: Sequence[str], lifeline_number: int | None) -> None:
    """Serve until a signal."""
    lifeline = Lifeline(lifeline_number)
    with lifeline.reporting():
        _serve(flags, lifeline)


def _serve(flags: Sequence[str], lifeline: Lifeline) -> None:
    settings = settings_of(CoreSettings, flags)
    configure(settings_of(LoggingPart, flags).logging, "core")

    def ready(addresses: Mapping[str, str]) -> None:
        garbage.tune()
        secure = {"grpc": f"grpcs://{addresses['grpc']}"} if settings.tls.cert else {}
        lifeline.ready({**addresses, **secure})

    async def main() -> None:
        await serve(settings, ready, Stop().asked)

    try:
        uvloop.run(main())
    except RefusedCertificateError as error:
        raise StartError(str(error)) from error
    except EngineError as error:
        raise StartError(f"log (BLACKROAD_LOG): {error}") from error
    except AddressTakenError as error:
        raise StartError(f"grpc (BLACKROAD_GRPC): {error}") from error
    except OSError as error:
        raise StartError(f"metrics (BLACKROAD_METRICS): {error.strerror or error}") from error
