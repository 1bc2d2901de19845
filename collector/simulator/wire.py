"""Putting replies on the socket: whole ones, and ones broken on purpose."""

import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from aiohttp import web

from collector.simulator.board import Hit
from collector.simulator.latency import pause
from collector.simulator.replies import Reply

if TYPE_CHECKING:
    from aiohttp.http import StreamWriter

MEGABYTE = 2**20
PIECE = b" " * 65_536
DRIPS = 20
LOOK_AGAIN_SECONDS = 0.1


class Sent(NamedTuple):
    """What came of a reply: `whole` if all of it went to the socket without an error."""

    response: web.StreamResponse
    whole: bool


async def send(request: web.BaseRequest, reply: Reply) -> Sent:
    """Send a reply whole."""
    body = b"" if request.method == "HEAD" else reply.body
    # Unlike its parent class, a Response leaves its head to go out together with the first bytes.
    response = web.Response(status=reply.status, headers=_headers(reply, len(reply.body)))
    return Sent(response, await _hand_over(request, response, body))


async def _hand_over(request: web.BaseRequest, response: web.StreamResponse, body: bytes) -> bool:
    transport = request.transport
    if transport is None:
        return False
    # Without a write buffer, draining waits until the kernel has every byte.
    transport.set_write_buffer_limits(0)
    try:
        writer = cast("StreamWriter", await response.prepare(request))
        await writer.write(body, drain=False)
        # A write that fails at once closes the transport and raises nothing. Later it may close
        # because the client hung up after the last byte, so this is the moment to look.
        failed = transport.is_closing()
        await writer.drain()
        await response.write_eof()
    except ConnectionError:
        return False
    return not failed and not request.protocol.writing_paused


def _headers(reply: Reply, length: int | None) -> dict[str, str]:
    headers = {"Content-Type": reply.content_type, **reply.headers}
    if length is not None:
        headers["Content-Length"] = str(length)
    return headers


def _response(reply: Reply, length: int | None) -> web.StreamResponse:
    return web.StreamResponse(status=reply.status, headers=_headers(reply, length))


def hang_up(request: web.BaseRequest, hit: Hit) -> Sent:
    """Close without an answer, politely or with a reset."""
    transport = request.transport
    if transport is not None:
        if hit.param == "reset":
            # Closing at once and forgetting what is unsent is what sends a reset.
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.close()
    # The server wants something to send, which then finds the connection closed.
    return Sent(web.Response(), whole=False)


async def _drop(request: web.BaseRequest, reply: Reply, hit: Hit) -> Sent:
    del reply
    return hang_up(request, hit)


async def _stall(request: web.BaseRequest, reply: Reply, hit: Hit) -> Sent:
    del reply
    while request.transport is not None and not request.transport.is_closing():
        await pause(LOOK_AGAIN_SECONDS)
    return hang_up(request, hit)


async def _cut_json(request: web.BaseRequest, reply: Reply, hit: Hit) -> Sent:
    del hit
    reply.body = reply.body[: len(reply.body) // 2]
    return (await send(request, reply))._replace(whole=False)


async def _truncated(request: web.BaseRequest, reply: Reply, hit: Hit) -> Sent:
    response = _response(reply, len(reply.body))
    await _hand_over_part(request, response, reply.body[: len(reply.body) // 2])
    hang_up(request, hit)
    return Sent(response, whole=False)


async def _hand_over_part(
    request: web.BaseRequest, response: web.StreamResponse, part: bytes
) -> bool:
    transport = request.transport
    if transport is None or transport.is_closing():
        return False
    transport.set_write_buffer_limits(0)
    try:
        await response.prepare(request)
        await response.write(part)
        await cast("StreamWriter", await response.prepare(request)).drain()
    except ConnectionError:
        return False
    return not transport.is_closing()


async def _slow_body(request: web.BaseRequest, reply: Reply, hit: Hit) -> Sent:
    response = _response(reply, len(reply.body))
    seconds = float(hit.param or 0) / DRIPS
    size = -(-len(reply.body) // DRIPS) or 1
    sent = 0
    while sent + size < len(reply.body):
        if not await _hand_over_part(request, response, reply.body[sent : sent + size]):
            return Sent(response, whole=False)
        sent += size
        await pause(seconds)
    return Sent(response, await _hand_over(request, response, reply.body[sent:]))


async def _huge(request: web.BaseRequest, reply: Reply, hit: Hit) -> Sent:
    pieces = max(1, round(float(hit.param or 0) * MEGABYTE / len(PIECE)))
    response = _response(reply, pieces * len(PIECE))
    for _ in range(pieces - 1):
        if not await _hand_over_part(request, response, PIECE):
            return Sent(response, whole=False)
    # Blanks and then an object: JSON, for whoever reads on to the end.
    await _hand_over(request, response, PIECE[:-2] + b"{}")
    return Sent(response, whole=False)


async def _bomb(request: web.BaseRequest, reply: Reply, hit: Hit) -> Sent:
    reply.headers["Content-Encoding"] = "gzip"
    response = _response(reply, None)
    response.enable_chunked_encoding()
    # One compressed megabyte of blanks, flushed in full so that it can be sent over and over.
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    blanks = b" " * MEGABYTE
    block = deflate.compress(blanks) + deflate.flush(zlib.Z_FULL_FLUSH)
    checksum, total = 0, 0
    going = await _hand_over_part(request, response, b"\x1f\x8b\x08" + bytes(6) + b"\xff")
    while going and total < float(hit.param or 0) * MEGABYTE:
        checksum, total = zlib.crc32(blanks, checksum), total + MEGABYTE
        going = await _hand_over_part(request, response, block)
        await pause(0)
    if going:
        end = deflate.compress(b"{}") + deflate.flush()
        checksum, total = zlib.crc32(b"{}", checksum), total + 2
        trailer = checksum.to_bytes(4, "little") + (total % 2**32).to_bytes(4, "little")
        await _hand_over(request, response, end + trailer)
    return Sent(response, whole=False)


Breaker = Callable[[web.BaseRequest, Reply, Hit], Awaitable[Sent]]

# How each kind of fault that is about the wire sends the reply it is given.
BREAKERS: Mapping[str, Breaker] = {
    "drop-after": _drop,
    "stall": _stall,
    "huge": _huge,
    "bomb": _bomb,
    "cut-json": _cut_json,
    "truncated": _truncated,
    "slow-body": _slow_body,
}
