"""Smoothing points on a grid: linear binning, Gaussian convolution, and mass that stays in the study area.

`linear_bin` and `gaussian_smooth` speak of node units, in which the centres of a grid's cells are at 0, 1, 2, ...;
`smooth_points` joins them. Time is one pass over the points and two FFTs of the grid, whatever the bandwidth.
`binned` and `edge_corrected` do the same for counts on a study area. Methods that smooth have this in common.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from peelian.errors import UsageError
from peelian.places.counts import Counts
from peelian.places.grid import Grid

__all__ = ["binned", "edge_corrected", "gaussian_smooth", "linear_bin", "smooth_points"]

Floats = npt.NDArray[np.float64]

LINEAR_VARIANCE = 1 / 6
"""Variance in squared cells that linear binning adds each way: that of a triangle of half width 1."""

CELL_VARIANCE = 1 / 12
"""Variance in squared cells of a point that lies anywhere in a cell."""

REACH = 6.0
"""Standard deviations after which the kernel is cut off; what is lost is 2e-9 of it."""


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
    rows, columns = shape
    u = np.clip(np.asarray(x, dtype=np.float64), 0, columns - 1)
    v = np.clip(np.asarray(y, dtype=np.float64), 0, rows - 1)
    if u.shape != v.shape or u.ndim != 1:
        msg = f"x of shape {u.shape} and y of shape {v.shape} were given; expected two of shape (n,)"
        raise UsageError(msg)
    left = np.minimum(u.astype(np.int64), max(columns - 2, 0))
    low = np.minimum(v.astype(np.int64), max(rows - 2, 0))
    u -= left
    v -= low
    # One more row and column than there are nodes: a grid of a single row has no second one to share with.
    stride = columns + 1
    node = low * stride + left
    across, up = u, v
    if weight is not None:
        given = np.asarray(weight, dtype=np.float64)
        parts = [given * (1 - up) * (1 - across), given * (1 - up) * across]
        parts += [given * up * (1 - across), given * up * across]
    else:
        corner = across * up
        parts = [1 - across - up + corner, across - corner, up - corner, corner]
    steps = (0, 1, stride, stride + 1)
    if inside is not None:
        open_ = np.zeros((rows + 1, stride), dtype=bool)
        open_[:rows, :columns] = inside
        parts = _share_inside(parts, [open_.ravel()[node + step] for step in steps])
    image = np.zeros((rows + 1) * stride)
    for part, step in zip(parts, steps, strict=True):
        image[step:] += np.bincount(node, weights=part, minlength=image.size)[: image.size - step]
    return np.maximum(image.reshape(rows + 1, stride)[:rows, :columns], 0.0)


def _share_inside(parts: list[Floats], inside: list[npt.NDArray[np.bool_]]) -> list[Floats]:
    whole = sum(parts, np.zeros(parts[0].shape))
    kept = [np.where(near, part, 0.0) for part, near in zip(parts, inside, strict=True)]
    left = sum(kept, np.zeros(whole.shape))
    scale = np.divide(whole, left, out=np.zeros(whole.shape), where=left > 0)
    return [part * scale for part in kept]


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
    """Weighted incidents at the nodes, and the variance that binning added beyond a cell's own."""
    grid = counts.grid
    if counts.points is None:
        return grid.image(counts.matrix @ weight, fill=0.0), 0.0
    points = counts.points
    inside = grid.image(np.ones(len(grid)), fill=0.0) > 0
    image = linear_bin(
        points.x / grid.side - grid.ix0 - 0.5,
        points.y / grid.side - grid.iy0 - 0.5,
        shape=grid.shape,
        weight=weight[counts.periods.locate(points.time)],
        inside=inside,
    )
    return image, LINEAR_VARIANCE - CELL_VARIANCE


def edge_corrected(image: Floats, grid: Grid, sigma: float) -> Floats:
    """Smooth so that all that each node gives stays in the study area; by cell, the same total."""
    share = grid.image(grid.area / (grid.cell / 1000.0) ** 2, fill=0.0)
    kept = gaussian_smooth(share, sigma=sigma)
    given = np.divide(image, kept, out=np.zeros(image.shape), where=image > 0)
    spread = (share * gaussian_smooth(given, sigma=sigma)).ravel()[grid.rows * grid.shape[1] + grid.columns]
    # Rounding apart, the sums agree already.
    return np.asarray(spread * (image.sum() / spread.sum()), dtype=np.float64)
