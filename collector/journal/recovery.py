"""Take stock of what an earlier process has left: mend it, and count what is missing."""

from dataclasses import dataclass, field
from pathlib import Path

from collector.journal.disk import Disk
from collector.journal.frames import Frame, Kind, walk
from collector.journal.positions import Position, Span
from collector.journal.salvage import Bounds, Loss, gap, mend

SUFFIX = ".log"


@dataclass
class Segment:
    """One file of the log, named by the number of its first record."""

    path: Path
    length: int
    """Bytes, up to where it is good."""
    last: Position
    """Of its last frame."""


@dataclass
class Recovered:
    """What there is."""

    span: Span
    segments: list[Segment] = field(default_factory=list)
    records: int = 0
    """That are not forgotten."""
    rows: int = 0
    """Of those."""
    loss: Loss = field(default_factory=Loss)


def recover(folder: Path, noted: Span | None, session: bytes, disk: Disk) -> Recovered:
    """Read all segments, in order, and mend those that need it.

    Args:
        folder: of the journal.
        noted: where the log began and ended, as far as that was written down.
        session: of this opening.
        disk: where it is.
    """
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    begin = _first(paths, disk) if noted is None else noted.forgotten
    found = Recovered(Span(begin, begin))
    at = begin
    for path in paths:
        # What was synced last may be there in part, and only then it was not accepted.
        accepted = _accepted(path, noted, disk) if path is paths[-1] else None
        mended = mend(path, Bounds(at, accepted=accepted), session, disk)
        found.loss += mended.loss
        if not mended.frames:  # all of it is forgotten
            disk.unlink(path)
            continue
        at = Position(mended.frames[-1].seq, mended.frames[-1].rows_total)
        found.segments.append(Segment(path, mended.length, at))
        waiting = [each for each in mended.frames if each.kind is Kind.RECORD]
        found.records += len(waiting)
        found.rows += sum(each.rows for each in waiting)
    if noted is not None and noted.last.seq > at.seq:
        found.segments.append(_missing_end(folder, gap(at, noted.last, session), disk))
        found.loss += Loss(noted.last.seq - at.seq, max(0, noted.last.rows - at.rows))
        at = noted.last
    found.span = Span(begin, at)
    return found


def _first(paths: list[Path], disk: Disk) -> Position:
    """Return where the first frame begins, if there is no note of it."""
    for path in paths:
        for frame in walk(disk.read(path)):
            if isinstance(frame, Frame):
                return Position(frame.seq - frame.records, frame.rows_total - frame.rows)
    return Position()


def _accepted(path: Path, noted: Span | None, disk: Disk) -> Position:
    """Return up to where the records in the last segment have been accepted for certain."""
    accepted = Position() if noted is None else noted.last
    for frame in walk(disk.read(path)):
        if isinstance(frame, Frame):
            accepted = max(accepted, Position(frame.commit_seq, frame.commit_rows))
    return accepted


def _missing_end(folder: Path, missing: Frame, disk: Disk) -> Segment:
    """Say in the log that records are missing at its end, so that they are counted once."""
    path = folder / f"{missing.commit_seq + 1:020}{SUFFIX}"
    data = missing.packed()
    disk.write_whole(path, data)
    return Segment(path, len(data), Position(missing.seq, missing.rows_total))
