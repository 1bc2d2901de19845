"""Logs are JSON for programs and lines for people, from us and from the libraries alike."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from collector import log


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave structlog and logging as they were."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


def test_where_there_is_no_terminal_it_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """One object per line, with time and level, names of any alphabet as they are."""
    log.configure()
    structlog.get_logger().info("poll.done", venue="bitget", symbol="龙虾USDT")

    line = capsys.readouterr().err
    event = json.loads(line)
    assert "龙虾USDT" in line
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "poll.done",
        "level": "info",
        "venue": "bitget",
        "symbol": "龙虾USDT",
    }


def test_for_people_it_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The event first, then what belongs to it."""
    log.configure(form="console")
    structlog.get_logger().warning("venue.down", venue="htx")

    line = capsys.readouterr().err
    assert "venue.down" in line
    assert "venue=htx" in line
    assert not line.startswith("{")


def test_less_severe_events_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Debugging is for those who ask for it."""
    log.configure(level="warning")
    structlog.get_logger().info("poll.done")

    assert capsys.readouterr().err == ""


def test_libraries_are_told_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    """What aiohttp or asyncio has to say is not another format."""
    log.configure()
    logging.getLogger("aiohttp.server").error("Error handling request")

    event = json.loads(capsys.readouterr().err)
    assert (event["event"], event["level"]) == ("Error handling request", "error")


def test_a_trace_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that reads the log line by line gets the whole of it."""
    log.configure()
    try:
        1 / 0  # noqa: B018 - it raises, which is the point
    except ZeroDivisionError:
        structlog.get_logger().exception("poll.crashed")

    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["exception"][0]["exc_type"] == "ZeroDivisionError"


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_trace_shows_no_local_variables(
    capsys: pytest.CaptureFixture[str], form: log.Format
) -> None:
    """One of them may be a password."""
    log.configure(form=form)

    def connect(secret: str) -> None:
        raise OSError("away")

    try:
        connect("hunter" + "2")
    except OSError:
        structlog.get_logger().exception("poll.crashed")

    told = capsys.readouterr().err
    assert "connect" in told
    assert "hunter2" not in told
