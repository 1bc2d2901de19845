"""Files, environment and defaults, and what may not leak."""

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.config import load, require_dsn
from collector.errors import ConfigError
from collector.settings import Settings
from collector.venues import VENUES

SHIPPED = Path(__file__).parents[2] / "config.yaml"
DSN = "postgresql://collector:sesame@db.example:5433/oi"


def written(folder: Path, text: str) -> Path:
    """Return a file with this text."""
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every venue is polled, once a minute, at its own documented address."""
    monkeypatch.chdir(tmp_path)
    found = load(None, {})

    assert list(VENUES) == list(found.enabled())
    assert found.venues["htx"].base_urls == ("https://api.hbdm.com", "https://api.hbdm.vn")
    assert found.venues["bitget"].product_types == ("USDT-FUTURES", "COIN-FUTURES", "USDC-FUTURES")
    assert {60.0} == {venue.interval for venue in found.venues.values()}


def test_the_file_in_the_working_directory_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to name `config.yaml`."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "http: {port: 9090}")

    assert load(None, {}).http.port == 9090


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    """Numbers, truth values and lists are understood, everything else is text."""
    path = written(tmp_path, "venues: {bitget: {interval: 2m, include: [ETH*]}}")
    environment = {
        "COLLECTOR__DATABASE__DSN": DSN,
        "COLLECTOR__HTTP__PORT": "9090",
        "COLLECTOR__JOURNAL__MAX_BYTES": "64MiB",
        "COLLECTOR__VENUES__BITGET__INTERVAL": "90s",
        "COLLECTOR__VENUES__HTX__BASE_URLS": '["http://127.0.0.1:1", "http://127.0.0.1:2"]',
        "COLLECTOR__VENUES__HTX__ENABLED": "false",
        "COLLECTOR__VENUES__BITGET__LIMIT_SHARE": "0.5",
        "UNRELATED": "x",
    }

    found = load(path, environment)

    assert DSN == require_dsn(found)
    assert found.http.port == 9090
    assert found.journal.max_bytes == 64 * 2**20
    assert found.venues["bitget"].interval == 90
    assert found.venues["bitget"].include == ("ETH*",)
    assert found.venues["bitget"].limit_share == 0.5
    assert found.venues["htx"].base_urls == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    assert list(found.enabled()) == ["bitget", "synthetix"]


def test_a_misspelt_variable_is_refused_by_name() -> None:
    """What the environment gets wrong is told with the variable that does."""
    with pytest.raises(ConfigError) as refused:
        load(None, {"COLLECTOR__HTTP__PROT": "1", "COLLECTOR__HTTP__PORT": "none"})

    assert refused.value.problems == [
        "http.port (COLLECTOR__HTTP__PORT): 'none' is not permitted; permitted: a whole number",
        "http.prot (COLLECTOR__HTTP__PROT): unknown key; permitted here: host, port",
    ]


def test_a_missing_file_is_told() -> None:
    """A file that was named must be there."""
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: 1 problem\n  No such file or directory"):
        load(Path("nowhere.yaml"), {})


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are refused where they begin."""
    path = tmp_path / "config.yaml"
    path.write_bytes(b"http:\n  host: \xff")

    with pytest.raises(ConfigError) as refused:
        load(path, {})

    assert refused.value.problems == ["not UTF-8 at byte 14"]


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    """A configuration has no megabytes."""
    with pytest.raises(ConfigError, match="larger than 1048576 bytes"):
        load(written(tmp_path, "#" * 2**21), {})


def test_without_a_database_the_key_is_named() -> None:
    """Commands that need one say how to give it."""
    with pytest.raises(ConfigError) as refused:
        require_dsn(load(None, {}))

    assert refused.value.problems == ["database.dsn: required; or set COLLECTOR__DATABASE__DSN"]


def test_the_password_is_in_no_repr() -> None:
    """Whoever prints the settings prints no secret."""
    found = load(None, {"COLLECTOR__DATABASE__DSN": DSN})

    assert "sesame" not in repr(found)
    assert "sesame" not in str(found)


def test_the_shipped_file_is_valid_and_changes_nothing() -> None:
    """What `config.yaml` shows are the defaults."""
    assert load(None, {}) == load(SHIPPED, {})


def keys_of(found: Settings) -> set[str]:
    """Return every key that can be set, as the shipped file has to show it."""
    sections = {
        "database": found.database,
        "journal": found.journal,
        "http": found.http,
        "log": found.log,
        **{f"venues.{name}": venue for name, venue in found.venues.items()},
    }
    keys = {f"{path}.{key}" for path, it in sections.items() for key in type(it).model_fields}
    # Only Bitget divides its instruments.
    return keys - {"venues.htx.product_types", "venues.synthetix.product_types"}


def test_the_shipped_file_shows_every_key() -> None:
    """A key that is not shown there, set or commented, does not exist for its readers."""
    shown: set[str] = set()
    path: list[str] = []
    for line in SHIPPED.read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"( *)(?:# ?)?([a-z_]+):.*", line)
        if match is not None and not line.startswith("##"):
            depth = len(match[1]) // 2
            path[depth:] = [match[2]]
            shown.add(".".join(path))

    assert keys_of(load(SHIPPED, {})) <= shown


@settings(deadline=None, max_examples=300)
@given(text=st.text(max_size=200) | st.binary(max_size=200))
def test_any_file_is_read_or_refused(
    text: str | bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever a file holds, there are settings or a ConfigError, and nothing else."""
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)

    with contextlib.suppress(ConfigError):
        load(path, {})
