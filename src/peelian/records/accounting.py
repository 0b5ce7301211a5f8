"""What becomes of each row: duplicate, correction, quarantined or stored. Every row gets exactly one of these."""

# ruff: noqa: S608  names in statements are ours or quoted
from __future__ import annotations

from collections.abc import Collection

import duckdb

from peelian.records.engine import literal, quote

__all__ = ["decide", "quarantine_sql", "shape"]

_SHOWN = 40


def decide(
    connection: duckdb.DuckDBPyConnection, inputs: Collection[str], *, blurred: str | None = None
) -> None:
    """Say what becomes of each row.

    ``blurred`` is the label that stands for those too rare to be kept, in a source where labels and types of location
    may be; whether they are depends on the file, so they don't make a row a revised one.
    """
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE again AS
        SELECT j.row, {_differs("j", "s", blurred)} revised FROM judged j JOIN stored_before s ON j.id = s.id
        UNION ALL
        SELECT j.row, false FROM judged j WHERE j.id IN (SELECT id FROM cancelled)
            AND j.id NOT IN (SELECT id FROM stored_before)"""
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE corrected (row BIGINT)")
    connection.execute("CREATE OR REPLACE TEMP TABLE cancels (id VARCHAR)")
    if "count" in inputs:
        _correct(connection)
    connection.execute(
        f"""INSERT INTO again
        WITH owned AS (SELECT * FROM judged WHERE own AND NOT corrects AND reason IS NULL
            AND row NOT IN (SELECT row FROM again) AND row NOT IN (SELECT row FROM corrected)),
        repeated AS (SELECT id, min(row) first FROM owned GROUP BY id HAVING count(*) > 1)
        SELECT j.row, {_differs("j", "f", blurred)} FROM owned j JOIN repeated r ON j.id = r.id
        JOIN owned f ON f.row = r.first WHERE j.row > r.first"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP VIEW final AS SELECT judged.* EXCLUDE (reason), coalesce(revised, false)
        revised, CASE WHEN again.row IS NOT NULL THEN 'duplicate'
            WHEN corrected.row IS NOT NULL THEN 'correction'
            WHEN reason IS NOT NULL OR corrects THEN 'quarantined' ELSE 'stored' END status,
        CASE WHEN corrects AND reason IS DISTINCT FROM 'no_time' THEN 'correction_without_row' ELSE reason
        END reason FROM judged LEFT JOIN again ON again.row = judged.row LEFT JOIN corrected
        ON corrected.row = judged.row"""
    )


def _differs(one: str, other: str, blurred: str | None) -> str:
    exact = ["occurred_from", "occurred_to", "reported", "domestic"]
    exact += ["label", "location_type"] if blurred is None else []
    tests = [f"{one}.{name} IS DISTINCT FROM {other}.{name}" for name in exact]
    if blurred is not None:
        tests.append(
            f"({one}.label <> {other}.label AND {literal(blurred)} NOT IN ({one}.label, {other}.label))"
        )
        tests.append(f"coalesce({one}.location_type <> {other}.location_type, false)")
    # The same point projected on another machine may differ in the last digits.
    tests += [f"coalesce(abs({one}.{name} - {other}.{name}) > 0.01, true)" for name in ("x", "y")]
    return f"{one}.own AND ({' OR '.join(tests)})"


# Which corrections and which targets are paired in one pass, and what they must share beside the base. A place may
# be missing on either side; with a case number it need not agree at all, though a row where it does goes first.
_PASSES = (
    ("true", "true", "place"),
    ("place = ''", "true", "''"),
    ("true", "place = ''", "''"),
    ("keyed", "true", "''"),
)


def _correct(connection: duckdb.DuckDBPyConnection) -> None:
    """Pair each correction with one row that it cancels: in this file, else among those stored before.

    Both are of one *base* (case, kind and time; or kind, label and time where there is no case); ``k`` corrections
    cancel ``k`` rows.
    """
    place = "coalesce(printf('%.1f,%.1f', x, y), '')"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE fixes AS SELECT row, id, base, keyed, {place} place FROM judged
        WHERE corrects AND occurred_from IS NOT NULL AND row NOT IN (SELECT row FROM again)"""
    )
    if not connection.execute("SELECT count(*) FROM fixes").fetchall()[0][0]:
        return
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE targets AS SELECT row, id, base, {place} place, true here FROM judged
        WHERE NOT corrects AND occurred_from IS NOT NULL AND row NOT IN (SELECT row FROM again)
            AND base IN (SELECT base FROM fixes)
        UNION ALL SELECT NULL, id, left(id, 16), {place}, false FROM stored_before
        WHERE left(id, 16) IN (SELECT base FROM fixes)"""
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE pairs (fix BIGINT, fix_id VARCHAR, target BIGINT, id VARCHAR)"
    )
    for here in ("here", "NOT here"):
        for of_fix, of_target, shared in _PASSES:
            connection.execute(
                f"""INSERT INTO pairs
                WITH f AS (SELECT *, {shared} also, row_number() OVER (PARTITION BY base, also ORDER BY row) k
                    FROM fixes WHERE {of_fix} AND row NOT IN (SELECT fix FROM pairs)),
                t AS (SELECT *, {shared} also, row_number() OVER (PARTITION BY base, also ORDER BY row, id) k
                    FROM targets WHERE {here} AND {of_target} AND id NOT IN (SELECT id FROM pairs))
                SELECT f.row, f.id, t.row, t.id FROM f JOIN t USING (base, also, k)"""
            )
    connection.execute(
        """INSERT INTO corrected SELECT fix FROM pairs
        UNION ALL SELECT target FROM pairs WHERE target IS NOT NULL"""
    )
    connection.execute("INSERT INTO cancels SELECT fix_id FROM pairs UNION ALL SELECT id FROM pairs")


def shape(text: str) -> str:
    """The form of a text, of which nothing can be read: letters as A, digits as 9, at most 40 characters."""
    return "".join("A" if c.isalpha() else "9" if c.isnumeric() else c for c in text[:_SHOWN])


def quarantine_sql(inputs: Collection[str]) -> str:
    """SQL of the quarantined rows; of text that could not be read only the shape is shown.

    So it is with a mapped label that no category table knows.
    A value in the wrong column may be anything, even a name, so nothing but its form is kept; the row's
    number leads to it in the file.
    """

    def text(name: str, read: str) -> str:
        if name not in inputs:
            return f"NULL::VARCHAR {name}"
        value = f"left(raw.{quote(name)}, {_SHOWN})"
        shape = f"regexp_replace(regexp_replace({value}, '\\pL', 'A', 'g'), '[0-9]', '9', 'g')"
        return f"CASE WHEN {read} IS NOT NULL THEN {value} ELSE {shape} END {name}"

    return f"""SELECT row, reason, CASE WHEN own THEN final.id END id, {text("occurred_from", "final.occurred_from")},
        {text("occurred_to", "final.occurred_to")}, {text("reported", "final.reported")}, final.aside AS "label",
        {text("x", "TRY_CAST(raw.x AS DOUBLE)")}, {text("y", "TRY_CAST(raw.y AS DOUBLE)")}
        FROM final JOIN raw USING (row) WHERE status = 'quarantined' ORDER BY row"""
