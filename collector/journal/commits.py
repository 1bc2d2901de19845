"""One thread that owns the log; operations that wait together share a sync."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from collector.journal.log import Log

T = TypeVar("T")
Act = Callable[[Log], T]

_TOGETHER_MAX = 500

_Operation = tuple[Act[Any], asyncio.Future[Any]]


class Commits:
    """Runs operations in the order they come; what they stage is on disk when they have ended."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._loop = asyncio.get_running_loop()
        self._operations: queue.SimpleQueue[_Operation | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def submit(self, act: Act[T]) -> asyncio.Future[T]:
        """Queue an operation; the future ends when what it staged is on disk.

        The operation is served even if nobody waits for the future any more.
        """
        done: asyncio.Future[T] = self._loop.create_future()
        self._operations.put((act, done))
        return done

    async def close(self) -> None:
        """Serve what is queued, then end the thread and close the log."""
        self._operations.put(None)
        await asyncio.to_thread(self._thread.join)
        self.log.close()

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
        """Run operations and commit what they stage; if that fails, once more one by one."""
        staging: list[_Operation] = []
        results: list[object] = []
        for act, done in together:
            staged = self.log.staged
            try:
                result = act(self.log)
            except Exception as error:  # noqa: BLE001 - whoever asked gets it
                self._settle(done, error=error)
                continue
            if self.log.staged == staged:
                self._settle(done, result)
            else:
                staging.append((act, done))
                results.append(result)
        try:
            self.log.commit()
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            if len(staging) == 1:
                self._settle(staging[0][1], error=error)
            else:
                for operation in staging:
                    self._serve([operation])
        else:
            for (_, done), result in zip(staging, results, strict=True):
                self._settle(done, result)

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
