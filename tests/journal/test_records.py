"""Records of other versions: what they do not have is None, and what is new does not disturb."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from collector import records
from collector.records import PollRecord, ReplyRecord
from tests.rows import poll, reply, snapshot


def without(record: PollRecord | ReplyRecord, *names: str) -> bytes:
    """Return a record as a version wrote it that did not have these fields."""
    fields: dict[str, Any] = msgspec.msgpack.decode(records.encode(record))
    for name in names:
        del fields[name]
    return msgspec.msgpack.encode(fields)


@pytest.mark.parametrize("record", [poll(), reply(snapshot())], ids=["poll", "reply"])
def test_a_record_without_an_interval_is_read(record: PollRecord | ReplyRecord) -> None:
    """The journal of the version before is stored after an update, to the last record."""
    found = records.decode(without(record, "interval"))

    assert found == record
    assert isinstance(found, PollRecord | ReplyRecord)
    assert found.interval is None


@pytest.mark.parametrize("record", [poll(), reply(snapshot())], ids=["poll", "reply"])
def test_a_field_of_a_later_version_is_left_alone(record: PollRecord | ReplyRecord) -> None:
    """After going back to an earlier version its journal can still be stored."""
    fields = msgspec.msgpack.decode(records.encode(record))

    assert records.decode(msgspec.msgpack.encode({**fields, "new": [1]})) == record


def test_the_interval_is_kept() -> None:
    """Half a minute stays half a minute."""
    record = msgspec.structs.replace(poll(), interval=timedelta(seconds=30.5))

    assert records.decode(records.encode(record)) == record
