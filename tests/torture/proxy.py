"""A wire between the collector and its database that can be cut, frozen, slowed and listened to."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

_CHUNK = 2**16

COPY = b"COPY "
COMMIT = b"COMMIT;"
"""The statement; the word alone is in the staging table's definition as well."""


class SwallowedError(OSError):
    """Raised by a hook: what it heard is not passed on, and the connection ends."""


Hook = Callable[[], Awaitable[None]]


@dataclass
class Wire:
    """What happens to the bytes; to be changed at any time."""

    delay: float = 0.0
    """Seconds that each piece waits, in both directions."""
    bytes_per_second: float | None = None
    cut_after: int | None = None
    """So many bytes more, then the connections are reset."""
    cut_answers: bool = False
    """Whether these are counted in what the server says, or in what the collector says."""
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: bytes go nowhere, connections are accepted and left alone."""
    hooks: dict[bytes, tuple[Hook | None, Hook | None]] = field(default_factory=dict)
    """By what the collector sends: what to do before it is passed on, and before the server's
    next words are. Each works once."""

    def __post_init__(self) -> None:
        self.open.set()


class Proxy:
    """Listens on a port of its own and passes everything on to the server's."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.wire = Wire()
        self.was_cut = asyncio.Event()
        self._target_port = target_port
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Accept connections, always on the same port."""
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Refuse connections, as a host does where nothing listens, and reset those there are."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.reset()

    def reset(self) -> None:
        """Reset every connection, as a firewall does."""
        for writer in tuple(self._writers):
            with contextlib.suppress(OSError):
                # With this no FIN is sent but a RST.
                _socket(writer).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()
        self._writers.clear()

    def abandon(self) -> None:
        """Leave the connections there are as they are, without a word to either side.

        Each side finds that out by itself, or not.
        """
        self.wire = Wire()

    async def mend(self) -> None:
        """Undo everything."""
        self.wire.open.set()
        self.wire = Wire()
        if self._listener is None:
            await self.listen()

    async def close(self) -> None:
        """End."""
        await self.refuse()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def on(self, said: bytes, *, before: Hook | None = None, after: Hook | None = None) -> None:
        """Do something, once, when the collector says this: before it is heard, or answered."""
        self.wire.hooks[said] = (before, after)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        wire = self.wire
        self._writers.add(writer)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await wire.open.wait()
            theirs, ours = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._writers.add(ours)
            link = _Link(self, wire)
            up = asyncio.create_task(link.up(reader, ours))
            down = asyncio.create_task(link.down(theirs, writer))
            try:
                await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in (up, down):
                    each.cancel()
                await asyncio.gather(up, down, return_exceptions=True)
                self._end(ours)
        self._end(writer)

    def _end(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.close()


class _Link:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, wire: Wire) -> None:
        self._proxy = proxy
        self._wire = wire
        self._answer_hook: Hook | None = None

    async def up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the collector says."""
        while piece := await reader.read(_CHUNK):
            await self._hold(piece)
            for said, (before, after) in tuple(self._wire.hooks.items()):
                if said in piece:
                    del self._wire.hooks[said]
                    if before is not None:
                        await before()
                    self._answer_hook = after
            await self._pass_on(piece, writer, answer=False)

    async def down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the server answers."""
        while piece := await reader.read(_CHUNK):
            await self._hold(piece)
            hook, self._answer_hook = self._answer_hook, None
            if hook is not None:
                await hook()
            await self._pass_on(piece, writer, answer=True)

    async def _pass_on(self, piece: bytes, writer: asyncio.StreamWriter, *, answer: bool) -> None:
        wire = self._wire
        if wire.cut_after is not None and wire.cut_answers is answer:
            writer.write(piece[: wire.cut_after])
            wire.cut_after -= len(piece)
            if wire.cut_after <= 0:
                wire.cut_after = None
                await asyncio.sleep(0)  # what was written gets on its way
                self._proxy.reset()
                self._proxy.was_cut.set()
                raise SwallowedError
        else:
            writer.write(piece)
        await writer.drain()

    async def _hold(self, piece: bytes) -> None:
        wire = self._wire
        await wire.open.wait()
        if wire.delay:
            await asyncio.sleep(wire.delay)
        if wire.bytes_per_second:
            await asyncio.sleep(len(piece) / wire.bytes_per_second)


def _socket(writer: asyncio.StreamWriter) -> socket.socket:
    found: socket.socket = writer.get_extra_info("socket")
    return found
