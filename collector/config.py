"""Read `config.yaml` and the environment into settings, or say everything that is wrong."""

import re
import reprlib
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from collector.errors import ConfigError
from collector.settings import SECTIONS, Section, Settings, VenueSettings
from collector.venues import VENUES
from collector.venues.spec import Venue

S = TypeVar("S", bound=Section)

DEFAULT_PATH = Path("config.yaml")
PREFIX = "COLLECTOR__"

_TYPED = re.compile(r"true|false|[-+]?[0-9]+(\.[0-9]+)?|[\[{].*", re.ASCII | re.DOTALL)
"""What of the environment is read as YAML; the rest is text as it stands."""

_PERMITTED = {
    "bool_type": "true, false",
    "byte_size": "a size such as 256MiB",
    "byte_size_unit": "a size such as 256MiB",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "int_type": "a whole number",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "path_type": "a path",
    "string_too_short": "a text that is not empty",
    "string_type": "a text",
    "too_short": "a list that is not empty",
    "tuple_type": "a list",
    "value_error": "{error}",
}
"""What is permitted, in our words, by Pydantic's names for what went wrong."""

_SECRET = "database.dsn"  # noqa: S105 - the key of one
_QUOTED_SECRET = re.compile(r"""(["'])(?:[^@]+@.*|@.+)\1""", re.DOTALL)
_SIZE_MAX = 2**20
_INTEGER_MAX = 10**40
_KEY_MAX = 100


def load(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Read the settings: the environment overrides the file, the file overrides the defaults.

    Args:
        path: the file; None for `config.yaml` in the working directory, if there is one.
        environment: variables; those such as COLLECTOR__VENUES__BITGET__INTERVAL are meant for us.

    Raises:
        ConfigError: with every problem that there is.
    """
    if path is None and DEFAULT_PATH.is_file():
        path = DEFAULT_PATH
    document = {} if path is None else _read(path)
    return _Check(environment).settings(document, str(path or "configuration"))


def require_dsn(settings: Settings) -> str:
    """Return where the database is.

    Raises:
        ConfigError: it is not set.
    """
    if settings.database.dsn is None:
        raise ConfigError("configuration", [f"{_SECRET}: required; or set {_variable(_SECRET)}"])
    return settings.database.dsn.get_secret_value()


class _Check:
    """Collects the problems of one configuration, so that they are told all at once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._problems: list[str] = []
        self._variables = {
            name.removeprefix(PREFIX).lower().replace("__", "."): value
            for name, value in sorted(environment.items())
            if name.startswith(PREFIX)
        }
        self._places = {_join(*path.split(".")) for path in self._variables}

    def settings(self, document: object, source: str) -> Settings:
        merged = self._overridden(document)
        top = self._mapping("", merged, [*SECTIONS, "venues"])
        sections: dict[str, Any] = {
            name: self._section(name, section, top.get(name)) for name, section in SECTIONS.items()
        }
        if (database := sections["database"]) is not None:
            for key, problem in database.contradictions():
                self._note(f"database.{key}", problem)
        given = self._mapping("venues", top.get("venues"), VENUES)
        venues = {name: self._venue(venue, given.get(name)) for name, venue in VENUES.items()}
        if self._problems:
            raise ConfigError(source, self._problems)
        return Settings(**sections, venues={name: it for name, it in venues.items() if it})

    def _overridden(self, document: object) -> object:
        """Return the document with what the environment sets."""
        for path, value in self._variables.items():
            *parents, key = path.split(".")
            if not isinstance(document, dict):
                document = {}
            place = document
            for parent in parents:
                if not isinstance(place.get(parent), dict):
                    place[parent] = {}
                place = place[parent]
            place[key] = _typed(value)
        return document

    def _mapping(self, path: str, value: object, permitted: Iterable[str]) -> dict[str, object]:
        """Return a mapping, having noted the keys that are not permitted in it."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._note(path, f"expected keys and values, not {_shown(value)}")
            return {}
        for key in value:
            if key not in permitted:
                self._note(_join(path, key), _unknown(permitted))
        return value

    def _section(self, path: str, section: type[S], value: object) -> S | None:
        """Return a section, or None if something is wrong with it."""
        if value is not None and not isinstance(value, dict):
            self._note(path, f"expected keys and values, not {_shown(value)}")
            return None
        try:
            return section.model_validate(value or {})
        except ValidationError as error:
            problems = error.errors(include_url=False)
            bad_items = {problem["loc"][0] for problem in problems if len(problem["loc"]) > 1}
            for problem in problems:
                if problem["type"] == "too_short" and problem["loc"][0] in bad_items:
                    continue  # only because its items are bad, and that is said already
                self._note(_join(path, *problem["loc"]), _sentence(section, problem))
            return None

    def _venue(self, venue: Venue, value: object) -> VenueSettings | None:
        """Return the section of a venue, filled in with what the venue declares."""
        path = f"venues.{venue.name}"
        section = self._section(path, VenueSettings, value)
        if section is None:
            return None
        least = min(limit.count for limit in venue.limits)
        if int(least * section.limit_share) < 1:
            problem = f"leaves no request of {least}; at least {1 / least:.4g} is needed"
            self._note(f"{path}.limit_share", f"{section.limit_share} {problem}")
        for product_type in section.product_types:
            if product_type not in venue.product_types:
                permitted = ", ".join(venue.product_types) or "none; this venue has no such thing"
                self._note(
                    f"{path}.product_types",
                    f"{_shown(product_type)} is not permitted; permitted: {permitted}",
                )
        return section.model_copy(
            update={
                "base_urls": section.base_urls or venue.base_urls,
                "product_types": section.product_types or venue.default_product_types,
            }
        )

    def _note(self, path: str, problem: str) -> None:
        origin = f" ({_variable(path)})" if path in self._places else ""
        self._problems.append(f"{path or 'top level'}{origin}: {problem}")


def _read(path: Path) -> object:
    """Return the YAML document in a file.

    Raises:
        ConfigError: it cannot be read, or is not YAML, or names a key twice.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_SIZE_MAX + 1)
    except OSError as error:
        raise ConfigError(str(path), [str(error.strerror)]) from error
    if len(text) > _SIZE_MAX:
        raise ConfigError(str(path), [f"larger than {_SIZE_MAX} bytes"])
    try:
        document = _yaml(text.decode())
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), [f"not UTF-8 at byte {error.start}"]) from error
    except _NotYamlError as error:
        raise ConfigError(str(path), [str(error)]) from error
    return {} if document is None else document


class _NotYamlError(Exception):
    """A text is not YAML; where, and why, and no secret in it."""


def _yaml(text: str) -> object:
    """Return what a text says.

    Raises:
        _NotYamlError: nothing that can be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote the text, and go to standard error
            document: object = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        problem = (error.problem or error.context or "not YAML").splitlines()[0]
        if isinstance(error, DuplicateKeyError):  # its text shows the values, and one is a secret
            problem = problem.partition(" with value")[0]
        raise _NotYamlError(where + _discreet(problem)) from error
    except Exception as error:  # the library lets through whatever a strange tag or date causes
        known = isinstance(error, YAMLError | ValueError)
        problem = str(error).splitlines()[0] if known and str(error) else type(error).__name__
        raise _NotYamlError(f"not YAML: {_discreet(problem)}") from error
    return document


def _typed(value: str) -> object:
    """Return what a variable's text means: a number, a truth value, a list, or the text itself."""
    if not _TYPED.fullmatch(value):
        return value
    try:
        return _yaml(value)
    except _NotYamlError:
        return value


def _sentence(section: type[BaseModel], problem: ErrorDetails) -> str:
    """Say what is wrong with a value and what is permitted."""
    if problem["type"] == "extra_forbidden":
        return _unknown(section.model_fields)
    context = {name: str(value) for name, value in problem.get("ctx", {}).items()}
    known = _PERMITTED.get(problem["type"])
    permitted = _shown(problem["msg"]) if known is None else known.format(**context)
    given = "what is there" if "dsn" in problem["loc"] else _shown(problem["input"])
    return f"{given} is not permitted; permitted: {permitted}"


class _Short(reprlib.Repr):
    """Cuts values short; of a text that may be a URL with a password it shows the @ alone."""

    def repr_str(self, x: str, level: int) -> str:
        return "@" if "@" in x else super().repr_str(x, level)

    def repr_int(self, x: int, level: int) -> str:
        return super().repr_int(x, level) if abs(x) < _INTEGER_MAX else "a huge number"

    def repr_instance(self, x: object, level: int) -> str:
        return "@" if "@" in repr(x) else super().repr_instance(x, level)


def _shown(value: object) -> str:
    """Return a value cut short, unless it may be a URL with a password."""
    short = _Short()
    short.maxlevel = 3
    shown = short.repr(value)
    return "what is there" if "@" in shown else shown


def _discreet(problem: str) -> str:
    """Return a library's words without what they quote, if that may be a URL with a password."""
    return _QUOTED_SECRET.sub("what is there", problem)


def _unknown(permitted: Iterable[str]) -> str:
    return f"unknown key; permitted here: {', '.join(sorted(permitted))}"


def _join(*parts: object) -> str:
    return ".".join(_key(part) for part in parts if part != "")


def _key(part: object) -> str:
    """Return a key as it stands, if it is short, printable and no URL with a password."""
    known = isinstance(part, str) and len(part) <= _KEY_MAX and part.isprintable()
    return str(part) if known and "@" not in str(part) else _shown(part)


def _variable(path: str) -> str:
    return PREFIX + path.upper().replace(".", "__")
