"""The simulator itself: builds its parts, listens, and hands each request to where it belongs."""

import socket
from collections.abc import Collection
from types import TracebackType
from typing import Self

from aiohttp import web

from collector.simulator.bitget import Bitget
from collector.simulator.board import FaultBoard
from collector.simulator.clock import Clock
from collector.simulator.control import ROOT, Control
from collector.simulator.htx import Htx
from collector.simulator.latency import Latency
from collector.simulator.ledger import Ledger
from collector.simulator.limits import LimitBoard, override
from collector.simulator.market import Walk
from collector.simulator.options import SimulatorOptions
from collector.simulator.pipeline import Pipeline, Route
from collector.simulator.replies import Call, Reply, Venue, compact
from collector.simulator.synthetix import Synthetix
from collector.simulator.windows import Tally
from collector.simulator.wire import send

BACKLOG = 4096
# Requests that still run when the simulator stops get this long, then they are cancelled.
GRACE_SECONDS = 0.1


class Simulator:
    """All simulated venues on one or more ports; use it as an async context manager.

    `base_urls` has one URL for each port, in the order of the options; `faults`, `ledger` and
    `stats()` are what `/_sim/` shows.
    """

    def __init__(self, options: SimulatorOptions | None = None, clock: Clock | None = None) -> None:
        self.options = options = options or SimulatorOptions()
        self._clock = clock or Clock()
        self._started_ms = now_ms = self._clock.wall_ms()
        walk = Walk(options.seed)
        venues: list[Venue] = [
            Bitget(options, walk, now_ms),
            Htx(options, walk, now_ms),
            Synthetix(options, walk, now_ms),
        ]
        self.venues = {venue.name: venue for venue in venues}
        limits = override([limit for each in venues for limit in each.limits], options.limits)
        self._limits = LimitBoard(
            limits,
            enforce=not options.no_limits,
            charge_rejected=options.charge_rejected,
            bucket_cost=options.synthetix_cost,
        )
        self._routes = {
            endpoint.path: Route(venue, endpoint, Tally(self._first_limit(endpoint.scopes)))
            for venue in venues
            for endpoint in venue.endpoints
        }
        self._ports: list[int] = []
        self.faults = FaultBoard(options.seed, self._clock.wall_ms, self._routes, self._ports)
        self.ledger = Ledger(options.ledger)
        self._pipeline = Pipeline(
            self._clock,
            now_ms,
            Latency(options),
            self._limits,
            self.faults,
            self.ledger,
            options.retry_after,
        )
        self._control = Control(self)
        self._runner: web.ServerRunner | None = None

    def _first_limit(self, scopes: tuple[str, ...]) -> int:
        return self._limits.meters[scopes[0]].limit.window_ns

    @property
    def base_urls(self) -> list[str]:
        """The URL of each listener."""
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        return [f"http://{host}:{port}" for port in self._ports]

    @property
    def base_url(self) -> str:
        """The URL of the first listener."""
        return self.base_urls[0]

    async def __aenter__(self) -> Self:
        """Listen; raises OSError if a port is taken, FaultError if a fault makes no sense."""
        server = web.Server(self._handle)
        self._runner = web.ServerRunner(
            server, handle_signals=False, access_log=None, shutdown_timeout=GRACE_SECONDS
        )
        await self._runner.setup()
        try:
            for port in self.options.ports:
                listener = self._listener(port)
                self._ports.append(listener.getsockname()[1])
                await web.SockSite(self._runner, listener, backlog=BACKLOG).start()
            self.faults.add(*self.options.faults)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening, and give up on requests that do not end soon."""
        await self._stop()

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._ports.clear()
        self.ledger.close()

    def _listener(self, port: int) -> socket.socket:
        host = self.options.host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        route = self._routes.get(path)
        if route is not None:
            return await self._pipeline.serve(request, route)
        if path.startswith(ROOT):
            return await self._control.handle(request)
        return (await send(request, self._not_found(request.method, path))).response

    def _not_found(self, method: str, path: str) -> Reply:
        wall_ms = self._clock.wall_ms()
        call = Call(method, path, {}, b"", wall_ms, wall_ms, 0)
        for venue in self.venues.values():
            if path.startswith(venue.prefixes):
                return venue.refuse(404, call)
        known = ", ".join([*self._routes, f"{ROOT}stats"])
        return Reply(compact({"error": f"no venue has this path; there is {known}"}).encode(), 404)

    def change_listing(
        self, venue: str, *, add: Collection[str] = (), delist: Collection[str] = ()
    ) -> None:
        """List new or once delisted instruments and delist others, all or none; or MarketError."""
        found, elapsed_ms = self.venues[venue], self._elapsed_ms()
        drafts = [found.draft(symbol) for symbol in add]
        found.market.check(add, delist)
        for draft in drafts:
            found.market.add(draft, elapsed_ms)
        for symbol in delist:
            found.market.delist(symbol, elapsed_ms)

    def _elapsed_ms(self) -> int:
        return self._clock.wall_ms() - self._started_ms

    def reset(self, *, limits: bool = False) -> None:
        """Forget what was counted; with `limits` also what clients have used up, and penalties."""
        for route in self._routes.values():
            route.tally.reset()
            route.faulted.clear()
        for meter in self._limits.meters.values():
            meter.tally.reset()
            if limits:
                meter.forgive()

    def stats(self) -> dict[str, object]:
        """Count requests for each venue, by endpoint and by limit."""
        return {
            "uptime_seconds": self._elapsed_ms() / 1000,
            "venues": {name: self._venue_stats(venue) for name, venue in self.venues.items()},
        }

    def _venue_stats(self, venue: Venue) -> dict[str, object]:
        meters = self._limits.meters
        limits = {scope: meter for scope, meter in meters.items() if scope.startswith(venue.name)}
        return {
            "listed": len(venue.market.listed),
            "gone": len(venue.market.gone),
            "endpoints": {
                path: {
                    **route.tally.report(),
                    "limit": self._limit_stats(route.endpoint.scopes[0]),
                    "faulted": dict(route.faulted),
                }
                for path, route in self._routes.items()
                if route.venue is venue
            },
            "limits": {
                scope: {**meter.tally.report(), "limit": self._limit_stats(scope)}
                for scope, meter in limits.items()
            },
        }

    def _limit_stats(self, scope: str) -> dict[str, object]:
        limit = self._limits.meters[scope].limit
        return {"scope": scope, "count": limit.count, "window_seconds": limit.window_seconds}
