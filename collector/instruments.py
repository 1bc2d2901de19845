"""The instruments of one venue: discovered, refreshed, narrowed by patterns, never forgotten."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Protocol

import structlog
from msgspec.structs import replace

from collector.errors import PayloadError, VenueError
from collector.models import Instrument, Listing, Parsed, Snapshot
from collector.records import ListingRecord
from collector.venues.fields import ShapeError
from collector.venues.spec import Reply, Request, Venue

log = structlog.get_logger()

_MANY = 10
"""A list that has lost half of at least so many instruments is not believed the first time."""


class Client(Protocol):
    """Sends requests to one venue."""

    venue: Venue

    async def fetch(
        self, request: Request, deadline: float, on_send: Callable[[], None] = ...
    ) -> Reply:
        """Send a request and return its reply, or raise a `VenueError`."""


class Instruments:
    """What a venue lists, as far as we know, and what of it the user wants."""

    def __init__(
        self,
        client: Client,
        product_types: Sequence[str],
        include: Sequence[str] = ("*",),
        exclude: Sequence[str] = (),
    ) -> None:
        self.stale = True
        """Whether a fresh list is called for: at the start, and once an instrument is gone."""
        self._client = client
        self._product_types = product_types
        self._include = include
        self._exclude = exclude
        self._known: dict[str, Instrument] = {}
        self._gone: set[str] = set()
        self._dead: dict[str, Snapshot] = {}
        self._doubted = False
        self._failure_said = False
        self._refreshing = asyncio.Lock()
        self._keep: Callable[[ListingRecord], Awaitable[None]] | None = None

    def remember(self, listing: ListingRecord) -> None:
        """Start from what an earlier process was told."""
        self._known = {each.symbol: each for each in listing.instruments}

    def keep_with(self, keep: Callable[[ListingRecord], Awaitable[None]]) -> None:
        """Hand every fresh list to `keep`."""
        self._keep = keep

    def __len__(self) -> int:
        return len(self._known)

    def selected(self) -> list[Instrument]:
        """Return the instruments to ask for: active, wanted, and not found gone since."""
        return [
            each
            for each in self._known.values()
            if each.active and each.symbol not in self._gone and self._wanted(each.symbol)
        ]

    def gone(self, symbol: str) -> None:
        """Note that the venue no longer knows an instrument; it is not asked for again."""
        self._gone.add(symbol)
        self.stale = True

    async def refresh(self, deadline: float, on_send: Callable[[], None] = lambda: None) -> None:
        """Ask the venue what it lists. What cannot be learned now stays as it was.

        Raises:
            VenueError: nothing could be learned.
        """
        async with self._refreshing:
            listings: list[Listing] = []
            failures: list[VenueError] = []
            for product_types in [[each] for each in self._product_types] or [[]]:
                for request in self._client.venue.plan_listing(product_types):
                    try:
                        listings.append(await self._ask(request, deadline, on_send))
                    except VenueError as error:
                        failures.append(error)
                        listings.append(Listing(self._of_types(product_types), []))
            if len(failures) == len(listings):
                raise failures[0]
            for failure in failures:
                log.warning("listing.incomplete", venue=failure.venue, error=str(failure))
            await self._adopt(listings)

    async def sort_out(
        self, parsed: Parsed, deadline: float, on_send: Callable[[], None] = lambda: None
    ) -> tuple[Parsed, int]:
        """Keep the rows of instruments that are listed and wanted.

        A row of an instrument that is not known calls for a fresh list: it may be new. If it is not
        on that either, the venue no longer lists it, and its rows are left out for as long as their
        amounts stay as they are. If there is no fresh list to be had, the row is kept. So is a row
        that was rejected, unless it names an instrument that the user does not want.

        Returns:
            What to store, and how many rows were left out because the venue does not list them.
        """
        wanted = [row for row in parsed.snapshots if self._wanted(row.symbol)]
        unsure = {row.symbol for row in wanted if not (self._lists(row) or self._is_dead(row))}
        if unsure and await self.try_refresh(deadline, on_send) is None:
            unsure = set()
        kept = [row for row in wanted if self._lists(row) or row.symbol in unsure]
        # What this reply does not carry is forgotten: a venue cannot make us remember without end.
        self._dead = {
            row.symbol: row for row in wanted if not self._lists(row) and row.symbol not in unsure
        }
        rejects = [row for row in parsed.rejects if row.symbol is None or self._wanted(row.symbol)]
        return Parsed(kept, rejects), len(wanted) - len(kept)

    async def try_refresh(
        self, deadline: float, on_send: Callable[[], None] = lambda: None
    ) -> VenueError | None:
        """Ask the venue what it lists; return why that could not be learned, if it could not."""
        try:
            await self.refresh(deadline, on_send)
        except VenueError as error:
            if not self._failure_said:
                self._failure_said = True
                log.warning("listing.failed", venue=error.venue, known=len(self), error=str(error))
            return error
        self._failure_said = False
        return None

    async def _ask(self, request: Request, deadline: float, on_send: Callable[[], None]) -> Listing:
        reply = await self._client.fetch(request, deadline, on_send)
        try:
            return self._client.venue.parse_listing(reply)
        except ShapeError as problem:
            name = self._client.venue.name
            raise PayloadError(str(problem), venue=name, endpoint=request.endpoint) from None

    async def _adopt(self, listings: Sequence[Listing]) -> None:
        """Believe a fresh list, unless it is suddenly too short to be true, for the first time."""
        fresh: dict[str, Instrument] = {}
        for listing in listings:
            for each in listing.instruments:
                fresh.setdefault(each.symbol, each)
        remaining = len(fresh.keys() & self._known.keys())
        venue = self._client.venue.name
        if len(self._known) >= _MANY and remaining < len(self._known) / 2 and not self._doubted:
            self._doubted = True
            log.warning("listing.doubted", venue=venue, known=len(self._known), listed=remaining)
            return
        self._doubted = False
        self._known = fresh
        self._gone.clear()
        self.stale = False
        if self._keep is not None:
            rejects = [reject for listing in listings for reject in listing.rejects]
            instruments = [
                replace(each, selected=self._wanted(each.symbol)) for each in fresh.values()
            ]
            await self._keep(
                ListingRecord(
                    venue=venue,
                    listed_at=datetime.now(UTC),
                    instruments=instruments,
                    rejects=rejects,
                )
            )

    def _of_types(self, product_types: Sequence[str]) -> list[Instrument]:
        return [
            each
            for each in self._known.values()
            if not product_types or each.product_type in product_types
        ]

    def _lists(self, row: Snapshot) -> bool:
        return row.symbol in self._known

    def _is_dead(self, row: Snapshot) -> bool:
        """Tell whether this very row has been found to be of an instrument that is not listed."""
        twin = self._dead.get(row.symbol)
        return twin is not None and replace(row, exchange_ts=twin.exchange_ts) == twin

    def _wanted(self, symbol: str) -> bool:
        return any(fnmatchcase(symbol, pattern) for pattern in self._include) and not any(
            fnmatchcase(symbol, pattern) for pattern in self._exclude
        )
