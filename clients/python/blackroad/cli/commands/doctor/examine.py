"""Runs all checks, and prints what they find."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from blackroad.cli.commands.doctor.engine import check_engine
from blackroad.cli.commands.doctor.finding import Check, Finding, Patient
from blackroad.cli.commands.doctor.machine import check_addresses, check_files, check_year
from blackroad.cli.commands.doctor.reach import check_models, check_url
from blackroad.cli.commands.doctor.settings import (
    check_agents,
    check_open,
    check_origins,
    examine_settings,
)
from blackroad.cli.commands.doctor.trust import check_tls, check_token
from blackroad.cli.output import CONSOLE, print_json, progress

# These look at nothing that the settings say.
ALWAYS: Final[Sequence[Check]] = (check_files, check_year)
CHECKS: Final[Sequence[Check]] = (
    check_open,
    check_origins,
    check_addresses,
    check_engine,
    check_token,
    check_tls,
    check_url,
    check_models,
    check_agents,
)


def examine(flags: Sequence[str], as_json: bool) -> bool:
    """Print what was looked at and whether it is well; return whether all is."""
    findings = list(_findings(flags))
    for finding in findings:
        if as_json:
            row = {"check": finding.check, "ok": finding.ok, "text": finding.text}
            print_json(row if finding.ok else row | {"fix": finding.fix})
        else:
            CONSOLE.print(_line(finding), soft_wrap=True)
    return all(finding.ok for finding in findings)


def _findings(flags: Sequence[str]) -> Iterator[Finding]:
    with progress("settings", 1 + len(ALWAYS) + len(CHECKS)) as bar:
        patient, found = examine_settings(flags)
        yield from found
        checks = (*(CHECKS if patient else ()), *ALWAYS)
        for check in checks:
            bar.step(check.__name__.removeprefix("check_"))
            yield from check(patient or Patient(flags, {}))


def _line(finding: Finding) -> Text:
    mark = ("ok   ", "green") if finding.ok else ("bad  ", "bold red")
    line = Text.assemble(mark, (finding.check, "bold"), f": {finding.text}")
    if not finding.ok and finding.fix:
        line.append(f"\n     -> {finding.fix}", style="yellow")
    return line
