"""One thread that owns an SQLite connection; operations that wait together share a commit."""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from collector.journal.storage import used_bytes

T = TypeVar("T")
Act = Callable[[sqlite3.Connection], T]

_TOGETHER_MAX = 500

_Operation = tuple[Act[Any], asyncio.Future[Any]]


class Commits:
    """Runs operations in the order they come, each in a transaction that is on disk at its end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.used_bytes = used_bytes(connection)
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._operations: queue.SimpleQueue[_Operation | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def submit(self, act: Act[T]) -> asyncio.Future[T]:
        """Queue an operation; the future ends when its transaction has ended.

        The operation is served even if nobody waits for the future any more.
        """
        done: asyncio.Future[T] = self._loop.create_future()
        self._operations.put((act, done))
        return done

    async def close(self) -> None:
        """Serve what is queued, then end the thread and close the connection."""
        self._operations.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _work(self) -> None:
        ended = False
        while not ended:
            together = self._next()
            ended = together[-1] is None
            self._serve([operation for operation in together if operation is not None])

    def _next(self) -> list[_Operation | None]:
        """Wait for an operation and take along what waits behind it; None is the end."""
        together = [self._operations.get()]
        while together[-1] is not None and len(together) < _TOGETHER_MAX:
            try:
                together.append(self._operations.get_nowait())
            except queue.Empty:
                break
        return together

    def _serve(self, together: list[_Operation]) -> None:
        """Run operations in one transaction; if it fails, each in one of its own."""
        if not together:
            return
        try:
            results = self._transact([act for act, _ in together])
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            if len(together) == 1:
                self._settle(together[0][1], error=error)
            else:
                for operation in together:
                    self._serve([operation])
        else:
            for (_, done), result in zip(together, results, strict=True):
                self._settle(done, result)

    def _transact(self, acts: list[Act[Any]]) -> list[Any]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            results = [act(self._connection) for act in acts]
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # the first error is the one that counts
                self._connection.execute("ROLLBACK")
            raise
        self.used_bytes = used_bytes(self._connection)
        return results

    def _settle(
        self, done: asyncio.Future[Any], result: object = None, error: Exception | None = None
    ) -> None:
        def settle() -> None:
            if done.done():
                return
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error)

        self._loop.call_soon_threadsafe(settle)
