"""Whatever happens at the HTTP port, the polls go on."""

import asyncio
import contextlib
import itertools
from datetime import datetime, timedelta

import psutil
import pytest

from collector.venues import VENUES
from tests.daemon.conftest import Program, Running, eventually

pytestmark = pytest.mark.db

ATTACKS = [
    b"",
    b"GET /healthz HTTP/1.1\r\n",
    b"\x16\x03\x01" + bytes(500),
    b"GET /" + b"a" * 100_000,
    b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 10_000,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n" + bytes(2**20),
    b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n" * 100,
]


async def attack(port: int, what: bytes) -> None:
    """Connect, send, look at what comes, and again, without end."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(what)
                async with asyncio.timeout(0.5):
                    await reader.read()
            finally:
                writer.transport.abort()
        await asyncio.sleep(0.01)


def polls(daemon: Running) -> list[dict[str, object]]:
    """Return the polls of HTX that have ended."""
    return [event for event in daemon.events("poll.done") if event["venue"] == "htx"]


async def test_no_client_disturbs_the_polls_or_makes_the_process_grow(
    program: Program, unused_port: int
) -> None:
    """Sixty clients that behave badly: every tick has its poll, and afterwards nothing is left."""
    program.set(http__port=unused_port)
    daemon = await program.start("run")

    async def warm() -> bool:
        """Each venue was polled, and one of them twice: the connections are there by now."""
        names = [event["venue"] for event in daemon.events("poll.done")]
        return len(set(names)) == len(VENUES) and names.count("htx") > 1

    await eventually(warm)
    process = psutil.Process(daemon.process.pid)
    listening = {each.laddr for each in process.net_connections() if each.status == "LISTEN"}
    memory, descriptors = process.memory_info().rss, process.num_fds()
    attackers = [
        asyncio.create_task(attack(unused_port, ATTACKS[number % len(ATTACKS)]))
        for number in range(60)
    ]
    before = len(polls(daemon))

    async def polled() -> bool:
        return len(polls(daemon)) >= before + 6

    await eventually(polled)
    grown = process.memory_info().rss - memory
    for attacker in attackers:
        attacker.cancel()
    await asyncio.wait(attackers)

    async def let_go() -> bool:
        """No connection is left of those that came every few hundredths of a second."""
        return process.num_fds() <= descriptors + 10

    await eventually(let_go)
    status, _ = await daemon.stop()

    done = polls(daemon)
    skipped = [event for event in daemon.events("poll.skipped") if event["venue"] == "htx"]
    ticks = sorted(datetime.fromisoformat(str(event["polled_at"])) for event in done + skipped)
    gaps = {later - earlier for earlier, later in itertools.pairwise(ticks[1:])}
    assert status == 0
    assert listening == {("127.0.0.1", unused_port)}
    assert {event["outcome"] for event in done} == {"ok"}
    assert gaps == {timedelta(seconds=1)}
    assert grown < 2**25
    assert not [event for event in daemon.events() if str(event["event"]).startswith("Error")]
