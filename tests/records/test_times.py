from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.errors import SourceError
from peelian.records.times import change_table, read_times, transitions

CHICAGO = "America/Chicago"


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def read(
    connection: duckdb.DuckDBPyConnection,
    texts: Sequence[str],
    *,
    zone: str = CHICAGO,
    order: str | None = "mdy",
) -> list[tuple[str | None, str | None]]:
    """Return value and resolution of each text, as text."""
    connection.register("raw_input", pa.table({"t": pa.array(texts, type=pa.string())}))
    connection.execute("CREATE OR REPLACE TEMP TABLE raw AS SELECT * FROM raw_input")
    times = read_times(connection, "t", zone=zone, order=order)  # type: ignore[arg-type]
    return connection.execute(
        f"SELECT strftime({times.value}, '%Y-%m-%d %H:%M:%S'), {times.resolution} FROM raw"
    ).fetchall()


@pytest.mark.parametrize(
    ("text", "value", "resolution"),
    [
        ("2017-03-04", "2017-03-04 00:00:00", "day"),
        ("2017-03-04 05:06", "2017-03-04 05:06:00", "minute"),
        ("2017-03-04T05:06:07", "2017-03-04 05:06:07", "minute"),
        ("2017-03-04 05:06:07.123", "2017-03-04 05:06:07", "minute"),
        ("2017-03-04T05:06:07,5", "2017-03-04 05:06:07", "minute"),
        ("2017-3-4 5:06", "2017-03-04 05:06:00", "minute"),
        ("2017-03", "2017-03-01 00:00:00", "month"),
        ("2017/03", "2017-03-01 00:00:00", "month"),
        ("20170304", "2017-03-04 00:00:00", "day"),
        ("20170304T0506", "2017-03-04 05:06:00", "minute"),
        ("20170304T050607", "2017-03-04 05:06:07", "minute"),
        ("2017/03/04", "2017-03-04 00:00:00", "day"),
        ("2017/3/4 05:06:07", "2017-03-04 05:06:07", "minute"),
        ("03/04/2017", "2017-03-04 00:00:00", "day"),
        ("3/4/2017 5:06", "2017-03-04 05:06:00", "minute"),
        ("03/04/2017 17:06:07", "2017-03-04 17:06:07", "minute"),
        ("03/04/2017 05:06:07 PM", "2017-03-04 17:06:07", "minute"),
        ("03/04/2017 12:00:00 AM", "2017-03-04 00:00:00", "minute"),
        ("3/4/2017 12:30 pm", "2017-03-04 12:30:00", "minute"),
        ("3/4/2017 1:30pm", "2017-03-04 13:30:00", "minute"),
        ("03-04-2017 17:06", "2017-03-04 17:06:00", "minute"),
        ("03/04/2017 17:06:07.25", "2017-03-04 17:06:07", "minute"),
        ("04.03.2017", "2017-03-04 00:00:00", "day"),
        ("04.03.2017 17:06", "2017-03-04 17:06:00", "minute"),
        # with an offset: converted to civil time in Chicago (UTC-6 in winter, UTC-5 in summer)
        ("2017-01-04T12:00:00Z", "2017-01-04 06:00:00", "minute"),
        ("2017-07-04T12:00:00Z", "2017-07-04 07:00:00", "minute"),
        ("2017-07-04T12:00Z", "2017-07-04 07:00:00", "minute"),
        ("2017-07-04 12:00:00 UTC", "2017-07-04 07:00:00", "minute"),
        ("2017-07-04 12:00:00+01:00", "2017-07-04 06:00:00", "minute"),
        ("2017-07-04 12:00:00+01", "2017-07-04 06:00:00", "minute"),
        ("2017-07-04 12:00:00 -0400", "2017-07-04 11:00:00", "minute"),
        ("2017-07-04t12:00:00z", "2017-07-04 07:00:00", "minute"),
    ],
)
def test_forms(connection: duckdb.DuckDBPyConnection, text: str, value: str, resolution: str) -> None:
    assert read(connection, [text]) == [(value, resolution)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2017",
        "2017-02-30",
        "2017-13-01",
        "13/01/2017",
        "02/30/2017",
        "01/02/17",
        "2017-01-01 25:00",
        "2017-01-01 10:61",
        "03/04/2017 13:00 PM",
        "2017-01-01Z",
        "2017-01-01'; DROP TABLE raw; --",
        "infinity",
        "epoch",
        "1234567890",
        "9" * 60,
    ],
)
def test_what_is_no_time_is_null(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    assert read(connection, [text])[0][0] is None


def test_forms_may_be_mixed_in_one_file(connection: duckdb.DuckDBPyConnection) -> None:
    found = read(connection, ["2017-03-04 05:06", "03/04/2017", "2017-03", "nothing", "2017-07-04T12:00:00Z"])
    assert [row[0] and row[0][:10] for row in found] == [
        "2017-03-04",
        "2017-03-04",
        "2017-03-01",
        None,
        "2017-07-04",
    ]
    assert [row[1] for row in found] == ["minute", "day", "month", None, "minute"]


def test_shapes_of_unread_text_hide_the_text(connection: duckdb.DuckDBPyConnection) -> None:
    connection.register("raw_input", pa.table({"t": ["Jane Roe 1987", "2017-01-01", "a story " * 9]}))
    connection.execute("CREATE OR REPLACE TEMP TABLE raw AS SELECT * FROM raw_input")
    assert read_times(connection, "t", zone=CHICAGO, order="mdy").unread == ("(long text)", "AAAA AAA 9999")


def test_day_first_when_told(connection: duckdb.DuckDBPyConnection) -> None:
    assert read(connection, ["04/03/2017 10:00"], order="dmy") == [("2017-03-04 10:00:00", "minute")]


def test_month_first_when_the_values_show_it(connection: duckdb.DuckDBPyConnection) -> None:
    assert read(connection, ["04/03/2017", "04/30/2017"], order=None)[0] == ("2017-04-03 00:00:00", "day")
    connection.execute("SELECT 1")
    assert read_times(connection, "t", zone=CHICAGO, order=None).warnings == ()


def test_an_order_that_nothing_shows_is_warned_of(connection: duckdb.DuckDBPyConnection) -> None:
    assert read(connection, ["04/03/2017"], order=None) == [("2017-04-03 00:00:00", "day")]
    assert "no value proves it" in read_times(connection, "t", zone=CHICAGO, order=None).warnings[0]


def test_dates_that_can_not_be_month_first_need_an_order(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(SourceError, match="date_order='dmy'"):
        read(connection, ["04/03/2017", "30/04/2017"], order=None)


ZONES = [
    "America/Chicago",
    "Europe/London",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Asia/Tokyo",
]


@pytest.mark.parametrize(
    ("zone", "start", "end", "gap"),
    [
        ("America/Chicago", "2017-03-12 02:00", "2017-03-12 03:00", True),
        ("America/Chicago", "2017-11-05 01:00", "2017-11-05 02:00", False),
        ("Europe/London", "2022-03-27 01:00", "2022-03-27 02:00", True),
        ("Europe/London", "2022-10-30 01:00", "2022-10-30 02:00", False),
        ("Australia/Lord_Howe", "2019-10-06 02:00", "2019-10-06 02:30", True),
        ("America/Sao_Paulo", "2018-11-04 00:00", "2018-11-04 01:00", True),
        ("Pacific/Apia", "2011-12-30 00:00", "2011-12-31 00:00", True),
    ],
)
def test_known_changes_of_the_clocks(zone: str, start: str, end: str, gap: bool) -> None:
    wanted = (dt.datetime.fromisoformat(start), dt.datetime.fromisoformat(end), gap)
    assert wanted in [(change.start, change.end, change.gap) for change in transitions(zone)]


def test_a_zone_without_summer_time_has_no_changes() -> None:
    assert transitions("Asia/Tokyo") == ()
    assert change_table("Asia/Tokyo").num_rows == 0


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.datetimes(dt.datetime.fromisoformat("1971-01-01"), dt.datetime.fromisoformat("2039-06-01")),
)
def test_gaps_and_overlaps_agree_with_zoneinfo(zone: str, moment: dt.datetime) -> None:
    """zoneinfo's two folds say whether a naive time exists once, twice or never."""
    info = ZoneInfo(zone)
    early, late = moment.replace(tzinfo=info, fold=0), moment.replace(tzinfo=info, fold=1)
    differs = early.utcoffset() != late.utcoffset()
    round_trip = early.astimezone(dt.UTC).astimezone(info).replace(tzinfo=None)
    skipped = differs and round_trip != moment
    ours = [change for change in transitions(zone) if change.start <= moment < change.end]
    assert bool(ours) == differs
    if ours:
        assert ours[0].gap == skipped
    if skipped:  # moved forward by the gap is what zoneinfo's fold=0 gives after a round trip
        assert moment + (ours[0].end - ours[0].start) == round_trip


@settings(max_examples=60, deadline=None)
@given(
    moments=st.lists(
        st.datetimes(dt.datetime.fromisoformat("1970-01-01"), dt.datetime.fromisoformat("2100-01-01")),
        min_size=1,
        max_size=20,
    ),
    form=st.sampled_from(
        ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M", "%Y%m%dT%H%M%S"]
    ),
)
def test_written_times_are_read_back(
    connection: duckdb.DuckDBPyConnection, moments: list[dt.datetime], form: str
) -> None:
    texts = [moment.strftime(form) for moment in moments]
    expected = [dt.datetime.strptime(text, form) for text in texts]  # noqa: DTZ007  civil time
    assert [row[0] for row in read(connection, texts)] == [e.strftime("%Y-%m-%d %H:%M:%S") for e in expected]


@settings(max_examples=60, deadline=None)
@given(
    moment=st.datetimes(dt.datetime.fromisoformat("1971-01-01"), dt.datetime.fromisoformat("2037-01-01")),
    hours=st.integers(-12, 14),
    zone=st.sampled_from(["America/Chicago", "Europe/London", "Asia/Tokyo"]),
)
def test_offsets_are_converted_as_zoneinfo_converts_them(
    connection: duckdb.DuckDBPyConnection, moment: dt.datetime, hours: int, zone: str
) -> None:
    aware = moment.replace(microsecond=0, tzinfo=dt.timezone(dt.timedelta(hours=hours)))
    expected = aware.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
    assert read(connection, [aware.isoformat()], zone=zone) == [(expected, "minute")]


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(max_size=30), min_size=1, max_size=10))
def test_no_text_breaks_the_statement(connection: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    assert len(read(connection, [t.encode("utf-8", "ignore").decode() for t in texts])) == len(texts)
