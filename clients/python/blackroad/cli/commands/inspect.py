"""What `config` and `bench` do."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from pydantic import BaseModel, SecretStr

from blackroad.cli.output import print_error, print_rows
from blackroad.cli.settings.names import ANY, paths, toml_name
from blackroad.cli.settings.names import Path as Name
from blackroad.cli.settings.parts import PARTS
from blackroad.cli.settings.problems import shown
from blackroad.cli.settings.read import read
from blackroad.cli.settings.sources import Values, given


def show_settings(flags: Sequence[str], as_json: bool) -> None:
    """Print every setting once, whichever parts read it."""
    values = given(flags, os.environ)
    print_rows(_settings(values), as_json=as_json)


def _settings(values: Values) -> Iterator[dict[str, object]]:
    told: set[Name] = set()
    for part in PARTS:
        settings = read(part, values)
        for path in paths(part):
            if path in told or ANY in path:
                continue
            told.add(path)
            origin = values[path].origin if path in values else "default"
            value = shown(path, _value(settings, path))
            yield {"name": toml_name(path), "value": value, "from": origin}


def _value(settings: BaseModel, path: Name) -> object:
    value: object = settings
    for name in path:
        value = getattr(value, name)
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple | list):
        return ",".join(map(str, cast("Sequence[object]", value)))
    return "" if value is None else value


def run_benchmarks(arguments: Sequence[str]) -> int:
    """Run the benchmarks that lie beside the source; say where they are where they do not."""
    if not Path("benchmarks/__main__.py").is_file():
        print_error("the benchmarks are not here: run `blackroad bench` in a clone of the project")
        return 1
    return subprocess.run([sys.executable, "-m", "benchmarks", *arguments], check=False).returncode
