"""Rules of the house that no linter knows."""

import ast
import inspect
from pathlib import Path

import pytest

import collector
from collector import errors

ROOT = Path(__file__).parents[1]
PACKAGE = Path(collector.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
DRAWERS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
ERRORS = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if each.__module__ == errors.__name__
]


def test_no_module_is_a_drawer() -> None:
    """A name that fits anything collects everything."""
    assert not {path.stem for path in SOURCES} & DRAWERS


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_can_be_reviewed(path: Path) -> None:
    """Three hundred lines, tests included."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_function_is_longer_than_a_screen(path: Path) -> None:
    """Fifty lines, the docstring included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    long = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > 50
    ]

    assert long == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "venues").glob("[a-z]*.py")))
def test_a_venue_fits_on_a_few_screens(path: Path) -> None:
    """The readers of strict fields are shared, so a venue has little left to say."""
    limit = 260 if path.stem == "fields" else 200

    assert len(path.read_text(encoding="utf-8").splitlines()) <= limit


def test_every_error_has_the_common_ancestor_and_a_docstring() -> None:
    """Whoever catches CollectorError catches all of them; each says what happens next."""
    assert all(issubclass(each, errors.CollectorError) for each in ERRORS)
    assert all(each.__doc__ for each in ERRORS)


def test_the_tree_of_errors_is_drawn() -> None:
    """The picture at the top of the module has every class, and no other."""
    drawn = {
        line.split("─ ")[1].split()[0]
        for line in (errors.__doc__ or "").splitlines()
        if "─ " in line
    }

    assert drawn | {"CollectorError"} == {each.__name__ for each in ERRORS}


def test_kinds_of_venue_errors_are_all_different() -> None:
    """Logs, metrics and the table tell them apart by this name."""
    kinds = [each.kind for each in ERRORS if issubclass(each, errors.VenueError)]

    assert len(kinds) == len(set(kinds))


def test_no_float_between_the_wire_and_the_column() -> None:
    """Amounts are text from the reply to COPY."""
    path = {"exactjson", "models", "records", "bitget", "htx", "synthetix", "fields"}
    path |= {"batch", "store", "statements"}
    for source in SOURCES:
        if source.stem in path and "simulator" not in source.parts:
            names = {
                node.id
                for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
                if isinstance(node, ast.Name)
            }
            assert "float" not in names, source


def test_the_changelog_knows_this_version() -> None:
    """Whoever upgrades reads what has changed."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert f"## {collector.__version__}" in changelog
