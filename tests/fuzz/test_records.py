"""A record that was damaged on disk is told from the one that was written, whatever byte it is."""

import pytest

from collector import records
from collector.db import Database
from collector.records import DamagedRecordError
from tests.rows import reply, snapshot


def test_every_flipped_bit_of_a_record_is_noticed() -> None:
    """Many of them would still decode, to another amount or another instrument."""
    body, checksum = records.encode(reply(snapshot("BTCUSDT")))
    for place in range(len(body) * 8):
        damaged = bytearray(body)
        damaged[place // 8] ^= 1 << place % 8

        with pytest.raises(DamagedRecordError):
            records.decode(bytes(damaged), checksum)


def test_the_database_shows_its_address_and_no_password() -> None:
    """Whoever logs it logs no secret."""
    database = Database("postgresql://collector:sesame@db.example:5433/oi")

    assert repr(database) == "Database(db.example:5433/oi)"
