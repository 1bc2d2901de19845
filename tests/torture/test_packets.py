"""Packets that the kernel drops: those of one port, for as long as the block runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.torture import packets
from tests.torture.rig import new_database, rigged
from tests.torture.server import Server
from tests.torture.unwilling import CannotHereError


@asynccontextmanager
async def listening() -> AsyncIterator[int]:
    """Yield a port at which connections are accepted and left alone."""

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1") as server:
        yield server.sockets[0].getsockname()[1]


async def connected(port: int) -> None:
    """Connect, for however long that takes."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


@asynccontextmanager
async def dropped(port: int) -> AsyncIterator[packets.Count]:
    """Drop what is sent to a port, or skip the test where nobody may."""
    try:
        async with packets.dropped(port, "dport") as count:
            yield count
    except CannotHereError as reason:
        pytest.skip(str(reason))


async def test_packets_of_one_port_are_dropped_and_of_no_other() -> None:
    """A connection hangs without a word until the block ends, and is made afterwards."""
    async with listening() as port, listening() as other:
        async with dropped(port) as count:
            connecting = asyncio.create_task(connected(port))
            while await count() == 0:
                await asyncio.sleep(0.01)
            await connected(other)
            assert not connecting.done()
        await connecting


async def test_an_interrupted_block_leaves_no_rule_behind() -> None:
    """Whoever is cancelled in the middle has mended the wire by then."""
    async with listening() as port:
        there = asyncio.Event()

        async def drop_for_ever() -> None:
            async with dropped(port):
                there.set()
                await asyncio.Event().wait()

        dropping = asyncio.create_task(drop_for_ever())
        await asyncio.wait(
            [dropping, asyncio.create_task(there.wait())], return_when=asyncio.FIRST_COMPLETED
        )
        if not there.is_set():
            await dropping  # which says why it cannot
        dropping.cancel()
        await asyncio.gather(dropping, return_exceptions=True)
        await connected(port)


@pytest.mark.db
@pytest.mark.slow
async def test_nothing_is_lost_on_a_wire_that_loses_packets() -> None:
    """What the database does not hear, or answers in vain, is there once in the end."""
    async with Server("torture-test-packets").open() as server:
        name = await new_database(server, "packets")
        async with rigged(server, name) as rig:
            await rig.start()
            try:
                await packets.packets_dropped(rig, 2)
                await rig.caught_up()
                await packets.answers_dropped(rig, 2)
                await rig.caught_up()
            except CannotHereError as reason:
                pytest.skip(str(reason))
            verdict = await rig.finish()

    assert verdict.good, verdict
    assert verdict.rows > 0
