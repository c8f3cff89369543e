"""What a process of ours logs, and how: for people on a terminal, else one JSON object a line."""

import logging
import sys
from typing import Final

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from blackroad.cli.settings.parts import LoggingSettings

# Libraries that say more than an operator wants, below their warnings.
QUIET: Final = ("asyncio", "httpx", "httpx2", "httpcore", "grpc")
# Tracebacks without local variables: those hold tokens, headers and what people write.
WHERE_ONLY: Final = ExceptionDictTransformer(show_locals=False)


def configure(settings: LoggingSettings, part: str) -> None:
    """Send all that this process logs, by structlog or by logging, to stderr; name the part."""
    terminal = sys.stderr.isatty() if settings.format == "auto" else settings.format == "console"
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _plain,
        _part(part),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(terminal=terminal),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _renderers(*, terminal: bool) -> list[Processor]:
    if terminal:
        plain = structlog.dev.plain_traceback  # the rich one prints local variables
        colors = sys.stderr.isatty()
        return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
    return [
        structlog.processors.ExceptionRenderer(WHERE_ONLY),
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]


def _plain(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Drop uvicorn's second, coloured copy of its message."""
    event.pop("color_message", None)
    return event


def _part(part: str) -> Processor:
    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event.setdefault("part", part)
        return event

    return add
