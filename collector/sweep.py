"""One sweep: ask a venue for all of its instruments, and hand over what it answers."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from collector.errors import (
    Banned,
    BudgetClosed,
    InstrumentGone,
    JournalError,
    PayloadError,
    VenueError,
)
from collector.instruments import Client, Instruments
from collector.models import Outcome, Parsed
from collector.venues.fields import ShapeError
from collector.venues.spec import Reply, Request

_TOGETHER = 20
"""Requests under way at once, at the most: the largest burst that any venue here allows."""

_HOPELESS = 10
"""After so many failures in a row that speak against the venue, the rest is not asked for."""


class Accept(Protocol):
    """Takes the rows of replies."""

    def __call__(self, reply: Reply, rows: Parsed, unlisted: int, /) -> Awaitable[None]:
        """Take the rows of one reply; when this returns, they are safe."""


@dataclass
class Sweep:
    """What came of asking a venue for all of its instruments."""

    instruments: int = 0
    requests: int = 0
    replies: int = 0
    rows: int = 0
    rejected: int = 0
    doubt: str | None = None
    """Why the first row that was rejected was."""
    unlisted: int = 0
    errors: list[VenueError] = field(default_factory=list)
    refusal: JournalError | None = None
    """Why the rows could not be kept, if they could not."""
    crash: str | None = None
    """What of ours broke, if anything did."""
    stopped: bool = False

    def outcome(self) -> Outcome:
        """Return how it ended."""
        if self.stopped:
            return Outcome.INTERRUPTED
        if self.refusal is not None:
            return Outcome.PARTIAL if self.replies else Outcome.REFUSED
        if self.replies == 0 or self._nothing_believed():
            return Outcome.FAILED
        if self.errors:
            return Outcome.PARTIAL
        return Outcome.OK if self.rows or self.rejected else Outcome.EMPTY

    def error(self) -> str | None:
        """Return what went wrong in a sentence: the first of each kind, and how many there were."""
        if self.stopped:
            return "the collector was stopped"
        if self.refusal is not None or self.crash is not None:
            return self.crash or str(self.refusal)
        counts = Counter(error.kind for error in self.errors)
        first = {error.kind: error for error in reversed(self.errors)}
        problems = [f"{counts[kind]} x {first[kind]}" for kind in counts]
        if self._nothing_believed():
            problems.append(f"every row was rejected, {self.rejected} in all; first: {self.doubt}")
        return "; ".join(problems) or None

    def _nothing_believed(self) -> bool:
        """Tell whether there were rows, and none of them as documented."""
        return self.rejected > 0 and self.rows == self.unlisted == 0


class Sweeper:
    """Asks one venue for everything, as fast as its limits and our patience allow."""

    def __init__(self, client: Client, instruments: Instruments) -> None:
        self.client = client
        self.instruments = instruments
        self._stopping = False

    def stop(self) -> None:
        """Send nothing more; what is under way may come to its end."""
        self._stopping = True

    async def sweep(self, accept: Accept, deadline: float) -> Sweep:
        """Ask, and hand the rows of each reply to `accept` as it comes.

        Args:
            accept: takes the rows.
            deadline: when to give up, in the loop's time.

        Returns:
            What came of it; nothing that a venue does raises an error.
        """
        result = Sweep()
        run = _Run(self, accept, deadline, result)
        if not self.instruments or self.instruments.stale:
            error = await self.instruments.try_refresh(deadline, run.sent)
            if error is not None and not self.instruments:
                result.errors.append(error)
        selected = self.instruments.selected()
        result.instruments = len(selected)
        requests = iter(self.client.venue.plan(selected))
        async with asyncio.TaskGroup() as workers:
            for _ in range(_TOGETHER):
                workers.create_task(run.work(requests))
        unasked = next(requests, None) is not None
        result.stopped = self._stopping and (unasked or bool(result.errors))
        return result

    @property
    def stopping(self) -> bool:
        """Whether `stop` has been called."""
        return self._stopping


@dataclass
class _Run:
    """The workers' shared state in one sweep."""

    sweeper: Sweeper
    accept: Accept
    deadline: float
    result: Sweep
    failures_in_a_row: int = 0
    given_up: bool = False

    def sent(self) -> None:
        self.result.requests += 1

    async def work(self, requests: Iterator[Request]) -> None:
        """Take requests from the common plan until it is empty or there is no point."""
        for request in requests:
            if self.given_up or self.sweeper.stopping:
                return
            try:
                await self._ask(request)
            except VenueError as error:
                self._failed(error)
            except JournalError as error:
                self.result.refusal = error
                self.given_up = True
            else:
                self.failures_in_a_row = 0

    async def _ask(self, request: Request) -> None:
        client, instruments = self.sweeper.client, self.sweeper.instruments
        reply = await client.fetch(request, self.deadline, self.sent)
        try:
            parsed = client.venue.parse(reply)
        except ShapeError as problem:
            raise PayloadError(
                str(problem),
                venue=client.venue.name,
                endpoint=request.endpoint,
                symbol=request.symbol,
            ) from None
        rows, unlisted = await instruments.sort_out(parsed, self.deadline, self.sent)
        await self.accept(reply, rows, unlisted)
        self.result.replies += 1
        self.result.rows += len(rows.snapshots)
        self.result.rejected += len(rows.rejects)
        if rows.rejects and self.result.doubt is None:
            self.result.doubt = rows.rejects[0].reason
        self.result.unlisted += unlisted

    def _failed(self, error: VenueError) -> None:
        self.result.errors.append(error)
        if isinstance(error, InstrumentGone) and error.symbol is not None:
            self.sweeper.instruments.gone(error.symbol)
        if error.counts_against_venue:
            self.failures_in_a_row += 1
        if isinstance(error, Banned | BudgetClosed) or self.failures_in_a_row >= _HOPELESS:
            self.given_up = True
