"""When a reply counts as handed over, on connections whose buffers are small."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from collector.simulator.replies import Reply
from collector.simulator.wire import send

SMALL = 4096
# More than both small kernel buffers hold, less than what asyncio would buffer by itself.
BODY = bytes(50_000)
RESET = b"\x01" + b"\0" * 7
Before = Callable[[web.BaseRequest], object]


@asynccontextmanager
async def served(
    outcome: asyncio.Future[bool], before: Before = lambda _: None
) -> AsyncIterator[socket.socket]:
    """Serve BODY once and give a client's socket that has asked for it; both buffer little.

    `before` is called at the last moment before the reply.
    """

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        before(request)
        response, whole = await send(request, Reply(BODY))
        outcome.set_result(whole)
        return response

    runner = web.ServerRunner(web.Server(answer), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    await web.SockSite(runner, listener).start()
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        client.settimeout(0)
        await loop.sock_connect(client, listener.getsockname())
        await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        yield client
    await runner.cleanup()


async def test_a_reply_counts_when_the_kernel_has_its_last_byte() -> None:
    """Not before the client has made room for it, and then it does."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[bool] = loop.create_future()
    async with served(outcome) as client:
        await asyncio.wait({outcome}, timeout=0.2)
        assert not outcome.done()
        received = b""
        while not received.endswith(BODY):
            received += await loop.sock_recv(client, 65_536)
        assert await asyncio.wait_for(outcome, 1)


async def test_a_reply_does_not_count_when_the_client_leaves_in_its_middle() -> None:
    """Neither politely nor with a reset."""
    loop = asyncio.get_running_loop()
    for linger in (bytes(8), RESET):
        outcome: asyncio.Future[bool] = loop.create_future()
        async with served(outcome) as client:
            await loop.sock_recv(client, 100)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            client.close()
            assert not await asyncio.wait_for(outcome, 1)


async def test_a_reply_does_not_count_when_its_first_write_fails() -> None:
    """A reset that the server has not noticed yet makes the write fail without an error."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[bool] = loop.create_future()
    clients: list[socket.socket] = []

    def reset(_: web.BaseRequest) -> None:
        clients[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        clients[0].close()

    async with served(outcome, reset) as client:
        clients.append(client)
        assert not await asyncio.wait_for(outcome, 1)


async def test_a_reply_does_not_count_when_the_server_gives_up_on_it() -> None:
    """The connection is dropped while the client takes its time."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[bool] = loop.create_future()

    def give_up_soon(request: web.BaseRequest) -> None:
        assert request.transport is not None
        loop.call_later(0.1, request.transport.abort)

    async with served(outcome, give_up_soon):
        assert not await asyncio.wait_for(outcome, 1)
