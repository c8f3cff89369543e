"""The names of the tree: which there are, how each source spells them, and which is meant."""

import difflib
from collections.abc import Iterator
from functools import cache
from typing import Final, TypeAlias, get_args, get_origin

from pydantic import BaseModel

from blackroad.cli.settings.parts import PARTS

PREFIX: Final = "BLACKROAD_"
SECRETS: Final = frozenset({"secret", "session_secret", "token"})
ANY: Final = "*"

Path: TypeAlias = tuple[str, ...]


def env_name(path: Path) -> str:
    """Return how the environment spells a name: `BLACKROAD_LIMITS__USER__BURST_LIMIT`."""
    return PREFIX + "__".join(path).upper()


def flag_name(path: Path) -> str:
    """Return how a flag spells a name: `--limits.user.burst-limit`."""
    return "--" + ".".join(path).replace("_", "-")


def toml_name(path: Path) -> str:
    """Return how the file spells a name: `limits.user.burst_limit`."""
    return ".".join(path)


def is_secret(path: Path) -> bool:
    """Tell whether a value must not be shown."""
    return path[-1] in SECRETS


def belongs(path: Path, part: type[BaseModel]) -> bool:
    """Tell whether a part reads a name."""
    return any(_matches(path, known) for known in paths(part))


def is_known(path: Path) -> bool:
    """Tell whether any part reads a name."""
    return any(belongs(path, part) for part in PARTS)


def nearest(path: Path) -> Path | None:
    """Return the known name that is most like this one."""
    known = {toml_name(each): each for part in PARTS for each in paths(part)}
    found = difflib.get_close_matches(toml_name(path), known, n=1, cutoff=0.6)
    return known[found[0]] if found else None


def takes_several(path: Path, part: type[BaseModel]) -> bool:
    """Tell whether a name's value is a list, which environment and flags spell with commas."""
    kinds = (kind for known, kind in _fields(part) if _matches(path, known))
    return any(get_origin(kind) in (list, tuple) for kind in kinds)


@cache
def paths(part: type[BaseModel]) -> tuple[Path, ...]:
    """Return the names that a part reads; `*` where a table's keys are the user's own."""
    return tuple(path for path, _ in _fields(part))


@cache
def _fields(part: type[BaseModel]) -> tuple[tuple[Path, object], ...]:
    return tuple(_walk(part, ()))


def _walk(model: type[BaseModel], above: Path) -> Iterator[tuple[Path, object]]:
    for name, field in model.model_fields.items():
        yield from _below(field.annotation, (*above, name))


def _below(annotation: object, path: Path) -> Iterator[tuple[Path, object]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _walk(annotation, path)
    elif get_origin(annotation) is dict:
        yield from _below(get_args(annotation)[1], (*path, ANY))
    else:
        yield path, annotation


def _matches(path: Path, known: Path) -> bool:
    return len(path) == len(known) and all(
        here in (ANY, there) for there, here in zip(path, known, strict=True)
    )
