"""A simulator on a free port whose clock only the test moves, and a client for it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, TCPConnector

from collector.simulator import Simulator, SimulatorOptions
from collector.simulator.clock import Clock

STARTED_MS = 1_790_000_000_000

Start = Callable[..., Awaitable[Simulator]]
Ask = Callable[..., Awaitable[ClientResponse]]


@pytest.fixture
def clock() -> list[int]:
    """Nanoseconds since the simulator's start, in a list so that a test can move it."""
    return [0]


@pytest.fixture
async def start(clock: list[int]) -> AsyncIterator[Start]:
    """Start a small simulator; its options are the keywords, `real=True` gives it real clocks."""
    async with AsyncExitStack() as stack:

        async def begin(*, real: bool = False, **options: Any) -> Simulator:
            held = Clock(lambda: clock[0], lambda: STARTED_MS * 1_000_000 + clock[0])
            small = {"port": 0, "bitget": 60, "htx": 50, "synthetix": 8, **options}
            simulator = Simulator(SimulatorOptions(**small), clock=Clock() if real else held)
            return await stack.enter_async_context(simulator)

        yield begin


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Send a request to a path of a simulator and read its whole answer.

    A keyword `json` makes it a POST; `source` is the client's own address.
    """
    async with AsyncExitStack() as stack:
        sessions: dict[str, ClientSession] = {}

        async def send(
            simulator: Simulator,
            path: str,
            *,
            source: str = "127.0.0.1",
            listener: int = 0,
            **options: Any,
        ) -> ClientResponse:
            if source not in sessions:
                connector = TCPConnector(local_addr=(source, 0))
                sessions[source] = await stack.enter_async_context(
                    ClientSession(connector=connector)
                )
            post = "json" in options or "data" in options
            method = options.pop("method", "POST" if post else "GET")
            options.setdefault("allow_redirects", False)
            url = simulator.base_urls[listener] + path
            async with sessions[source].request(method, url, **options) as response:
                await response.read()
            return response

        yield send
