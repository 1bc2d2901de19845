"""What the simulated venues have served, in the form in which the table holds it."""

from dataclasses import dataclass
from typing import Any

from collector.db import Connection
from collector.simulator import Simulator

_FIELDS = {
    "bitget": ("size", None, None, None, None),
    "htx": ("amount", "volume", "value", None, None),
    "synthetix": ("openInterest", None, None, "longOpenInterest", "shortOpenInterest"),
}
_STORED = """
SELECT venue, symbol, (extract(epoch FROM exchange_ts) * 1000)::bigint, open_interest_base::text,
    open_interest_contracts::text, open_interest_quote::text, long_base::text, short_base::text
FROM open_interest
"""
_HARMLESS = {None, "duplicate-row", "silent-zero"}

Key = tuple[str, str, int]


@dataclass(frozen=True)
class Value:
    """One row of a reply, amounts as the very text on the wire."""

    key: Key
    amounts: tuple[str | None, ...]
    fault: str | None
    delivered: bool
    listed: bool

    @property
    def good(self) -> bool:
        """Whether it came whole, is a row as documented, and of an instrument that is listed."""
        return self.delivered and self.listed and self.fault in _HARMLESS and self.key[2] > 0

    @property
    def doubtful(self) -> bool:
        """Whether it may be kept if no fresh list can be had just then, and only if so."""
        as_documented = self.fault in _HARMLESS | {"wrong-symbol"} and self.key[2] > 0
        return self.delivered and not self.listed and as_documented


def served(simulator: Simulator) -> list[Value]:
    """Return every row that was served."""
    values = []
    entries: list[Any] = simulator.ledger.entries()
    for entry in entries:
        venue, symbol = entry["venue"], entry["symbol"]
        amounts = tuple(name and entry["amounts"].get(name) for name in _FIELDS[venue])
        values.append(
            Value(
                (venue, symbol, entry["exchange_ms"]),
                amounts,
                entry["fault"],
                delivered=entry["delivered"] is True,
                listed=symbol in simulator.venues[venue].market.listed,
            )
        )
    return values


async def stored(sql: Connection) -> dict[Key, tuple[str | None, ...]]:
    """Return the table: amounts as text, by venue, symbol and milliseconds."""
    return {tuple(row[:3]): tuple(row[3:]) for row in await sql.fetch(_STORED)}
