"""The file of agents."""

from pathlib import Path

import pytest

from blackroad.agents.roster import read_roster


def test_the_packaged_file_has_the_five() -> None:
    roster = read_roster(None)
    assert list(roster.agents) == ["LUCIDIA", "ALICE", "OCTAVIA", "PRISM", "ECHO"]
    assert roster.agents["ECHO"].model == "builtin/echo"


def test_a_file_of_ones_own_replaces_them(tmp_path: Path) -> None:
    path = tmp_path / "agents.toml"
    path.write_text('[agents.ME]\ncapabilities = ["x"]\nmax_concurrency = 3\n')
    roster = read_roster(path)
    assert list(roster.agents) == ["ME"]
    assert roster.agents["ME"].capabilities == ("x",)
    assert roster.agents["ME"].max_concurrency == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[agents]",
        "[agents.ME]\nmax_concurrency = 0",
        "[agents.ME]\npersonna = 'x'",
        '[agents."a b"]',
        "[agents.ME",
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, text: str) -> None:
    path = tmp_path / "agents.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"agents\.toml: "):
        read_roster(path)
