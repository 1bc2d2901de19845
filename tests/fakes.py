"""Small stand-ins for what a test does not need the real thing of."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from collector.errors import VenueError
from collector.exactjson import Number
from collector.venues import VENUES
from collector.venues.spec import Reply, Request, Venue


@dataclass
class FakeClient:
    """Answers at once, by a function of the request; an error that it returns is raised."""

    answer: Callable[[Request], object]
    venue: Venue = VENUES["htx"]
    asked: list[Request] = field(default_factory=list)
    pause: asyncio.Event | None = None
    """Answers wait for this, if it is there."""

    async def fetch(
        self, request: Request, deadline: float, on_send: Callable[[], None] = lambda: None
    ) -> Reply:
        """Answer, or raise."""
        self.asked.append(request)
        on_send()
        if self.pause is not None:
            await self.pause.wait()
        answer = self.answer(request)
        if isinstance(answer, VenueError):
            raise answer
        return Reply(request, answer, datetime.now(UTC))

    def paths(self) -> list[str]:
        """Return the last part of each path that was asked for."""
        return [request.path.rpartition("/")[2] for request in self.asked]


@dataclass
class FakeHtx:
    """What HTX lists and what it reports; either may be an error."""

    listed: list[str] | VenueError
    reported: Mapping[str, str] | VenueError
    """Contracts by symbol."""

    def answer(self, request: Request) -> object:
        """Answer a request for contracts or for open interest."""
        if request.path.endswith("swap_contract_info"):
            if isinstance(self.listed, VenueError):
                return self.listed
            rows = [_contract(symbol) for symbol in self.listed]
        else:
            if isinstance(self.reported, VenueError):
                return self.reported
            rows = [_interest(symbol, volume) for symbol, volume in self.reported.items()]
        now = int(datetime.now(UTC).timestamp() * 1000)
        return {"status": "ok", "data": rows, "ts": Number(now)}

    def client(self) -> FakeClient:
        """Return a client that asks it."""
        return FakeClient(self.answer)


@dataclass
class FakeBitget:
    """What Bitget lists, and the errors that it answers with for some symbols."""

    listed: list[str]
    errors: Mapping[str, VenueError] = field(default_factory=dict)

    def answer(self, request: Request) -> object:
        """Answer a request for contracts or for one symbol's open interest."""
        if request.path.endswith("contracts"):
            demo = request.query["productType"] != "USDT-FUTURES"
            rows = [] if demo else [_bitget_contract(symbol) for symbol in self.listed]
            return {"code": "00000", "data": rows}
        symbol = request.query["symbol"]
        if symbol in self.errors:
            return self.errors[symbol]
        ts = str(int(datetime.now(UTC).timestamp() * 1000))
        rows = [{"symbol": symbol, "size": "1.5"}]
        return {"code": "00000", "data": {"openInterestList": rows, "ts": ts}}

    def client(self) -> FakeClient:
        """Return a client that asks it."""
        return FakeClient(self.answer, VENUES["bitget"])


def _contract(symbol: str) -> Mapping[str, object]:
    base = symbol.partition("-")[0]
    return {"contract_code": symbol, "symbol": base, "pair": symbol, "business_type": "swap"}


def _interest(symbol: str, volume: str) -> Mapping[str, object]:
    amounts = {"amount": Number("1.5"), "volume": Number(volume), "value": Number("3")}
    return {"contract_code": symbol, **amounts}


def _bitget_contract(symbol: str) -> Mapping[str, object]:
    return {"symbol": symbol, "baseCoin": symbol.removesuffix("USDT"), "quoteCoin": "USDT"}
