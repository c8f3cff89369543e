"""The example of each language, built once as its README says."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from tests.examples.languages.readme import Readme
from tests.processes import Part, part

TOOLS: Final = {
    "go": ("go", "protoc"),
    "node": ("node", "npm"),
    "rust": ("cargo",),
    "java": ("java", "mvn"),
    "shell": ("jq", "grpcurl"),
}
MARKS: Final = {
    "go": pytest.mark.go,
    "node": pytest.mark.node,
    "rust": pytest.mark.rust,
    "java": pytest.mark.java,
    "shell": pytest.mark.go,  # grpcurl is Go's
}


@dataclass(frozen=True, slots=True)
class Doors:
    """A core and its edge."""

    core: Part
    http: str

    @property
    def grpc(self) -> str:
        """The core's address."""
        return self.core.addresses["grpc"]


@pytest.fixture(
    scope="session", params=[pytest.param(name, marks=mark) for name, mark in MARKS.items()]
)
def readme(request: pytest.FixtureRequest) -> Readme:
    """Give the README of an example that is built."""
    language = str(request.param)
    return Readme(language, TOOLS[language]).built()


@contextmanager
def opened() -> Generator[Doors]:
    """Run a core and an edge while the context lasts."""
    with (
        part("core", GRPC="127.0.0.1:0") as core,
        part("edge", HTTP="127.0.0.1:0", CORE=core.addresses["grpc"]) as edge,
    ):
        yield Doors(core, edge.addresses["http"])


@pytest.fixture(scope="module")
def doors(one_loop: None) -> Generator[Doors]:
    """Give a core and an edge that all examples share."""
    del one_loop
    with opened() as shared:
        yield shared
