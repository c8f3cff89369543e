"""Autobahn's cases, but load and compression, against an echo."""

import pytest
from kosoku import run_fuzzingclient

from tests.edge.transport.rig import serve

LOAD_AND_COMPRESSION = ["9.*", "12.*", "13.*"]
TIMED = ["6.4.*"]
"""They fail where an answer takes a second, so they run one after the other."""


@pytest.mark.slow
async def test_every_case_passes() -> None:
    async with serve() as server:
        results = await run_fuzzingclient(
            server.url, exclude_cases=[*LOAD_AND_COMPRESSION, *TIMED], concurrency=4
        )
        results += await run_fuzzingclient(server.url, cases=TIMED)
        assert len(results) == 247
