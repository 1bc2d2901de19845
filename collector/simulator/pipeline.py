"""What happens to a request: delay, arrival, limits, faults, the venue's answer, delay, sending."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from collector.simulator.board import FaultBoard, Hit
from collector.simulator.clock import Clock
from collector.simulator.failures import failed, http_date
from collector.simulator.faults import BODY, CLOCK, ROW, UNCOUNTED, WHOLE
from collector.simulator.latency import Latency, pause
from collector.simulator.ledger import Ledger
from collector.simulator.limits import LimitBoard, Verdict
from collector.simulator.options import RetryAfter
from collector.simulator.replies import Call, Endpoint, Reply, Venue
from collector.simulator.windows import Tally
from collector.simulator.wire import BREAKERS, hang_up, send

TOO_MANY_REQUESTS = 429


@dataclass(slots=True)
class Route:
    """An endpoint with what it has seen so far."""

    venue: Venue
    endpoint: Endpoint
    tally: Tally
    faulted: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Pipeline:
    """The way of every request to a venue; each step is in the module of its name."""

    clock: Clock
    started_ms: int
    latency: Latency
    limits: LimitBoard
    board: FaultBoard
    ledger: Ledger
    retry_after: RetryAfter

    async def serve(self, request: web.BaseRequest, route: Route) -> web.StreamResponse:
        """Answer a request to an endpoint."""
        before, after = self.latency.draw()
        if before:
            await pause(before)
        if uncounted := self._hits(request, route, {UNCOUNTED}):
            return hang_up(request, uncounted[0]).response
        # Nothing may run between the stamp and the verdict, or arrivals could change places.
        now_ns, client = self.clock.monotonic_ns(), request.remote or ""
        verdict = self.limits.admit(route.endpoint.scopes, client, now_ns)
        route.tally.record(client, now_ns, accepted=verdict.accepted)
        hits: list[Hit] = []
        if verdict.accepted:
            # In this order, because a reply that is replaced may still be broken on its way.
            hits += self._hits(request, route, {WHOLE})
            hits += self._hits(request, route, {BODY})
        reply = await self._answer(request, route, verdict, hits)
        if after:
            await pause(after)
        return await self._send(request, route, reply, hits)

    def _hits(
        self, request: web.BaseRequest, route: Route, stages: Collection[str]
    ) -> Sequence[Hit]:
        if not self.board.active or request.transport is None:
            return ()
        listener = request.transport.get_extra_info("sockname")[1]
        path = route.endpoint.path
        hits = self.board.draw(stages, route.venue.name, path, listener)
        route.faulted.update(hit.kind for hit in hits)
        return hits

    async def _answer(
        self, request: web.BaseRequest, route: Route, verdict: Verdict, hits: Sequence[Hit]
    ) -> Reply:
        venue, endpoint = route.venue, route.endpoint
        body: bytes | None = b""
        if endpoint.most_body_bytes and verdict.accepted:
            body = await read_body(request, endpoint.most_body_bytes)
        wall_ms = self.clock.wall_ms()
        call = Call(
            request.method,
            endpoint.path,
            request.query,
            body or b"",
            wall_ms,
            wall_ms,
            wall_ms - self.started_ms,
        )
        if not verdict.accepted:
            reply = self._over_limit(venue, call, verdict)
        elif hits and hits[0].stage == WHOLE:
            return failed(hits[0], venue, call, verdict)
        elif request.method != endpoint.method:
            reply = venue.refuse(405, call)
        elif body is None:
            reply = venue.refuse(413, call)
        else:
            if endpoint.serves_open_interest and endpoint.asked_by in call.body:
                self._distort(call, self._hits(request, route, {CLOCK, ROW}))
            reply = endpoint.handle(call)
        venue.add_limit_headers(call, verdict, reply)
        return reply

    def _over_limit(self, venue: Venue, call: Call, verdict: Verdict) -> Reply:
        reply = venue.over_limit(call, verdict)
        if reply.status == TOO_MANY_REQUESTS and self.retry_after != "none":
            seconds = verdict.wait_seconds
            in_date = self.retry_after == "date"
            text = http_date(call.wall_ms, seconds) if in_date else str(seconds)
            reply.headers["Retry-After"] = text
        return reply

    def _distort(self, call: Call, hits: Sequence[Hit]) -> None:
        call.hits = hits
        for hit in hits:
            if hit.stage == CLOCK:
                call.exchange_ms = hit.exchange_ms(call.wall_ms)

    async def _send(
        self, request: web.BaseRequest, route: Route, reply: Reply, hits: Sequence[Hit]
    ) -> web.StreamResponse:
        breaker = next((hit for hit in hits if hit.kind in BREAKERS), None)
        block = None
        if self.ledger.recording and reply.rows:
            block = self.ledger.begin(route.venue.name, reply.rows)
        whole = False
        try:
            if breaker is None:
                response, whole = await send(request, reply)
            else:
                response, whole = await BREAKERS[breaker.kind](request, reply, breaker)
        finally:
            if block is not None:
                self.ledger.finish(block, delivered=whole)
        return response


async def read_body(request: web.BaseRequest, most_bytes: int) -> bytes | None:
    """Read a body; None if it is larger than that."""
    if (request.content_length or 0) > most_bytes:
        return None
    body = b""
    try:
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > most_bytes:
                return None
    except (ConnectionError, web.RequestPayloadError):
        # The client is gone or has sent no HTTP; what it sent so far is no request either way.
        return b""
    return body
