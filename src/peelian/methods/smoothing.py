"""Smoothing in space and time: linear binning, Gaussian convolution, mass that stays in the study area, decay with age.

`linear_bin` and `gaussian_smooth` speak of node units, in which the centres of a grid's cells are at 0, 1, 2, ...;
`smooth_points` joins them. Time is one pass over the points and two FFTs of the grid, whatever the bandwidth.
`binned` and `EdgeCorrected` do the same for counts on a study area, and `one_step_ahead` tells what kernels would have
said of the past, by which they are chosen. Methods that smooth have this in common.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from scipy import fft, sparse

from peelian.errors import UsageError
from peelian.places.counts import Counts, Points
from peelian.places.grid import Grid
from peelian.places.periods import Periods
from peelian.units import Frequency

__all__ = [
    "Ahead",
    "EdgeCorrected",
    "binned",
    "binned_by_period",
    "chosen_level",
    "decay",
    "edge_corrected",
    "gaussian_smooth",
    "held_out",
    "linear_bin",
    "narrowed",
    "one_step_ahead",
    "reports_a_day",
    "smooth_points",
]

Floats = npt.NDArray[np.float64]

LINEAR_VARIANCE = 1 / 6
"""Variance in squared cells that linear binning adds each way: that of a triangle of half width 1."""

CELL_VARIANCE = 1 / 12
"""Variance in squared cells of a point that lies anywhere in a cell."""

REACH = 6.0
"""Standard deviations after which the kernel is cut off; what is lost is 2e-9 of it."""

FEWEST_HELD_OUT = 4
"""Periods: with fewer, nothing is chosen."""

FEWEST_REPORTS = 30
"""In what is held out: with fewer, nothing is chosen."""

TINY = 1e-300
"""What a sum of no reports is divided by."""

LEVEL = "26w"
"""Half-life of the whole area's rate where nothing can be chosen."""

LEVELS = ("8w", "13w", "26w", "52w", "104w", None)
"""Half-lives of the whole area's rate that are tried."""


def linear_bin(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    shape: tuple[int, int],
    weight: npt.ArrayLike | None = None,
    inside: npt.NDArray[np.bool_] | None = None,
) -> Floats:
    """Share each point among its four nearest nodes, in inverse proportion to the distance.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        Node units: column and row of the node where they are whole numbers. A point beyond the outermost
        nodes is taken to the edge.
    shape : (int, int)
        Rows and columns.
    weight : array of float, shape (n,), optional
        Ones when it is not given.
    inside : array of bool, shape `shape`, optional
        Nodes that may receive something. A point shares itself among those only, so that nothing is lost; one
        with none of them near is left out.

    Returns
    -------
    array of float, shape `shape`
        Its sum is the sum of the weights.

    References
    ----------
    Wand (1994), "Fast computation of multivariate kernel estimators", JCGS 3.
    """
    u, v = (np.ascontiguousarray(at, dtype=np.float64) for at in (x, y))
    if u.shape != v.shape or u.ndim != 1:
        msg = f"x of shape {u.shape} and y of shape {v.shape} were given; expected two of shape (n,)"
        raise UsageError(msg)
    if not (np.isfinite(u).all() and np.isfinite(v).all()):
        msg = f"{int(np.sum(~np.isfinite(u + v)))} points without a place were given; expected finite x and y"
        raise UsageError(msg)
    given = np.ones(u.size) if weight is None else np.ascontiguousarray(weight, dtype=np.float64)
    if given.shape != u.shape:
        msg = f"weights of shape {given.shape} were given for {u.size} points"
        raise UsageError(msg)
    image = np.zeros(shape)
    _add_points(u, v, given, _open(shape, inside), image)
    return image


def _open(shape: tuple[int, int], inside: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
    return np.ones(shape, dtype=np.bool_) if inside is None else np.ascontiguousarray(inside)


@numba.njit(cache=True)
def _corner(x: float, y: float, open_: npt.NDArray[np.bool_]) -> Any:
    """South-western node of the four around a point, and the shares of the four: SW, SE, NW, NE."""
    rows, columns = open_.shape
    u, v = min(max(x, 0.0), columns - 1.0), min(max(y, 0.0), rows - 1.0)
    left, low = min(int(u), max(columns - 2, 0)), min(int(v), max(rows - 2, 0))
    u, v = u - left, v - low
    # In a grid of a single row or column there is no second one, and its share is 0.
    right, high = min(left + 1, columns - 1), min(low + 1, rows - 1)
    sw = (1 - u) * (1 - v) if open_[low, left] else 0.0
    se = u * (1 - v) if open_[low, right] else 0.0
    nw = (1 - u) * v if open_[high, left] else 0.0
    ne = u * v if open_[high, right] else 0.0
    whole = sw + se + nw + ne
    scale = 1 / whole if whole > 0 else 0.0
    return left, low, right, high, sw * scale, se * scale, nw * scale, ne * scale


@numba.njit(cache=True)
def _add_points(x: Floats, y: Floats, weight: Floats, open_: npt.NDArray[np.bool_], image: Floats) -> None:
    for i in range(x.size):
        left, low, right, high, sw, se, nw, ne = _corner(x[i], y[i], open_)
        image[low, left] += weight[i] * sw
        image[low, right] += weight[i] * se
        image[high, left] += weight[i] * nw
        image[high, right] += weight[i] * ne


@numba.njit(cache=True)
def _nodes_of(
    x: Floats, y: Floats, open_: npt.NDArray[np.bool_], node: npt.NDArray[np.int32], part: Floats
) -> None:
    columns = open_.shape[1]
    for i in range(x.size):
        left, low, right, high, sw, se, nw, ne = _corner(x[i], y[i], open_)
        node[i, 0], node[i, 1] = low * columns + left, low * columns + right
        node[i, 2], node[i, 3] = high * columns + left, high * columns + right
        part[i, 0], part[i, 1], part[i, 2], part[i, 3] = sw, se, nw, ne


def gaussian_smooth(image: npt.ArrayLike, *, sigma: float) -> Floats:
    """Convolve with a Gaussian that sums to 1, by a real FFT padded so that nothing comes round the edges.

    Parameters
    ----------
    image : array of float, shape (rows, columns)
    sigma : float
        Standard deviation in cells, at least 0; 0 changes nothing. Below about half a cell the kernel that is
        sampled at the nodes is narrower than the Gaussian is.

    Returns
    -------
    array of float, shape (rows, columns)
        What is spread beyond the edges is gone.

    References
    ----------
    Silverman (1982), "Algorithm AS 176: kernel density estimation using the fast Fourier transform", JRSS C
    31.
    """
    values = np.asarray(image, dtype=np.float64)
    if not (np.isfinite(sigma) and sigma >= 0):
        msg = f"a standard deviation of {sigma} cells was given; expected 0 or more"
        raise UsageError(msg)
    kernels = [_kernel(n, sigma) for n in values.shape]
    sizes = tuple(
        fft.next_fast_len(n + k.size // 2, real=True) for n, k in zip(values.shape, kernels, strict=True)
    )
    down, across = (_transfer(k, size) for k, size in zip(kernels, sizes, strict=True))
    spectrum = fft.rfft2(values, s=sizes)
    spectrum *= down[:, None]
    spectrum *= across[None, : sizes[1] // 2 + 1]
    smooth = fft.irfft2(spectrum, s=sizes)[: values.shape[0], : values.shape[1]]
    # Rounding leaves tiny negative values where there should be nothing.
    return np.maximum(smooth, 0.0) if values.min(initial=0.0) >= 0 else smooth


def _kernel(n: int, sigma: float) -> Floats:
    # It reaches no further than the image is wide: beyond, there is nobody to receive it.
    reach = int(min(np.ceil(REACH * sigma), n - 1))
    near = np.exp(-0.5 * (np.arange(9) / max(sigma, 1e-12)) ** 2)
    # From a standard deviation of 1 on, the sum over all nodes is the integral to 8 digits.
    whole = sigma * np.sqrt(2 * np.pi) if sigma >= 1 else near[0] + 2 * near[1:].sum()
    return np.asarray(
        np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-12)) ** 2) / whole, dtype=np.float64
    )


def _transfer(kernel: Floats, size: int) -> Floats:
    # The kernel is even and centred on 0, so its transform is real.
    reach = kernel.size // 2
    wrapped = np.zeros(size)
    wrapped[: reach + 1] += kernel[reach:]
    if reach:
        wrapped[-reach:] += kernel[:reach]
    return np.asarray(fft.fft(wrapped).real, dtype=np.float64)


def smooth_points(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    shape: tuple[int, int],
    sigma: float,
    weight: npt.ArrayLike | None = None,
) -> Floats:
    """Gaussian kernel sum of points at every node, in mass per cell.

    Parameters
    ----------
    x, y, shape, weight
        As in `linear_bin`.
    sigma : float
        Standard deviation in cells, above 0.

    Returns
    -------
    array of float, shape `shape`
        Approximates ``sum_i w_i exp(-d_i^2 / 2 sigma^2) / (2 pi sigma^2)``. The spread that linear binning
        adds is taken off the kernel's variance, which leaves an error of the order of sigma to the power of
        -4 for points that are many in a cell.
    """
    narrower = np.sqrt(max(sigma**2 - LINEAR_VARIANCE, 0.0))
    return gaussian_smooth(linear_bin(x, y, shape=shape, weight=weight), sigma=float(narrower))


def binned(counts: Counts, weight: Floats) -> tuple[Floats, float]:
    """Weighted incidents at the nodes, and the variance that binning added beyond a cell's own.

    Parameters
    ----------
    weight : array of float, shape (n_periods,)

    Returns
    -------
    image : array of float, shape (rows, columns)
        By linear binning where exact points are known, otherwise by cell.
    added : float
        In squared cells.
    """
    grid, points = counts.grid, counts.points
    if points is None:
        return grid.image(counts.matrix @ weight, fill=0.0), 0.0
    x, y = _node_units(points, grid)
    # Points are sorted by time: those of a period are a run.
    many = np.diff(np.searchsorted(points.time, counts.periods.edges.astype(points.time.dtype)))
    image = linear_bin(x, y, shape=grid.shape, weight=np.repeat(weight, many), inside=_inside(grid))
    return image, LINEAR_VARIANCE - CELL_VARIANCE


def binned_by_period(counts: Counts) -> tuple[sparse.csc_array, float]:
    """As `binned`, each period by itself: a sparse array of shape (rows * columns, n_periods)."""
    grid, points = counts.grid, counts.points
    shape = (grid.shape[0] * grid.shape[1], len(counts.periods))
    if points is None:
        node = (grid.rows * grid.shape[1] + grid.columns)[counts.matrix.indices]
        values = counts.matrix.data.astype(np.float64)
        return sparse.csc_array((values, node, counts.matrix.indptr), shape=shape), 0.0
    nodes, parts = np.empty((len(points), 4), dtype=np.int32), np.empty((len(points), 4))
    x, y = _node_units(points, grid)
    _nodes_of(x, y, _inside(grid), nodes, parts)
    ends = 4 * np.searchsorted(points.time, counts.periods.edges.astype(points.time.dtype))
    return sparse.csc_array(
        (parts.ravel(), nodes.ravel(), ends), shape=shape
    ), LINEAR_VARIANCE - CELL_VARIANCE


def _node_units(points: Points, grid: Grid) -> tuple[Floats, Floats]:
    return points.x / grid.side - (grid.ix0 + 0.5), points.y / grid.side - (grid.iy0 + 0.5)


def _inside(grid: Grid) -> npt.NDArray[np.bool_]:
    return np.asarray(grid.image(np.ones(len(grid)), fill=0.0) > 0)


class EdgeCorrected:
    """Gaussian smoothing of what lies at a grid's nodes such that all that each node gives stays in the study area.

    Parameters
    ----------
    grid : Grid
    sigma : float
        Standard deviation in cells, at least 0.

    References
    ----------
    Jones (1993), "Simple boundary correction for kernel density estimation", Statistics and Computing 3; Diggle
    (2010), "Nonparametric methods", in Gelfand et al. (eds.), Handbook of Spatial Statistics, chapter 18: each
    incident's kernel is divided by its mass within the area.
    """

    def __init__(self, grid: Grid, sigma: float) -> None:
        self.sigma = sigma
        self._node = grid.rows * grid.shape[1] + grid.columns
        self._share = grid.image(grid.area / (grid.cell / 1000.0) ** 2, fill=0.0)
        self._kept = gaussian_smooth(self._share, sigma=sigma)

    def __call__(self, image: Floats) -> Floats:
        """By cell, shape (n_cells,), with the same total as `image`, which is at least 0 everywhere."""
        given = np.divide(image, self._kept, out=np.zeros(image.shape), where=image > 0)
        smooth = given if self.sigma == 0 else gaussian_smooth(given, sigma=self.sigma)
        spread = (self._share * smooth).ravel()[self._node]
        total = spread.sum()
        # Rounding apart, the sums agree already.
        return np.asarray(spread * (image.sum() / total) if total > 0 else spread, dtype=np.float64)


def edge_corrected(image: Floats, grid: Grid, sigma: float) -> Floats:
    """`EdgeCorrected` of one image."""
    return EdgeCorrected(grid, sigma)(image)


def narrowed(bandwidth: float, *, cell: float, added: float) -> float:
    """Standard deviation in cells that is left to smooth by, of a bandwidth in metres, after what binning added."""
    return float(np.sqrt(max((bandwidth / cell) ** 2 - added, 0.0)))


def decay(periods: Periods, half_life: str | None) -> Floats:
    """Weights that halve with each half-life of age at the end of the periods, shape (n_periods,).

    Parameters
    ----------
    half_life : str or None
        Such as ``"26w"``; None is no decay.

    Raises
    ------
    UsageError
        It is no such span.
    """
    age = (periods.end - periods.edges[1:]).astype(np.float64)
    return np.asarray(np.exp2(-age / half_life_days(half_life)), dtype=np.float64)


def half_life_days(half_life: str | None) -> float:
    """Length of a half-life in days; infinite for None."""
    return float("inf") if half_life is None else Frequency.parse(half_life).days


def reports_a_day(counts: Counts, half_life: str | None) -> float:
    """Mean number of reports a day in the whole area, the latest counting most."""
    weight = decay(counts.periods, half_life)
    days = np.diff(counts.periods.edges).astype(np.float64)
    return float(weight @ counts.by_period / (weight @ days))


def chosen_level(counts: Counts) -> str | None:
    """The half-life with which `reports_a_day` would have forecast the later half of the past best.

    By the Poisson log-likelihood of each period's total, one step ahead, among `LEVELS`.
    """
    n, totals = len(counts.periods), counts.by_period.astype(np.float64)
    days = np.diff(counts.periods.edges).astype(np.float64)
    first = n // 2
    if n - first < FEWEST_HELD_OUT or totals[first:].sum() < FEWEST_REPORTS:
        return LEVEL
    score = []
    for half_life in LEVELS:
        kept = np.exp2(-days / half_life_days(half_life))
        reports = time = gained = 0.0
        for i in range(n):
            if i >= first:
                expected = max(reports, 0.5) / time * days[i]
                gained += totals[i] * np.log(expected) - expected
            reports, time = kept[i] * reports + totals[i], kept[i] * time + days[i]
        score.append(gained)
    return LEVELS[int(np.argmax(score))]


def held_out(periods: Periods, *, most: int = 52) -> list[tuple[int, int]]:
    """Runs of the latest periods, each to be forecast from those before it when something is chosen.

    Parameters
    ----------
    most : int
        How many runs at most.

    Returns
    -------
    list of (int, int)
        Half-open. They are of the latest year, or of 52 periods if those are more, and of half of the past at most;
        none where that is too little to choose by.
    """
    n = len(periods)
    many = min(n // 2, max(52, round(364 / periods.frequency.days)))
    if many < FEWEST_HELD_OUT:
        return []
    step = -(-many // most)
    return [(max(end - step, n - many), end) for end in range(n, n - many, -step)][::-1]


@dataclass(frozen=True, eq=False)
class Ahead:
    """What kernels of some scales and half-lives would have said of cells in which something was then reported.

    Parameters
    ----------
    density : array of float, shape (n, n_scales, n_half_lives)
        Share of the whole area's expected reports that was given to the cell.
    even : array of float, shape (n,)
        The share that the cell's area has.
    observed : array of float, shape (n,)
        Reports in the cell.
    """

    density: Floats
    even: Floats
    observed: Floats


def one_step_ahead(
    counts: Counts,
    *,
    bandwidths: Sequence[float],
    half_lives: Sequence[str | None],
    most: int = 52,
) -> Ahead:
    """Densities of held-out reports, each run of periods by what was known before it.

    Parameters
    ----------
    bandwidths : sequence of float
        Standard deviations in metres; 0 leaves the counts of cells as they are.
    half_lives : sequence of str or None
    most : int
        Runs that are held out, at most.

    Notes
    -----
    Smoothing is linear: each run is smoothed once for a bandwidth, and the decayed sums of what was smoothed are then
    those of all half-lives, which takes ``n_scales * (n_runs + n_half_lives)`` convolutions. Within a run nothing
    decays. Only cells with held-out reports are kept.
    """
    grid, periods, runs = counts.grid, counts.periods, held_out(counts.periods, most=most)
    seen = [_reported(counts, *run) for run in runs]
    kinds = (len(bandwidths), len(half_lives))
    if not seen:
        return Ahead(np.zeros((0, *kinds)), np.zeros(0), np.zeros(0))
    cells = np.unique(np.concatenate([cell for cell, _ in seen]))
    at = [np.searchsorted(cells, cell) for cell, _ in seen]
    before = periods[: runs[0][0]]
    start = np.array([np.append(decay(before, h), np.zeros(len(periods) - len(before))) for h in half_lives])
    days = np.array([int((periods.edges[j] - periods.edges[i]).astype(int)) for i, j in runs])
    kept = np.exp2(-days[:, None] / np.array([half_life_days(h) for h in half_lives]))
    by_node, added = binned_by_period(counts)
    density = np.zeros((sum(a.size for a in at), *kinds))
    for s, bandwidth in enumerate(bandwidths):
        source = counts.matrix if bandwidth == 0 else by_node
        spread = _spread(grid, bandwidth, added)
        state = np.array([spread(source @ w)[cells] for w in start])
        mass = start @ counts.by_period
        row = 0
        for b, (i, j) in enumerate(runs):
            density[row : row + at[b].size, s] = (state[:, at[b]] / np.maximum(mass, TINY)[:, None]).T
            row += at[b].size
            if b + 1 < len(runs):
                state = kept[b][:, None] * state + spread(_summed(source, i, j))[cells]
                mass = kept[b] * mass + counts.by_period[i:j].sum()
    even = grid.area / grid.area.sum()
    return Ahead(
        density,
        np.concatenate([even[cell] for cell, _ in seen]),
        np.concatenate([n for _, n in seen]),
    )


def _spread(grid: Grid, bandwidth: float, added: float) -> Callable[[Floats], Floats]:
    """From what lies at the nodes, row by row, to cells; of a bandwidth of 0 from cells to cells."""
    if bandwidth == 0:
        return lambda by_cell: by_cell
    corrected = EdgeCorrected(grid, narrowed(bandwidth, cell=grid.cell, added=added))
    return lambda by_node: corrected(by_node.reshape(grid.shape))


def _summed(matrix: sparse.csc_array, first: int, last: int) -> Floats:
    """Sum over a run of columns, shape (n_rows,), at the cost of what is in them."""
    part = slice(matrix.indptr[first], matrix.indptr[last])
    made = np.bincount(matrix.indices[part], weights=matrix.data[part], minlength=matrix.shape[0])
    return np.asarray(made, dtype=np.float64)


def _reported(counts: Counts, first: int, last: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Cells with reports in a run of periods, ascending, and how many."""
    n = _summed(counts.matrix, first, last)
    cells = np.flatnonzero(n)
    return cells, n[cells]
