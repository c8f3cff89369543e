"""Help with examples that can be typed, and completion in three shells."""

import shlex
import subprocess

import pytest
from typer.main import get_group
from typer.testing import CliRunner

from blackroad.cli.examples import EXAMPLES
from blackroad.cli.main import app
from tests.cli.terminal import completed
from tests.processes import blackroad, command, environ

COMMANDS = {
    each.name or each.callback.__name__ for each in app.registered_commands if each.callback
}


def test_every_command_has_an_example() -> None:
    assert set(EXAMPLES) == COMMANDS
    for name, lines in EXAMPLES.items():
        assert lines
        assert all(line.startswith(f"blackroad {name}") for line in lines)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_examples_are_ones_that_the_command_takes(name: str) -> None:
    group = get_group(app)
    with group.make_context("blackroad", [name]) as context:
        chosen = group.get_command(context, name)
        assert chosen is not None
        for line in EXAMPLES[name]:
            words = shlex.split(line)[2:]
            chosen.make_context(name, words, parent=context).close()


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_help_shows_them(name: str) -> None:
    run = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "160"}, color=False)
    assert run.exit_code == 0
    for line in EXAMPLES[name]:
        assert f"$ {line}" in run.stdout


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_and_options_are_completed(shell: str) -> None:
    offered = completed(shell, "blackroad ch")
    assert "channels" in offered
    assert "chat" in offered
    assert "tap" not in offered
    assert "--count" in completed(shell, "blackroad tap --co")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shell", "words"),
    [("bash", "complete -o"), ("zsh", "#compdef blackroad"), ("fish", "complete --command")],
)
def test_the_script_of_a_shell_can_be_shown(shell: str, words: str) -> None:
    run = subprocess.run(
        command("--show-completion", shell),
        env=environ() | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert words in run.stdout


def test_a_wrong_option_is_told_with_status_2() -> None:
    run = blackroad("tap", "room", "--cuont", "1")
    assert run.returncode == 2
    assert "--count" in run.stderr
