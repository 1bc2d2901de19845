"""Send a venue's request through the limiter and return the decoded reply, or one typed error."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from types import SimpleNamespace

import aiohttp
import stamina
import structlog

from collector import __version__, exactjson
from collector.errors import (
    Banned,
    BodyTooLarge,
    BodyTruncated,
    BudgetClosed,
    ErrorReply,
    InstrumentGone,
    NoAnswer,
    NotJson,
    RateLimited,
    RequestRefused,
    ServerFault,
    VenueError,
)
from collector.headers import retry_after, whole
from collector.limits import Limiter, Slot
from collector.venues.fields import readable
from collector.venues.spec import FaultKind, Reply, Request, Venue

log = structlog.get_logger()

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 5.0
_TOTAL_SECONDS = 15.0
_CHUNK = 2**16
_SHOWN = 80

_BY_FAULT: Mapping[FaultKind, type[VenueError]] = {
    FaultKind.RATE_LIMITED: RateLimited,
    FaultKind.BANNED: Banned,
    FaultKind.TROUBLE: ServerFault,
    FaultKind.GONE: InstrumentGone,
    FaultKind.REFUSED: ErrorReply,
}
_BANS = {HTTPStatus.FORBIDDEN, HTTPStatus.IM_A_TEAPOT}


@dataclass(frozen=True)
class Patience:
    """How long a request may take and how often it is tried; seconds."""

    connect: float = _CONNECT_SECONDS
    read: float = _READ_SECONDS
    """Without a byte."""
    total: float = _TOTAL_SECONDS
    attempts: int = 3
    backoff: float = 0.5
    backoff_max: float = 5.0


@asynccontextmanager
async def open_session(patience: Patience) -> AsyncIterator[aiohttp.ClientSession]:
    """Open the one session of the process: keep-alive, TLS verified, no cookies, no redirects."""
    connector = aiohttp.TCPConnector(
        # Concurrency is bounded by the pollers, fairly; tasks that queue here wait unfairly.
        limit=0,
        ttl_dns_cache=300,
        keepalive_timeout=30,
    )
    timeout = aiohttp.ClientTimeout(
        total=patience.total,
        connect=patience.connect,
        sock_connect=patience.connect,
        sock_read=patience.read,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[_tell_when_sent()],
        headers={
            "User-Agent": f"open-interest-collector/{__version__}",
            "Accept": "application/json",
        },
    ) as session:
        # aiohttp would send a GET again by itself if a kept connection drops: a request that the
        # limiter never saw. There is no public switch; tests/http/ proves that this one works.
        session._retry_connection = False  # noqa: SLF001
        yield session


def _tell_when_sent() -> aiohttp.TraceConfig:
    """Tell a request's slot when it really leaves, after DNS, TCP and TLS."""

    async def headers_sent(
        _: aiohttp.ClientSession,
        context: SimpleNamespace,
        __: aiohttp.TraceRequestHeadersSentParams,
    ) -> None:
        slot: Slot = context.trace_request_ctx
        slot.sent(asyncio.get_running_loop().time())

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(headers_sent)
    return trace


class VenueClient:
    """Sends one venue's requests, to the host that answers."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        venue: Venue,
        base_urls: Sequence[str],
        limiter: Limiter,
        patience: Patience,
    ) -> None:
        self.venue = venue
        self._session = session
        self._base_urls = [url.rstrip("/") for url in base_urls]
        self._host = 0
        self._switch_said = False
        self._limiter = limiter
        self._patience = patience

    async def fetch(
        self, request: Request, deadline: float, on_send: Callable[[], None] = lambda: None
    ) -> Reply:
        """Send a request, again if that may help, and return its reply.

        Args:
            request: what to ask.
            deadline: when to give up waiting for the limiter, in the loop's time.
            on_send: called each time that something is really sent.

        Raises:
            VenueError: whatever happened; its class and fields say what.
        """
        patience = self._patience
        async for attempt in stamina.retry_context(
            on=_worth_another_try,
            attempts=patience.attempts,
            timeout=None,
            wait_initial=patience.backoff,
            wait_max=patience.backoff_max,
            wait_jitter=patience.backoff,
        ):
            with attempt:
                return await self._once(request, deadline, on_send)
        raise AssertionError("stamina either returns or raises")

    async def _once(self, request: Request, deadline: float, on_send: Callable[[], None]) -> Reply:
        base_url = self._base_urls[self._host]
        try:
            async with self._limiter.slot(request.limits, deadline) as slot:
                on_send()
                try:
                    return await self._exchange(request, base_url, slot)
                except VenueError as error:
                    self._draw_conclusions(error, slot, base_url)
                    raise
        except BudgetClosed as closed:
            closed.venue, closed.endpoint = self.venue.name, request.endpoint
            raise

    async def _exchange(self, request: Request, base_url: str, slot: Slot) -> Reply:
        """Send, and read what comes back; the HTTP library's errors end here."""
        try:
            async with self._session.request(
                request.method,
                base_url + request.path,
                params=request.query or None,
                json=request.body,
                allow_redirects=False,
                trace_request_ctx=slot,
            ) as response:
                left = whole(response.headers.get(self.venue.remaining_header or ""))
                slot.answered(base_url, asyncio.get_running_loop().time(), left)
                reply = await self._read(request, response)
                slot.accepted()
                self._switch_said = False
                return reply
        except aiohttp.ClientPayloadError as error:
            raise self._error(BodyTruncated, request, _told(error)) from error
        except (TimeoutError, aiohttp.ClientError) as error:
            if not isinstance(error, TimeoutError):
                slot.disconnected(asyncio.get_running_loop().time())
            raise self._error(NoAnswer, request, _told(error)) from error

    async def _read(self, request: Request, response: aiohttp.ClientResponse) -> Reply:
        """Turn a response into a reply, or into the error that it means."""
        if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
            target = response.headers.get("Location", "nowhere")[:_SHOWN]
            raise self._error(RequestRefused, request, f"redirected to {target!r}", response)
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise await self._refusal(request, response)
        body = await self._body(request, response)
        received_at = datetime.now(UTC)
        try:
            payload = exactjson.decode(body)
        except ValueError:
            shown = body[:_SHOWN].decode(errors="replace")
            raise self._error(NotJson, request, f"not JSON: {shown!r}", response) from None
        fault = self.venue.fault(payload)
        if fault is not None:
            kind = _BY_FAULT[fault.kind]
            raise self._error(kind, request, fault.message, response, fault.code)
        return Reply(request, payload, received_at)

    async def _refusal(self, request: Request, response: aiohttp.ClientResponse) -> VenueError:
        """Return what an error status means, with the venue's own code if the body has one."""
        status = response.status
        try:
            fault = self.venue.fault(exactjson.decode(await self._body(request, response)))
        except (ValueError, VenueError, TimeoutError, aiohttp.ClientError):
            fault = None  # the status says enough; a body is a bonus
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            kind: type[VenueError] = RateLimited
        elif status in _BANS:
            kind = Banned
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            kind = ServerFault
        elif fault is not None and fault.kind is not FaultKind.REFUSED:
            kind = _BY_FAULT[fault.kind]
        else:
            kind = RequestRefused
        if fault is None:
            return self._error(kind, request, response.reason or "refused", response)
        return self._error(kind, request, fault.message, response, fault.code)

    async def _body(self, request: Request, response: aiohttp.ClientResponse) -> bytes:
        """Read the body, inflated, up to the request's cap."""
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > request.max_bytes:
                detail = f"more than {request.max_bytes} bytes"
                raise self._error(BodyTooLarge, request, detail, response)
        return bytes(body)

    def _error(
        self,
        kind: type[VenueError],
        request: Request,
        detail: str,
        response: aiohttp.ClientResponse | None = None,
        code: str | None = None,
    ) -> VenueError:
        return kind(
            readable(detail),
            venue=self.venue.name,
            endpoint=request.endpoint,
            symbol=request.symbol,
            status=None if response is None else response.status,
            code=code,
            retry_after=None if response is None else retry_after(response.headers),
        )

    def _draw_conclusions(self, error: VenueError, slot: Slot, base_url: str) -> None:
        """Tighten the limiter, or turn to the venue's other host."""
        now = asyncio.get_running_loop().time()
        longest = self.venue.longest_penalty
        if isinstance(error, Banned):
            error.retry_after = slot.refused(now, error.retry_after or longest, longest)
        elif isinstance(error, RateLimited) or error.retry_after is not None:
            error.retry_after = slot.refused(now, error.retry_after, longest)
        elif isinstance(error, NoAnswer | ServerFault | NotJson | BodyTruncated):
            self._turn_from(base_url, error)

    def _turn_from(self, base_url: str, error: VenueError) -> None:
        """Ask the next host from now on, unless another request has already turned."""
        if len(self._base_urls) == 1 or self._base_urls[self._host] != base_url:
            return
        self._host = (self._host + 1) % len(self._base_urls)
        if not self._switch_said:  # while none of them answers, once is enough
            self._switch_said = True
            log.warning(
                "venue.host_switched",
                venue=self.venue.name,
                away_from=base_url,
                to=self._base_urls[self._host],
                error=error.kind,
            )


def _worth_another_try(error: Exception) -> bool:
    return isinstance(error, VenueError) and error.retryable


def _told(error: Exception) -> str:
    """Say what went wrong in the library's words, which name hosts and times but no secret."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
