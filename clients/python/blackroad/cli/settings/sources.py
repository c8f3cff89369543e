"""Where settings come from: a TOML file, the environment, flags. Only names are checked here."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as File
from typing import Final, cast

from blackroad.cli.settings.names import (
    PREFIX,
    Path,
    env_name,
    flag_name,
    is_known,
    nearest,
    toml_name,
)
from blackroad.cli.settings.problems import Problem, SettingsError, shown

DEFAULT_FILE: Final = "blackroad.toml"
FALLBACKS: Final[dict[str, Path]] = {"REDIS_URL": ("log",), "POD_NAME": ("node",)}

# Kubernetes puts these into every pod beside a service whose name begins with `blackroad`.
_SERVICE_LINK: Final = re.compile(
    r"(^|_)SERVICE_HOST$|(^|_)SERVICE_PORT(_[A-Z0-9_]+)?$|(^|_)PORT$"
    r"|(^|_)PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$"
)


@dataclass(frozen=True, slots=True)
class Given:
    """A value and the name under which its source has it."""

    value: object
    origin: str


Values = dict[Path, Given]


def given(flags: Sequence[str], environ: Mapping[str, str]) -> Values:
    """Return all values that file, environment and flags have, the later winning.

    Raises `SettingsError` for names that no part knows, and for a file that cannot be read.
    """
    problems: list[Problem] = []
    by_flag = dict(_known(_from_flags(flags), flag_name, problems))
    by_name = dict(_known(_from_environment(environ), env_name, problems))
    file = _file(by_flag, by_name)
    by_file = dict(_known(_from_file(file), toml_name, problems)) if file else {}
    if problems:
        raise SettingsError(problems)
    fallbacks = {
        path: Given(environ[name], name) for name, path in FALLBACKS.items() if environ.get(name)
    }
    return fallbacks | by_file | by_name | by_flag


def _from_flags(flags: Sequence[str]) -> Iterator[tuple[Path, Given]]:
    rest = list(flags)
    while rest:
        flag, equals, value = rest.pop(0).partition("=")
        if not flag.startswith("--") or len(flag) < 3:
            raise SettingsError([Problem(flag, "is neither a command nor a flag")])
        if not equals:
            if not rest:
                raise SettingsError([Problem(flag, "needs a value")])
            value = rest.pop(0)
        path = tuple(flag[2:].replace("-", "_").split("."))
        yield path, Given(value, flag)


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[Path, Given]]:
    for name, value in environ.items():
        if not name.startswith(PREFIX):
            continue
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if not is_known(path) and _SERVICE_LINK.search(name.removeprefix(PREFIX)):
            continue
        yield path, Given(value, name)


def _from_file(file: File) -> Iterator[tuple[Path, Given]]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise SettingsError([Problem(str(file), "the file cannot be read")]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([Problem(str(file), f"is not TOML: {error}")]) from None
    yield from _leaves(table, (), file)


def _leaves(value: object, path: Path, file: File) -> Iterator[tuple[Path, Given]]:
    table = None if path and is_known(path) else _table(value)
    if table is None:
        yield path, Given(value, f"{toml_name(path)} in {file}")
        return
    for name, below in table.items():
        yield from _leaves(below, (*path, name), file)


def _table(value: object) -> dict[str, object] | None:
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def _known(
    found: Iterator[tuple[Path, Given]], spell: Callable[[Path], str], problems: list[Problem]
) -> Iterator[tuple[Path, Given]]:
    for path, value in found:
        if is_known(path):
            yield path, value
        else:
            meant = nearest(path)
            hint = f"; did you mean {spell(meant)}?" if meant else ""
            text = f"there is no such setting{hint}"
            problems.append(Problem(value.origin, text, shown(path, value.value)))


def _file(by_flag: Values, by_name: Values) -> File | None:
    asked = by_flag.get(("config",)) or by_name.get(("config",))
    if asked is not None and asked.value:
        return File(str(asked.value))
    default = File(DEFAULT_FILE)
    return default if default.is_file() else None
