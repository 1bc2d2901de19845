"""Packets that the kernel drops on their way between the collector and its database.

The rules lie in a table of nftables that belongs to one process: the kernel forgets it when that
process ends, however it ends, and the process ends with us. They are about one port of the loopback
device and about nothing else.
"""

import asyncio
import os
import re
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.torture.daemon import DIES_WITH_US
from tests.torture.outages import away
from tests.torture.rig import Rig
from tests.torture.unwilling import CannotHereError

ALL = ""
SOME = "numgen random mod 100 < 30"
"""Thirty in a hundred; a wire that loses as many is as good as dead, but not quite."""

_LOOK_SECONDS = 0.02
_THERE_SECONDS = 10.0
_PACKETS = re.compile(r"counter packets ([0-9]+)")

Count = Callable[[], Awaitable[int]]


async def packets_dropped(rig: Rig, polls: int) -> None:
    """Nothing gets through, in either direction; neither side is told."""
    await _lose(rig, polls, "dport", "sport")


async def answers_dropped(rig: Rig, polls: int) -> None:
    """The database hears everything, and nothing of what it answers arrives."""
    await _lose(rig, polls, "sport")


async def packet_loss(rig: Rig, polls: int) -> None:
    """Many packets get lost, in both directions, at random."""
    await _lose(rig, polls, "dport", "sport", which=SOME)


async def _lose(rig: Rig, polls: int, *sides: str, which: str = ALL) -> None:
    """Drop packets between the collector and the real server, without the proxy between them."""
    await rig.daemon.stop()
    place = len(rig.daemon.events)
    await rig.daemon.start(database__dsn=rig.server.dsn(rig.database))
    await rig.daemon.hears("sink.stored", since=place)
    async with dropped(rig.server.port, *sides, which=which) as count:
        await away(rig, polls)
        if await count() == 0:
            raise RuntimeError("not one packet was dropped")


@asynccontextmanager
async def dropped(port: int, *sides: str, which: str = ALL) -> AsyncIterator[Count]:
    """Drop TCP packets on the loopback device while the block runs.

    Args:
        port: the port.
        sides: `dport` for packets to it, `sport` for packets from it.
        which: of them, in the words of nftables; all, if nothing is said.

    Yields:
        What tells how many were dropped so far.

    Raises:
        CannotHereError: nobody may do so here, and why.
    """
    name = f"torture_{port}"
    rules = "; ".join((
        f"add table inet {name} {{ flags owner; }}",
        f"add chain inet {name} lost {{ type filter hook input priority 0; }}",
        *(
            f'add rule inet {name} lost iifname "lo" ip daddr 127.0.0.1 tcp {side} {port}'
            f" {which} counter drop"
            for side in sides
        ),
    ))  # fmt: skip
    await _can_be_done(rules)
    with tempfile.TemporaryDirectory(prefix="torture-nft-") as home:
        owner = await asyncio.create_subprocess_exec(
            *(*DIES_WITH_US, "nft", "--interactive"),
            stdin=PIPE,
            stdout=DEVNULL,
            env=os.environ | {"HOME": home},  # where it keeps what was typed
            start_new_session=True,  # Ctrl-C is for us
        )
        try:
            assert owner.stdin is not None
            owner.stdin.write(f"{rules}\n".encode())
            async with asyncio.timeout(_THERE_SECONDS):
                while await _listed(name) is None:
                    await asyncio.sleep(_LOOK_SECONDS)

            async def count() -> int:
                return sum(map(int, _PACKETS.findall(await _listed(name) or "")))

            yield count
        finally:
            owner.kill()
            await owner.wait()


async def _can_be_done(rules: str) -> None:
    if os.geteuid() != 0:
        raise CannotHereError("only root may drop packets")
    if shutil.which("nft") is None:
        raise CannotHereError("no packets dropped: there is no nft (Debian's package nftables)")
    status, words = await _nft("--check", rules)
    if status != 0:
        raise CannotHereError(f"no packets dropped: {words.splitlines()[0]}")


async def _listed(name: str) -> str | None:
    """Return a table in words; None if there is none of that name."""
    status, words = await _nft("list", "table", "inet", name)
    return words if status == 0 else None


async def _nft(*arguments: str) -> tuple[int, str]:
    done = await asyncio.create_subprocess_exec(
        "nft", *arguments, stdout=PIPE, stderr=asyncio.subprocess.STDOUT
    )
    words, _ = await done.communicate()
    assert done.returncode is not None
    return done.returncode, words.decode()
