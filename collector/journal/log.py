"""The journal's log: segments that are only appended to, and removed when all is forgotten.

A frame is accepted when it has been written and synced; several that come together share a sync. A
write or a sync that fails is taken back and its segment left: what an operating system does with
pages whose sync has failed is not to be relied on.
"""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collector.errors import JournalFull
from collector.journal.disk import Disk, disk_error
from collector.journal.frames import HEAD_BYTES, Frame, Kind, walk
from collector.journal.positions import Position, Positions, Span
from collector.journal.recovery import SUFFIX, Segment, recover
from collector.journal.salvage import ASIDE, Bounds, Loss, mend

_SEGMENT_MAX = 4 * 2**20
_SEGMENT_SHARE = 32
"""A segment is this fraction of the journal's bound, so that little is held that is forgotten."""


class Log:
    """The frames of a journal that are not forgotten yet, and room for more.

    All of it runs in one thread. Errors of the disk leave as `JournalError`.
    """

    def __init__(self, folder: Path, max_bytes: int, session: bytes, disk: Disk) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._session = session
        self._disk = disk
        self._segment_bytes = min(_SEGMENT_MAX, max_bytes // _SEGMENT_SHARE)
        self._offset = 0
        """In the first segment, after the last frame that is known to be forgotten."""
        self._file: int | None = None
        """The last segment, if more may be appended to it."""
        self._staged: list[Frame] = []
        self._unclean: Segment | None = None
        with self._translated():
            self._positions = Positions(folder / "positions", disk)
            if self._positions.found is not None:
                self._positions.pin(self._positions.found)  # before anything is removed for it
            found = recover(folder, self._positions.found, session, disk)
            self._segments = found.segments
            self._span = found.span
            self.loss = found.loss
            """What was found to be lost since this was opened."""
            self.waiting_records = found.records
            self.waiting_rows = found.rows
            """What an earlier process has left."""
            self._positions.pin(self._span)
            self._remove_forgotten()

    @property
    def used_bytes(self) -> int:
        """Bytes on the disk, with what is staged."""
        staged = sum(HEAD_BYTES + len(frame.body) for frame in self._staged)
        return sum(segment.length for segment in self._segments) + staged

    @property
    def staged(self) -> int:
        """How many records wait for a commit."""
        return len(self._staged)

    def stage(self, body: bytes, rows: int, reserve: int) -> None:
        """Put a record into the next commit.

        Raises:
            JournalFull: with it, less than `reserve` bytes of the bound would be left.
        """
        if self.used_bytes + HEAD_BYTES + len(body) > self.max_bytes - reserve:
            raise JournalFull(f"journal {self.folder}: its {self.max_bytes} bytes are in use")
        after, before = self._after_staged(), self._span.last
        self._staged.append(
            Frame(
                kind=Kind.RECORD,
                seq=after.seq + 1,
                records=1,
                rows=rows,
                rows_total=after.rows + rows,
                session=self._session,
                body=body,
                commit_seq=before.seq,
                commit_rows=before.rows,
            )
        )

    def commit(self) -> None:
        """Write what is staged; when this returns, it is on the disk.

        Raises:
            JournalFull: the disk is full; nothing of it was accepted.
            JournalError: the disk does not work; nothing of it was accepted.
        """
        if not self._staged:
            return
        after = self._after_staged()
        data = b"".join(frame.packed() for frame in self._staged)
        self._staged = []
        with self._translated():
            self._clean_up()
            segment = self._appendable()
            try:
                self._write(segment, data)
            except OSError:
                self._unclean = segment
                self._leave()
                with contextlib.suppress(OSError):
                    self._clean_up()
                raise
            segment.length += len(data)
            segment.last = after
            self._span = Span(self._span.forgotten, after)
            with contextlib.suppress(OSError):  # accepted it is, whether or not this can be noted
                self._positions.note(self._span)
            if segment.length >= self._segment_bytes:
                self._leave()

    def read(self) -> Iterator[Frame]:
        """Return the records that are not forgotten, oldest first; damage is mended on the way."""
        with self._translated():
            for found, _, _ in self._frames():
                if found.kind is Kind.RECORD:
                    yield found

    def forget(self, up_to: int) -> tuple[int, int]:
        """Forget the records up to a number; return how many there were, and their rows."""
        records = rows = 0
        with self._translated():
            for found, segment, end in self._frames():
                if found.seq > up_to:
                    break
                if found.kind is Kind.RECORD:
                    records, rows = records + 1, rows + found.rows
                forgotten = Position(found.seq, found.rows_total)
                self._span = Span(forgotten, self._span.last)
                if segment is self._segments[0]:
                    self._offset = end
            self._positions.note(self._span)
            self._remove_forgotten()
        return records, rows

    def set_aside(self, frame: Frame) -> None:
        """Give up the oldest record, which is whole but of no kind that this version knows."""
        with self._translated():
            aside = self.folder / ASIDE / f"record-{frame.seq}"
            aside.parent.mkdir(exist_ok=True)
            self._disk.write_whole(aside, frame.body)
        self._account(Loss(1, frame.rows, len(frame.body), (aside,)))
        self.forget(frame.seq)

    def close(self) -> None:
        """Close the files."""
        with self._translated():
            self._leave()
            self._positions.close()

    def _after_staged(self) -> Position:
        if not self._staged:
            return self._span.last
        return Position(self._staged[-1].seq, self._staged[-1].rows_total)

    def _appendable(self) -> Segment:
        """Return the last segment, or a new one if nothing may be appended to it."""
        if self._file is None:
            last = self._span.last
            path = self.folder / f"{last.seq + 1:020}{SUFFIX}"
            self._file = self._disk.create(path)
            self._segments.append(Segment(path, 0, last))
        return self._segments[-1]

    def _write(self, segment: Segment, data: bytes) -> None:
        if self._file is None:
            raise AssertionError("no segment is open")
        self._disk.write(self._file, data, segment.length)
        self._disk.sync(self._file)
        if segment.length == 0:
            self._disk.sync_folder(self.folder)

    def _leave(self) -> None:
        """Append no more to the last segment."""
        file, self._file = self._file, None
        if file is not None:
            self._disk.close(file)

    def _clean_up(self) -> None:
        """Cut off what a failed write has left; until that is done nothing more is written.

        Otherwise frames that were refused would be found at the next start, under numbers that
        have been given to others since.
        """
        segment = self._unclean
        if segment is None:
            return
        if segment.length == 0:
            self._disk.unlink(segment.path)
            self._segments.remove(segment)
        else:
            file = self._disk.open(segment.path)
            try:
                self._disk.truncate(file, segment.length)
                self._disk.sync(file)
            finally:
                self._disk.close(file)
        self._unclean = None

    def _frames(self) -> Iterator[tuple[Frame, Segment, int]]:
        """Return every frame that is not forgotten, its segment, and its end in there."""
        for segment in list(self._segments):
            start = self._offset if segment is self._segments[0] else 0
            for frame, end in self._sound(segment, start):
                if frame.seq > self._span.forgotten.seq:
                    yield frame, segment, end

    def _sound(self, segment: Segment, start: int) -> list[tuple[Frame, int]]:
        """Read a segment; if it has been damaged since it was opened, mend it first."""
        found = list(walk(self._disk.read(segment.path, start, segment.length)))
        sound = [frame for frame in found if isinstance(frame, Frame)]
        end = start + (sound[-1].end if sound else 0)
        if len(sound) < len(found) or end != segment.length:
            if self._segments[-1] is segment:
                self._leave()
            bounds = Bounds(self._before(segment), until=segment.last)
            mended = mend(segment.path, bounds, self._session, self._disk)
            self._account(mended.loss)
            segment.length, start = mended.length, 0
            if segment is self._segments[0]:
                self._offset = 0
            data = self._disk.read(segment.path)
            sound = [frame for frame in walk(data) if isinstance(frame, Frame)]
        return [(frame, start + frame.end) for frame in sound]

    def _before(self, segment: Segment) -> Position:
        """Return where the frames begin that a segment must have."""
        place = self._segments.index(segment)
        start = self._segments[place - 1].last if place else self._span.forgotten
        return max(start, self._span.forgotten)

    def _account(self, loss: Loss) -> None:
        self.loss = self.loss + loss

    def _remove_forgotten(self) -> None:
        """Remove the segments of which nothing is left."""
        gone = [
            segment
            for segment in self._segments[: None if self._file is None else -1]
            if segment.last.seq <= self._span.forgotten.seq
        ]
        if not gone:
            return
        self._positions.pin(self._span)
        for segment in gone:
            self._disk.unlink(segment.path)
            self._segments.remove(segment)
        self._offset = 0

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise disk_error(self.folder, error) from error
