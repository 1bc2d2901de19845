"""The command `simulate`: run the simulated venues until a signal ends them."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click

from collector.simulator.faults import KINDS, FaultError
from collector.simulator.ledger import LedgerError
from collector.simulator.limits import LimitError
from collector.simulator.options import About, OptionError, SimulatorOptions
from collector.simulator.server import Simulator

HELP = """Serve simulated Bitget, HTX and Synthetix over HTTP.

They have the venues' own paths, envelopes, errors and limits. SIGTERM or SIGINT ends it.
"""
CONTROL = """While it runs, /_sim/stats, /_sim/faults, /_sim/instruments and /_sim/served show
what it does; a POST to /_sim/reset, /_sim/faults or /_sim/instruments changes it."""
IN_MEMORY = "in memory"


def _parameters() -> Iterator[click.Option]:
    defaults = SimulatorOptions()
    hints = get_type_hints(SimulatorOptions, include_extras=True)
    for name, hint in hints.items():
        about: About = hint.__metadata__[0]
        flag = about.flag or f"--{name.replace('_', '-')}"
        settings = _settings(name, hint.__origin__, getattr(defaults, name))
        yield click.Option([flag, name], help=about.text, **settings)


def _settings(name: str, hint: Any, default: object) -> dict[str, Any]:
    if name == "port":
        return {"type": int, "multiple": True, "default": [default], "show_default": "8100"}
    if name == "ledger":
        return {"is_flag": False, "flag_value": IN_MEMORY, "default": None, "metavar": "[FILE]"}
    if hint is bool:
        return {"is_flag": True, "default": False}
    if get_origin(hint) is tuple:
        return {"multiple": True}
    choices = click.Choice(get_args(hint)) if get_origin(hint) is Literal else hint
    return {"type": choices, "default": default, "show_default": True}


def _run(**chosen: Any) -> None:
    ledger = chosen.pop("ledger")
    target = Path(ledger) if ledger not in {None, IN_MEMORY} else ledger == IN_MEMORY
    try:
        asyncio.run(_serve(SimulatorOptions(ledger=target, **chosen)))
    except (OptionError, LimitError, FaultError, LedgerError) as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"cannot serve: {error}") from None


async def _serve(options: SimulatorOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Simulator(options) as simulator:
        listed = ", ".join(
            f"{name} {len(venue.market.listed)}" for name, venue in simulator.venues.items()
        )
        for url in simulator.base_urls:
            click.echo(f"simulating on {url}: {listed} instruments")
        await stop.wait()


def _kinds() -> str:
    lines = [f"  {name:<16} {kind.about}" for name, kind in KINDS.items()]
    # \b keeps click from joining the lines.
    return "\n".join(["\b", "Kinds of faults:", *lines, "", CONTROL])


simulate = click.Command(
    "simulate", callback=_run, params=list(_parameters()), help=HELP, epilog=_kinds()
)
