"""Who is served: the agents of a TOML file."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

AgentName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_:~-]{1,64}$")]


class Persona(BaseModel):
    """One agent: what it is told to be, which model speaks for it, what it can do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    persona: str = ""
    model: str | None = None
    capabilities: tuple[str, ...] = ()
    max_concurrency: int = Field(default=1, ge=1)
    publish_thinking: bool = False


class Roster(BaseModel):
    """The agents by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agents: dict[AgentName, Persona] = Field(min_length=1)


def read_roster(path: Path | None) -> Roster:
    """Read a file of agents; None is the packaged one.

    Raises ValueError, with the file's name and what is wrong in it, and OSError.
    """
    source = files("blackroad.agents") / "agents.toml" if path is None else path
    try:
        return Roster.model_validate(tomllib.loads(source.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise ValueError(f"{source}: {error}") from error
