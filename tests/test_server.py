"""Whatever a client sends: a short answer that gives nothing away, and an end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import psutil
import pytest
from structlog.testing import capture_logs

from collector import server
from collector.health import Health
from collector.server import serve
from collector.settings import HttpSettings

SOME = b"HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def health() -> Health:
    """Nothing to watch: ready at once."""
    return Health(lambda: 0.0)


@pytest.fixture
async def port(health: Health, unused_port: int) -> AsyncIterator[int]:
    """The port of a server that runs, and that logs nothing whatever it is sent."""
    with capture_logs() as logged:
        async with serve(HttpSettings(port=unused_port), health):
            yield unused_port
    assert logged == []


async def told(port: int, request: bytes) -> bytes:
    """Send something; return everything that is answered until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()


def status(answer: bytes) -> int:
    """Return the status of an answer, which gives nothing away, and is the only one."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nServer: collector\r\n" in head + b"\r\n"
    assert 1 == answer.count(b"HTTP/1.")
    for word in (b"ython", b"aiohttp", b"Traceback", b"<"):
        assert word not in answer
    assert 100 > len(body)
    return int(head.split()[1])


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "get"]
)
@pytest.mark.parametrize("path", ["/healthz", "/nothing"])
async def test_only_get_and_head_are_answered(port: int, method: str, path: str) -> None:
    """There is nothing to change over HTTP, and nothing to find out either."""
    answer = await told(port, f"{method} {path} ".encode() + SOME)

    known = method not in {"BREW", "get"}
    assert (405 if known else 400) == status(answer)
    assert known == (b"\r\nAllow: GET, HEAD\r\n" in answer)


async def test_head_has_the_status_and_no_body(port: int) -> None:
    """As good as GET for somebody who only wants to know whether."""
    answer = await told(port, b"HEAD /readyz " + SOME)

    assert 200 == status(answer)
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "path",
    [
        b"/nothing",
        b"/healthz/",
        b"/HEALTHZ",
        b"/healthz/../readyz",
        b"//healthz",
        b"/../../../etc/passwd",
        b"/%2e%2e/%2e%2e/etc/passwd",
        b"/healthz%00",
        b"/%0d%0aX-Mine:%20yes",
        b"/\xff\xfe",
        b"/%",
        b"/%zz",
        b"/?" + b"a=b&" * 900,
        b"/" + b"a" * 3900,
        b"*",
        b"http://elsewhere.example/etc/passwd",
        b"http://[::1",
        b"elsewhere.example:443",
        b";'--",
    ],
    ids=lambda path: path[:24],
)
async def test_any_other_path_is_not_found(port: int, path: bytes) -> None:
    """Or not even understood; nothing of it comes back."""
    answer = await told(port, b"GET " + path + b" " + SOME)

    assert status(answer) in {400, 404}
    assert b"X-Mine" not in answer


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\n\r\nnonsense\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 5000 + b" " + SOME,
        b"GET /" + b"a" * 20_000,
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000,
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 60 + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 2000,
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
    ],
    ids=lambda request: request[:40],
)
async def test_what_is_no_request_is_refused(port: int, request_: bytes) -> None:
    """TLS, another protocol, lines and headers without end: 400, and not a line in the log."""
    assert 400 == status(await told(port, request_))


async def test_several_requests_at_once_get_one_answer(port: int) -> None:
    """A connection is for one request, so nobody can keep it busy."""
    assert 200 == status(await told(port, (b"GET /healthz " + SOME) * 1000))


@pytest.mark.parametrize("coding", [b"Content-Length: 1000000000", b"Transfer-Encoding: chunked"])
async def test_a_body_without_end_is_answered_and_not_kept(port: int, coding: bytes) -> None:
    """The answer comes at once, little is read of the rest, and nothing of it is remembered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    process = psutil.Process()
    piece = bytes(2**16) if b"Length" in coding else b"10000\r\n" + bytes(2**16) + b"\r\n"
    writer.write(b"POST /healthz HTTP/1.1\r\nHost: a\r\n" + coding + b"\r\n\r\n" + piece)
    answer = await reader.readuntil(b"\r\n\r\n")
    sizes = [process.memory_info().rss]

    async def send_without_end() -> None:
        while True:
            writer.write(piece)
            await writer.drain()
            sizes.append(process.memory_info().rss)
            await asyncio.sleep(0)

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(send_without_end(), 6)
    writer.close()

    assert b" 405 " in answer.splitlines()[0]
    assert max(sizes) - sizes[0] < 2**23
    assert 200 == status(await told(port, b"GET /healthz " + SOME))


@pytest.mark.parametrize(
    "drops",
    [
        [],
        [b"GET /healthz HTTP/1.1\r\n"],
        [b"G", b"E", b"T"],
        [b"GET /healthz HTTP/1.1\r\n", *[b"X: y\r\n"] * 3],
    ],
)
async def test_whoever_dawdles_is_shown_out(
    health: Health, unused_port: int, monkeypatch: pytest.MonkeyPatch, drops: list[bytes]
) -> None:
    """Silent, half a request, or a byte at a time: the connection ends on time all the same."""
    monkeypatch.setattr(server, "_CONNECTION_SECONDS", 0.3)
    async with serve(HttpSettings(port=unused_port), health), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_port)
        for drop in drops:
            writer.write(drop)
            await asyncio.sleep(0.05)
        assert b"" == await reader.read()
        writer.close()


async def test_a_crowd_does_not_keep_others_out(
    health: Health, unused_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 300 silent connections the oldest go, and whoever comes next is served."""
    monkeypatch.setattr(server, "_CONNECTION_SECONDS", 3600.0)
    async with serve(HttpSettings(port=unused_port), health), AsyncExitStack() as crowd:
        readers: list[asyncio.StreamReader] = []
        for _ in range(300):
            reader, writer = await asyncio.open_connection("127.0.0.1", unused_port)
            crowd.callback(writer.close)
            readers.append(reader)
        answer = await told(unused_port, b"GET /healthz " + SOME)

        assert 200 == status(answer)
        async with asyncio.timeout(20):
            for reader in readers[:250]:
                assert b"" == await reader.read()


async def test_a_fault_of_ours_shows_nothing(health: Health, unused_port: int) -> None:
    """The client gets a status; the trace is in the log."""

    def broken() -> list[str]:
        raise ValueError("sesame")

    health.problems = broken  # type: ignore[method-assign]  # stands for any bug
    with capture_logs() as logged:
        async with serve(HttpSettings(port=unused_port), health):
            answer = await told(unused_port, b"GET /readyz " + SOME)

    assert 500 == status(answer)
    assert b"sesame" not in answer
    assert [each["event"] for each in logged] == ["http.failed"]
    assert isinstance(logged[0]["exc_info"], ValueError)


async def test_a_stop_waits_for_no_client(health: Health, unused_port: int) -> None:
    """Silent ones, and one in the middle of its body."""
    starts = (b"", b"GET /")
    last = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
    async with (
        AsyncExitStack() as clients,
        asyncio.timeout(5),
        serve(HttpSettings(port=unused_port), health),
    ):
        for start in starts:
            _, writer = await asyncio.open_connection("127.0.0.1", unused_port)
            clients.callback(writer.close)
            writer.write(start)
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_port)
        clients.callback(writer.close)
        writer.write(last)
        await reader.readuntil(b"\r\n\r\n")


def test_only_this_machine_is_served_unless_somebody_says_otherwise() -> None:
    """The default is the loopback address."""
    assert HttpSettings().host == "127.0.0.1"
