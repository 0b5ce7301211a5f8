"""What is there anyway: weighted kernel densities at many bandwidths, and how much there is of each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import ndimage, optimize

from peelian.methods.triggering.area import Area

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Nodes = npt.NDArray[np.int32]
Singles = npt.NDArray[np.float32]

NODES_PER_BANDWIDTH = 2.0

MOST_NODES = 1_500_000

NARROWER = float(np.sqrt(NODES_PER_BANDWIDTH**2 - 2 / 6))
"""Standard deviation in nodes that is left to smooth by: binning and interpolation each add a variance of 1/6."""

TAPS = np.exp(-((np.arange(10) / NARROWER) ** 2) / 2)
TAPS = (TAPS / (2 * TAPS.sum() - 1)).astype(np.float32)

FOLDS = 4

MOST_CLASSES = 4

FEWEST_IN_CLASS = 2500

LEAST_EVEN = 1e-3
"""Share of the reports that an even background has at least, so that no report is impossible."""


def background_bandwidths(area: Area, smallest: float) -> Floats:
    """Twice as wide each, from `smallest`, or what the number of nodes allows, to an eighth of the area's width."""
    width, height = area.size
    least = NODES_PER_BANDWIDTH * float(np.sqrt(width * height / MOST_NODES))
    low = max(smallest, least)
    n = max(int(np.log2(max(width, height) / 8 / low)) + 1, 1) if max(width, height) / 8 > low else 1
    return np.asarray(low * 2.0 ** np.arange(n), dtype=np.float64)


def limits_of(density: Floats) -> Floats:
    """Densities that part the reports into up to four classes of equal size, if they are enough for that."""
    n = int(np.clip(density.size // FEWEST_IN_CLASS, 1, MOST_CLASSES))
    return np.asarray(np.quantile(density, np.arange(1, n) / n), dtype=np.float64)


@njit(cache=True, nogil=True)
def _smoothed(
    node: Nodes,
    u: Singles,
    v: Singles,
    weight: Floats,
    members: Ints,
    given: Singles,
    taps: Singles,
    image: Singles,
    other: Singles,
) -> None:
    """Bin the members' weights among the four nodes around, and smooth; `image` and `other` have the same shape.

    What `gaussian_smooth` does, with a kernel that is only a few nodes wide: there, sums are faster than transforms.
    """
    rows, columns = image.shape
    image[:] = 0
    other[:] = 0
    flat = image.ravel()
    for i in members:
        at, a, b, w = node[i], u[i], v[i], weight[i]
        flat[at] += w * (1 - a) * (1 - b)
        flat[at + 1] += w * a * (1 - b)
        flat[at + columns] += w * (1 - a) * b
        flat[at + columns + 1] += w * a * b
    reach = taps.size - 1
    for r in range(rows):
        line, out = image[r], other[r]
        if not line.any():
            continue
        for c in range(columns):
            line[c] *= given[r, c]
            out[c] = taps[0] * line[c]
        for k in range(1, min(reach, columns - 1) + 1):
            tap = taps[k]
            for c in range(columns - k):
                out[c] += tap * line[c + k]
            for c in range(k, columns):
                out[c] += tap * line[c - k]
    image[:] = 0
    for r in range(rows):
        line = other[r]
        if not line.any():
            continue
        for k in range(max(r - reach, 0), min(r + reach + 1, rows)):
            tap, out = taps[abs(k - r)], image[k]
            for c in range(columns):
                out[c] += tap * line[c]


@njit(cache=True, nogil=True)
def _gather_others(
    node: Nodes,
    u: Singles,
    v: Singles,
    fold: Ints,
    images: Singles,
    mass: Floats,
    columns: int,
    found: Floats,
) -> None:
    """Interpolate at each place between the four nodes around, in the images of the other folds together."""
    whole = mass.sum()
    for i in range(node.size):
        at, a, b = node[i], u[i], v[i]
        total = 0.0
        for f in range(mass.size):
            if f != fold[i]:
                image = images[f]
                total += (image[at] * (1 - a) + image[at + 1] * a) * (1 - b)
                total += (image[at + columns] * (1 - a) + image[at + columns + 1] * a) * b
        rest = whole - mass[fold[i]]
        found[i] = total / rest if rest > 0 else 0.0


class _Scale:
    """The nodes for one bandwidth, and where the reports lie among them."""

    def __init__(self, x: Floats, y: Floats, area: Area, bandwidth: float) -> None:
        step = bandwidth / NODES_PER_BANDWIDTH
        share = area.share_of(step)
        self.area = step**2
        rows, columns = share.shape
        kept = share
        for axis in (0, 1):
            kept = ndimage.correlate1d(kept, np.concatenate([TAPS[:0:-1], TAPS]), axis=axis, mode="constant")
        # One more row and column, so that a single one has a neighbour to share with.
        self.shape = rows + 1, columns + 1
        # A report gives a mass of 1 inside the area: more, where its kernel reaches outside (Jones 1993; Diggle 2010).
        self.given = np.zeros(self.shape, dtype=np.float32)
        self.given[:rows, :columns] = 1 / np.maximum(kept, 0.05)
        u, v = np.clip(x / step - 0.5, 0, columns - 1), np.clip(y / step - 0.5, 0, rows - 1)
        left = np.minimum(u.astype(np.int32), max(columns - 2, 0))
        low = np.minimum(v.astype(np.int32), max(rows - 2, 0))
        self.u, self.v = (u - left).astype(np.float32), (v - low).astype(np.float32)
        self.node = (low * self.shape[1] + left).astype(np.int32)

    def densities(self, weight: Floats, members: list[Ints], fold: Ints, found: Floats) -> None:
        """Density of the members' weights per square metre at each report, without its own fold's."""
        images = np.empty((len(members), *self.shape), dtype=np.float32)
        other = np.empty(self.shape, dtype=np.float32)
        mass = np.zeros(len(members))
        for f, some in enumerate(members):
            mass[f] = weight[some].sum()
            _smoothed(self.node, self.u, self.v, weight, some, self.given, TAPS, images[f], other)
        flat = images.reshape(len(members), -1)
        _gather_others(self.node, self.u, self.v, fold, flat, mass * self.area, self.shape[1], found)


class Background:
    """Weighted Gaussian densities of reports, by class of source and bandwidth, at each report.

    A report's own fold of time is left out, so that neither it nor what it called forth supports itself.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        Metres in the rectangle of `area`.
    fold : array of int, shape (n,)
        From 0 to `FOLDS` - 1.
    bandwidths : array of float, shape (k,)
        Standard deviations in metres.
    """

    def __init__(self, x: Floats, y: Floats, fold: Ints, *, area: Area, bandwidths: Floats) -> None:
        self.area, self.fold = area, fold
        self.scales = [_Scale(x, y, area, float(h)) for h in bandwidths]

    def densities(self, weight: Floats, classes: Ints, wanted: list[tuple[int, int]]) -> Floats:
        """Densities per square metre at each report, each integrating to 1 over the area.

        Parameters
        ----------
        weight : array of float, shape (n,)
        classes : array of int, shape (n,)
            The reports in classes.
        wanted : list of (int, int)
            Class of the sources and number of the bandwidth.

        Returns
        -------
        array of float, shape (n, len(wanted) + 1)
            Last is the even density, the same everywhere.
        """
        found = np.empty((len(wanted) + 1, self.fold.size))
        found[-1] = 1 / self.area.square_metres
        for column, (kind, scale) in enumerate(wanted):
            members = [np.flatnonzero((self.fold == f) & (classes == kind)) for f in range(FOLDS)]
            self.scales[scale].densities(weight, members, self.fold, found[column])
        return found.T


@njit(cache=True, nogil=True)
def mixed(densities: Floats, amounts: Floats, triggered: Floats, counted: Bools, rate: Floats) -> float:
    """Fill in the intensity at each report; returns the log-likelihood of those that are counted."""
    total = 0.0
    for i in range(rate.size):
        rate[i] = triggered[i]
        for k in range(amounts.size):
            rate[i] += densities[i, k] * amounts[k]
        if counted[i]:
            total += np.log(rate[i])
    return float(total - amounts.sum())


@njit(cache=True, nogil=True)
def _derivatives(densities: Floats, rate: Floats, counted: Bools, slope: Floats, curvature: Floats) -> None:
    """First and, negative, second derivatives of the log-likelihood by the amounts.

    Loops and no matrix product, whose sums would depend on the number of threads.
    """
    n, size = densities.shape
    one = np.empty(size)
    slope[:] = -1
    curvature[:] = 0
    for i in range(n):
        if not counted[i]:
            continue
        for k in range(size):
            one[k] = densities[i, k] / rate[i]
            slope[k] += one[k]
        for k in range(size):
            for m in range(size):
                curvature[k, m] += one[k] * one[m]


def amounts_of(densities: Floats, triggered: Floats, counted: Bools, start: Floats, *, steps: int) -> Floats:
    """The likeliest amounts of each density beside what is triggered: ``sum log(triggered + densities @ a) - sum a``.

    Parameters
    ----------
    densities : array of float, shape (n, k)
        Each integrates to 1 over the area; the last is above 0 everywhere.
    triggered : array of float, shape (n,)
        Intensity by triggering at each report, times the days of the sample.
    counted : array of bool, shape (n,)
        The reports that the likelihood is of.
    start : array of float, shape (k,)
    steps : int
        Newton steps, each a least squares problem without negative amounts. What is maximised is concave.
    """
    amounts, rate, tried = start, np.empty(triggered.size), np.empty(triggered.size)
    slope, curvature = np.empty(start.size), np.empty((start.size, start.size))
    value = mixed(densities, amounts, triggered, counted, rate)
    for _ in range(steps):
        _derivatives(densities, rate, counted, slope, curvature)
        unit = 1 / np.sqrt(np.maximum(np.diag(curvature), 1e-300))
        matrix = curvature * unit[:, None] * unit + 1e-9 * np.eye(unit.size)
        root = np.linalg.cholesky(matrix).T
        goal = np.linalg.solve(root.T, matrix @ (amounts / unit) + slope * unit)
        aim = optimize.nnls(root, goal)[0] * unit
        aim[-1] = max(aim[-1], LEAST_EVEN * np.count_nonzero(counted))
        length, better, moved = 1.0, -np.inf, aim
        while length > 1e-3 and better < value:
            moved = amounts + length * (aim - amounts)
            better = mixed(densities, moved, triggered, counted, tried)
            length /= 2
        if better < value:
            break
        gained, amounts, value = better - value, moved, better
        rate, tried = tried, rate
        if gained < 1e-3:
            break
    return amounts
