"""Heads and compressed bodies may be anything; they end in a reply or in one typed error."""

import tracemalloc
import zlib

import pytest

from collector import errors
from tests.http.client import NEVER, REQUEST, asking, failure
from tests.http.scripted import reply, scripted

MANY_DIGITS = "9" * 5000
GOOD = '{"code": "00000"}'
LIMITED = "429 Too Many Requests"
MEGABYTE = 2**20


async def test_a_count_of_thousands_of_digits_is_no_count() -> None:
    """The reply beside it is as good as any; the header is left unread."""
    answer = reply(GOOD, headers={"x-mbx-used-remain-limit": MANY_DIGITS})
    async with scripted(answer) as server, asking(server.url) as (client, _):
        answered = await client.fetch(REQUEST, NEVER)

    assert answered.payload == {"code": "00000"}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (MANY_DIGITS, 3600),
        ("Mon, 99999999999999999999 Jan 2026 00:00:00 GMT", 20),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 20),
        ("Mon, 01 Jan 2026 00:00:00 +99999999999999", 20),
    ],
)
async def test_an_absurd_retry_after_still_shuts_the_budget(header: str, seconds: float) -> None:
    """For an hour if it is a number, for a window if it cannot be read."""
    answer = reply("x", LIMITED, {"Retry-After": header})
    async with scripted(answer) as server, asking(server.url) as (client, _):
        error = await failure(client)

    assert (errors.RateLimited, seconds) == (type(error), error.retry_after)


async def test_we_ask_for_no_compression_that_cannot_be_measured() -> None:
    """What is not in the list is not asked for, and not inflated if it comes all the same."""
    answers = [reply(b"x", headers={"Content-Encoding": name}) for name in ("br", "zstd")]
    async with scripted(*answers) as server, asking(server.url) as (client, _):
        found = [await failure(client) for _ in answers]

    assert {errors.NoAnswer} == {type(error) for error in found}
    assert "Accept-Encoding: gzip, deflate\r\n" in server.heads[0]


@pytest.mark.parametrize(("encoding", "bits"), [("gzip", 31), ("deflate", 15), ("deflate", -15)])
async def test_inflated_bytes_are_counted_as_they_come(encoding: str, bits: int) -> None:
    """A hundred megabytes in a hundred kilobytes is given up at the cap, and never held."""
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    packed = b"".join(packer.compress(b" " * MEGABYTE) for _ in range(128)) + packer.flush()
    async with (
        scripted(reply(packed, headers={"Content-Encoding": encoding})) as server,
        asking(server.url) as (client, _),
    ):
        tracemalloc.start()
        try:
            error = await failure(client)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert isinstance(error, errors.BodyTooLarge)
    assert most < 8 * MEGABYTE
