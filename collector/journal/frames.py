"""How records lie in the journal's files: framed, numbered and checked.

A frame is a head and a body. The head says how long the body is and what its checksum must be, and
has a checksum of its own, so a damaged body costs one record and a damaged head no more: the next
frame is found by its mark. Numbers and totals run on from frame to frame, so what is missing
between two of them, or at the end, can be counted to the record and to the row.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

_MARK = b"\xf5oi\xfa"
_HEAD = struct.Struct("<4sIIIIIQQQQ16s")
_CHECK = struct.Struct("<I")
HEAD_BYTES = _HEAD.size + _CHECK.size


class Kind(IntEnum):
    """What a frame stands for."""

    RECORD = 1
    GAP = 2
    """Records that were here and are lost; they have been counted."""


@dataclass(frozen=True)
class Frame:
    """One record, or a gap; `seq` is the number of the last record that it stands for."""

    kind: Kind
    seq: int
    records: int
    rows: int
    rows_total: int
    """Rows of all records up to this one, since the journal began."""
    session: bytes
    """One opening of the journal: 16 bytes."""
    body: bytes
    commit_seq: int
    commit_rows: int
    """Of the last record before those that were synced together with this one, which a power cut
    may have left in part: none of them was accepted then, and all before them were."""
    end: int = 0
    """Where the next frame begins, in the data that was walked."""

    def packed(self) -> bytes:
        """Return the frame as bytes."""
        head = _HEAD.pack(
            _MARK,
            self.kind,
            len(self.body),
            zlib.crc32(self.body),
            self.records,
            self.rows,
            self.seq,
            self.rows_total,
            self.commit_seq,
            self.commit_rows,
            self.session,
        )
        return head + _CHECK.pack(zlib.crc32(head)) + self.body


@dataclass(frozen=True)
class Damage:
    """Bytes that are no frame."""

    size: int


def walk(data: bytes) -> Iterator[Frame | Damage]:
    """Return what the bytes of a file hold, in order; damage never hides the frame behind it."""
    position = 0
    while position < len(data):
        frame = _frame_at(data, position)
        if frame is not None:
            yield frame
            position = frame.end
        else:
            # Not by the length: a body that has lost a byte would take the next frame with it.
            after = _next_head(data, position + 1)
            yield Damage(after - position)
            position = after


def _next_head(data: bytes, start: int) -> int:
    """Return where the next head is that can be believed, or the end."""
    position = data.find(_MARK, start)
    while position >= 0 and _head_at(data, position) is None:
        position = data.find(_MARK, position + 1)
    return len(data) if position < 0 else position


def _frame_at(data: bytes, position: int) -> Frame | None:
    head = _head_at(data, position)
    if head is None:
        return None
    _, kind, length, checksum, records, rows, *numbers, session = head
    seq, rows_total, commit_seq, commit_rows = numbers
    start = position + HEAD_BYTES
    end = start + length
    body = data[start:end]
    if zlib.crc32(body) != checksum or kind not in Kind.__members__.values():
        return None
    return Frame(
        Kind(kind), seq, records, rows, rows_total, session, body, commit_seq, commit_rows, end
    )


def _head_at(data: bytes, position: int) -> tuple[Any, ...] | None:
    start = position + _HEAD.size
    if start + _CHECK.size > len(data):
        return None
    head = data[position:start]
    if _CHECK.unpack_from(data, start)[0] != zlib.crc32(head):
        return None
    found: tuple[Any, ...] = _HEAD.unpack(head)
    return found if found[0] == _MARK else None
