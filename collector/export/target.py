"""Where an export goes: a file that is there when it is whole, or standard output."""

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from collector.db.reading import Column
from collector.errors import OutputError

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
"""What a file system says that has no hard links, such as FAT."""

_THERE = "{}: it is there already; see --force"


class Writer(Protocol):
    """A format. What it raises about files is `OSError`."""

    def begin(self, columns: Sequence[Column]) -> None:
        """Learn what there is to a row."""

    def write(self, lines: bytes) -> None:
        """Take rows: whole lines of CSV."""

    def finish(self) -> Sequence[str]:
        """Write what is not written yet; return sentences that the user should read."""


class CsvWriter:
    """CSV as PostgreSQL writes it: nothing between two commas is null, `""` an empty text."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def begin(self, columns: Sequence[Column]) -> None:
        """Write the header."""
        self._file.write((",".join(column.name for column in columns) + "\n").encode())

    def write(self, lines: bytes) -> None:
        """Write rows as they are."""
        self._file.write(lines)

    def finish(self) -> Sequence[str]:
        """Write what is left."""
        self._file.flush()
        return ()


@contextmanager
def taking_place(path: Path, *, force: bool) -> Iterator[Path]:
    """Lend a name beside a file's; the file takes its place when the block has ended well.

    Whatever happens in the block, nothing of it is left under either name. What is there and is no
    ordinary file is never replaced, whoever asks: root could put a file in the place of a device.

    Raises:
        OutputError: it cannot be written there, or is there already.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    if os.path.lexists(path):
        if path.is_symlink() or not path.is_file():
            raise OutputError(f"{path}: what is there is no ordinary file, and stays")
        if not force:
            raise OutputError(_THERE.format(path))
    with written(str(path)):
        try:
            yield draft
            _sync(draft)
            if force:
                draft.replace(path)
            else:
                _rename(draft, path)
            _sync(path.parent)
        finally:
            with contextlib.suppress(FileNotFoundError):
                draft.unlink()


@contextmanager
def written(place: str) -> Iterator[None]:
    """Turn errors of the file system into a sentence.

    Raises:
        OutputError: with the place and what is wrong with it.
    """
    try:
        yield
    except FileExistsError as error:
        raise OutputError(_THERE.format(place)) from error
    except OSError as error:
        raise OutputError(f"{place}: {error.strerror or error}") from error


def _rename(draft: Path, path: Path) -> None:
    """Give the file its name, unless something has that name by now."""
    try:
        os.link(draft, path)  # unlike a renaming, this never takes another's place
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(path) from error
        draft.rename(path)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
