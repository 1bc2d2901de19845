"""Every open-interest value that was served, so that a test can ask whether any got lost."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from collector.simulator.replies import Row, compact, quoted

UNKNOWN = b'"delivered":null}\n'
OUTCOMES = {True: b'"delivered":true}\n', False: b'"delivered":false}\n', None: UNKNOWN}


class LedgerError(Exception):
    """The ledger cannot be read."""


@dataclass(slots=True)
class Block:
    """The values of one reply; `text` is one JSON line for each, or where they are in the file."""

    venue: str
    first: int
    last: int
    text: bytes | tuple[int, int]
    delivered: bool | None = None


class Ledger:
    """Values in the order in which they were served, each with a sequence number from 1.

    With a file the lines are written before the reply is sent, so that nothing a client holds is
    missing even if the simulator is killed; what came of the reply follows in a line of its own.
    """

    def __init__(self, target: bool | Path) -> None:  # noqa: FBT001 - on, off, or a file
        self.recording = bool(target)
        self._blocks: list[Block] = []
        self._sequence = 0
        self._file: int | None = None
        self._end = 0
        if isinstance(target, Path):
            self._open_file(target)

    def _open_file(self, path: Path) -> None:
        # The sequence goes on where an earlier simulator left it. A torn last line was never sent.
        whole = path.read_bytes() if path.exists() else b""
        whole = whole[: whole.rfind(b"\n") + 1]
        for line in reversed(whole.splitlines()):
            try:
                self._sequence = json.loads(line)["sequence"]
            except KeyError:
                continue
            except ValueError:
                raise LedgerError(f"{path} is no ledger") from None
            break
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        os.truncate(self._file, len(whole))
        self._end = len(whole)

    def begin(self, venue: str, rows: Sequence[Row]) -> Block:
        """Record the values of a reply that is about to be sent."""
        first = self._sequence + 1
        self._sequence += len(rows)
        lines = (_line(number, venue, row) for number, row in enumerate(rows, first))
        text = "".join(lines).encode()
        block = Block(venue, first, self._sequence, text)
        if self._file is not None:
            block.text = self._end, len(text)
        self._write(text)
        self._blocks.append(block)
        return block

    def finish(self, block: Block, *, delivered: bool) -> None:
        """Record whether the reply was handed to the socket, whole and without an error."""
        block.delivered = delivered
        outcome = {"first": block.first, "last": block.last, "delivered": delivered}
        self._write(compact(outcome).encode() + b"\n")

    def lines(self, venue: str | None = None, since: int = 0) -> Iterator[bytes]:
        """Yield NDJSON, a reply at a time, of the values after sequence number `since`."""
        # A copy, because the caller may wait between replies while more are served.
        for block in tuple(self._blocks):
            if block.last > since and venue in {None, block.venue}:
                text = self._text(block).replace(UNKNOWN, OUTCOMES[block.delivered])
                skipped = max(0, since + 1 - block.first)
                yield b"".join(text.splitlines(keepends=True)[skipped:])

    def entries(self, venue: str | None = None, since: int = 0) -> list[dict[str, object]]:
        """Give the same as objects."""
        return [json.loads(line) for text in self.lines(venue, since) for line in text.splitlines()]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            self._blocks.clear()

    def _text(self, block: Block) -> bytes:
        if isinstance(block.text, bytes):
            return block.text
        if self._file is None:
            raise LedgerError("the ledger is closed")
        return os.pread(self._file, block.text[1], block.text[0])

    def _write(self, text: bytes) -> None:
        # Unbuffered: what the kernel has outlives the simulator.
        if self._file is None:
            return
        self._end += len(text)
        while text:
            text = text[os.write(self._file, text) :]


def _line(sequence: int, venue: str, row: Row) -> str:
    amounts = ",".join(f"{quoted(name)}:{quoted(text)}" for name, text in row.amounts.items())
    fault = "null" if row.fault is None else quoted(row.fault)
    return (
        f'{{"sequence":{sequence},"venue":"{venue}","symbol":{quoted(row.symbol)},'
        f'"exchange_ms":{row.exchange_ms},"amounts":{{{amounts}}},"fault":{fault},'
        f'"delivered":null}}\n'
    )


def read_ledger(path: Path) -> list[dict[str, object]]:
    """Read a ledger file; `delivered` is None where the simulator died before it knew."""
    values: dict[int, dict[str, object]] = {}
    for line in path.read_bytes().split(b"\n")[:-1]:
        entry = json.loads(line)
        if "sequence" in entry:
            values[entry["sequence"]] = entry
        else:
            for number in range(entry["first"], entry["last"] + 1):
                values[number]["delivered"] = entry["delivered"]
    return list(values.values())
