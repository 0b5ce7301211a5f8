"""Make the bundled St. Louis data from a folder that holds the originals.

    python tools/build_stlouis.py FOLDER [--out src/peelian/demo_data/stlouis]

FOLDER holds ``stlouis_crimes_2012_2017.parquet``, ``geo/stlouis_neighborhoods_esri102696.parquet`` and
``geo/stlouis_neighborhood_race_1940_2017.parquet``. The same input and library versions give the same bytes.
What is done, and why, is told in ``stlouis/SOURCE.md``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import geopandas
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely

CRS = "ESRI:102696"
FIRST_MONTH = "2015-01"
OUT = Path(__file__).resolve().parents[1] / "src/peelian/demo_data/stlouis"


def incidents(folder: Path) -> pa.Table:
    """Rows reported from `FIRST_MONTH` on: the same columns, types and order as in the source."""
    source = pq.read_table(folder / "stlouis_crimes_2012_2017.parquet")
    month = source["reported_month"].cast(pa.string())
    table = source.filter(pc.greater_equal(month, FIRST_MONTH))
    for i, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            # Encoded anew: the filtered dictionary would still list labels that no row has any more.
            values = table.column(i).cast(field.type.value_type).combine_chunks().dictionary_encode()
            table = table.set_column(i, field, values.cast(field.type))
    return table.replace_schema_metadata(None)


def areas(folder: Path) -> geopandas.GeoDataFrame:
    """Neighbourhood polygons, valid, with residents by group; 0 where the source lets nobody live."""
    polygons = pd.read_parquet(folder / "geo/stlouis_neighborhoods_esri102696.parquet")
    residents = pd.read_parquet(folder / "geo/stlouis_neighborhood_race_1940_2017.parquet")
    joined = polygons.merge(
        residents[["NHD_NUM", "black17", "white17"]], on="NHD_NUM", how="left", validate="one_to_one"
    ).sort_values("NHD_NUM", ignore_index=True)
    if unmatched := set(residents["NHD_NUM"]) - set(polygons["NHD_NUM"]):
        message = f"residents of areas without a polygon: {sorted(unmatched)}"
        raise SystemExit(message)
    geometry = shapely.from_wkb(joined["wkb"].to_numpy())
    invalid = ~shapely.is_valid(geometry)
    geometry[invalid] = shapely.make_valid(geometry[invalid])
    print(
        f"areas: {len(joined)}; without residents: {joined['black17'].isna().sum()}; mended: {invalid.sum()}"
    )
    return geopandas.GeoDataFrame(
        {
            "area_id": joined["NHD_NUM"].astype(str),
            "name": joined["NHD_NAME"].astype(str),
            "black": joined["black17"].fillna(0.0),
            "white": joined["white17"].fillna(0.0),
        },
        geometry=geometry,
        crs=CRS,
    )


def main() -> None:
    """Write ``incidents.parquet`` and ``areas.parquet``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    table = incidents(given.folder)
    pq.write_table(
        table,
        given.out / "incidents.parquet",
        compression="zstd",
        compression_level=19,
        row_group_size=1 << 18,
    )
    areas(given.folder).to_parquet(given.out / "areas.parquet", compression="zstd", index=False)
    print(f"incidents: {table.num_rows:,}")
    for path in sorted(given.out.glob("*.parquet")):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
