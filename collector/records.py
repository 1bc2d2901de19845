"""What the journal holds: the outcome of replies, polls and listings, each as one record."""

from datetime import datetime, timedelta
from typing import ClassVar

import msgspec

from collector.models import Instrument, Outcome, Reject, Snapshot


class ReplyRecord(msgspec.Struct, frozen=True, kw_only=True, tag="reply"):
    """The rows of one reply, which belong to the poll of `polled_at`."""

    venue: str
    polled_at: datetime
    started_at: datetime
    """When the poll started, for the case that it never gets to say so itself."""
    received_at: datetime
    snapshots: list[Snapshot]
    rejects: list[Reject]
    unlisted: int = 0
    """Rows of instruments that the venue no longer lists: counted, not stored."""
    interval: timedelta | None = None
    """From one of the venue's ticks to the next; None in a record of an older version."""

    @property
    def rows(self) -> int:
        """Rows that have to be accounted for."""
        return len(self.snapshots) + len(self.rejects)


class PollRecord(msgspec.Struct, frozen=True, kw_only=True, tag="poll"):
    """How a poll ended."""

    venue: str
    polled_at: datetime
    started_at: datetime
    finished_at: datetime | None
    outcome: Outcome
    instruments: int = 0
    """How many instruments the poll was to ask for."""
    requests: int = 0
    error: str | None = None
    interval: timedelta | None = None
    """From one of the venue's ticks to the next; None in a record of an older version, and of a
    poll that was found open at a start."""

    rows: ClassVar[int] = 0


class ListingRecord(msgspec.Struct, frozen=True, kw_only=True, tag="listing"):
    """The instruments that a venue listed at a time."""

    venue: str
    listed_at: datetime
    instruments: list[Instrument]
    rejects: list[Reject]

    rows: ClassVar[int] = 0


class PauseRecord(msgspec.Struct, frozen=True, kw_only=True, tag="pause"):
    """The collector was started without a venue that it polled before."""

    venue: str
    since: datetime

    rows: ClassVar[int] = 0


Record = ReplyRecord | PollRecord | ListingRecord | PauseRecord

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)


class DamagedRecordError(Exception):
    """The bytes are no record that this version knows."""


def encode(record: Record) -> bytes:
    """Return a record as bytes."""
    return _encoder.encode(record)


def decode(body: bytes) -> Record:
    """Return the record that was encoded.

    Raises:
        DamagedRecordError: these bytes are none.
    """
    try:
        record: Record = _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise DamagedRecordError(str(error)) from error
    return record
