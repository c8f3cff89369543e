"""One thing that the doctor has looked at."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from blackroad.cli.settings.sources import Values


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, whether it is well, what was seen, and what to do where it is not."""

    check: str
    ok: bool
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What a check may look at: the settings as they are given, each part valid."""

    flags: Sequence[str]
    values: Values


Check = Callable[[Patient], Iterator[Finding]]
