"""The database is away for so long that the journal is full: what was accepted stays."""

from functools import partial

from tests.torture.daemon import Event
from tests.torture.outages import steady_memory
from tests.torture.rig import Rig
from tests.torture.venues import Sizes

BOUND = 2**20
SETTINGS = {"journal__max_bytes": BOUND}
SIZES = Sizes(bitget=10, htx=700, synthetix=40)
"""The least that is permitted, and many rows: so it takes seconds and not three days."""

_NEARLY = 0.85
"""Of the bound: the rest is kept for one more reply, and for the records of refused polls."""

_REFUSED = "SELECT venue, polled_at FROM polls WHERE outcome = 'refused' AND rows_fetched = 0"


async def full_journal(rig: Rig, polls: int) -> None:
    """The database is away until every poll is refused, for so many more, and over a restart."""
    await rig.proxy.refuse()
    with steady_memory(rig):
        await _are_refused(rig, polls)
    size = sum(each.stat().st_size for each in rig.daemon.folder.glob("journal/journal/*.log"))
    if not _NEARLY * BOUND < size <= BOUND:
        raise RuntimeError(f"polls are refused, and the journal has {size} of {BOUND} bytes")
    await rig.daemon.stop()
    await rig.daemon.start()
    await _are_refused(rig, 1)
    await rig.proxy.listen()
    await rig.caught_up()
    await rig.polls_go_on(2)
    await rig.caught_up()
    await _each_is_told(rig)


async def _are_refused(rig: Rig, polls: int) -> None:
    """Wait until so many polls of each venue have been refused, one after the other."""
    place = len(rig.daemon.events)
    for venue, interval in rig.intervals.items():
        since = place
        for _ in range(max(1, polls // interval)):
            event = await rig.daemon.hears("poll.done", partial(_is_refused, venue), since=since)
            since = rig.daemon.events.index(event, since) + 1


def _is_refused(venue: str, event: Event) -> bool:
    return bool(event["venue"] == venue and event["outcome"] == "refused")


async def _each_is_told(rig: Rig) -> None:
    """Compare the polls that the log says were refused with those that the table says were."""
    said = {
        (event["venue"], event["polled_at"])
        for event in rig.daemon.said("poll.done")
        if event["outcome"] == "refused"
    }
    async with rig.server.session(rig.database) as sql:
        told = {(row["venue"], row["polled_at"].isoformat()) for row in await sql.fetch(_REFUSED)}
    if said != told:
        raise RuntimeError(f"{len(said)} polls were refused, and {len(told)} rows say so")
