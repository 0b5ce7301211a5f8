"""The import of files of every kind into a workspace."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from peelian.errors import ConfigError, CRSError, DataError, ResolutionError, SourceError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.forecast import forecast
from peelian.workspace.import_ import import_records
from peelian.workspace.init import init

MAP = {"occurred_from": "when", "category": "kind", "x": "east", "y": "north"}


def write(path: Path, rows: list[tuple[object, ...]], header: str = "when,kind,east,north") -> Path:
    path.write_text(
        "\n".join([header, *(",".join(str(v) for v in row) for row in rows)]) + "\n", encoding="utf-8"
    )
    return path


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    init(tmp_path / "city", crs="EPSG:26915", zone="America/Chicago")
    return tmp_path / "city"


def test_the_first_import_chooses_a_crs_in_metres(tmp_path: Path) -> None:
    init(tmp_path / "city", zone="America/Chicago")
    rows = [("2024-05-01 10:00", "Burglary", -90.2 + i / 1000, 38.6) for i in range(20)]
    path = write(tmp_path / "calls.csv", rows)
    report = import_records(Workspace(tmp_path / "city"), path, mapping=MAP, source_crs="EPSG:4326").result
    assert (report["stored"], report["crs"]) == (20, "EPSG:32615")
    assert Workspace(tmp_path / "city").crs == "EPSG:32615"
    assert Workspace(tmp_path / "city").store.load().x.min() > 700_000


def test_degrees_given_as_metres_are_an_error(bare: Path, tmp_path: Path) -> None:
    path = write(
        tmp_path / "calls.csv", [("2024-05-01", "Burglary", -90.2 + i / 1000, 38.6) for i in range(30)]
    )
    with pytest.raises(CRSError, match="degrees") as caught:
        import_records(Workspace(bare), path, mapping=MAP)
    assert "EPSG:4326" in str(caught.value.hint)
    assert Workspace(bare).store.files == ()


def test_a_named_mapping_of_the_configuration(bare: Path, tmp_path: Path) -> None:
    lines = ["", "[records.map.calls]", *(f'{field} = "{column}"' for field, column in MAP.items())]
    config = bare / "peelian.toml"
    config.write_text(config.read_text() + "\n".join(lines) + "\n")
    path = write(tmp_path / "calls.csv", [("2024-05-01 10:00", "Burglary", 740000, 4280000)])
    assert import_records(Workspace(bare), path, source="calls").result["stored"] == 1


def test_a_table_of_one_s_own_overrides_categories(bare: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "calls.csv", [("2024-05-01 10:00", "Zig-zagging", 740000, 4280000)])
    assert import_records(Workspace(bare), path, mapping=MAP).result["unmapped"] == {"Zig-zagging": 1}
    (bare / "own.csv").write_text("pattern,category,officer_initiated\nzig-zagging,disorder,false\n")
    config = bare / "peelian.toml"
    text = config.read_text().replace("# categories = {}", 'categories = { mapped = "own.csv" }')
    config.write_text(text)
    again = write(tmp_path / "more.csv", [("2024-05-02 10:00", "Zig-zagging", 740000, 4280000)])
    report = import_records(Workspace(bare), again, mapping=MAP).result
    assert report["categories"] == {"disorder": 1}
    assert report["unmapped"] == {}


def test_a_table_overrides_a_recognised_source(tmp_path: Path, one_year: Path) -> None:
    init(tmp_path / "city", crs="EPSG:26915", zone="America/Chicago")
    (tmp_path / "city" / "own.csv").write_text("pattern,category,officer_initiated\n05*,robbery,false\n")
    config = tmp_path / "city" / "peelian.toml"
    whole = config.read_text()
    config.write_text(whole.replace("# categories = {}", 'categories = { slmpd = "own.csv" }'))
    report = import_records(Workspace(tmp_path / "city"), one_year).result
    assert "burglary" not in report["categories"]
    assert report["categories"]["robbery"] > 4000
    for wrong, told in (('{ slmpdd = "own.csv" }', "slmpdd"), ('{ slmpd = "none.csv" }', "none.csv")):
        config.write_text(whole.replace("# categories = {}", f"categories = {wrong}"))
        with pytest.raises(ConfigError, match=told):
            import_records(Workspace(tmp_path / "city"), one_year)


def test_two_named_mappings_don_t_share_their_ids(bare: Path, tmp_path: Path) -> None:
    lines = []
    for name in ("calls", "shots"):
        lines += [
            "",
            f"[records.map.{name}]",
            'id = "no"',
            *(f'{field} = "{column}"' for field, column in MAP.items()),
        ]
    config = bare / "peelian.toml"
    config.write_text(config.read_text() + "\n".join(lines) + "\n")
    for name, kind in (("calls", "Burglary"), ("shots", "Robbery")):
        path = tmp_path / f"{name}.csv"
        rows = [(i, f"2024-05-0{i} 10:00", kind, 740000 + i, 4280000) for i in range(1, 6)]
        report = import_records(
            Workspace(bare), write(path, rows, "no,when,kind,east,north"), source=name
        ).result
        assert (report["source"], report["stored"], report["duplicates"]) == (name, 5, 0)


def test_a_folder_is_no_file(bare: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it is a folder"):
        import_records(Workspace(bare), tmp_path)


def test_a_source_in_another_zone_is_pointed_out(tmp_path: Path, one_year: Path) -> None:
    init(tmp_path / "city", crs="EPSG:26915", zone="UTC")
    report = import_records(Workspace(tmp_path / "city"), one_year).result
    assert any("America/Chicago" in warning and "UTC" in warning for warning in report["warnings"])


def test_month_only_records_have_no_weeks(tmp_path: Path) -> None:
    init(tmp_path / "city", crs="EPSG:27700", zone="Europe/London")
    header = (
        "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,"
        "Crime type,Last outcome category,Context"
    )
    rows = [
        ("", f"2022-{m:02d}", "F", "F", -1.13 + i / 500, 52.63, "On or near X", "E1", "L", "Burglary", "", "")
        for m in range(1, 12)
        for i in range(12)
    ]
    path = write(tmp_path / "2022-street.csv", rows, header)
    report = import_records(Workspace(tmp_path / "city"), path).result
    assert (report["source"], report["stored"], report["resolution"]) == ("police_uk", 132, "month")
    with pytest.raises(ResolutionError, match="week"):
        forecast(Workspace(tmp_path / "city"), "burglary")
    monthly = forecast(Workspace(tmp_path / "city"), "burglary", period="1mo").result
    assert monthly["period"] == {"start": "2022-12-01", "end": "2023-01-01"}
    assert monthly["expected"] == pytest.approx(12, rel=0.05)
    assert (
        forecast(Workspace(tmp_path / "city"), "Burglary", period="1mo").result["expected"]
        == monthly["expected"]
    )


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\xff\xfe\x00\x00", b"PK\x03\x04zip", b"{}", b"when\n", b"a,b\n1,2\n"]
)
def test_what_is_no_table_is_refused_and_stores_nothing(bare: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises((SourceError, DataError, UsageError)):
        import_records(Workspace(bare), tmp_path / "x.csv")
    assert Workspace(bare).runs("import") == []


def test_only_the_allowed_fields_are_ever_written(bare: Path, tmp_path: Path) -> None:
    secret = "Marigold-Featherstone"
    header = "when,kind,east,north,suspect_name,notes"
    rows = [
        ("2024-05-01 10:00", "Burglary", 740000, 4280000, secret, f"seen with {secret}"),
        ("not a time", "Burglary", 740000, 4280000, secret, secret),
    ]
    import_records(Workspace(bare), write(tmp_path / "calls.csv", rows, header), mapping=MAP)
    for path in bare.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
    frame = pd.concat([pd.read_parquet(p) for p in (bare / "records" / "incidents").rglob("*.parquet")])
    assert "suspect_name" not in frame.columns
