"""One-line mistakes that somebody may make one day, and the tests that must notice each."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Mutant:
    """A mistake: in `file`, `old` becomes `new`; `tests` are expected to fail."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


_CASES = ("tests/venues/test_parse.py",)
_LIMITS = ("tests/limits",)
_MODEL = "tests/limits/test_window_never_exceeded.py"
_HTTP = ("tests/http",)
_STORE = ("tests/db/test_store.py", "tests/db/test_refusals.py")
_SINK = ("tests/test_sink.py",)
_FUZZ = ("tests/fuzz",)
_FIELDS = "collector/venues/fields.py"
_CLIENT = "collector/http.py"
_WINDOW = "collector/limits/window.py"
_TABLES = "collector/db/store.py"

MUTANTS = (
    Mutant(
        "free a limiter slot one window after its send",
        "collector/limits/__init__.py",
        "            gate.round_trips.observe(host, self._sent_at, now)\n"
        "            gate.window.give_back(now)\n",
        "            gate.round_trips.observe(host, self._sent_at, now)\n"
        "            gate.window.give_back(self._sent_at)\n",
        _LIMITS,
    ),
    Mutant(
        "free the slot of a lost request at once",
        "collector/limits/__init__.py",
        "                    gate.window.give_up(now)\n",
        "                    gate.window.untake()\n",
        _LIMITS,
    ),
    Mutant(
        "free the slot of a request that may still be read one window after giving it up",
        "collector/limits/__init__.py",
        "                    gate.window.lose(now)\n",
        "                    gate.window.give_up(now)\n",
        _LIMITS,
    ),
    Mutant(
        "take a time-out for the end of the connection",
        _CLIENT,
        "            if not isinstance(error, TimeoutError):\n",
        "            if error is not None:\n",
        _HTTP,
    ),
    Mutant(
        "a limiter window without its margin",
        _WINDOW,
        "self.seconds = limit.seconds * _CLOCK_RATE + _CLOCK_STEP",
        "self.seconds = limit.seconds * 0.98",
        _LIMITS,
    ),
    Mutant(
        "a limiter credit of more than the round trip",
        _WINDOW,
        "return max(0.0, min(self._SHARE * self._fastest, self._fastest - spread / 2))",
        "return 2 * self._fastest + spread",
        # Not those of Hypothesis: they would look for the smallest counterexample for minutes.
        (f"{_MODEL}::test_a_bitget_sweep_is_safe_and_close_to_ideal",),
    ),
    Mutant(
        "a fresh process forgets what the last one sent",
        _WINDOW,
        "if limit.seconds <= _REMEMBERED_START:",
        "if limit.seconds < 0:",
        _LIMITS,
    ),
    Mutant(
        "ignore Retry-After",
        _CLIENT,
        "retry_after=None if response is None else retry_after(response.headers),",
        "retry_after=None,",
        _HTTP,
    ),
    Mutant(
        "retry outside the limiter, on a dropped connection",
        _CLIENT,
        "session._retry_connection = False",
        "session._retry_connection = True",
        _HTTP,
    ),
    Mutant(
        "retry outside the limiter, on any trouble",
        _CLIENT,
        "                except VenueError as error:\n",
        "                except ServerFault:\n"
        "                    return await self._exchange(request, base_url, slot)\n"
        "                except VenueError as error:\n",
        _HTTP,
    ),
    Mutant(
        "no turning to the other host",
        _CLIENT,
        "            self._turn_from(base_url, error)\n",
        "            return\n",
        _HTTP,
    ),
    Mutant(
        "a body without a cap",
        _CLIENT,
        "if len(body) > request.max_bytes:",
        "if len(body) < 0:",
        _HTTP,
    ),
    Mutant(
        "redirects are followed",
        _CLIENT,
        "allow_redirects=False",
        "allow_redirects=True",
        _HTTP,
    ),
    Mutant(
        "a venue's words as they come",
        _CLIENT,
        "            readable(detail),\n",
        "            detail,\n",
        _HTTP,
    ),
    Mutant(
        "drop zero",
        _FIELDS,
        "    if match is None:\n",
        '    if match is None or not value.strip("0."):\n',
        _CASES,
    ),
    Mutant(
        "parse through float",
        _FIELDS,
        "DecimalText(str(value) if exponent is None",
        "DecimalText(str(float(value)) if exponent is None",
        _CASES,
    ),
    Mutant(
        "accept NaN",
        _FIELDS,
        'r"(0|[1-9][0-9]*)',
        'r"(NaN|0|[1-9][0-9]*)',
        _CASES,
    ),
    Mutant(
        "lose the reply of a bad row",
        _FIELDS,
        "            rejects.append(reject(problem, row, optional(row, key)))\n"
        "        else:\n            good.",
        "            raise\n        else:\n            good.",
        _CASES,
    ),
    Mutant(
        "believe the first of two contradicting rows",
        _FIELDS,
        "if all(_agree(snapshot, twins[0][0]) for snapshot, _ in twins):",
        "if twins:",
        _CASES,
    ),
    Mutant(
        "take the same number in other digits for another",
        _FIELDS,
        "return one == other or _figures(one) == _figures(other)",
        "return one == other",
        _CASES,
    ),
    Mutant(
        "one time for rows of two times",
        _FIELDS,
        "return (moment, *(None",
        "return (0, *(None",
        _CASES,
    ),
    Mutant(
        "take a poll of which no row was believed for a good one",
        "collector/sweep.py",
        "if self.replies == 0 or self._nothing_believed():",
        "if self.replies == 0:",
        ("tests/test_sweep.py",),
    ),
    Mutant(
        "milliseconds cut off",
        _FIELDS,
        "_EPOCH + timedelta(milliseconds=milliseconds)",
        "_EPOCH + timedelta(seconds=milliseconds // 1000)",
        _CASES,
    ),
    Mutant(
        "any timestamp will do",
        _FIELDS,
        "if not received_at - OLDEST <= moment <= received_at + NEWEST:",
        "if moment < OLDEST + _EPOCH:",
        _CASES,
    ),
    Mutant(
        "as many rows as a body can hold",
        _FIELDS,
        "if len(value) > _ROWS_MAX:",
        "if len(value) < 0:",
        _FUZZ,
    ),
    Mutant(
        "a reply for another symbol than asked",
        "collector/venues/bitget.py",
        "if symbol != reply.request.symbol:",
        "if symbol is None:",
        _CASES,
    ),
    Mutant(
        "swap the two clocks",
        "collector/db/batch.py",
        "            snapshot.exchange_ts.isoformat(),\n            self.polled_at.isoformat(),\n",
        "            self.polled_at.isoformat(),\n            snapshot.exchange_ts.isoformat(),\n",
        _STORE,
    ),
    Mutant(
        "names without COPY's escapes",
        "collector/db/batch.py",
        "snapshot.symbol.translate(_COPY_ESCAPES)",
        "snapshot.symbol",
        _STORE,
    ),
    Mutant(
        "lose the batch of a row that the database refuses",
        _TABLES,
        "        if len(rows) == 1:\n",
        "        if rows:\n",
        _STORE,
    ),
    Mutant(
        "a contradicting value is dropped silently",
        _TABLES,
        'batch.reject(row, "contradicts the row stored for the same exchange_ts")',
        "del row",
        _STORE,
    ),
    Mutant(
        "counters twice: marks are not looked at",
        _TABLES,
        "return [entry for entry in entries if entry.seq > marks.get(entry.session, -1)]",
        "return [entry for entry in entries if marks is not None]",
        _STORE,
    ),
    Mutant(
        "counters twice: marks are not moved",
        _TABLES,
        "await _move_marks(connection, entries)",
        "await _move_marks(connection, entries[:0])",
        _STORE,
    ),
    Mutant(
        "acknowledge before the commit",
        "collector/sink.py",
        "                written = await self._store(entries)\n",
        "                await self._journal.forget(entries[-1].seq)\n"
        "                written = await self._store(entries)\n",
        ("tests/test_acknowledged.py",),
    ),
    Mutant(
        "give up on a database that is away",
        "collector/sink.py",
        "attempts=None,",
        "attempts=1,",
        _SINK,
    ),
    Mutant(
        "store rows of instruments that are not listed",
        "collector/instruments.py",
        "kept = [row for row in wanted if self._lists(row) or row.symbol in unsure]",
        "kept = wanted",
        ("tests/test_instruments.py",),
    ),
    Mutant(
        "a bad password is shown in a message",
        "collector/config.py",
        'given = "what is there" if "dsn" in problem["loc"] else _shown(problem["input"])',
        'given = repr(problem["input"])',
        ("tests/config",),
    ),
    Mutant(
        "the address of the database in a repr",
        "collector/db/__init__.py",
        'return f"Database({self.address})"',
        'return f"Database({self._dsn})"',
        ("tests/db/test_address.py",),
    ),
    Mutant(
        "a connection taken for the network",
        "collector/limits/__init__.py",
        "        self._sent_at = now\n        self._has_left = True",
        "        self._has_left = True",
        ("tests/limits/test_credit.py",),
    ),
)

FUZZER = tuple(
    replace(each, name=f"{each.name}, seen by the fuzzer alone", tests=_FUZZ)
    for each in MUTANTS
    if each.name in {"accept NaN", "parse through float", "lose the reply of a bad row"}
)

_LOG = "collector/journal/log.py"
_POWER = ("tests/journal/test_power.py",)
_DAMAGE = ("tests/journal/test_damage.py",)

JOURNAL = (
    Mutant(
        "skip the sync of the journal",
        _LOG,
        "        self._disk.sync(self._file)\n",
        "",
        _POWER,
    ),
    Mutant(
        "a sync that does nothing",
        "collector/journal/disk.py",
        "os.fdatasync(file)",
        "del file",
        ("tests/journal/test_frames.py",),
    ),
    Mutant(
        "a new segment whose name is not synced",
        _LOG,
        "        if segment.length == 0:\n            self._disk.sync_folder(self.folder)\n",
        "",
        _POWER,
    ),
    Mutant(
        "segments are removed before the positions are synced",
        _LOG,
        "        self._positions.pin(self._span)\n        for segment in gone:",
        "        for segment in gone:",
        _POWER,
    ),
    Mutant(
        "a failed write is not cut off",
        _LOG,
        "                self._unclean = segment\n",
        "",
        ("tests/journal/test_disk_trouble.py",),
    ),
    Mutant(
        "a body whose checksum is not compared",
        "collector/journal/frames.py",
        "if zlib.crc32(body) != checksum or",
        "if",
        ("tests/journal/test_frames.py",),
    ),
    Mutant(
        "what is missing is not counted",
        "collector/journal/salvage.py",
        "    return Loss(end.seq - start.seq, end.rows - start.rows) if end > start else Loss()",
        "    return Loss()",
        _DAMAGE,
    ),
    Mutant(
        "a journal without a bound",
        _LOG,
        "if self.used_bytes + HEAD_BYTES + len(body) > self.max_bytes - reserve:",
        "if reserve < 0:",
        ("tests/journal/test_journal.py",),
    ),
)
"""Those of the journal, in one place."""
