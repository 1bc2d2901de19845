"""Set up structlog: readable on a terminal, JSON otherwise, always on standard error."""

import logging
import sys
from typing import Literal

import stamina.instrumentation
import structlog
from structlog.typing import Processor

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "console", "json"]


def configure(level: Level = "info", form: Format = "auto") -> None:
    """Send our own events and those of the libraries through one renderer.

    Args:
        level: the least severe that is shown.
        form: `auto` is `console` on a terminal and `json` elsewhere.
    """
    # Retries are told by whoever retries: once when something goes down, once when it is back.
    stamina.instrumentation.set_on_retry_hooks([])
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console),
    ]
    # Traces without local variables: those may hold a password.
    render: list[Processor] = [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            sort_keys=False,
            exception_formatter=structlog.dev.plain_traceback,
        )
    ]
    if not console:
        render = [
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    # A skipped or late run is told by the schedule itself, with the venue and the tick.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
