"""Small venues that misbehave on demand, and the daemon's fixtures to poll them with."""

from collections.abc import AsyncIterator

import pytest

from collector.simulator import Simulator, SimulatorOptions
from tests.daemon.conftest import program, until

__all__ = ["program", "simulator", "until"]


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """Venues so small that a sweep takes no time, which remember what they have served."""
    options = SimulatorOptions(port=(0, 0), seed=3, bitget=24, htx=10, synthetix=5, ledger=True)
    async with Simulator(options) as simulator:
        yield simulator
