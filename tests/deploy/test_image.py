"""The image's recipe is sound, and what it copies is there and not left out."""

import re
from fnmatch import fnmatch

from tests.deploy.tools import DEPLOY, ROOT, ours, ran

RECIPE = (DEPLOY / "Dockerfile").read_text()
IGNORED = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()


def test_the_recipe_is_sound() -> None:
    ran(ours("hadolint"), DEPLOY / "Dockerfile")


def copied() -> list[str]:
    """Return what is copied from the project."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", RECIPE, re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def test_what_is_copied_is_there_and_in_the_context() -> None:
    assert len(copied()) > 5
    kept = [line.removeprefix("!") for line in IGNORED if line.startswith("!")]
    for source in copied():
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in kept), source


def test_it_runs_as_nobody_in_particular_and_hears_the_signal_itself() -> None:
    assert re.search(r"^USER \d+:\d+$", RECIPE, re.MULTILINE)
    # A shell between would keep SIGTERM to itself.
    assert '\nENTRYPOINT ["blackroad"]\n' in RECIPE
