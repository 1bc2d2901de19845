"""What is up and what is down, said once when it changes."""

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()

_LATE_INTERVALS = 3
"""A venue without a good poll for so many intervals is not ready."""


@dataclass
class UpDown:
    """Tells the log when something goes down, and when it is back."""

    down_event: str
    recovered_event: str
    facts: dict[str, object]
    clock: Callable[[], float]
    down_since: float | None = None
    lasting: bool = False
    """Whether a human has to do something, since it does not pass by itself."""

    def failed(self, error: str, *, lasting: bool = False) -> None:
        """Say that it does not work; the log hears it the first time, and once if it is lasting."""
        if self.down_since is None:
            self.down_since = self.clock()
            self.lasting = lasting
            log.warning(self.down_event, **self.facts, error=error)
        elif lasting and not self.lasting:
            self.lasting = True
            log.warning(self.down_event, **self.facts, error=error)

    def worked(self) -> None:
        """Say that it works; the log hears it if it did not before."""
        if self.down_since is not None:
            seconds = round(self.clock() - self.down_since, 1)
            self.down_since = None
            self.lasting = False
            log.info(self.recovered_event, **self.facts, after_seconds=seconds)


@dataclass
class VenueHealth:
    """When a venue last gave us rows, and whether it does now."""

    name: str
    interval: float
    """Seconds between polls."""
    clock: Callable[[], float]
    state: UpDown = field(init=False)
    last_good: float | None = None

    def __post_init__(self) -> None:
        self.state = UpDown("venue.down", "venue.recovered", {"venue": self.name}, self.clock)

    def worked(self) -> None:
        """Note a poll that brought rows."""
        self.last_good = self.clock()
        self.state.worked()

    def late(self) -> bool:
        """Tell whether the last good poll is too long ago, or has never been."""
        if self.last_good is None:
            return True
        return self.clock() - self.last_good > _LATE_INTERVALS * self.interval


@dataclass
class Health:
    """The state of everything that the daemon depends on."""

    clock: Callable[[], float]
    venues: dict[str, VenueHealth] = field(default_factory=dict)
    database: UpDown = field(init=False)
    journal: UpDown = field(init=False)

    def __post_init__(self) -> None:
        self.database = UpDown("database.down", "database.recovered", {}, self.clock)
        self.journal = UpDown("journal.down", "journal.recovered", {}, self.clock)

    def add(self, venue: str, interval: float) -> VenueHealth:
        """Watch one more venue."""
        self.venues[venue] = VenueHealth(venue, interval, self.clock)
        return self.venues[venue]

    def problems(self) -> list[str]:
        """Return why the daemon is not ready, if it is not."""
        found = [f"{name}: no good poll lately" for name, it in self.venues.items() if it.late()]
        if self.database.down_since is not None:
            seconds = round(self.clock() - self.database.down_since)
            state = "not as it must be" if self.database.lasting else "away"
            found.append(f"database: {state} for {seconds} s; rows wait in the journal")
        if self.journal.down_since is not None:
            seconds = round(self.clock() - self.journal.down_since)
            found.append(f"journal: cannot be read for {seconds} s")
        return found
