"""Each file of `bad/` is refused with exactly the problems that its first lines name."""

from pathlib import Path

import pytest

from collector.config import load
from collector.errors import ConfigError

FOLDER = Path(__file__).parent / "bad"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_bad_file_is_refused_with_its_exact_message(path: Path) -> None:
    """Every problem is told at once, by the key's path, and with what is permitted."""
    comments = [line for line in path.read_text(encoding="utf-8").splitlines() if line[:2] == "# "]
    expected = [comment[2:] for comment in comments if comment != "# -"]

    with pytest.raises(ConfigError) as refused:
        load(path, {})

    assert expected == refused.value.problems


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_message_shows_a_secret(path: Path) -> None:
    """Passwords in the bad files are all the word secret."""
    with pytest.raises(ConfigError) as refused:
        load(path, {})

    assert "secret" not in str(refused.value)


def test_there_are_enough_of_them() -> None:
    """Fifteen is the least; fewer means that somebody has deleted some."""
    assert len(FILES) >= 15
