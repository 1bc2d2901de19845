"""A venue's own words end in the log, in the journal and in `polls`, so they must fit there."""

from datetime import UTC, datetime

import pytest

from collector import records
from collector.models import Outcome
from collector.records import PollRecord
from tests.http.client import asking, failure
from tests.http.scripted import Answer, raw, reply, scripted

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "answer",
    [
        raw(b"HTTP/1.1 404 \xff\xfe \x1b[2J\r\nContent-Length: 0\r\n\r\n"),
        raw(b"HTTP/1.1 404 " + b"x" * 5000 + b"\r\nContent-Length: 0\r\n\r\n"),
        raw(b"HTTP/1.1 302 x\r\nLocation: /\xff\xfe\r\nContent-Length: 0\r\n\r\n"),
        reply(b'{"code": "40309", "msg": "\\ud800\\u0000\\n"}', "400 x"),
        reply(b'{"code": "\\udfff%s", "msg": "x"}' % (b"9" * 8000), "400 x"),
    ],
    ids=["reason", "long-reason", "location", "message", "code"],
)
async def test_what_a_venue_says_can_be_logged_and_kept(answer: Answer) -> None:
    """No lone surrogate, no control character, no end: or the poll would end in a crash."""
    async with scripted(answer) as server, asking(server.url) as (client, _):
        said = str(await failure(client))

    assert said.isprintable()
    assert len(said) < 700
    record = PollRecord(
        venue="bitget",
        polled_at=NOW,
        started_at=NOW,
        finished_at=NOW,
        outcome=Outcome.FAILED,
        error=said,
    )
    assert record == records.decode(records.encode(record))
