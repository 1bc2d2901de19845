"""Mend a damaged segment: what is whole stays, what is not is kept aside and counted."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from collector.journal.disk import Disk
from collector.journal.frames import Damage, Frame, Kind, walk
from collector.journal.positions import Position

ASIDE = "damaged"
"""The folder, in the journal's, with the files as they were found."""


@dataclass(frozen=True)
class Loss:
    """What was found damaged or missing."""

    records: int = 0
    """Accepted, and gone."""
    rows: int = 0
    """Of those records."""
    size: int = 0
    """Bytes that were no record; without a lost record, a write that was never accepted."""
    files: tuple[Path, ...] = ()
    """Where the files are now as they were found."""

    def __add__(self, other: "Loss") -> "Loss":
        return Loss(
            self.records + other.records,
            self.rows + other.rows,
            self.size + other.size,
            self.files + other.files,
        )

    def since(self, earlier: "Loss") -> "Loss":
        """Return what has been added to an earlier loss."""
        return Loss(
            self.records - earlier.records,
            self.rows - earlier.rows,
            self.size - earlier.size,
            self.files[len(earlier.files) :],
        )

    def __bool__(self) -> bool:
        return bool(self.records or self.size)


@dataclass(frozen=True)
class Bounds:
    """What is known about a segment beside its content."""

    before: Position
    """After which its frames have to begin; older ones do not matter any more."""
    until: Position | None = None
    """Where they have to end, if that is known."""
    accepted: Position | None = None
    """Up to where what is missing was accepted, and is lost; None: all of it was."""


@dataclass(frozen=True)
class Mended:
    """A segment that can be read through."""

    frames: list[Frame]
    """Those after `Bounds.before`."""
    length: int
    loss: Loss
    """What is lost, if anything is. It is lost once: in its place is a frame that says so."""


def gap(before: Position, after: Position, session: bytes) -> Frame:
    """Return the frame that stands for what was between two positions."""
    return Frame(
        kind=Kind.GAP,
        seq=after.seq,
        records=after.seq - before.seq,
        rows=max(0, after.rows - before.rows),
        rows_total=after.rows,
        session=session,
        body=b"",
        commit_seq=before.seq,
        commit_rows=before.rows,
    )


def mend(path: Path, bounds: Bounds, session: bytes, disk: Disk) -> Mended:
    """Rewrite a segment, if it is damaged or something is missing, so that it can be read through.

    Args:
        path: the segment.
        bounds: what it has to hold.
        session: of the opening that mends.
        disk: where it is.
    """
    data = disk.read(path)
    frames: list[Frame] = []
    missing: list[Frame] = []
    size = 0
    at = bounds.before
    for frame in walk(data):
        if isinstance(frame, Damage):
            size += frame.size
        elif frame.seq > at.seq:
            start = Position(frame.seq - frame.records, frame.rows_total - frame.rows)
            if start.seq > at.seq:
                missing.append(gap(at, start, session))
                frames.append(missing[-1])
            frames.append(frame)
            at = Position(frame.seq, frame.rows_total)
        elif at != bounds.before:
            size += len(frame.packed())  # it was there already
    if bounds.until is not None and bounds.until.seq > at.seq:
        missing.append(gap(at, bounds.until, session))
        frames.append(missing[-1])
    if not missing and not size:
        return Mended(frames, len(data), Loss())
    aside = (_set_aside(path, disk),) if size else ()
    content = b"".join(frame.packed() for frame in frames)
    disk.write_whole(path, content)
    lost = sum((_lost(each, bounds) for each in missing), Loss(size=size, files=aside))
    return Mended(frames, len(content), lost)


def _lost(missing: Frame, bounds: Bounds) -> Loss:
    """Return how much of a gap had been accepted."""
    end = Position(missing.seq, missing.rows_total)
    if bounds.accepted is not None:
        end = min(end, bounds.accepted)
    start = Position(missing.commit_seq, missing.commit_rows)
    return Loss(end.seq - start.seq, end.rows - start.rows) if end > start else Loss()


def _set_aside(path: Path, disk: Disk) -> Path:
    """Give a file a second name that stays when the first goes on to its mended content."""
    folder = path.parent / ASIDE
    folder.mkdir(exist_ok=True)
    aside = folder / f"{path.stem}-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}{path.suffix}"
    disk.link(path, aside)
    disk.sync_folder(folder)
    return aside
