"""What a schema is made of, as text that can be compared with that of another database."""

import re

from collector.db import Connection

_OURS = "('public'::regnamespace, 'collector_storage'::regnamespace)"
_NOT_OF_AN_EXTENSION = """NOT EXISTS (
    SELECT FROM pg_depend AS d WHERE d.classid = '{}'::regclass AND d.objid = {} AND deptype = 'e'
)"""
_RELATIONS = f"relnamespace IN {_OURS} AND " + _NOT_OF_AN_EXTENSION.format("pg_class", "c.oid")
_FUNCTIONS = f"pronamespace IN {_OURS} AND " + _NOT_OF_AN_EXTENSION.format("pg_proc", "p.oid")

_PARTS = (
    f"""SELECT 'relation', oid::regclass::text, relkind::text, reloptions::text,
        obj_description(oid, 'pg_class'), relacl::text FROM pg_class AS c WHERE {_RELATIONS}""",
    f"""SELECT 'column', c.oid::regclass || '.' || attname, attnum::text,
        format_type(atttypid, atttypmod), attnotnull::text, attidentity::text,
        pg_get_expr(adbin, adrelid), col_description(c.oid, attnum)
    FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid
    LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
    WHERE attnum > 0 AND NOT attisdropped AND {_RELATIONS}""",
    f"""SELECT 'constraint', c.oid::regclass::text, conname, pg_get_constraintdef(n.oid)
    FROM pg_class AS c JOIN pg_constraint AS n ON conrelid = c.oid WHERE {_RELATIONS}""",
    f"""SELECT 'index', pg_get_indexdef(c.oid) FROM pg_class AS c
    WHERE relkind = 'i' AND {_RELATIONS}""",
    f"""SELECT 'view', c.oid::regclass::text, pg_get_viewdef(c.oid) FROM pg_class AS c
    WHERE relkind IN ('v', 'm') AND {_RELATIONS}""",
    f"""SELECT 'trigger', pg_get_triggerdef(t.oid) FROM pg_trigger AS t
    JOIN pg_class AS c ON tgrelid = c.oid WHERE NOT tgisinternal AND {_RELATIONS}""",
    f"""SELECT 'function', oid::regprocedure::text, pg_get_functiondef(oid),
        obj_description(oid, 'pg_proc'), proacl::text
    FROM pg_proc AS p WHERE prokind IN ('f', 'p') AND {_FUNCTIONS}""",
    """SELECT 'schema', nspname, nspacl::text, obj_description(oid, 'pg_namespace')
    FROM pg_namespace WHERE nspname IN ('public', 'collector_storage')""",
    """SELECT 'hypertable', hypertable_schema, hypertable_name, column_name, time_interval::text
    FROM timescaledb_information.dimensions
    WHERE hypertable_schema IN ('public', 'collector_storage')""",
    "SELECT 'rights later', defaclobjtype::text, defaclacl::text FROM pg_default_acl",
)


async def catalogue(sql: Connection) -> set[tuple[str | None, ...]]:
    """Describe every object of the collector: shape, comments, rights.

    The numbers of hypertables depend on how many there have been, and are left out; so is the
    name of the owner.
    """
    owner = await sql.fetchval("SELECT quote_ident(current_user)")
    found: set[tuple[str | None, ...]] = set()
    for part in _PARTS:
        for row in await sql.fetch(part):
            found.add(tuple(_plain(value, owner) for value in row))
    return found


def _plain(value: str | None, owner: str) -> str | None:
    if value is None:
        return None
    text = re.sub(r"(_hypertable_|cagg_watermark\()\d+", r"\1N", value).replace(owner, "OWNER")
    # The order in which rights were granted means nothing.
    return ",".join(sorted(text[1:-1].split(","))) if text.startswith("{") else text
