"""Points to nodes, and Gaussian convolution: linear binning and a real FFT.

Everything here speaks of node units, in which the centres of a grid's cells are at 0, 1, 2, ... Time is one pass over
the points and two FFTs of the grid, whatever the bandwidth.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from scipy import fft

from peelian.errors import UsageError

__all__ = ["LINEAR_VARIANCE", "gaussian_smooth", "linear_bin", "nodes_of", "smooth_points"]

Floats = npt.NDArray[np.float64]

LINEAR_VARIANCE = 1 / 6
"""Variance in squared cells that linear binning adds each way: that of a triangle of half width 1."""

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
def nodes_of(
    x: Floats, y: Floats, open_: npt.NDArray[np.bool_], node: npt.NDArray[np.int32], part: Floats
) -> None:
    """Number and share of the four nodes around each point, into `node` and `part` of shape (n, 4)."""
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
