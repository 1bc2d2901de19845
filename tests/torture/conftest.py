"""A rig for each module of tests: what it takes to start one is paid once."""

import os
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.torture.rig import Rig, new_database, rigged
from tests.torture.server import Server

SEED = 1


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Server]:
    """A database server that the tests of a module may kill."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    async with Server(f"torture-test-{worker}").open() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(server: Server) -> AsyncIterator[Rig]:
    """A collector that is at work; at the end of the module everything must have arrived."""
    async with rigged(server, await new_database(server, "tortured"), seed=SEED) as rig:
        await rig.start()
        yield rig
        await rig.mend()
        verdict = await rig.finish()
        assert verdict.good, verdict
        assert verdict.rows > 0
