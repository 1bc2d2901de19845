"""No SQL is built from text: what is sent to a database stands in a source file, word for word."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import collector
from collector.db.relations import RELATIONS

PACKAGE = Path(collector.__file__).parent
ELSEWHERE = {"simulator"}
"""It has no database."""
SOURCES = sorted(
    path for path in PACKAGE.rglob("*.py") if not ELSEWHERE & set(path.relative_to(PACKAGE).parts)
)
STATEMENTS = PACKAGE / "db/statements.py"
SENDING = {
    "copy_from_query",
    "copy_from_table",
    "copy_records_to_table",
    "copy_to_table",
    "cursor",
    "execute",
    "executemany",
    "executescript",
    "fetch",
    "fetchmany",
    "fetchrow",
    "fetchval",
    "prepare",
}
"""What hands SQL to asyncpg, or to SQLite, by its name."""
OTHERS = {"client", "_client", "folder"}
"""Those that have a method of such a name and are no database."""


def constants(tree: ast.Module) -> dict[str, bool]:
    """Return the names that a module gives to values, and whether the value is a plain text."""
    return {
        target.id: isinstance(node.value, ast.Constant)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


STATEMENT_NAMES = constants(ast.parse(STATEMENTS.read_text(encoding="utf-8")))


def built(source: str) -> Iterator[str]:
    """Give each call in a source that sends something else than a text that stands in one."""
    tree = ast.parse(source)
    own = constants(tree)
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        receiver = ast.unparse(node.func.value).rpartition(".")[2]
        if node.func.attr not in SENDING or receiver in OTHERS:
            continue
        first = node.args[0] if node.args else None
        match first:
            case ast.Constant(value=str()):
                good = True
            case ast.Name(id=name):
                good = own.get(name, False)
            case ast.Attribute(value=ast.Name(id="sql"), attr=name):
                good = STATEMENT_NAMES.get(name, False)
            case ast.Attribute(value=ast.Name(id="migration"), attr="sql"):
                good = True  # a file of migrations/
            case ast.Attribute(value=ast.Name(id="relation"), attr="rows"):
                good = True  # an entry of RELATIONS, which are looked at below
            case _:
                good = False
        if not good:
            yield ast.unparse(node)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_is_sent_to_a_database_stands_in_a_source(path: Path) -> None:
    """A literal, a constant of the module, a name of `statements`, or the text of a migration."""
    assert list(built(path.read_text(encoding="utf-8"))) == []


def test_every_statement_is_a_plain_text() -> None:
    """Nothing is put together where the statements are, either."""
    assert STATEMENT_NAMES
    assert all(STATEMENT_NAMES.values())


def test_every_relation_is_a_plain_text() -> None:
    """What `collector export` reads is written out for each view, and nowhere else made."""
    made = [
        next((keyword.value for keyword in node.keywords if keyword.arg == "rows"), None)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Relation")
    ]

    assert len(made) == len(RELATIONS)
    assert all(isinstance(each, ast.Constant) for each in made)


@pytest.mark.parametrize(
    "source",
    [
        "c.execute(f'SELECT {x}')",
        "c.fetch('SELECT ' + x)",
        "c.fetchval('SELECT %s' % x)",
        "c.fetchrow('SELECT {}'.format(x))",
        "c.executemany(x, [])",
        "c.copy_to_table(table, source=s)",
        "c.execute(query=x)",
        "c.execute(sql.NOT_THERE)",
        "Q = 'SELECT ' + x\nc.execute(Q)",
        "Q = f'SELECT {x}'\nc.execute(Q)",
        "def f(q):\n    self.connection.execute(q)",
    ],
)
def test_text_that_is_put_together_is_found(source: str) -> None:
    """Each way to do it that the language offers."""
    assert len(list(built(source))) == 1


def test_what_is_no_database_is_left_alone() -> None:
    """The venues' client fetches, too."""
    assert list(built("self._client.fetch(request, deadline)")) == []
