"""Whole sweeps against strict venues in processes of their own: nothing is ever refused."""

import asyncio

import pytest

from benchmarks.bitget_sweep import sweep

RUNS = [(0, 0.0), (1, 0.0), (2, 0.01), (3, 0.05)]
"""Seeds, and the share of the replies that take 800 ms more."""


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_sweep_of_500_is_complete_and_never_refused() -> None:
    """At full speed, with jitter, and with slow replies: 20 in any second, and no 21st."""
    runs = await asyncio.gather(*(sweep(seed, slow, 500) for seed, slow in RUNS))

    assert [run.rows for run in runs] == [500] * len(RUNS)
    assert [run.refused for run in runs] == [0] * len(RUNS)
    assert [run.most for run in runs] == [20] * len(RUNS)
