"""The one pipeline from a file's text to accounted rows, in DuckDB.

Each step makes a table from the one before it: ``raw`` (text) -> ``parsed`` (typed) -> ``judged`` (placed,
named, and with the reason if the row is bad) -> ``final`` (with what becomes of it). The rules are the same
for every source; a source is data.

What becomes of a row, in this order:

1. *duplicate*: its id is stored already, or was cancelled by an earlier correction;
2. *correction*: it corrects another row, or is the row in the same file that a correction cancels;
3. *quarantined*: something about it can't be true or can't be read;
4. *duplicate*: its own id came earlier in the same file;
5. *stored*.

Mapped columns may hold anything, even a name in place of a kind. So of these a label that no table knows is kept
only if it is frequent enough to be a kind, and so is a type of location; others are counted. What is set aside shows
the shape of such a label only.

Ids. A known source's own id is kept where it is one word with a digit in it, and hashed otherwise; a mapped one is
always hashed. Without an id,
the id is a hash of what identifies a record for corrections (case, kind and time; or kind, label and time
without a case) followed by a hash of the whole row, and a rank among identical rows of the file: so
identical rows stay separate incidents, and the same file gives the same ids again.
"""

# ruff: noqa: S608  names in statements are ours or quoted; values are bound or checked literals
from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa
import shapely

from peelian.errors import SourceError
from peelian.records.accounting import decide, shape
from peelian.records.categories import CategoryTable
from peelian.records.engine import arrow, literal, quote
from peelian.records.files import OpenedFile, RawRows, load_rows
from peelian.records.placing import choose_crs, place_points
from peelian.records.sources import DateOrder, Layout, Source
from peelian.records.times import change_table, read_times

__all__ = ["FEW", "FINAL_FIELDS", "RARE_LABEL", "Plan", "Progress", "Run", "run"]

#: Called with the name of a step and the share of the work that is done, 0 to 1.
Progress = Callable[[str, float], None]

#: What is stored in place of a mapped label that no table knows and that too few rows have to call it a kind.
RARE_LABEL = "rare label"
#: So many rare labels (or types of location) may be names of rare kinds; more are free text, and aren't kept.
SOME = 20
#: Fewer rows of a file than this don't make a mapped label or type of location a kind.
FEW = 5

_UNSTATED = "unstated"
_SEPARATOR = "chr(31)"
_TIMES = ("occurred_from", "occurred_to", "reported")
_MAX_LABELS = 2000
_MAX_LABEL_LENGTH = 120
_FEW_ROWS = 20
_MOSTLY = 0.8

#: The stored fields as SQL over ``final``.
FINAL_FIELDS = (
    "id, source, occurred_from, occurred_to, reported, resolution, category, label, x, y, officer_initiated, "
    "domestic, location_type"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to read and how: everything that the pipeline is told."""

    file: OpenedFile
    source: Source
    layout: Layout
    zone: str
    table: CategoryTable
    now: dt.datetime
    earliest: dt.datetime
    crs: str | None = None
    source_crs: str | None = None
    date_order: DateOrder | None = None
    study_area: shapely.Geometry | None = None

    @property
    def positions(self) -> dict[str, int]:
        """Input -> position of its column in the file."""
        return self.layout.positions(self.file.columns)

    @property
    def dropped(self) -> list[str]:
        """Columns of which nothing is kept."""
        kept = {at for name, at in self.positions.items() if name not in {"key", "code", "count"}}
        return [name for at, name in enumerate(self.file.columns) if at not in kept]


@dataclass(slots=True)
class Run:
    """What the pipeline found out on its way, for the report."""

    raw: RawRows
    crs: str = ""
    unmapped: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def run(connection: duckdb.DuckDBPyConnection, plan: Plan, *, progress: Progress | None = None) -> Run:
    """Make the table ``final`` from a file.

    The views ``stored_before`` (of incidents) and ``cancelled`` (of ids) may exist beforehand.

    Raises
    ------
    SourceError
        If the file can't be read or a mapped column can't be what it is said to be.
    CRSError
        If coordinates and CRS don't fit together.
    """
    tell = progress or (lambda step, share: None)
    tell("reading rows", 0.0)
    result = Run(load_rows(connection, plan.file, plan.positions))
    if result.raw.not_utf8:
        result.warnings.append(f"{result.raw.not_utf8} lines are not UTF-8 and were read as Latin-1")
    if not result.raw.total:
        result.warnings.append("the file has a header and no rows")
    _known_before(connection)
    tell("reading times", 0.3)
    _parse(connection, plan, result)
    tell("placing", 0.5)
    _place(connection, plan, result)
    _categorise(connection, plan, result)
    tell("checking", 0.65)
    _judge(connection, plan, result)
    decide(connection, plan.positions, blurred=RARE_LABEL if plan.source.mapped else None)
    tell("checked", 0.8)
    return result


def _known_before(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        """CREATE TEMP VIEW IF NOT EXISTS stored_before AS SELECT NULL::VARCHAR id, NULL::TIMESTAMP
        occurred_from, NULL::TIMESTAMP occurred_to, NULL::TIMESTAMP reported, NULL::VARCHAR label,
        NULL::DOUBLE x, NULL::DOUBLE y, NULL::BOOLEAN domestic, NULL::VARCHAR location_type WHERE false"""
    )
    connection.execute("CREATE TEMP VIEW IF NOT EXISTS cancelled AS SELECT NULL::VARCHAR id WHERE false")


# -- parsed
# -----------------------------------------------------------------------------------------------------------


def _parse(connection: duckdb.DuckDBPyConnection, plan: Plan, result: Run) -> None:
    have = plan.positions
    select = ["row"]
    for name in _TIMES:
        if name not in have:
            select.append(f"NULL::TIMESTAMP {name}, NULL::VARCHAR {name}_res, NULL::BOOLEAN {name}_naive")
            continue
        times = read_times(connection, name, zone=plan.zone, order=plan.date_order or plan.source.date_order)
        result.warnings += times.warnings
        if times.unread:
            column = plan.file.columns[have[name]]
            result.warnings.append(f"{column}: forms of time that are not read: {', '.join(times.unread)}")
        select.append(f"{times.value} {name}, {times.resolution} {name}_res, {times.naive} {name}_naive")
    stated = f"coalesce({_input('label', have)}, {_input('code', have)}, {literal(_UNSTATED)})"
    label = f"left({stated}, {_MAX_LABEL_LENGTH})"
    domestic = _boolean(_input("domestic", have))
    if "domestic" not in have and plan.source.domestic_suffix:
        domestic = f"CASE WHEN upper({label}) LIKE {literal('%' + plan.source.domestic_suffix)} THEN true END"
    select += [
        f"{_input('id', have)} own_id",
        f"{_case_key(have)} case_key",
        f"{label} label",
        f"coalesce({_input('code', have)}, '') code",
        f"{_number('x', have)} xs, {_number('y', have)} ys",
        f"{_boolean(_input('officer_initiated', have))} found_by_officers",
        f"{domestic} domestic",
        f"{_input('location_type', have)} location_type",
        f"coalesce(TRY_CAST({_input('count', have)} AS DOUBLE) < 0, false) corrects",
    ]
    connection.execute(f"CREATE OR REPLACE TEMP TABLE parsed AS SELECT {', '.join(select)} FROM raw")
    if plan.source.mapped:
        _refuse_identifiers(connection, plan)
    _settle_times(connection, plan)


def _input(name: str, have: Mapping[str, int]) -> str:
    return quote(name) if name in have else "NULL::VARCHAR"


def _number(name: str, have: Mapping[str, int]) -> str:
    value = f"TRY_CAST({_input(name, have)} AS DOUBLE)"
    return f"CASE WHEN isfinite({value}) THEN {value} END"


def _boolean(text: str) -> str:
    return (
        f"CASE WHEN lower({text}) IN ('true', 't', 'yes', 'y', '1') THEN true"
        f" WHEN lower({text}) IN ('false', 'f', 'no', 'n', '0') THEN false END"
    )


def _case_key(have: Mapping[str, int]) -> str:
    # SLMPD writes -1 (and older files 0) where a row has no case number.
    text = _input("key", have)
    return f"CASE WHEN {text} NOT IN ('-1', '0') THEN {text} END"


def _refuse_identifiers(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Refuse a mapped category or location type that holds an identifier or free text rather than a kind."""
    for name, column in (("label", "category"), ("location_type", "location_type")):
        if name not in plan.positions:
            continue
        source_column = plan.file.columns[plan.positions[name]]
        rows = connection.execute(
            f"SELECT {name}, count(*), max(length({name})) FROM parsed WHERE {name} IS NOT NULL GROUP BY 1"
            f" LIMIT {_MAX_LABELS + 1}"
        ).fetchall()
        total = sum(int(n) for _, n, _ in rows)
        unknown = sum(1 for text, _, _ in rows if name != "label" or plan.table.lookup(str(text)) is None)
        longest = max((int(n) for _, _, n in rows), default=0)
        if len(rows) > _MAX_LABELS or (total >= _FEW_ROWS and unknown > _MOSTLY * total):
            what = f"has {'over ' if len(rows) > _MAX_LABELS else ''}{min(len(rows), _MAX_LABELS)} different values"
        elif longest >= _MAX_LABEL_LENGTH:
            what = f"has texts of {longest} letters or more"
        else:
            continue
        msg = (
            f"column {source_column!r} (for {column}) {what} in {total} rows: that is an identifier or free text, "
            "not a kind; charter rule 1: places, never persons"
        )
        raise SourceError(msg, hint=f"map {column} to a column with a short list of kinds, or leave it out")


def _settle_times(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Take a file whose times are all midnight for dates, and move times that daylight saving skips."""
    midnight = {}
    for name in _TIMES:
        timed, real = connection.execute(
            f"""SELECT count(*), count(*) FILTER ({name} <> date_trunc('day', {name})) FROM parsed
            WHERE {name}_res = 'minute' AND {name} IS NOT NULL"""
        ).fetchall()[0]
        midnight[name] = bool(timed) and not real
    connection.register("clock_changes", change_table(plan.zone))
    select, joins = [], []
    for name in _TIMES:
        resolution = (
            f"CASE WHEN {name}_res = 'minute' THEN 'day' ELSE {name}_res END"
            if midnight[name]
            else f"{name}_res"
        )
        if midnight[name] or name not in plan.positions:
            select.append(
                f"{name}, {resolution} {name}_res, false {name}_gap, false {name}_twice, false {name}_fold"
            )
            continue
        change = f"change_{name}"
        select.append(
            f"{name} + to_seconds(CASE WHEN {name}_naive THEN coalesce({change}.shift, 0) ELSE 0 END) {name},"
            f" {resolution} {name}_res, coalesce({name}_naive AND {change}.gap, false) {name}_gap,"
            f" coalesce({name}_naive AND NOT {change}.gap, false) {name}_twice,"
            f" coalesce(NOT {change}.gap, false) {name}_fold"
        )
        joins.append(
            f"LEFT JOIN clock_changes {change} ON {change}.day = CAST({name} AS DATE)"
            f' AND {name} >= {change}."start" AND {name} < {change}."end"'
            f" AND {name}_res = 'minute'"
        )
    rest = ", ".join(f"{name}, {name}_res, {name}_naive" for name in _TIMES)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE timed AS SELECT parsed.* EXCLUDE ({rest}), {', '.join(select)}"
        f" FROM parsed {' '.join(joins)}"
    )
    connection.unregister("clock_changes")
    connection.execute("DROP TABLE parsed")


# -- judged
# -----------------------------------------------------------------------------------------------------------


def _nowhere(plan: Plan) -> str:
    return "xs = 0 OR ys = 0" if plan.source.zero_is_no_place else "xs = 0 AND ys = 0"


def _place(connection: duckdb.DuckDBPyConnection, plan: Plan, result: Run) -> None:
    points = arrow(
        connection,
        f"SELECT DISTINCT xs, ys FROM timed WHERE xs IS NOT NULL AND ys IS NOT NULL AND NOT ({_nowhere(plan)})",
    )
    x = points["xs"].to_numpy()
    y = points["ys"].to_numpy()
    source_crs, crs = choose_crs(plan.crs, plan.source_crs or plan.source.crs, x, y)
    placed = place_points(x, y, source_crs=source_crs, crs=crs, study_area=plan.study_area)
    table = pa.table({"xs": x, "ys": y, "x": placed.x, "y": placed.y, "place_reason": placed.reason.tolist()})
    connection.register("points_found", table)
    connection.execute("CREATE OR REPLACE TEMP TABLE points AS SELECT * FROM points_found")
    connection.unregister("points_found")
    result.crs = crs


def _categorise(connection: duckdb.DuckDBPyConnection, plan: Plan, result: Run) -> None:
    """Look each label up; say what is stored of it (``shown``) and what is set aside of it (``aside``)."""
    found = connection.execute(
        "SELECT label, code, count(*) n FROM timed GROUP BY ALL ORDER BY n DESC, label, code"
    ).fetchall()
    totals: Counter[str] = Counter()
    for label, _, n in found:
        totals[_same(label)] += int(n)
    hits = {(label, code): plan.table.lookup(label, code=code or None) for label, code, _ in found}
    strange = {
        _same(label)
        for (label, _), hit in hits.items()
        if hit is None and plan.source.mapped and label != _UNSTATED and totals[_same(label)] < FEW
    }
    # A list of kinds has a few rare ones, and they are listed by name; a column of free text has many.
    if len(strange) <= SOME:
        strange = set()
    rows: list[tuple[str, str, str, bool, str, str]] = []
    rare: Counter[str] = Counter()
    for label, code, n in found:
        hit = hits[label, code]
        hidden = hit is None and plan.source.mapped and label != _UNSTATED
        shown = RARE_LABEL if _same(label) in strange else label
        if hit is None and shown == label:
            result.unmapped[label] = result.unmapped.get(label, 0) + int(n)
        elif hit is None:
            rare[_same(label)] += int(n)
        rows.append((label, code, *(hit or ("other", False)), shown, shape(label) if hidden else label))
    if rare:
        several = "labels" if len(rare) > 1 else "label"
        result.unmapped[f"{len(rare)} {several} seen fewer than {FEW} times"] = rare.total()
    names = ("label", "code", "category", "initiated", "shown", "aside")
    types = (pa.string(), pa.string(), pa.string(), pa.bool_(), pa.string(), pa.string())
    arrays = [pa.array([row[i] for row in rows], type=kind) for i, kind in enumerate(types)]
    connection.register("kinds_found", pa.Table.from_arrays(arrays, names=list(names)))
    connection.execute("CREATE OR REPLACE TEMP TABLE kinds AS SELECT * FROM kinds_found")
    connection.unregister("kinds_found")


def _same(label: str) -> str:
    # Not the category tables' fold, which leaves nothing of a name in other letters: all would count as one kind.
    return " ".join(label.casefold().split())


def _types_of_location(connection: duckdb.DuckDBPyConnection, plan: Plan, result: Run) -> str:
    """SQL of what is kept of ``location_type``: of mapped columns only what is frequent enough to be a type."""
    if not plan.source.mapped or "location_type" not in plan.positions:
        return "location_type"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE rare_types AS SELECT upper(location_type) name, count(*) n FROM timed
        WHERE location_type IS NOT NULL GROUP BY 1 HAVING count(*) < {FEW}"""
    )
    kinds, rows = connection.execute("SELECT count(*), coalesce(sum(n), 0) FROM rare_types").fetchall()[0]
    if kinds <= SOME:
        return "location_type"
    column = plan.file.columns[plan.positions["location_type"]]
    result.warnings.append(
        f"{column}: {kinds} types of location seen fewer than {FEW} times are not kept ({rows} rows)"
    )
    return "CASE WHEN upper(location_type) NOT IN (SELECT name FROM rare_types) THEN location_type END"


def _judge(connection: duckdb.DuckDBPyConnection, plan: Plan, result: Run) -> None:
    """Give each row its place, category, id and, if it can't be kept, the first reason why.

    A file may say that officers found an incident; it can't take the flag from a kind that the category table gives
    it (charter, rule 6). Only a table of one's own can.
    """
    _identify(connection, plan)
    where = _types_of_location(connection, plan, result)
    reasons = f"""CASE WHEN occurred_from IS NULL THEN 'no_time'
        WHEN occurred_from < TIMESTAMP {literal(plan.earliest.isoformat(sep=" "))} THEN 'too_old'
        WHEN occurred_from > TIMESTAMP {literal(plan.now.isoformat(sep=" "))} THEN 'future'
        WHEN {_before("occurred_to")} THEN 'from_after_to'
        WHEN {_before("reported")} THEN 'occurred_after_reported'
        WHEN xs IS NULL OR ys IS NULL OR {_nowhere(plan)} THEN 'no_place'
        WHEN place_reason <> '' THEN place_reason END"""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE judged AS SELECT row, ids.id, own, left(base, 16) base,
        case_key IS NOT NULL keyed, corrects,
        {literal(plan.source.name)} source, occurred_from, occurred_to, reported, occurred_from_res
        resolution, category, shown AS "label", aside, x, y,
        coalesce(found_by_officers, false) OR initiated officer_initiated, domestic, {where} location_type,
        occurred_from_gap gap, occurred_from_twice twice, {reasons} reason
        FROM timed JOIN ids USING (row) LEFT JOIN points USING (xs, ys) JOIN kinds USING (label, code)"""
    )
    for name in ("timed", "points", "ids", "kinds"):
        connection.execute(f"DROP TABLE {name}")
    connection.execute("DROP TABLE IF EXISTS rare_types")


def _before(name: str) -> str:
    """Whether a time must have been before the time of occurrence.

    In the hour that autumn repeats, ten past the second time comes after ten to the first time. That is so even of
    times that came with an offset, since what is kept of them is the clock's reading.
    """
    repeated = f"{name}_fold AND occurred_from_fold AND occurred_from < {name} + INTERVAL 1 DAY"
    return f"{_end_of(name)} < occurred_from AND NOT ({repeated})"


def _end_of(name: str) -> str:
    """The last moment that a time of its resolution can mean."""
    return (
        f"CASE {name}_res WHEN 'month' THEN {name} + INTERVAL 1 MONTH - INTERVAL 1 MICROSECOND"
        f" WHEN 'day' THEN {name} + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND ELSE {name} END"
    )


def _identify(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    source = literal(plan.source.name)
    kind = "coalesce(nullif(code, ''), upper(label))"
    place = "coalesce(printf('%.6f', xs), ''), coalesce(printf('%.6f', ys), '')"
    when = "coalesce(strftime(occurred_from, '%Y-%m-%d %H:%M:%S.%f'), '')"
    case = f"concat_ws({_SEPARATOR}, {source}, case_key, {kind}, {when})"
    rest = (
        f"upper(label), {place}, coalesce(CAST(occurred_to AS VARCHAR), ''), coalesce(CAST(domestic AS VARCHAR), ''),"
        " coalesce(location_type, '')"
    )
    without = f"concat_ws({_SEPARATOR}, {source}, {kind}, {when}, upper(label))"
    whole = (
        f"concat_ws({_SEPARATOR}, {source}, coalesce(case_key, ''), {kind}, {when}, {rest},"
        " coalesce(CAST(reported AS VARCHAR), ''), CAST(corrects AS VARCHAR))"
    )
    identified = f"CASE WHEN case_key IS NOT NULL THEN {case} ELSE {without} END"
    word = "regexp_full_match(own_id, '[A-Za-z0-9:_./#-]*[0-9][A-Za-z0-9:_./#-]*') AND length(own_id) <= 80"
    if plan.source.mapped:
        word = "false"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE ids AS
        WITH based AS (
            SELECT row, own_id IS NOT NULL own, CASE WHEN {word} THEN own_id
                WHEN own_id IS NOT NULL THEN left(sha256(concat({source}, {_SEPARATOR}, own_id)), 32)
                ELSE left(sha256({identified}), 16) || left(sha256({whole}), 16) END base FROM timed)
        SELECT row, own, base, base id FROM based WHERE own
        UNION ALL
        SELECT row, own, base, CASE WHEN place = 1 THEN base ELSE base || '-' || place END FROM (
            SELECT row, own, base, row_number() OVER (PARTITION BY base ORDER BY row) place FROM based WHERE
            NOT own)"""
    )
