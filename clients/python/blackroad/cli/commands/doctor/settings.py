"""The settings themselves: names, values, files, and who could connect."""

import os
import re
from collections.abc import Iterator, Sequence
from typing import Final

from blackroad.agents.settings import AgentsSettings
from blackroad.cli.commands.doctor.finding import Finding, Patient
from blackroad.cli.settings.agents import roster_of
from blackroad.cli.settings.parts import PARTS, EdgePart
from blackroad.cli.settings.problems import Problem, SettingsError
from blackroad.cli.settings.read import read
from blackroad.cli.settings.sources import given
from blackroad.core.address import is_loopback
from blackroad.core.settings import CoreSettings

_ORIGIN: Final = re.compile(r"\*|https?://[^/\s*]+")
_WITH_KEYS: Final = "set BLACKROAD_AUTH__SECRET, made by `openssl rand -hex 32`"


def examine_settings(flags: Sequence[str]) -> tuple[Patient | None, list[Finding]]:
    """Return what the other checks may look at, or what is wrong with the settings."""
    problems: list[Problem] = []
    try:
        values = given(flags, os.environ)
    except SettingsError as error:
        return None, list(map(_problem, error.problems))
    for part in PARTS:
        try:
            read(part, values)
        except SettingsError as error:
            problems += [each for each in error.problems if each not in problems]
    if problems:
        return None, list(map(_problem, problems))
    core = read(CoreSettings, values)
    mode = "development: no keys, loopback only" if core.auth.development else "with keys"
    return Patient(flags, values), [Finding("settings", True, f"{len(values)} set, {mode}")]


def _problem(problem: Problem) -> Finding:
    text = str(problem)
    if "needs keys" in text:
        return Finding("open", False, text, _WITH_KEYS)
    if problem.name.startswith(("auth.", "BLACKROAD_AUTH", "--auth")):
        return Finding("keys", False, text, _WITH_KEYS)
    fix = "`blackroad config` shows every setting, its value and where that comes from"
    return Finding("settings", False, text, fix)


def check_open(patient: Patient) -> Iterator[Finding]:
    """Find an edge that others can reach before there are keys."""
    edge, core = read(EdgePart, patient.values), read(CoreSettings, patient.values)
    if core.auth.development and not is_loopback(edge.http):
        text = f"http: {edge.http} can be reached from other machines, and there are no keys"
        yield Finding("open", False, text, f"{_WITH_KEYS}, or listen on 127.0.0.1")


def check_origins(patient: Patient) -> Iterator[Finding]:
    """Find origins that no browser ever sends."""
    for origin in read(EdgePart, patient.values).auth.origins:
        if not _ORIGIN.fullmatch(origin):
            text = f"{origin} is no origin: a browser never sends it"
            fix = "write scheme, host and port only, such as https://app.example.com"
            yield Finding("origins", False, text, fix)


def check_agents(patient: Patient) -> Iterator[Finding]:
    """Find a file of agents that cannot be read."""
    try:
        roster = roster_of(read(AgentsSettings, patient.values))
    except SettingsError as error:
        for problem in error.problems:
            fix = "BLACKROAD_AGENTS names a TOML file; without it the packaged one is used"
            yield Finding("agents", False, str(problem), fix)
    else:
        yield Finding("agents", True, ", ".join(roster.agents))
