"""The database away: down, refused, swallowed, cut off, slow. `polls` says for how many polls."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.torture.proxy import COMMIT, COPY
from tests.torture.rig import Rig

_RSS_MORE = 48 * 2**20
"""Bytes that the collector may need more while the database is away, for however long."""

_ANSWERS_SHARE = 0.4


async def away(rig: Rig, polls: int) -> None:
    """Let the venues be polled while the database is away; memory must not grow with that."""
    await rig.polls_go_on(1)
    with steady_memory(rig):
        await rig.polls_go_on(polls)


@contextmanager
def steady_memory(rig: Rig) -> Iterator[None]:
    """See to it that the collector does not need more and more, whatever the block does."""
    before = rig.daemon.resident()
    yield
    more = rig.daemon.resident() - before
    if more > _RSS_MORE:
        rig.daemon.trouble.append(f"{more} bytes more in memory after an outage")


async def down(rig: Rig, polls: int) -> None:
    """The server is killed, and started later."""
    await rig.server.kill()
    await away(rig, polls)
    await rig.server.start()


async def refused(rig: Rig, polls: int) -> None:
    """Nothing listens at its port."""
    await rig.proxy.refuse()
    await away(rig, polls)
    await rig.proxy.listen()


async def black_hole(rig: Rig, polls: int) -> None:
    """What is sent arrives nowhere, then all of it does, late."""
    rig.proxy.wire.open.clear()
    await away(rig, polls)
    rig.proxy.wire.open.set()


async def half_open(rig: Rig, polls: int) -> None:
    """The other end is gone without a word; only connections that are opened later work."""
    rig.proxy.wire.open.clear()
    await away(rig, polls)
    rig.proxy.abandon()


async def stopped_in_black_hole(rig: Rig, times: int) -> None:
    """The collector is told to stop while it waits for a database that does not answer."""
    for _ in range(times):
        await _frozen_at(rig, COPY)
        await rig.daemon.stop()
        rig.proxy.wire.open.set()
        await rig.daemon.start()


async def zombie(rig: Rig, times: int) -> None:
    """The collector's machine is gone without a word, and its transaction still holds its locks."""
    for _ in range(times):
        await _frozen_at(rig, COMMIT)
        await rig.daemon.kill()
        rig.proxy.abandon()
        await rig.daemon.start()


async def _frozen_at(rig: Rig, words: bytes) -> None:
    frozen = asyncio.Event()
    rig.proxy.on(words, before=partial(_freeze, rig, frozen))
    await frozen.wait()


async def _freeze(rig: Rig, frozen: asyncio.Event) -> None:
    rig.proxy.wire.open.clear()
    frozen.set()
    await rig.proxy.wire.open.wait()


async def slow(rig: Rig, polls: int) -> None:
    """The wire is slow and narrow; the database keeps up nevertheless."""
    rig.proxy.wire.delay = 0.05
    rig.proxy.wire.bytes_per_second = 200_000
    await away(rig, polls)
    await rig.caught_up()
    rig.proxy.wire.delay = 0.0
    rig.proxy.wire.bytes_per_second = None


async def cut(rig: Rig, times: int) -> None:
    """Connections are reset in the middle of a handshake, of a COPY, of an answer."""
    wire = rig.proxy.wire
    for _ in range(times):
        rig.proxy.was_cut.clear()
        wire.cut_answers = rig.random.random() < _ANSWERS_SHARE
        wire.cut_after = rig.random.randrange(1, rig.random.choice((200, 1_000, 4_000)))
        await rig.proxy.was_cut.wait()


async def absent_server(rig: Rig, polls: int) -> None:
    """The server is down when the collector starts."""
    await rig.daemon.stop()
    await rig.server.kill()
    await rig.daemon.start()
    await away(rig, polls)
    await rig.server.start()


async def absent_database(rig: Rig, polls: int) -> None:
    """The server is up when the collector starts, and does not know the database."""
    await rig.daemon.stop()
    async with rig.server.renamed(rig.database):
        await rig.daemon.start()
        await away(rig, polls)
