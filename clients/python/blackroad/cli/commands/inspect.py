"""What `config`, `doctor` and `bench` do."""

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, cast

from pydantic import BaseModel, SecretStr

from blackroad.cli.output import CONSOLE, print_error, print_json, print_rows
from blackroad.cli.settings.names import ANY, flag_name, paths, toml_name
from blackroad.cli.settings.names import Path as Name
from blackroad.cli.settings.parts import PARTS, EdgePart
from blackroad.cli.settings.problems import SettingsError, shown
from blackroad.cli.settings.read import read, settings_of
from blackroad.cli.settings.sources import Values, given
from blackroad.core.settings import CoreSettings, split_address

WANTED_FILES: Final = 4096
Finding = tuple[str, bool, str]


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


def examine(flags: Sequence[str], as_json: bool) -> bool:
    """Print what was looked at and whether it is well; return whether all is."""
    findings: list[Finding] = []
    for check in (_check_settings, _check_addresses, _check_files, _check_clock):
        findings += check(flags)
    for name, well, text in findings:
        if as_json:
            print_json({"check": name, "ok": well, "text": text})
        else:
            mark = "[green]ok  [/]" if well else "[red]bad [/]"
            CONSOLE.print(f"{mark} {name}: {text}", soft_wrap=True)
    return all(well for _, well, _ in findings)


def _check_settings(flags: Sequence[str]) -> Iterator[Finding]:
    try:
        values = given(flags, os.environ)
        for part in PARTS:
            read(part, values)
    except SettingsError as error:
        for problem in error.problems:
            yield "settings", False, str(problem)
        return
    core = read(CoreSettings, values)
    mode = "development: no keys, loopback only" if core.auth.development else "with keys"
    yield "settings", True, f"{len(values)} set, {mode}"
    yield "engine", True, f"{core.log}: in this process, so a restart of the core loses the log"


def _check_addresses(flags: Sequence[str]) -> Iterator[Finding]:
    for name, read_address in _ADDRESSES:
        try:
            address = read_address(flags)
        except SettingsError:
            return  # told already
        yield (name, *_free(address))


def _free(address: str) -> tuple[bool, str]:
    if address.startswith("unix:"):
        return True, address
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            return False, f"{address} cannot be taken: {error.strerror}"
    return True, f"{address} is free"


_ADDRESSES: Final[tuple[tuple[str, Callable[[Sequence[str]], str]], ...]] = (
    (flag_name(("grpc",)), lambda flags: settings_of(CoreSettings, flags).grpc),
    (flag_name(("http",)), lambda flags: settings_of(EdgePart, flags).http),
)


def _check_files(_: Sequence[str]) -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = f"{soft} open files (at most {hard}); every browser needs one"
    yield "limits", soft >= WANTED_FILES, text


def _check_clock(_: Sequence[str]) -> Iterator[Finding]:
    year = time.gmtime().tm_year
    yield "clock", year >= 2025, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def run_benchmarks(arguments: Sequence[str]) -> int:
    """Run the benchmarks that lie beside the source; say where they are where they do not."""
    if not Path("benchmarks/__main__.py").is_file():
        print_error("the benchmarks are not here: run `blackroad bench` in a clone of the project")
        return 1
    return subprocess.run([sys.executable, "-m", "benchmarks", *arguments], check=False).returncode
