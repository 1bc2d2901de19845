"""TimescaleDB: one connection, and its driver's errors turned into ours."""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg

from collector.errors import DatabaseError, DatabaseSlow, DatabaseUnavailable, RowsRefused

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_CONNECT_SECONDS = 10
_COMMAND_SECONDS = 60

_SESSION = """
SET default_transaction_isolation = 'read committed'; SET statement_timeout = 0;
SET idle_in_transaction_session_timeout = '15s';
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4;
SET tcp_user_timeout = '30s'
"""
"""What a session relies on, whatever the database or the role has set: each statement sees what was
committed before it, and how long it may take is ours to say. And when the server gives up a session
whose collector is gone without a word: its transaction holds a lock that the next session waits
for, and the server's own patience is two hours."""

_ABOUT_THE_DATA = (
    asyncpg.DataError,  # class 22: out of range, not a number, not in this encoding
    asyncpg.IntegrityConstraintViolationError,  # class 23: null, check, unique, foreign key
    asyncpg.ProgramLimitExceededError,  # class 54: too large for an index row
    asyncpg.RaiseError,  # P0001: a trigger of the operator's says no
)


class Database:
    """A connection that is opened when it is needed and thrown away when anything goes wrong."""

    def __init__(self, dsn: str, application: str = "collector") -> None:
        self._dsn = dsn
        self._application = application
        self._connection: Connection | None = None

    def __repr__(self) -> str:
        return f"Database({self.address})"

    @property
    def address(self) -> str:
        """Where it is, without the password."""
        parts = urlsplit(self._dsn)
        host = parts.hostname or "localhost"
        return f"{host}:{parts.port or 5432}{parts.path}"

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Connection]:
        """Lend the connection.

        Raises:
            DatabaseUnavailable: it cannot be had, or broke, or the server is unwilling just now.
            RowsRefused: the server refuses the data.
        """
        with translated():
            try:
                yield await self._connected()
            except BaseException:
                # Whatever state it is in, nobody has to reason about it any more.
                await self.close()
                raise

    async def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            connection = await asyncpg.connect(
                self._dsn,
                timeout=_CONNECT_SECONDS,
                command_timeout=_COMMAND_SECONDS,
                server_settings={"application_name": self._application, "timezone": "UTC"},
            )
            self._connection = connection
            await connection.execute(_SESSION)
        return self._connection


@asynccontextmanager
async def all_or_nothing(connection: Connection) -> AsyncIterator[None]:
    """Run the block in a transaction, or in a part of the one that is under way.

    Where the server has said what is wrong, the connection is of use afterwards. After anything
    else `session` throws it away, which ends the transaction; to ask the server for that as well
    would be to wait for one that may not answer, even when the daemon has been told to stop.

    Raises:
        RowsRefused, DatabaseUnavailable: as `session`; nothing was written.
    """
    with translated():
        transaction = connection.transaction()
        await transaction.start()
        try:
            with translated():
                yield
        except DatabaseError as error:
            answered = error.sqlstate is not None or isinstance(error, RowsRefused)
            if answered and not connection.is_closed():
                await transaction.rollback()
            raise
        await transaction.commit()


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the driver raises into a `DatabaseError`: about the data, or to be tried again.

    Everything that is not about the data may pass: a wrong password is mended by an operator, a
    missing table by a migration, a full disk by somebody. Nothing is given up because of them.
    """
    try:
        yield
    except _ABOUT_THE_DATA as error:
        raise RowsRefused(_sentence(error), sqlstate=_sqlstate(error)) from error
    except UnicodeEncodeError as error:
        raise RowsRefused(f"not storable as UTF-8: {error.reason}") from error
    except TimeoutError as error:
        raise DatabaseSlow(_sentence(error)) from error
    except (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        ssl.SSLError,
        OSError,
    ) as error:
        raise DatabaseUnavailable(_sentence(error), sqlstate=_sqlstate(error)) from error


def _sentence(error: Any) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _sqlstate(error: Any) -> str | None:
    code = getattr(error, "sqlstate", None)
    return code if isinstance(code, str) else None
