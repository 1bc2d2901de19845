"""The faults that are switched on, and which of them hit a given request."""

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import NamedTuple

from collector.simulator.faults import (
    ANY,
    KINDS,
    ROW,
    Fault,
    FaultError,
    Param,
    build_fault,
    parse_fault,
)
from collector.simulator.seeding import seeded


class Hit(NamedTuple):
    """A fault that acts on the request at hand; `since_ms` is when it was switched on."""

    kind: str
    stage: str
    param: Param
    rng: random.Random
    since_ms: int

    def exchange_ms(self, wall_ms: int) -> int:
        """Distort the time as this clock fault does."""
        match self.kind:
            case "frozen-clock":
                return self.since_ms
            case "clock-offset":
                return wall_ms + round(float(self.param or 0) * 1000)
            case "clock-backwards":
                return 2 * self.since_ms - wall_ms
            case _:
                return 0


@dataclass(slots=True)
class _Switched:
    number: int
    fault: Fault
    rng: random.Random
    since_ms: int
    hits: int = 0


class FaultBoard:
    """The faults that are switched on, changeable while the simulator runs.

    Each fault draws from a generator of its own, so that adding one leaves the others' draws alone.
    """

    def __init__(
        self,
        seed: int,
        wall_ms: Callable[[], int],
        endpoints: Iterable[str],
        listeners: Sequence[int],
    ) -> None:
        self._seed = seed
        self._wall_ms = wall_ms
        self._endpoints = tuple(endpoints)
        self._listeners = listeners
        self._numbers = count(1)
        self.active: list[_Switched] = []

    def add(self, *faults: Fault | str | Mapping[str, object]) -> list[int]:
        """Switch faults on, all or none, and return their numbers."""
        checked = [self._checked(fault) for fault in faults]
        added = []
        for fault in checked:
            number = next(self._numbers)
            rng = seeded(self._seed, "fault", number, fault.kind)
            self.active.append(_Switched(number, fault, rng, self._wall_ms()))
            added.append(number)
        return added

    def replace(self, *faults: Fault | str | Mapping[str, object]) -> list[int]:
        """Switch these on instead of the ones there are, all or none."""
        return self.change(remove=[switched.number for switched in self.active], add=faults)

    def change(
        self, *, remove: Sequence[int], add: Sequence[Fault | str | Mapping[str, object]]
    ) -> list[int]:
        """Switch some off by their numbers and others on, all or none."""
        checked = [self._checked(fault) for fault in add]
        numbers = {switched.number for switched in self.active}
        if unknown := [number for number in remove if number not in numbers]:
            raise FaultError(f"there is no fault number {unknown[0]}")
        self.active[:] = [each for each in self.active if each.number not in remove]
        return self.add(*checked)

    def clear(self) -> None:
        """Switch all off."""
        self.active.clear()

    def report(self) -> list[dict[str, object]]:
        """List the faults that are on, each with its number and how often it hit."""
        return [
            {"number": switched.number, **asdict(switched.fault), "hits": switched.hits}
            for switched in self.active
        ]

    def draw(self, stages: Collection[str], venue: str, endpoint: str, listener: int) -> list[Hit]:
        """Decide which faults of these stages hit this request."""
        hits: list[Hit] = []
        taken: set[str] = set()
        for switched in self.active:
            fault, stage = switched.fault, KINDS[switched.fault.kind].stage
            if (
                stage in stages
                and stage not in taken
                and fault.venue in {ANY, venue}
                and fault.endpoint in {None, endpoint}
                and fault.listener in {None, listener}
                and (fault.times is None or switched.hits < fault.times)
                and switched.rng.random() < fault.rate
            ):
                switched.hits += 1
                hits.append(Hit(fault.kind, stage, fault.param, switched.rng, switched.since_ms))
                # A reply can have many bad rows, but fail, lie about the time or break only once.
                if stage != ROW:
                    taken.add(stage)
        return hits

    def _checked(self, fault: Fault | str | Mapping[str, object]) -> Fault:
        if isinstance(fault, str):
            fault = parse_fault(fault)
        elif not isinstance(fault, Fault):
            fault = build_fault(fault)
        if fault.endpoint is not None and fault.endpoint not in self._endpoints:
            raise FaultError(f"the endpoint is one of {', '.join(self._endpoints)}")
        if fault.listener is not None and fault.listener not in self._listeners:
            ports = ", ".join(map(str, self._listeners))
            raise FaultError(f"no listener on port {fault.listener}; there is {ports}")
        return fault
