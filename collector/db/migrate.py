"""Bring the schema to what this version needs: plain SQL files, in order, once each."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from collector.db import Connection, Database, all_or_nothing, policies, translated
from collector.db.policies import Policies
from collector.errors import DatabaseError, DatabaseUnavailable, MigrationError

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_LOCK = 0x6F705F696E74  # "op_int": whoever migrates holds this advisory lock
_MIGRATION_SECONDS = 24 * 3600.0  # one may copy all there is
_NOT_PERMITTED = {"42501", "3F000"}  # the second: there is no schema that the role may look into

# Null where the schema is older, or where the role is not one that migrates.
_MAY_GRANT = """
SELECT has_function_privilege(to_regprocedure('collector_grant_rights()')::oid, 'EXECUTE')
"""

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


# As good as all of collector_writer's rights: the one is the grant on tables, the other on the
# database, which a dump that is restored does not bring with it.
_MAY_WRITE = """
SELECT CASE WHEN has_schema_privilege('collector_storage', 'USAGE')
    THEN has_table_privilege('collector_storage.open_interest', 'INSERT')
        AND has_database_privilege(current_database(), 'TEMPORARY')
    ELSE false END
"""


# Functions that run with the owner's rights look into public and nowhere else.
_PLACES = """
SELECT current_schema(), extnamespace::regnamespace::text
FROM (SELECT) AS one LEFT JOIN pg_extension ON extname = 'timescaledb'
"""

# What a superuser makes here has to belong to whoever owns the rest.
_BE_OWNER = """
SELECT set_config('role', rolname, false) FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner
WHERE pg_class.oid = to_regclass('open_interest') AND rolname <> current_user
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


@dataclass(frozen=True)
class Migrated:
    """What `migrate` has done."""

    applied: Sequence[Migration]
    problem: str | None
    """What could not be granted to the roles, and who can mend that; the owner needs no grant."""
    changes: Sequence[str] = ()
    """What has become of the policies."""


async def pending(connection: Connection, migrations: Sequence[Migration]) -> Sequence[Migration]:
    """Return what has not been applied yet.

    Raises:
        MigrationError: the database is newer than this version, an applied file has changed, or
            the role may not look.
    """
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return migrations
    try:
        with translated():
            applied = await connection.fetch(
                "SELECT version, name, checksum FROM schema_migrations ORDER BY version"
            )
    except DatabaseUnavailable as error:
        if error.sqlstate not in _NOT_PERMITTED:
            raise
        role = await connection.fetchval("SELECT quote_ident(current_user)")
        raise MigrationError(
            f"role {role} may not use the collector's tables; an analyst reads the views instead,"
            f" venue_coverage for one. For a collector: GRANT collector_writer TO {role}, and run"
            " `collector migrate` as their owner",
            sqlstate=error.sqlstate,
        ) from error
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


async def may_write(connection: Connection) -> bool:
    """Tell whether this role could do what `collector run` does, with a schema that is right."""
    answer: bool = await connection.fetchval(_MAY_WRITE)
    return answer


async def migrate(
    database: Database,
    migrations: Sequence[Migration] | None = None,
    wanted_policies: Policies | None = None,
) -> Migrated:
    """Apply what is pending, under a lock, each file in a transaction.

    Then see to the roles, and to all that differs by edition. Without policies those stay that are.

    Raises:
        MigrationError: see `pending`; or the role may not do this, and in which file.
        DatabaseUnavailable: the database is away, or unwilling, and in which file.
    """
    wanted = shipped() if migrations is None else migrations
    async with database.session() as connection:
        await _lock(connection)
        todo = await pending(connection, wanted)
        try:
            if todo:
                await _look_around(connection)
                with translated():
                    await connection.execute(_BE_OWNER)
                    await connection.execute(_LEDGER)
            for migration in todo:
                await _apply(connection, migration)
        except DatabaseError as error:
            if error.sqlstate not in _NOT_PERMITTED:
                raise
            role = await connection.fetchval("SELECT quote_ident(current_user)")
            names = ", ".join(each.name for each in await pending(connection, wanted))
            raise MigrationError(
                f"pending: {names}; role {role} may not apply them ({error}):"
                " run `collector migrate` as the owner of the tables",
                sqlstate=error.sqlstate,
            ) from error
        changes: Sequence[str] = ()
        if await policies.may_reconcile(connection):
            await connection.execute(_BE_OWNER)
            changes = await policies.reconcile(
                connection, wanted_policies or await policies.stored(connection)
            )
        await connection.execute("RESET ROLE")
        problem = await _grant(connection)
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    return Migrated(todo, problem, changes)


async def _look_around(connection: Connection) -> None:
    """See that everything gets into the schema public.

    Raises:
        MigrationError: it would get into another.
    """
    place, of_extension = (await connection.fetch(_PLACES))[0]
    if place not in {None, "public"}:
        raise MigrationError(
            f"the tables belong into the schema public, and search_path begins with {place}:"
            " ALTER ROLE or ALTER DATABASE ... SET search_path = public"
        )
    if of_extension not in {None, "public"}:
        raise MigrationError(
            f"the extension timescaledb is in the schema {of_extension}: it has to be in public"
        )


async def _grant(connection: Connection) -> str | None:
    """Give the roles their rights, whatever has become of them since the last time.

    They belong to the server, or to the database itself, and so a migration that is applied once
    could not keep them right. Return what could not be done.
    """
    if not await connection.fetchval(_MAY_GRANT):
        return None
    problem: str | None = await connection.fetchval("SELECT collector_grant_rights()")
    return problem


async def _lock(connection: Connection) -> None:
    """Wait until no other process migrates; losing the connection gives the lock back."""
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    except TimeoutError:
        raise DatabaseUnavailable("another process is migrating this database") from None


async def _apply(connection: Connection, migration: Migration) -> None:
    try:
        async with all_or_nothing(connection):
            await connection.execute(migration.sql, timeout=_MIGRATION_SECONDS)
            await connection.execute(
                "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.checksum,
            )
    except DatabaseError as error:
        raise type(error)(f"{migration.name}: {error}", sqlstate=error.sqlstate) from error
