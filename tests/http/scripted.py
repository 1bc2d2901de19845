"""A server that answers each request with the next of its scripted answers, byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def raw(data: bytes, *, close: bool = False) -> Answer:
    """Send these bytes; close the connection behind them if wanted."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if close:
            writer.close()

    return answer


def reply(
    body: bytes | str = b"{}", status: str = "200 OK", headers: dict[str, str] | None = None
) -> Answer:
    """Send a complete response."""
    content = body.encode() if isinstance(body, str) else body
    fields = {"Content-Length": str(len(content)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return raw(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + content)


async def stall(_: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def drop(writer: asyncio.StreamWriter) -> None:
    """Close the connection without a word."""
    writer.close()


@dataclass
class Scripted:
    """What the server has seen, and what it will say."""

    answers: list[Answer]
    url: str = ""
    requests: list[str] = field(default_factory=list)
    """Request lines, in the order they came."""
    bodies: list[bytes] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    (
                        int(line.partition(":")[2])
                        for line in head.lower().split("\r\n")
                        if line.startswith("content-length:")
                    ),
                    0,
                )
                self.requests.append(head.partition("\r\n")[0])
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(length))
                await (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has closed: nothing to answer any more
        finally:
            writer.close()


@asynccontextmanager
async def scripted(*answers: Answer, tls: SSLContext | None = None) -> AsyncIterator[Scripted]:
    """Run a server that gives these answers in turn, and the last one for ever."""
    script = Scripted(list(answers))
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(script.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    script.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield script
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
