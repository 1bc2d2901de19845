"""The daemon's HTTP server: is it alive, is it ready. It answers GET and reads no body."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from collector.errors import CollectorError
from collector.health import Health
from collector.settings import HttpSettings


@asynccontextmanager
async def serve(settings: HttpSettings, health: Health) -> AsyncIterator[None]:
    """Serve `/healthz` and `/readyz` while the block runs.

    Raises:
        CollectorError: the address cannot be used.
    """

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_: web.Request) -> web.Response:
        problems = health.problems()
        status = "not ready" if problems else "ready"
        return web.json_response(
            {"status": status, "problems": problems}, status=503 if problems else 200
        )

    app = web.Application(client_max_size=1024)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
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
