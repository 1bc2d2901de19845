"""Look at a journal without opening it: its daemon may be at work, and must not notice."""

from dataclasses import dataclass
from pathlib import Path

from collector.errors import JournalError
from collector.journal.positions import newest
from collector.journal.recovery import SUFFIX


@dataclass(frozen=True)
class Glimpse:
    """What waits in a journal."""

    records: int
    rows: int
    used_bytes: int
    """On the disk, of the `max_bytes` that there may be."""


def glimpse(path: Path) -> Glimpse | None:
    """Return what waits in a journal; None if there is none at this place.

    Nothing is locked, written or created: the file of positions is read, and files are measured. It
    has two slots that are written in turn, so one of them is whole at any moment.

    Raises:
        JournalError: it cannot be read, and why.
    """
    try:
        if path.is_file():
            raise JournalError(f"journal {path}: of the first format; the next start takes it over")
        if not path.is_dir():
            return None
        _, span = newest((path / "positions").read_bytes())
        sizes = [_size(each) for each in path.glob(f"*{SUFFIX}")]
    except OSError as error:
        raise JournalError(f"journal {path}: {error.strerror or error}") from error
    if span is None:
        raise JournalError(f"journal {path}: its positions are damaged; the next start mends them")
    return Glimpse(
        max(0, span.last.seq - span.forgotten.seq),
        max(0, span.last.rows - span.forgotten.rows),
        sum(sizes),
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # forgotten since we saw it
        return 0
