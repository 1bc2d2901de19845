"""Snapshots of realistic shape: the simulator's instruments, each on a walk as slow as a real one.

The simulator's figures change every second, so that its demo is lively. Here its walk is sixty
times slower: an instrument that it moves each second moves about once for each poll.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collector.simulator.bitget import Bitget
from collector.simulator.decimals import E18, fixed18, natural
from collector.simulator.htx import Htx
from collector.simulator.market import Instrument, Walk
from collector.simulator.options import SimulatorOptions
from collector.simulator.seeding import seeded
from collector.simulator.synthetix import Synthetix

START = datetime(2026, 8, 27, tzinfo=UTC)
INTERVAL = timedelta(seconds=60)
SLOWER = 60
Amounts = tuple[str | None, str | None, str | None, str | None, str | None]
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Row:
    """A snapshot under the number of its series; base, contracts, quote, long, short."""

    exchange_ts: datetime
    polled_at: datetime
    series_id: int
    received_after_ms: int
    amounts: Amounts


def rows(days: float, every: int) -> Iterator[Row]:
    """Yield `days` of each venue's instruments, one in `every`, in the order of their arrival."""
    options, walk, rng = SimulatorOptions(seed=1), Walk(1), seeded(1, "columnstore")
    now = int(START.timestamp() * 1000)
    venues = (
        (list(Bitget(options, walk, now).market.listed.values()), _bitget, 0.05),
        (list(Htx(options, walk, now).market.listed.values()), _htx, 0.0),
        (list(Synthetix(options, walk, now).market.listed.values()), _synthetix, 0.0),
    )
    for poll in range(int(days * timedelta(days=1) / INTERVAL)):
        tick = START + poll * INTERVAL
        elapsed = poll * (INTERVAL // _MILLISECOND) // SLOWER
        series = 0
        for number, (instruments, amounts, pace) in enumerate(venues):
            together = (number + rng.expovariate(10), rng.uniform(0.05, 0.25))
            for place, instrument in list(enumerate(instruments))[::every]:
                # Bitget is asked for one at a time; elsewhere one reply is about all of them.
                alone = (place * pace + 0.15 + rng.expovariate(20), rng.uniform(0.04, 0.1))
                after, age = alone if pace else together
                yield Row(
                    tick + round((after - age) * 1000) * _MILLISECOND,
                    tick,
                    series,
                    int(after * 1000),
                    amounts(instrument, walk, elapsed),
                )
                series += 1


def _bitget(instrument: Instrument, walk: Walk, elapsed_ms: int) -> Amounts:
    size = natural(instrument.lots_at(walk, elapsed_ms), -instrument.lot_exponent)
    return size, None, None, None, None


def _htx(instrument: Instrument, walk: Walk, elapsed_ms: int) -> Amounts:
    contracts = instrument.lots_at(walk, elapsed_ms)
    base = contracts * 10 ** (18 + instrument.lot_exponent)
    quote = base * instrument.price_at(walk, elapsed_ms) // 10**instrument.price_digits
    return fixed18(base), fixed18(contracts * E18), fixed18(quote), None, None


def _synthetix(instrument: Instrument, walk: Walk, elapsed_ms: int) -> Amounts:
    lots, digits = instrument.lots_at(walk, elapsed_ms), -instrument.lot_exponent
    gap = lots * instrument.skew_per_mille // 1000
    total, long, short = (natural(each, digits) for each in (2 * lots, lots + gap, lots - gap))
    return total, None, None, long, short
