"""What the database object shows of itself."""

from collector.db import Database


def test_the_database_shows_its_address_and_no_password() -> None:
    """Whoever logs it logs no secret."""
    database = Database("postgresql://collector:sesame@db.example:5433/oi")

    assert repr(database) == "Database(db.example:5433/oi)"
