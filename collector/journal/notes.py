"""What the journal remembers beside its records: open polls, and what each venue listed."""

import zlib
from datetime import datetime
from pathlib import Path

import msgspec

from collector import records
from collector.journal.disk import Disk
from collector.records import ListingRecord

_CHECK_BYTES = 4

OpenPolls = dict[tuple[str, datetime], datetime]
"""When each poll that has not ended was started, by venue and tick."""

_Rows = list[tuple[str, datetime, datetime]]


class Notes:
    """Small files, each replaced as a whole; a damaged one counts as none."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self.damaged: list[Path] = []
        """What could not be believed."""
        self._folder = folder
        self._disk = disk

    def open_polls(self) -> OpenPolls:
        """Return the polls that had not ended when the process before did."""
        path = self._folder / "open-polls"
        body = self._read(path)
        if body is None:
            return {}
        try:
            rows = msgspec.msgpack.decode(body, type=_Rows)
        except msgspec.DecodeError:
            self.damaged.append(path)
            return {}
        return {(venue, polled_at): started_at for venue, polled_at, started_at in rows}

    def note_open_polls(self, polls: OpenPolls) -> None:
        """Remember the polls that have not ended."""
        rows: _Rows = [(*key, started_at) for key, started_at in polls.items()]
        self._write(self._folder / "open-polls", msgspec.msgpack.encode(rows))

    def listing(self, venue: str) -> ListingRecord | None:
        """Return what a venue listed when it was last asked; None if that is not known."""
        path = self._folder / f"listing-{venue}"
        body = self._read(path)
        if body is None:
            return None
        try:
            found = records.decode(body)
        except records.DamagedRecordError:
            self.damaged.append(path)
            return None
        return found if isinstance(found, ListingRecord) else None

    def note_listing(self, listing: ListingRecord) -> None:
        """Remember what a venue lists."""
        self._write(self._folder / f"listing-{listing.venue}", records.encode(listing))

    def forget_listing(self, venue: str) -> None:
        """Forget what a venue lists."""
        self._disk.unlink(self._folder / f"listing-{venue}")
        self._disk.sync_folder(self._folder)

    def _read(self, path: Path) -> bytes | None:
        data = self._disk.read(path)
        body = data[_CHECK_BYTES:]
        if data and zlib.crc32(body).to_bytes(_CHECK_BYTES, "little") != data[:_CHECK_BYTES]:
            self.damaged.append(path)
            return None
        return body or None

    def _write(self, path: Path, body: bytes) -> None:
        check = zlib.crc32(body).to_bytes(_CHECK_BYTES, "little")
        self._disk.write_whole(path, check + body)
