"""docs/settings.md has every setting with its default, and no other."""

import re
from collections.abc import Sequence
from typing import cast, get_args, get_origin

from pydantic import BaseModel

from blackroad.cli.settings.names import ANY, Path, env_name, paths, toml_name
from blackroad.cli.settings.parts import PARTS
from tests.docs.blocks import ROOT

ROW = re.compile(
    r"^\| `([\w.*]+)` \| (?:`(\w+)`)? *\| (?:`([^|`]*)`)? *\| ([\w, ]+) \| .+ \|$", re.MULTILINE
)


def default(model: type[BaseModel], path: Path) -> str:
    """Return a setting's default as `blackroad config` shows it."""
    field = model.model_fields[path[0]]
    below = field.annotation
    if get_origin(below) is dict:
        below, path = get_args(below)[1], path[1:]
    if isinstance(below, type) and issubclass(below, BaseModel):
        return default(below, path[1:])
    value: object = field.get_default(call_default_factory=True)
    if isinstance(value, tuple | list):
        return ",".join(map(str, cast("Sequence[object]", value)))
    return "" if value is None else str(value)


def test_every_setting_stands_there_with_its_name_and_default() -> None:
    known = {
        toml_name(path): ("" if ANY in path else env_name(path), default(part, path))
        for part in reversed(PARTS)
        for path in paths(part)
    }
    rows = ROW.findall((ROOT / "docs" / "settings.md").read_text())
    written = {name: (variable, value) for name, variable, value, _ in rows}
    assert written == known
    assert len(rows) == len(written)
