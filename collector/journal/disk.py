"""What the journal asks of the file system; a test puts one in its place that loses power."""

import contextlib
import errno
import os
from pathlib import Path

from collector.errors import JournalError, JournalFull

_FULL = {errno.ENOSPC, errno.EDQUOT}


def disk_error(journal: Path, error: OSError) -> JournalError:
    """Return what an error of the disk means for the journal."""
    if error.errno in _FULL:
        return JournalFull(f"journal {journal}: the disk is full")
    return JournalError(f"journal {journal}: {error.strerror or error}")


class Disk:
    """Files of a journal. Every method may raise OSError."""

    def create(self, path: Path) -> int:
        """Open a new file for writing, in the place of an old one if there is any."""
        return os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_CLOEXEC, 0o640)

    def open(self, path: Path) -> int:
        """Open a file for writing, creating it if it is not there; its content stays."""
        return os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)

    def write(self, file: int, data: bytes, offset: int) -> None:
        """Write all of the data; on an error some of it may have been written."""
        rest = memoryview(data)
        while rest:
            done = os.pwrite(file, rest, offset)
            rest, offset = rest[done:], offset + done

    def truncate(self, file: int, length: int) -> None:
        """Cut a file."""
        os.ftruncate(file, length)

    def sync(self, file: int) -> None:
        """Return when what was written is on the disk."""
        os.fdatasync(file)

    def close(self, file: int) -> None:
        """Close a file."""
        os.close(file)

    def read(self, path: Path, start: int = 0, end: int | None = None) -> bytes:
        """Return the bytes of a file from `start` up to `end`; nothing, if it is not there."""
        try:
            with path.open("rb") as file:
                file.seek(start)
                return file.read(-1 if end is None else end - start)
        except FileNotFoundError:
            return b""

    def replace(self, source: Path, target: Path) -> None:
        """Give a file another name, in the place of whatever has it."""
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name; where the file system cannot do that, copy it."""
        try:
            target.hardlink_to(source)
        except OSError:
            self.write_whole(target, self.read(source))

    def unlink(self, path: Path) -> None:
        """Remove a file, which may be gone already."""
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Return when the names in a folder are on the disk."""
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def write_whole(self, path: Path, data: bytes) -> None:
        """Write a small file: at any moment there is the old content or the new."""
        draft = path.with_name(path.name + ".new")
        file = self.create(draft)
        try:
            self.write(file, data, 0)
            self.sync(file)
        except OSError:
            with contextlib.suppress(OSError):
                self.unlink(draft)
            raise
        finally:
            self.close(file)
        self.replace(draft, path)
        self.sync_folder(path.parent)
