"""Bring the schema to what this version needs: plain SQL files, in order, once each."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from collector.db import Connection, Database, all_or_nothing
from collector.errors import DatabaseError, DatabaseUnavailable, MigrationError

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_LOCK = 0x6F705F696E74  # "op_int": whoever migrates holds this advisory lock

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE schema_migrations IS
    'Which migrations have been applied. For the collector itself.';
"""


@dataclass(frozen=True)
class Migration:
    """One file of `migrations/`."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text: a file that has been applied must not change any more."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped() -> Sequence[Migration]:
    """Return the migrations that came with this version, in order.

    Raises:
        MigrationError: a file is badly named, or a number is missing or used twice.
    """
    package = Path(__file__).parents[1]
    folder = package / "migrations"  # in an installed wheel
    if not folder.is_dir():
        folder = package.parent / "migrations"
    return read(folder)


def read(folder: Path) -> Sequence[Migration]:
    """Return the migrations in a folder, in order."""
    migrations: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        if (match := _NAME.fullmatch(path.name)) is None:
            raise MigrationError(f"{path.name}: a migration is named 0001_its_purpose.sql")
        if int(match[1]) != len(migrations) + 1:
            raise MigrationError(f"{path.name}: expected number {len(migrations) + 1:04}")
        migrations.append(Migration(int(match[1]), path.name, path.read_text(encoding="utf-8")))
    if not migrations:
        raise MigrationError(f"there are no migrations in {folder}")
    return migrations


async def pending(connection: Connection, migrations: Sequence[Migration]) -> Sequence[Migration]:
    """Return what has not been applied yet.

    Raises:
        MigrationError: the database is newer than this version, or an applied file has changed.
    """
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return migrations
    applied = await connection.fetch(
        "SELECT version, name, checksum FROM schema_migrations ORDER BY version"
    )
    known = {migration.version: migration for migration in migrations}
    for version, name, checksum in applied:
        if version not in known:
            raise MigrationError(
                f"the schema has migration {name}, which this collector does not know:"
                " it was made by a newer one"
            )
        if known[version].checksum != checksum:
            raise MigrationError(f"{name} has changed since it was applied")
    done = {version for version, _, _ in applied}
    return [migration for migration in migrations if migration.version not in done]


async def migrate(
    database: Database, migrations: Sequence[Migration] | None = None
) -> Sequence[Migration]:
    """Apply what is pending, under a lock, each file in a transaction; return what was applied.

    Raises:
        MigrationError: see `pending`.
        DatabaseUnavailable: the database is away, or the role may not do this, and in which file.
    """
    wanted = shipped() if migrations is None else migrations
    async with database.session() as connection:
        await _lock(connection)
        todo = await pending(connection, wanted)
        if todo:
            await connection.execute(_LEDGER)
        for migration in todo:
            await _apply(connection, migration)
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    return todo


async def _lock(connection: Connection) -> None:
    """Wait until no other process migrates; losing the connection gives the lock back."""
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    except TimeoutError:
        raise DatabaseUnavailable("another process is migrating this database") from None


async def _apply(connection: Connection, migration: Migration) -> None:
    try:
        async with all_or_nothing(connection):
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.checksum,
            )
    except DatabaseError as error:
        raise type(error)(f"{migration.name}: {error}", sqlstate=error.sqlstate) from error
