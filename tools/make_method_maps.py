"""Make docs/methods.svg: each method's map of one week in St. Louis beside what was then reported.

python tools/make_method_maps.py docs/methods.svg
"""

from __future__ import annotations

import base64
import struct
import sys
import textwrap
import zlib
from pathlib import Path

import geopandas
import numpy as np

from peelian.demo_data import stlouis_areas, stlouis_incidents
from peelian.methods import discover
from peelian.places import Counts, Grid, Periods, count_incidents
from peelian.publish.palette import CLASSES, LIGHT
from peelian.records import read_incidents

CRS = "ESRI:102696"
SCALE = 3
ACROSS = 5
GAP, HEAD = 14, 34
SHARES = (0.5, 0.8, 0.95, 0.99)
"""Cells are coloured by rank: the upper half, fifth, twentieth and hundredth."""


def counts() -> Counts:
    """Three years of weekly burglary counts in cells of 250 m."""
    incidents = read_incidents(stlouis_incidents()).incidents.where(category="burglary")
    grid = Grid.inside(geopandas.read_parquet(stlouis_areas()).union_all(), crs=CRS, cell=250.0)
    return count_incidents(incidents, grid, Periods.covering("2015-01-01", "2018-01-01", "1w"))


def png(pixels: np.ndarray) -> str:
    """A picture of shape (rows, columns, 3) as a data URL (PNG specification, third edition, section 5)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows, columns, _ = pixels.shape
    lines = b"".join(b"\0" + row.tobytes() for row in pixels.astype(np.uint8))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()


def colours(grid: Grid, mean: np.ndarray) -> np.ndarray:
    """The picture of a map, shape (rows, columns, 3), north up; white outside the study area."""
    # Cells that tie are as high as the lowest of them: a count map has many without a report.
    rank = np.searchsorted(np.sort(mean), mean) / len(grid)
    shades = np.array(
        [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in [LIGHT[f"q{k}"] for k in range(CLASSES)]]
    )
    step = np.searchsorted(SHARES, rank, side="right")
    image = np.full((*grid.shape, 3), 255)
    image[grid.rows, grid.columns] = shades[step]
    return image[::-1]


def panel(
    grid: Grid, title: str, mean: np.ndarray | None, seen: np.ndarray, at: tuple[int, int]
) -> list[str]:
    """A map with its title and the week's reports as dots; without means, the dots alone."""
    x, y = at
    rows, columns = grid.shape
    lines = enumerate(textwrap.wrap(title, 24))
    shown = colours(grid, np.zeros(len(grid)) if mean is None else mean)
    parts = [
        *(f'<text x="{x}" y="{y - 20 + 13 * k}" font-size="12">{line}</text>' for k, line in lines),
        (
            f'<image x="{x}" y="{y}" width="{columns * SCALE}" height="{rows * SCALE}"'
            f' href="{png(shown)}" style="image-rendering:pixelated"/>'
        ),
    ]
    for cell in np.flatnonzero(seen):
        cx = x + (grid.columns[cell] + 0.5) * SCALE
        cy = y + (rows - grid.rows[cell] - 0.5) * SCALE
        parts.append(
            f'<circle cx="{cx:g}" cy="{cy:g}" r="1.6" fill="#fff" stroke="#000" stroke-width="0.7"/>'
        )
    return parts


def main(path: Path) -> None:
    """Fit every method up to the last week, and draw."""
    every = counts()
    past, week = every[:-1], every.periods[-1]
    seen = every.column(len(every.periods) - 1)
    maps: list[tuple[str, np.ndarray | None]] = [("What was reported", None)]
    maps += [(m.title, m().fit(past).predict(week).mean) for m in discover()]
    rows, columns = every.grid.shape
    wide, high = columns * SCALE + GAP, rows * SCALE + GAP + HEAD
    lines = -(-len(maps) // ACROSS)
    width, height = ACROSS * wide + GAP, lines * high + GAP
    told = (
        f"Burglary in St. Louis, {week}: maps of {len(maps) - 1} methods, each from what was reported before, and the "
        f"{int(seen.sum())} reports of that week as dots. Darker: ranked higher; the darkest hundredth of the area was "
        "ranked highest."
    )
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
            ' font-family="system-ui, sans-serif">'
        ),
        f"<title>Forecasts of one week by each method</title><desc>{told}</desc>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for k, (title, mean) in enumerate(maps):
        at = (GAP + k % ACROSS * wide, GAP + HEAD + k // ACROSS * high)
        parts += panel(every.grid, title, mean, seen, at)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
