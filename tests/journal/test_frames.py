"""A frame that was damaged is told from the one that was written, whatever bit it is."""

import os
from pathlib import Path

import pytest

from collector import records
from collector.journal import Journal
from collector.journal.frames import Damage, Frame, Kind, walk
from tests.rows import reply, snapshot

FRAME = Frame(
    kind=Kind.RECORD,
    seq=8,
    records=1,
    rows=1,
    rows_total=20,
    session=bytes(range(16)),
    body=records.encode(reply(snapshot("BTCUSDT"))),
    commit_seq=7,
    commit_rows=19,
)


def test_every_flipped_bit_is_noticed() -> None:
    """Many of them would still decode, to another amount or another instrument."""
    data = FRAME.packed()
    for place in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8

        assert not any(isinstance(found, Frame) for found in walk(bytes(damaged)))


def test_frames_behind_damage_are_found() -> None:
    """By their mark and the checksum of their head; a mark alone is not believed."""
    data = FRAME.packed()
    mark = data[:4]

    found = list(walk(b"noise" + mark + b"more" + data + mark + data[:-1] + data))

    whole = [each for each in found if isinstance(each, Frame)]
    assert [each.packed() for each in whole] == [data, data]
    assert [each.size for each in found if isinstance(each, Damage)] == [13, 4, len(data) - 1]


async def test_a_sync_reaches_the_operating_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything else about power cuts rests on this call."""
    synced: list[str] = []
    real = os.fdatasync

    def fdatasync(file: int) -> None:
        synced.append(Path(f"/proc/self/fd/{file}").readlink().suffix)
        real(file)

    async with Journal(tmp_path / "journal", 2**26) as journal:
        monkeypatch.setattr(os, "fdatasync", fdatasync)
        await journal.append(reply(snapshot("A")))

        assert synced == [".log"]
