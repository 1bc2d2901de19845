"""Hours of polls for tests, told tick by tick, as the journal would hand them over."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from collector.db import Database
from collector.db.store import store
from collector.models import DecimalText, Instrument, Outcome, Reject, Snapshot
from collector.records import ListingRecord, PauseRecord, PollRecord, Record, ReplyRecord
from tests.rows import entries, instrument

# More than a month ago on any day that this runs: what comes after the last poll is not missing.
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NOBODY: Mapping[str, str] = {}


def at(minute: float, base: datetime = NOON) -> datetime:
    """Return so many minutes after noon."""
    return base + timedelta(minutes=minute)


@dataclass
class Story:
    """What became of one venue, in the order in which it is told."""

    database: Database
    venue: str = "htx"
    base: datetime = NOON
    records: list[Record] = field(default_factory=list)
    told: int = 0
    session: str = field(default_factory=lambda: uuid.uuid4().hex)

    def poll(
        self,
        minute: float,
        amounts: Mapping[str, str] = NOBODY,
        outcome: Outcome = Outcome.OK,
        *,
        rejected: Sequence[str] = (),
        interval: float | None = 60.0,
        stamp: float | None = None,
    ) -> None:
        """Poll; `stamp` is the minute of the venue's clock, a second past the tick by itself."""
        tick = at(minute, self.base)
        every = None if interval is None else timedelta(seconds=interval)
        stamped = tick + timedelta(seconds=1) if stamp is None else at(stamp, self.base)
        if amounts or rejected:
            self.records.append(
                ReplyRecord(
                    venue=self.venue,
                    polled_at=tick,
                    started_at=tick,
                    received_at=tick + timedelta(seconds=1),
                    snapshots=[
                        Snapshot(
                            symbol=symbol,
                            exchange_ts=stamped,
                            open_interest_base=DecimalText(amount),
                        )
                        for symbol, amount in amounts.items()
                    ],
                    rejects=[Reject(symbol=each, reason="bad", raw="{}") for each in rejected],
                    interval=every,
                )
            )
        if outcome is not Outcome.RUNNING:
            self.records.append(
                PollRecord(
                    venue=self.venue,
                    polled_at=tick,
                    started_at=tick,
                    finished_at=tick + timedelta(seconds=2),
                    outcome=outcome,
                    instruments=2,
                    requests=1,
                    interval=every,
                )
            )

    def pause(self, minute: float) -> None:
        """Start the collector without the venue."""
        self.records.append(PauseRecord(venue=self.venue, since=at(minute, self.base)))

    def listing(
        self,
        minute: float,
        *symbols: str,
        inactive: Sequence[str] = (),
        excluded: Sequence[str] = (),
    ) -> None:
        """Ask the venue what it lists."""
        listed: list[Instrument] = [instrument(symbol) for symbol in symbols]
        listed += [instrument(symbol, active=False) for symbol in inactive]
        listed += [instrument(symbol, selected=False) for symbol in excluded]
        self.records.append(
            ListingRecord(
                venue=self.venue, listed_at=at(minute, self.base), instruments=listed, rejects=[]
            )
        )

    async def store(self) -> None:
        """Write what has been told since the last time."""
        lying = entries(*self.records, first=self.told + 1, session=self.session)
        await store(self.database, lying)
        self.told += len(self.records)
        self.records.clear()


async def eventful_afternoon(database: Database) -> None:
    """Store two hours and a quarter in which everything happens that can happen to a tick."""
    story = Story(database)
    story.listing(0, "BTC-USDT", "ETH-USDT")
    story.poll(0, {"BTC-USDT": "1", "ETH-USDT": "5"})
    story.poll(1, {"BTC-USDT": "1", "ETH-USDT": "5.5"})
    story.poll(2, outcome=Outcome.FAILED)
    story.poll(3, outcome=Outcome.SKIPPED)
    story.poll(4, outcome=Outcome.REFUSED)
    story.poll(5, outcome=Outcome.INTERRUPTED)
    story.poll(6, {"BTC-USDT": "2"}, Outcome.PARTIAL)
    story.poll(7, outcome=Outcome.EMPTY)
    story.poll(8, {"BTC-USDT": "2"}, rejected=["ETH-USDT"])
    story.poll(9, {"BTC-USDT": "2.0"}, stamp=9.5)
    await story.store()
    # Bitcoin comes with the timestamp and the amount of before, Ether with new ones.
    story.poll(10, {"BTC-USDT": "2.0"}, Outcome.RUNNING, stamp=9.5)
    story.poll(10, {"ETH-USDT": "6"})
    # Down for two hours.
    story.poll(131, {"BTC-USDT": "3", "ETH-USDT": "6"})
    await story.store()
