"""Where the journal begins and ends: how what is missing at either end is known to be missing."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from collector.journal.disk import Disk

_SLOT = struct.Struct("<4sQQQQQ")
_CHECK = struct.Struct("<I")
_MARK = b"oipo"
_SLOT_BYTES = _SLOT.size + _CHECK.size


@dataclass(frozen=True, order=True)
class Position:
    """After a record: its number, and the rows of all records up to it."""

    seq: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Span:
    """From the last record that was forgotten to the last that was accepted."""

    forgotten: Position = Position()
    last: Position = Position()


class Positions:
    """The file that remembers the span: two slots, written in turn, each with a checksum.

    It is written after every sync of the log and not synced itself: it may be old after a power
    cut, but never ahead of the log. Whoever removes a part of the log pins it first.
    """

    def __init__(self, path: Path, disk: Disk) -> None:
        self._disk = disk
        self._generation, self.found = newest(disk.read(path))
        """The second is what an earlier process has left; None if nothing readable."""
        self._file = disk.open(path)

    def note(self, span: Span) -> None:
        """Write down where the journal begins and ends."""
        self._generation += 1
        slot = _SLOT.pack(
            _MARK,
            self._generation,
            span.forgotten.seq,
            span.forgotten.rows,
            span.last.seq,
            span.last.rows,
        )
        data = slot + _CHECK.pack(zlib.crc32(slot))
        self._disk.write(self._file, data, self._generation % 2 * _SLOT_BYTES)

    def pin(self, span: Span) -> None:
        """Write it into both slots, and return when that is on the disk."""
        self.note(span)
        self.note(span)
        self._disk.sync(self._file)

    def close(self) -> None:
        """Close the file."""
        self._disk.close(self._file)


def newest(data: bytes) -> tuple[int, Span | None]:
    """Return what such a file says, and its generation; None and 0 if nothing is readable."""
    return max(_slots(data), key=lambda slot: slot[0], default=(0, None))


def _slots(data: bytes) -> list[tuple[int, Span]]:
    found: list[tuple[int, Span]] = []
    for start in (0, _SLOT_BYTES):
        slot, check = data[start : start + _SLOT.size], data[start + _SLOT.size :][: _CHECK.size]
        if len(check) == _CHECK.size and _CHECK.unpack(check)[0] == zlib.crc32(slot):
            mark, generation, *numbers = _SLOT.unpack(slot)
            if mark == _MARK:
                forgotten, last = Position(*numbers[:2]), Position(*numbers[2:])
                found.append((generation, Span(forgotten, last)))
    return found
