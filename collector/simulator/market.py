"""Instruments whose open interest and price follow a seeded random walk in simulated time."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import accumulate
from math import floor, log10

from collector.simulator.names import PRICES
from collector.simulator.seeding import seeded

SCALE = 1_000_000
LOOP_STEPS = 2**14
NAME = re.compile(r"[\w.-]{1,40}")

# Of ten instruments in a row the first six change every second or so, three more about twice a
# minute, and one within hours; the range of their periods in milliseconds.
LIVELINESS = ((6, 700, 1_500), (9, 15_000, 60_000), (10, 3_600_000, 21_600_000))
ZERO_EVERY = 41


class MarketError(ValueError):
    """An instrument cannot be listed or delisted as asked."""


class Walk:
    """A random walk that ends where it began, so that any moment of it is one look-up away.

    Every step differs from the one before it. Instruments enter the loop at places of their own.
    """

    def __init__(self, seed: int) -> None:
        rng = seeded(seed, "walk")
        rises = rng.choices(range(1, 10), k=LOOP_STEPS // 2)
        steps = rises + [-rise for rise in rises]
        rng.shuffle(steps)
        levels = list(accumulate(steps))
        highest = max(map(abs, levels))
        self._shares = [level * SCALE // highest for level in levels]

    def share(self, step: int) -> int:
        """Give the walk's place at a step, between -SCALE and SCALE."""
        return self._shares[step % LOOP_STEPS]


@dataclass(slots=True)
class Instrument:
    """One instrument; its figures are whole numbers of lots, each 10**lot_exponent base units."""

    symbol: str
    base: str
    quote: str
    group: str
    expires_ms: int | None
    lots: int
    lot_exponent: int
    price_ticks: int
    price_digits: int
    period_ms: int
    places: tuple[int, int, int]
    skew_per_mille: int
    index: int = 0
    listed_ms: int = 0
    gone_ms: int | None = None

    def _step(self, elapsed_ms: int, place: int) -> int:
        if self.gone_ms is not None and elapsed_ms > self.gone_ms:
            elapsed_ms = self.gone_ms
        return (elapsed_ms + place) // self.period_ms

    def lots_at(self, walk: Walk, elapsed_ms: int) -> int:
        """Open interest in lots; within an eighth of where it started, frozen once delisted."""
        share = walk.share(self._step(elapsed_ms, self.places[0]))
        return self.lots + self.lots * share // (8 * SCALE)

    def price_at(self, walk: Walk, elapsed_ms: int) -> int:
        """Price in ticks of 10**-price_digits; within a twentieth of where it started."""
        share = walk.share(self._step(elapsed_ms, self.places[1]))
        return self.price_ticks + self.price_ticks * share // (20 * SCALE)

    def traded_at(self, walk: Walk, elapsed_ms: int) -> int:
        """Lots that changed hands in the last 24 hours, each counted once."""
        share = walk.share(self._step(elapsed_ms, self.places[2]))
        return 3 * self.lots + self.lots * share // (2 * SCALE)


@dataclass(frozen=True, slots=True)
class Draft:
    """What an instrument is, before its numbers are drawn; the index decides how lively it is.

    `notional` is about what the first instrument's open interest is worth, in US dollars.
    """

    symbol: str
    base: str
    quote: str
    group: str
    index: int
    expires_ms: int | None = None
    notional: float = 2.2e9


def draw(seed: int, venue: str, draft: Draft, lot_exponent: Callable[[int], int]) -> Instrument:
    """Draw an instrument's numbers; they depend on the seed, the venue and the symbol alone.

    `lot_exponent` is told how many digits the price has before its point.
    """
    rng = seeded(seed, venue, draft.symbol)
    price = PRICES.get(draft.base) or 10 ** rng.uniform(-4, 2.5)
    price *= rng.uniform(0.98, 1.02)
    magnitude = floor(log10(price)) + 1
    price_digits = min(max(6 - magnitude, 0), 9)
    exponent = lot_exponent(magnitude)
    notional = draft.notional * rng.uniform(0.5, 1.5) / (draft.index + 1) ** 1.1
    lots = max(10_007, int(notional / (price * 10.0**exponent)))
    period_ms = _period_ms(draft.index, rng.random())
    places = tuple(rng.randrange(LOOP_STEPS * period_ms) for _ in range(3))
    return Instrument(
        symbol=draft.symbol,
        base=draft.base,
        quote=draft.quote,
        group=draft.group,
        expires_ms=draft.expires_ms,
        lots=lots if (draft.index + 1) % ZERO_EVERY else 0,
        lot_exponent=exponent,
        price_ticks=max(1, round(price * 10**price_digits)),
        price_digits=price_digits,
        period_ms=period_ms,
        places=(places[0], places[1], places[2]),
        skew_per_mille=rng.randint(-36, 36),
        index=draft.index,
    )


def _period_ms(index: int, share: float) -> int:
    shortest, longest = next((low, high) for kinds, low, high in LIVELINESS if index % 10 < kinds)
    return shortest + round((longest - shortest) * share)


class Market:
    """The instruments of one venue; `gone` are those that were delisted, with their last value."""

    def __init__(self, instruments: Iterable[Instrument], walk: Walk) -> None:
        self.walk = walk
        self.listed = {instrument.symbol: instrument for instrument in instruments}
        self.gone: dict[str, Instrument] = {}
        self.version = 0

    def check(self, added: Collection[str], delisted: Collection[str]) -> None:
        """Raise MarketError unless all of these can be listed and delisted."""
        for symbol in (*added, *delisted):
            if [*added, *delisted].count(symbol) > 1:
                raise MarketError(f"{symbol!r} is named more than once")
        for symbol in added:
            if symbol in self.listed:
                raise MarketError(f"{symbol!r} is listed already")
        for symbol in delisted:
            if symbol not in self.listed:
                raise MarketError(f"{symbol!r} is not listed")

    def delist(self, symbol: str, elapsed_ms: int) -> None:
        """Take an instrument off the list; its figures stay as they are now."""
        instrument = self.listed.pop(symbol)
        instrument.gone_ms = elapsed_ms
        self.gone[symbol] = instrument
        self.version += 1

    def add(self, instrument: Instrument, elapsed_ms: int) -> None:
        """Put an instrument on the list, a delisted one with the numbers that it had."""
        instrument = self.gone.pop(instrument.symbol, instrument)
        instrument.gone_ms, instrument.listed_ms = None, elapsed_ms
        self.listed[instrument.symbol] = instrument
        self.version += 1
