"""What is wrong with settings, in words: the name, the value, what is allowed, what was meant."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from blackroad.cli.settings.names import Path, is_secret

MASK: Final = "********"


@dataclass(frozen=True, slots=True)
class Problem:
    """One setting that stops the start."""

    name: str
    text: str
    value: str = ""

    def __str__(self) -> str:
        shown = f" = {self.value}" if self.value else ""
        return f"{self.name}{shown}: {self.text}" if self.name else self.text


class SettingsError(Exception):
    """The settings stop the start."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


def shown(path: Path, value: object) -> str:
    """Return a value as it may be shown: no secrets, and no passwords of addresses."""
    if is_secret(path):
        return MASK if value else ""
    return re.sub(r"(://[^:/@\s]*):[^@\s]*@", rf"\1:{MASK}@", str(value))
