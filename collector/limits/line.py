"""The line in front of all gates: first come, first served, and nobody waits for nothing.

Whoever needs several gates passes all of them at one moment or none: nobody holds a place in one
while he waits for another, so nobody locks others out, and what a venue tightens counts for
everybody who has not sent yet.

Whoever has to wait is not overtaken for ever: if one gate has no room for him, a place is kept for
him in another one, provided that the place he lacks may come within the other's window. A longer
wait leaves its room to those behind him, for what they send is out of that window again by then.
So the first in line is kept a place in the longest of his windows at the latest when it has room
and none is shut, then in the next longest, and passes when the last of them has room.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from collector.errors import BudgetClosed
from collector.limits.gate import Gate


@dataclass(eq=False)
class _Waiter:
    gates: tuple[Gate, ...]
    deadline: float
    turn: asyncio.Future[None]


@dataclass
class Line:
    """All who wait for one gate or several, in the order in which they came."""

    clock: Callable[[], float]
    _waiting: dict[_Waiter, None] = field(default_factory=dict)
    _timer: asyncio.TimerHandle | None = None

    async def enter(self, gates: tuple[Gate, ...], deadline: float) -> None:
        """Wait until every gate has room, and take a slot of each.

        Raises:
            BudgetClosed: that will not be before the deadline.
        """
        shut = max(gate.window.closed_until for gate in gates)
        if self.clock() > deadline or shut >= deadline:
            raise self._closed(gates)
        if not self._waiting and all(gate.room() > 0 for gate in gates):
            _take(gates)
            return
        waiter = _Waiter(gates, deadline, asyncio.get_running_loop().create_future())
        self._waiting[waiter] = None
        self.grant()
        try:
            async with asyncio.timeout_at(deadline):
                await waiter.turn
        except TimeoutError:
            self._leave(waiter)
            raise self._closed(gates) from None
        except BaseException:
            self._leave(waiter)
            raise

    def grant(self) -> None:
        """Let in whoever there is room for, and look again when there may be more."""
        ahead: Counter[Gate] = Counter()
        """How many places of a gate are kept for those who came before."""
        short: set[Gate] = set()
        waiting = self._present()
        kinds = {waiter.gates for waiter in waiting}
        for waiter in waiting:
            if not kinds:
                break  # nobody behind this one needs less than somebody who has to wait
            lacking = [gate for gate in waiter.gates if gate.room() <= ahead[gate]]
            if not lacking:
                del self._waiting[waiter]
                _take(waiter.gates)
                waiter.turn.set_result(None)
                continue
            kinds.discard(waiter.gates)
            short.update(lacking)
            ahead.update(_kept(waiter.gates, lacking, ahead))
        self._look_again(short)

    def close(self, gates: Iterable[Gate], until: float) -> None:
        """Shut gates; who cannot wait that long is told at once."""
        shut = set(gates)
        for gate in shut:
            gate.window.close(until)
        for waiter in self._present():
            if waiter.deadline <= until and not shut.isdisjoint(waiter.gates):
                del self._waiting[waiter]
                waiter.turn.set_exception(self._closed(waiter.gates))
        self.grant()

    def _present(self) -> list[_Waiter]:
        # Who was cancelled a moment ago is still in the line until his task runs.
        return [waiter for waiter in self._waiting if not waiter.turn.done()]

    def _look_again(self, short: Iterable[Gate]) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        moments = [moment for gate in short if (moment := gate.next_room()) is not None]
        if moments:
            self._timer = asyncio.get_running_loop().call_at(min(moments), self.grant)

    def _leave(self, waiter: _Waiter) -> None:
        turn = waiter.turn
        if waiter in self._waiting:
            del self._waiting[waiter]
        elif turn.done() and not turn.cancelled() and turn.exception() is None:
            for gate in waiter.gates:
                gate.window.untake()
        self.grant()

    def _closed(self, gates: Iterable[Gate]) -> BudgetClosed:
        last = max((gate.window for gate in gates), key=lambda window: window.closed_until)
        return BudgetClosed(
            f"the budget of {last.limit.scope} stays shut beyond the poll's deadline",
            retry_after=max(0.0, last.closed_until - self.clock()),
        )


def _take(gates: Iterable[Gate]) -> None:
    for gate in gates:
        gate.window.take()


def _kept(gates: Iterable[Gate], lacking: list[Gate], ahead: Counter[Gate]) -> list[Gate]:
    """Return the gates in which a place is kept for one who lacks a place in some."""
    return [
        gate
        for gate in gates
        if all(
            other is gate or other.room_in(gate.window.seconds) > ahead[other] for other in lacking
        )
    ]
