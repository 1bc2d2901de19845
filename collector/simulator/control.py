"""`/_sim/...`: look at the simulator and change it while it runs; no limit or fault applies."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from collector.simulator.failures import page
from collector.simulator.faults import FaultError
from collector.simulator.market import NAME, MarketError
from collector.simulator.pipeline import read_body
from collector.simulator.replies import Reply, compact
from collector.simulator.wire import send

if TYPE_CHECKING:
    from collector.simulator.server import Simulator

ROOT = "/_sim/"
MOST_BODY_BYTES = 2**20
Action = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class ControlError(Exception):
    """A control request that makes no sense; answered with its status and one sentence."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Control:
    """The simulator's own endpoints."""

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator
        self._actions: Mapping[tuple[str, str], Action] = {
            ("GET", "stats"): self._stats,
            ("POST", "reset"): self._reset,
            ("GET", "faults"): self._show_faults,
            ("POST", "faults"): self._change_faults,
            ("GET", "instruments"): self._show_instruments,
            ("POST", "instruments"): self._change_instruments,
            ("GET", "served"): self._served,
            ("GET", "moved"): self._moved,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request below /_sim/."""
        name = request.path.removeprefix(ROOT)
        action = self._actions.get((request.method, name), self._unknown)
        try:
            return await action(request)
        except ControlError as error:
            return await _json(request, {"error": str(error)}, error.status)
        except (FaultError, MarketError) as error:
            return await _json(request, {"error": str(error)}, 400)

    async def _unknown(self, request: web.BaseRequest) -> web.StreamResponse:
        known = ", ".join(f"{method} {ROOT}{name}" for method, name in self._actions)
        return await _json(request, {"error": f"there is {known}"}, 404)

    async def _stats(self, request: web.BaseRequest) -> web.StreamResponse:
        return await _json(request, self._simulator.stats())

    async def _reset(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = await _object(request, {"limits"}) if request.can_read_body else {}
        if not isinstance(asked.get("limits", False), bool):
            raise ControlError("limits is true or false")
        self._simulator.reset(limits=asked.get("limits") is True)
        return await _json(request, {"reset": True})

    async def _show_faults(self, request: web.BaseRequest) -> web.StreamResponse:
        return await _json(request, {"faults": self._simulator.faults.report()})

    async def _change_faults(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = await _object(request, {"faults", "add", "remove"})
        board = self._simulator.faults
        if "faults" in asked:
            if len(asked) > 1:
                raise ControlError("faults replaces all, so it stands alone")
            board.replace(*_faults(asked["faults"]))
        else:
            numbers = asked.get("remove", [])
            if not isinstance(numbers, list) or not all(type(each) is int for each in numbers):
                raise ControlError("remove is a list of fault numbers")
            board.change(remove=numbers, add=_faults(asked.get("add", [])))
        return await self._show_faults(request)

    async def _show_instruments(self, request: web.BaseRequest) -> web.StreamResponse:
        shown = {
            venue.name: {"listed": list(venue.market.listed), "gone": list(venue.market.gone)}
            for venue in self._simulator.venues.values()
        }
        return await _json(request, shown)

    async def _change_instruments(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = await _object(request, {"venue", "list", "delist"})
        name = asked.get("venue")
        if not isinstance(name, str) or name not in self._simulator.venues:
            raise ControlError(f"venue is one of {', '.join(self._simulator.venues)}")
        listed, delisted = _symbols(asked, "list"), _symbols(asked, "delist")
        if not listed and not delisted:
            raise ControlError("name a symbol, or a list of them, to list or delist")
        self._simulator.change_listing(name, add=listed, delist=delisted)
        return await _json(request, {"venue": name, "listed": listed, "delisted": delisted})

    async def _served(self, request: web.BaseRequest) -> web.StreamResponse:
        ledger, query = self._simulator.ledger, request.query
        if not ledger.recording:
            raise ControlError("the ledger is off; start the simulator with --ledger", 409)
        venue, since = query.get("venue") or None, query.get("since", "0")
        if venue is not None and venue not in self._simulator.venues:
            raise ControlError(f"venue is one of {', '.join(self._simulator.venues)}")
        if not (since.isascii() and since.isdigit()):
            raise ControlError("since is a sequence number")
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for lines in ledger.lines(venue, int(since)):
            await response.write(lines)
        await response.write_eof()
        return response

    async def _moved(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer who follows the fault `redirect`."""
        return (await send(request, page(200, "This page has moved"))).response


async def _json(request: web.BaseRequest, value: object, status: int = 200) -> web.StreamResponse:
    return (await send(request, Reply(compact(value).encode() + b"\n", status))).response


async def _object(request: web.BaseRequest, known: set[str]) -> dict[str, object]:
    body = await read_body(request, MOST_BODY_BYTES)
    try:
        asked = json.loads(body or b"")
    except ValueError as error:
        raise ControlError(f"the body is no JSON: {error}") from None
    if not isinstance(asked, dict):
        raise ControlError("the body is a JSON object")
    if unknown := sorted(asked.keys() - known):
        raise ControlError(f"there is no {unknown[0]!r}; there are {', '.join(sorted(known))}")
    return asked


def _faults(asked: object) -> list[str | Mapping[str, object]]:
    if not isinstance(asked, list) or not all(isinstance(each, str | dict) for each in asked):
        raise ControlError("faults are a list of VENUE[@PORT]:KIND:RATE[:PARAM] or objects")
    return asked


def _symbols(asked: Mapping[str, object], name: str) -> list[str]:
    given = asked.get(name, [])
    symbols = [given] if isinstance(given, str) else given
    if not isinstance(symbols, list) or not all(
        isinstance(each, str) and NAME.fullmatch(each) for each in symbols
    ):
        raise ControlError(f"{name} is a symbol or a list of symbols")
    return symbols
