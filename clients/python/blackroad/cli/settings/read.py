"""Reads what one part needs from all that is given, or says what is wrong with it."""

import os
from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from blackroad.cli.settings.names import Path, belongs, takes_several, toml_name
from blackroad.cli.settings.problems import Problem, SettingsError, shown
from blackroad.cli.settings.sources import Given, Values, given

PartT = TypeVar("PartT", bound=BaseModel)


def read(part: type[PartT], values: Values) -> PartT:
    """Return a part's settings; what belongs to other parts only is not looked at.

    Raises `SettingsError` with every wrong value.
    """
    mine = {path: _split(path, value, part) for path, value in _of(part, values).items()}
    try:
        return part.model_validate(_nested(mine))
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise SettingsError([_problem(detail, mine) for detail in found]) from None


def _of(part: type[BaseModel], values: Values) -> Values:
    return {path: value for path, value in values.items() if belongs(path, part)}


def _split(path: Path, given: Given, part: type[BaseModel]) -> Given:
    """Return a comma list as a list, where a list is wanted."""
    if not isinstance(given.value, str) or not takes_several(path, part):
        return given
    words = [word.strip() for word in given.value.split(",")]
    return Given([word for word in words if word], given.origin)


def _nested(values: Values) -> dict[str, object]:
    """Return the values as the tree that models are made of."""
    tree: dict[str, object] = {}
    below: dict[str, Values] = {}
    for (name, *rest), value in values.items():
        if rest:
            below.setdefault(name, {})[tuple(rest)] = value
        else:
            tree[name] = value.value
    return tree | {name: _nested(branch) for name, branch in below.items()}


def _problem(detail: ErrorDetails, values: Values) -> Problem:
    path = tuple(str(step) for step in detail["loc"])
    text = detail["msg"].removeprefix("Value error, ")
    text = text.replace("Input should be", "must be").replace("Input should", "must")
    found = _given(path, values)
    if found is None:
        return Problem(toml_name(path), text)
    name, value = found
    return Problem(value.origin, text, shown(name, value.value))


def _given(path: Path, values: Values) -> tuple[Path, Given] | None:
    """Return the value that an error is about: pydantic's path may go on below it."""
    for length in range(len(path), 0, -1):
        if path[:length] in values:
            return path[:length], values[path[:length]]
    return None


def settings_of(part: type[PartT], flags: Sequence[str]) -> PartT:
    """Return a part's settings from everything that this process is given."""
    return read(part, given(flags, os.environ))
