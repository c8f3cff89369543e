"""Reads what one part needs from all that is given, or says what is wrong with it."""

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from blackroad.cli.settings.names import Path, belongs, toml_name
from blackroad.cli.settings.problems import Problem, SettingsError, shown
from blackroad.cli.settings.sources import Given, Values

PartT = TypeVar("PartT", bound=BaseModel)


def read(part: type[PartT], values: Values) -> PartT:
    """Return a part's settings; what belongs to other parts only is not looked at.

    Raises `SettingsError` with every wrong value.
    """
    mine = {path: value for path, value in values.items() if belongs(path, part)}
    try:
        return part.model_validate(_nested(mine))
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise SettingsError([_problem(detail, mine) for detail in found]) from None


def _nested(values: Values) -> dict[str, object]:
    """Return the values as the tree that models are made of."""
    tree: dict[str, object] = {}
    below: dict[str, Values] = {}
    for (name, *rest), given in values.items():
        if rest:
            below.setdefault(name, {})[tuple(rest)] = given
        else:
            tree[name] = given.value
    return tree | {name: _nested(branch) for name, branch in below.items()}


def _problem(detail: ErrorDetails, values: Values) -> Problem:
    path = tuple(str(step) for step in detail["loc"])
    text = detail["msg"].removeprefix("Value error, ")
    text = text.replace("Input should be", "must be").replace("Input should", "must")
    found = _given(path, values)
    if found is None:
        return Problem(toml_name(path), text)
    name, given = found
    return Problem(given.origin, text, shown(name, given.value))


def _given(path: Path, values: Values) -> tuple[Path, Given] | None:
    """Return the value that an error is about: pydantic's path may go on below it."""
    for length in range(len(path), 0, -1):
        if path[:length] in values:
            return path[:length], values[path[:length]]
    return None


def origins(part: type[BaseModel], values: Values) -> Sequence[tuple[Path, Given]]:
    """Return what is set of a part's names, by name."""
    return sorted((path, given) for path, given in values.items() if belongs(path, part))
