"""The daemon's HTTP server: is it alive, is it ready. It answers GET and nothing else.

What a client can cost is bounded, because whoever can reach the port is not to be trusted: one
request for each connection, of a few kilobytes, without a body, within seconds; and when there are
too many connections the oldest goes, which is the slowest.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiohttp import web

from collector.errors import CollectorError
from collector.health import Health
from collector.settings import HttpSettings

log = structlog.get_logger()

_CONNECTIONS = 50
_CONNECTION_SECONDS = 10.0
"""Until its request is there."""
_LINGERING_SECONDS = 1.0
"""How long a body that nobody wants is read, so that its sender sees the answer."""
_LINE_BYTES = 4096
_HEADERS = 50
_PERMITTED = ("GET", "HEAD")

_Pages = Mapping[str, Callable[[], web.Response]]


@asynccontextmanager
async def serve(settings: HttpSettings, health: Health) -> AsyncIterator[None]:
    """Serve `/healthz` and `/readyz` while the block runs.

    Raises:
        CollectorError: the address cannot be used.
    """

    def healthz() -> web.Response:
        return web.json_response({"status": "alive", "tasks": len(asyncio.all_tasks())})

    def readyz() -> web.Response:
        problems = health.problems()
        status = "not ready" if problems else "ready"
        return web.json_response(
            {"status": status, "problems": problems}, status=503 if problems else 200
        )

    server = _Server(_answers({"/healthz": healthz, "/readyz": readyz}))
    runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=_LINGERING_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, settings.host, settings.port).start()
        except OSError as error:
            address = f"{settings.host}:{settings.port}"
            reason = os.strerror(error.errno) if error.errno else error
            raise CollectorError(
                f"http.host, http.port: {address} is not usable: {reason}"
            ) from error
        yield
    finally:
        await runner.cleanup()


def _answers(pages: _Pages) -> Callable[[web.BaseRequest], Awaitable[web.Response]]:
    """Return what answers a request."""

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.method not in _PERMITTED:
            return _finished(_error(405, {"Allow": ", ".join(_PERMITTED)}))
        page = pages.get(request.path)
        return _finished(_error(404) if page is None else page())

    return answer


def _error(status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response({"error": status}, status=status, headers=headers)


def _finished(response: web.Response) -> web.Response:
    """Name no version, and end the connection."""
    response.headers["Server"] = "collector"
    response.force_close()
    return response


class _Connection(web.RequestHandler):
    """One client; what it sends that is no request is its own affair."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - what the client has sent, which it knows
    ) -> web.StreamResponse:
        """Answer with the status alone; the log hears of our own faults only."""
        if status >= 500:  # noqa: PLR2004 - as everybody knows
            log.error("http.failed", path=request.path, exc_info=exc)
        return _finished(_error(status))


class _Server(web.Server):
    """Makes a connection of ours for each client, and ends the oldest if there are too many."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.Response]]) -> None:
        super().__init__(handler)
        self._limits: dict[str, Any] = {
            "access_log": None,
            "auto_decompress": False,
            "keepalive_timeout": _CONNECTION_SECONDS,
            "lingering_time": _LINGERING_SECONDS,
            "max_field_size": _LINE_BYTES,
            "max_headers": _HEADERS,
            "max_line_size": _LINE_BYTES,
        }
        self._open: dict[web.RequestHandler, asyncio.Transport] = {}

    def __call__(self) -> web.RequestHandler:
        """Return what talks to one client."""
        return _Connection(self, loop=asyncio.get_running_loop(), **self._limits)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Note a connection, at the expense of the oldest."""
        super().connection_made(handler, transport)
        if len(self._open) >= _CONNECTIONS:
            oldest = next(iter(self._open))
            self._open.pop(oldest).abort()
        self._open[handler] = transport

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        """Forget a connection."""
        self._open.pop(handler, None)
        super().connection_lost(handler, exc)
