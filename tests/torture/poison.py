"""One row that the database refuses, in a batch of five thousand."""

from datetime import UTC, datetime, timedelta
from functools import partial

from tests.torture.daemon import Done, Event
from tests.torture.rig import Rig
from tests.torture.venues import Sizes

BATCH = 5000
SIZES = Sizes(htx=1000)
INTERVALS = {"htx": 1}
_POLLS = 9
"""The first one or two of an outage are what the sink has in its hands when it notices; the next
five are a batch, and the fifth is among them in either case."""
_POISONED = 5


async def poison(rig: Rig, rows: int) -> None:
    """Let rows of one reply in the middle of a batch be refused, by a constraint of an operator.

    Raises:
        RuntimeError: not all other rows of the batch were stored.
    """
    await rig.caught_up()
    place = len(rig.daemon.events)
    await rig.proxy.refuse()
    await rig.polls_go_on(_POLLS)
    polls = [poll for poll in rig.daemon.done() if _since(rig, place) <= poll.finished]
    served = await rig.venues.served()
    times = [ms for _, _, ms, *_ in served if _in(ms, polls[_POISONED - 1])]
    chosen = rig.random.sample([value[:3] for value in served if value[2] == times[0]], rows)
    numbers = await _numbers(rig)
    conditions = " OR ".join(
        f"series_id = {numbers[symbol]} AND exchange_ts = to_timestamp({ms} / 1000.0)"
        for _, symbol, ms in chosen
    )
    await rig.server.execute(
        "ALTER TABLE collector_storage.open_interest"
        f" ADD CONSTRAINT poison_{place} CHECK (NOT ({conditions}))",
        database=rig.database,
    )
    await rig.proxy.listen()
    await rig.daemon.hears("sink.stored", partial(_is_batch_without, rows), since=place)


async def _numbers(rig: Rig) -> dict[str, int]:
    """Return what stands for each symbol in the hypertable."""
    async with rig.server.session(rig.database) as session:
        found = await session.fetch("SELECT symbol, series_id FROM collector_storage.series")
    return {row[0]: row[1] for row in found}


def _is_batch_without(rows: int, event: Event) -> bool:
    """Tell whether a batch was stored; one that lacks other rows is a failure at once."""
    if not event["rejected"]:
        return False
    if (event["stored"], event["rejected"]) != (BATCH - rows, rows):
        raise RuntimeError(f"{rows} of {BATCH} rows were refused, and this was stored: {event}")
    return True


def _since(rig: Rig, place: int) -> datetime:
    return datetime.fromisoformat(rig.daemon.events[place]["timestamp"])


def _in(ms: int, poll: Done) -> bool:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    return poll.started - timedelta(milliseconds=200) <= moment <= poll.finished
