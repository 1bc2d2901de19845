"""A disk that remembers every operation, and can say what a power cut would have left of them.

What was written and not synced may be there, in part, as zeros, or not at all, in any combination.
Names that were given, changed or removed since the folder was synced may be so up to any point.
"""

import random
from dataclasses import dataclass, field
from pathlib import Path

from collector.journal.disk import Disk


@dataclass(frozen=True)
class Op:
    """One operation: what was done, to which file, and with what."""

    kind: str
    path: Path
    data: bytes = b""
    offset: int = 0
    target: Path | None = None


class RecordingDisk(Disk):
    """Does everything for real, and keeps a list of it."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self._paths: dict[int, Path] = {}

    def create(self, path: Path) -> int:
        """Open a new file."""
        self.ops.append(Op("create", path))
        file = super().create(path)
        self._paths[file] = path
        return file

    def open(self, path: Path) -> int:
        """Open a file that may be there."""
        self.ops.append(Op("open", path))
        file = super().open(path)
        self._paths[file] = path
        return file

    def write(self, file: int, data: bytes, offset: int) -> None:
        """Write."""
        self.ops.append(Op("write", self._paths[file], data, offset))
        super().write(file, data, offset)

    def truncate(self, file: int, length: int) -> None:
        """Cut."""
        self.ops.append(Op("truncate", self._paths[file], offset=length))
        super().truncate(file, length)

    def sync(self, file: int) -> None:
        """Sync a file's content."""
        super().sync(file)
        self.ops.append(Op("sync", self._paths[file]))

    def replace(self, source: Path, target: Path) -> None:
        """Rename."""
        self.ops.append(Op("replace", source, target=target))
        super().replace(source, target)

    def link(self, source: Path, target: Path) -> None:
        """Name a second time."""
        self.ops.append(Op("link", source, target=target))
        super().link(source, target)

    def unlink(self, path: Path) -> None:
        """Remove."""
        self.ops.append(Op("unlink", path))
        super().unlink(path)

    def sync_folder(self, folder: Path) -> None:
        """Sync a folder's names."""
        super().sync_folder(folder)
        self.ops.append(Op("sync_folder", folder))


class ForgetfulDisk(RecordingDisk):
    """A disk whose syncs do nothing: what every check of durability must notice."""

    def sync(self, file: int) -> None:
        """Say that it is on the disk."""


@dataclass
class Content:
    """What one file holds for certain, and what has been done to it since."""

    synced: bytearray = field(default_factory=bytearray)
    since: list[Op] = field(default_factory=list)


class Platter:
    """What is on the disk for certain, and what may be, after some operations."""

    def __init__(self) -> None:
        self.names: dict[Path, Content] = {}
        self._now: dict[Path, Content] = {}
        self._renamings: list[tuple[Path | None, Path, Content | None]] = []

    def do(self, op: Op) -> None:
        """Follow an operation."""
        match op.kind:
            case "create" | "open":
                if op.path not in self._now:
                    self._name(None, op.path, Content())
                elif op.kind == "create":
                    self._now[op.path].since.append(Op("truncate", op.path))
            case "write" | "truncate":
                self._now[op.path].since.append(op)
            case "sync":
                content = self._now[op.path]
                for change in content.since:
                    apply(content.synced, change)
                content.since = []
            case "sync_folder":
                for renaming in self._renamings:
                    rename(self.names, *renaming)
                self._renamings = []
            case _:
                self._rename(op)

    def after_power_cut(self, folder: Path, chance: random.Random) -> None:
        """Write what may be left into a folder; the names are below the folder of the disk."""
        names = dict(self.names)
        for renaming in self._renamings[: chance.randint(0, len(self._renamings))]:
            rename(names, *renaming)
        for path, content in names.items():
            data = bytearray(content.synced)
            for change in content.since:
                maybe(data, change, chance)
            target = folder / path.name
            target.write_bytes(data)

    def _rename(self, op: Op) -> None:
        if op.target is not None:
            source = op.path if op.kind == "replace" else None
            self._name(source, op.target, self._now[op.path])
        elif op.path in self._now:
            self._name(op.path, op.path, None)

    def _name(self, source: Path | None, target: Path, content: Content | None) -> None:
        rename(self._now, source, target, content)
        self._renamings.append((source, target, content))


def rename(
    names: dict[Path, Content], source: Path | None, target: Path, content: Content | None
) -> None:
    """Give a name to content, or take it away."""
    if source is not None:
        names.pop(source, None)
    if content is not None:
        names[target] = content


def apply(data: bytearray, op: Op) -> None:
    """Do to data what an operation did."""
    if op.kind == "truncate":
        del data[op.offset :]
    else:
        data.extend(bytes(max(0, op.offset - len(data))))
        data[op.offset : op.offset + len(op.data)] = op.data


def maybe(data: bytearray, op: Op, chance: random.Random) -> None:
    """Do all, part or none of it, as a power cut may leave it."""
    if op.kind == "truncate":
        if chance.random() < 0.5:
            apply(data, op)
        return
    kept = chance.randrange(len(op.data) + 1)
    outcome = chance.choice([
        None,
        op.data,
        op.data[:kept],
        op.data[:kept] + bytes(len(op.data) - kept),
        bytes(kept) + op.data[kept:],
    ])  # fmt: skip
    if outcome is not None:
        apply(data, Op("write", op.path, outcome, op.offset))
