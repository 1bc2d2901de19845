"""Every way in which a request can end is one typed error with its fields."""

import gzip
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import trustme

from collector import errors
from tests.http.client import REQUEST, asking, failure
from tests.http.scripted import Answer, drop, raw, reply, scripted, stall

BODY = '{"code": "00000", "msg": "success", "data": {"size": 1.10}}'
TOO_MANY = '{"code":"429","msg":"Too Many Requests","requestTime":1748721720474,"data":null}'
GONE = '{"code":"40034","msg":"Parameter NOPEUSDT does not exist","requestTime":1,"data":null}'
TROUBLE = '{"code":"40200","msg":"server upgrade","requestTime":1,"data":null}'
REFUSED = '{"code":"40019","msg":"Parameter X cannot be empty","requestTime":1,"data":null}'
PAGE = "<html><body>Just a moment...</body></html>"


async def test_a_reply_is_decoded_exactly() -> None:
    """The digits of a number are those on the wire, and our clock is on it."""
    async with scripted(reply(BODY)) as server, asking(server.url) as (client, _):
        before = datetime.now(UTC)
        answer = await client.fetch(REQUEST, deadline=1e9)

    assert answer.payload == {"code": "00000", "msg": "success", "data": {"size": "1.10"}}
    assert before <= answer.received_at <= datetime.now(UTC)
    assert answer.request is REQUEST


@pytest.mark.parametrize(
    ("answer", "kind", "status", "code"),
    [
        (reply(TOO_MANY, "429 Too Many Requests"), errors.RateLimited, 429, "429"),
        (reply(PAGE, "429 Too Many Requests"), errors.RateLimited, 429, None),
        (reply(PAGE, "418 I'm a teapot"), errors.Banned, 418, None),
        (reply(PAGE, "403 Forbidden"), errors.Banned, 403, None),
        (reply(PAGE, "500 Internal Server Error"), errors.ServerFault, 500, None),
        (reply(PAGE, "502 Bad Gateway"), errors.ServerFault, 502, None),
        (reply(TROUBLE, "503 Service Unavailable"), errors.ServerFault, 503, "40200"),
        (reply(GONE, "400 Bad Request"), errors.InstrumentGone, 400, "40034"),
        (reply(REFUSED, "400 Bad Request"), errors.RequestRefused, 400, "40019"),
        (reply(TROUBLE, "400 Bad Request"), errors.ServerFault, 400, "40200"),
        (reply(TOO_MANY, "400 Bad Request"), errors.RateLimited, 400, "429"),
        (reply(PAGE, "404 Not Found"), errors.RequestRefused, 404, None),
        (reply("", "204 No Content"), errors.NotJson, 204, None),
        (reply(TOO_MANY), errors.RateLimited, 200, "429"),
        (reply(GONE), errors.InstrumentGone, 200, "40034"),
        (reply(TROUBLE), errors.ServerFault, 200, "40200"),
        (reply(REFUSED), errors.ErrorReply, 200, "40019"),
        (reply(PAGE), errors.NotJson, 200, None),
        (reply(""), errors.NotJson, 200, None),
        (reply(BODY[:20]), errors.NotJson, 200, None),
        (reply(b"\xff\xfe"), errors.NotJson, 200, None),
        (reply("[" * 9000), errors.NotJson, 200, None),
        (reply('"' + "x" * 10_000 + '"'), errors.BodyTooLarge, 200, None),
        (
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", close=True),
            errors.BodyTruncated,
            None,
            None,
        ),
        (
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", close=True),
            errors.BodyTruncated,
            None,
            None,
        ),
        (
            reply(b"not gzip", headers={"Content-Encoding": "gzip"}),
            errors.BodyTruncated,
            None,
            None,
        ),
        (stall, errors.NoAnswer, None, None),
        (drop, errors.NoAnswer, None, None),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), errors.NoAnswer, None, None),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), errors.NoAnswer, None, None),
    ],
)
async def test_every_outcome_is_one_typed_error(
    answer: Answer, kind: type[errors.VenueError], status: int | None, code: str | None
) -> None:
    """The class says what to do about it, the fields say what it was."""
    async with scripted(answer) as server, asking(server.url) as (client, _):
        error = await failure(client)

    assert (kind, status, code) == (type(error), error.status, error.code)
    assert (error.venue, error.endpoint, error.symbol) == ("bitget", "GET /asked", "BTCUSDT")
    assert len(server.requests) == 1


async def test_a_compressed_body_is_measured_as_it_inflates() -> None:
    """A few kilobytes that become hundreds of megabytes are given up at the cap."""
    bomb = gzip.compress(b" " * 200_000_000)
    async with (
        scripted(reply(bomb, headers={"Content-Encoding": "gzip"})) as server,
        asking(server.url) as (client, _),
    ):
        error = await failure(client)

    assert isinstance(error, errors.BodyTooLarge)


async def test_a_redirect_is_not_followed() -> None:
    """Whoever answers elsewhere is not the venue."""
    async with (
        scripted(reply(BODY)) as elsewhere,
        scripted(reply("", "302 Found", {"Location": elsewhere.url})) as server,
        asking(server.url) as (client, _),
    ):
        error = await failure(client)

    assert isinstance(error, errors.RequestRefused)
    assert f"redirected to '{elsewhere.url}'" == error.detail
    assert elsewhere.requests == []


async def test_nobody_listens() -> None:
    """A refused connection is an answer that never came."""
    async with scripted(reply(BODY)) as server:
        url = server.url
    async with asking(url) as (client, _):
        error = await failure(client)

    assert isinstance(error, errors.NoAnswer)


async def test_a_host_without_address() -> None:
    """So is a name that nobody knows."""
    async with asking("http://nowhere.invalid") as (client, _):
        error = await failure(client)

    assert isinstance(error, errors.NoAnswer)


async def test_a_certificate_of_unknown_origin_is_refused() -> None:
    """TLS is verified: nothing is sent to somebody who only claims to be the venue."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with scripted(reply(BODY), tls=context) as server, asking(server.url) as (client, _):
        error = await failure(client)

    assert isinstance(error, errors.NoAnswer)
    assert "CERTIFICATE_VERIFY_FAILED" in error.detail
    assert server.requests == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("27", 27),
        (timedelta(seconds=90), 90),
        ("7", 20),
        ("0", 20),
        (timedelta(seconds=-90), 20),
        ("soon", 20),
        ("-500", 20),
        ("\u0667\u0667", 20),
    ],
)
async def test_retry_after_is_understood_in_both_forms(
    header: str | timedelta, seconds: int
) -> None:
    """Seconds or a date; a window is waited at the least, and if nothing readable is said."""
    if isinstance(header, timedelta):
        header = format_datetime(datetime.now(UTC) + header, usegmt=True)
    headers = {"Retry-After": header.encode().decode("latin-1")}
    async with (
        scripted(reply(TOO_MANY, "429 Too Many Requests", headers)) as server,
        asking(server.url) as (client, _),
    ):
        error = await failure(client)

    assert error.retry_after == pytest.approx(seconds, abs=2)


async def test_a_date_is_taken_against_the_venues_own_clock() -> None:
    """With its Date beside it, a clock that is hours off makes no difference."""
    headers = {
        "Date": "Wed, 21 Oct 2015 07:28:00 GMT",
        "Retry-After": "Wed, 21 Oct 2015 07:28:42 GMT",
    }
    async with (
        scripted(reply(TOO_MANY, "429 Too Many Requests", headers)) as server,
        asking(server.url) as (client, _),
    ):
        error = await failure(client)

    assert error.retry_after == 42


async def test_a_post_carries_its_body() -> None:
    """The documented body arrives as it was declared."""
    async with (
        scripted(reply('{"status": "ok", "response": []}')) as server,
        asking(server.url, venue="synthetix") as (client, _),
    ):
        request = REQUEST
        body = {"params": {"action": "getOpenInterest"}}
        await client.fetch(type(request)("/v1/info", request.limits, "POST", body=body), 1e9)

    assert server.requests == ["POST /v1/info HTTP/1.1"]
    assert server.bodies == [b'{"params": {"action": "getOpenInterest"}}']


async def test_names_outside_ascii_are_encoded() -> None:
    """A symbol of any alphabet goes into the query as UTF-8."""
    async with scripted(reply(BODY)) as server, asking(server.url) as (client, _):
        request = type(REQUEST)("/oi", REQUEST.limits, query={"symbol": "龙虾USDT"})
        await client.fetch(request, 1e9)

    assert server.requests == ["GET /oi?symbol=%E9%BE%99%E8%99%BEUSDT HTTP/1.1"]
