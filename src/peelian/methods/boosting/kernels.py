"""Decayed kernels of all scales and half-lives at once: what is known at the end of some periods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import fft, sparse

from peelian.methods.smoothing import binned_by_period, decay, half_life_days
from peelian.places.counts import Counts
from peelian.places.grid import Grid
from peelian.places.periods import Periods

__all__ = ["Kernels", "Spread", "to_nodes"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

CORRIDORS = ((0.4, 4.0), (4.0, 0.4))
"""Standard deviations in cells up and across: streets mostly run so, and what happens on one happens along it."""

OTHERS_HALF_LIVES = ("13w", "104w")
OTHERS_SCALES = (0.0, 2.0)

FEW = 3
"""Up to so many other categories are looked at more closely: with the next two."""

FEW_HALF_LIVES = ("13w", "104w", None)
FEW_SCALES = (0.0, 1.0, 2.0, 4.0, 8.0)

LEAST_KEPT = 1e-3
"""Part of a kernel within the study area below which it is not raised further."""


class Spread:
    """Gaussian smoothing of many images of a grid at once, each place relative to the area within its reach.

    Parameters
    ----------
    grid : Grid
    sigmas : sequence of (float, float)
        Standard deviations in cells, up and across.

    Notes
    -----
    A kernel sum over the part of the kernel that is within the study area: Diggle (1985), "A kernel method for
    smoothing point process data", Applied Statistics 34. As that divides what comes out, and not what goes in, one
    transform of an image serves all kernels.
    """

    def __init__(self, grid: Grid, sigmas: Sequence[tuple[float, float]]) -> None:
        reach = [int(np.ceil(4 * max(s[i] for s in sigmas))) for i in (0, 1)] if sigmas else [0, 0]
        self._shape = grid.shape
        self._node = grid.rows * grid.shape[1] + grid.columns
        self._sizes = tuple(
            fft.next_fast_len(n + min(r, n), real=True) for n, r in zip(grid.shape, reach, strict=True)
        )
        share: Singles = np.asarray(grid.area / (grid.cell / 1000.0) ** 2, dtype=np.float32)
        image = np.zeros((1, grid.shape[0] * grid.shape[1]), dtype=np.float32)
        image[0, self._node] = share
        self._transfers = [self._transfer(sigma) for sigma in sigmas]
        self._scale: Singles = np.ones((0, share.size), dtype=np.float32)
        if sigmas:
            kept = np.maximum(self._spread(image)[:, 0], LEAST_KEPT)
            self._scale = np.asarray(share / kept, dtype=np.float32)

    def _transfer(self, sigma: tuple[float, float]) -> Singles:
        up, across = (self._one(n, s) for n, s in zip(self._sizes, sigma, strict=True))
        return np.asarray(up[:, None] * across[None, : self._sizes[1] // 2 + 1], dtype=np.float32)

    @staticmethod
    def _one(n: int, sigma: float) -> Floats:
        away = np.minimum(np.arange(n), n - np.arange(n))
        kernel = np.where(away <= np.ceil(4 * sigma), np.exp(-0.5 * (away / sigma) ** 2), 0.0)
        # The kernel is even and centred on 0, so its transform is real.
        return np.asarray(fft.fft(kernel / kernel.sum()).real, dtype=np.float64)

    def _spread(self, images: Singles) -> Singles:
        rows, columns = self._shape
        spectrum = fft.rfft2(images.reshape(-1, rows, columns), s=self._sizes)
        made = np.empty((len(self._transfers), len(images), self._node.size), dtype=np.float32)
        for one, transfer in zip(made, self._transfers, strict=True):
            smooth = fft.irfft2(spectrum * transfer, s=self._sizes)[:, :rows, :columns]
            np.take(smooth.reshape(len(images), -1), self._node, axis=1, out=one)
        return made

    def __call__(self, images: Singles) -> Singles:
        """What each image, all of shape (m, rows * columns), becomes, shape (n_sigmas, m, n_cells)."""
        if not self._transfers:
            return np.zeros((0, len(images), self._node.size), dtype=np.float32)
        made = self._spread(images)
        made *= self._scale[:, None]
        return np.maximum(made, 0.0, out=made)


class _Group:
    """Decayed kernels of one category: all places with all half-lives, place by place."""

    def __init__(
        self,
        cells: sparse.csc_array,
        nodes: sparse.csc_array,
        half_lives: Sequence[str | None],
        spread: Spread,
    ) -> None:
        self.cells, self.nodes, self.half_lives, self.spread = cells, nodes, tuple(half_lives), spread

    def sums(self, weights: Floats, columns: slice = slice(None)) -> Singles:
        """Weighted counts of periods, shape (n_places, m, n_cells), the first place being the cell itself."""
        here, images = (
            np.ascontiguousarray((matrix[:, columns] @ weights.T).T, dtype=np.float32)
            for matrix in (self.cells, self.nodes)
        )
        return np.concatenate([here[None], self.spread(images)])

    def at(self, periods: Periods, columns: slice = slice(None)) -> Singles:
        """Decayed counts at the end of some periods, shape (n_places, n_half_lives, n_cells)."""
        return self.sums(np.array([decay(periods, h) for h in self.half_lives]), columns)


class Kernels:
    """What is known at the end of some periods: densities of decayed kernels, 1 being the area's average.

    Learning walks through the past, and forecasting looks at its end: both are done here, so that both see the same.

    Parameters
    ----------
    counts : Counts
    half_lives : sequence of str or None
    scales : sequence of float
        Standard deviations in cells; 0 is the cell itself.

    Attributes
    ----------
    names, kinds : list of str, length n_densities
        Kinds are ``"here"``, ``"near"`` and ``"others"``.
    even : array of float32, shape (n_cells,)
        The share that each cell has in the area.
    """

    def __init__(self, counts: Counts, half_lives: Sequence[str | None], scales: Sequence[float]) -> None:
        self._periods = counts.periods
        wide = [s for s in scales if s > 0]
        own = Spread(counts.grid, [(s, s) for s in wide] + list(CORRIDORS))
        self._groups = [_Group(counts.matrix, binned_by_period(counts)[0], half_lives, own)]
        self.names: list[str] = []
        self.kinds: list[str] = []
        for place in [
            "here",
            *(f"{s:g} cells" for s in wide),
            *(f"{a:g} x {b:g} cells" for a, b in CORRIDORS),
        ]:
            self.names += [f"{place}, {h or 'all'}" for h in half_lives]
            self.kinds += ["here" if place == "here" else "near"] * len(half_lives)
        few = len(counts.companions) <= FEW
        looked = FEW_SCALES if few else OTHERS_SCALES
        remembered = FEW_HALF_LIVES if few else OTHERS_HALF_LIVES
        others = Spread(counts.grid, [(s, s) for s in looked if s > 0])
        for name, matrix in counts.companions.items():
            self._groups.append(_Group(matrix, to_nodes(matrix, counts.grid), remembered, others))
            for s in looked:
                self.names += [f"{name}, {s:g} cells, {h or 'all'}" for h in remembered]
                self.kinds += ["others"] * len(remembered)
        self.even = np.asarray(counts.grid.area / counts.grid.area.sum(), dtype=np.float32)

    def _relative(self, sums: list[Singles]) -> Singles:
        made = np.concatenate([part.reshape(-1, part.shape[-1]) for part in sums])
        total = made.sum(axis=1, dtype=np.float64)
        made *= np.divide(1, total, out=np.zeros_like(total), where=total > 1e-30).astype(np.float32)[:, None]
        made /= self.even
        made[total <= 1e-30] = 1.0
        return made

    def density(self) -> Singles:
        """At the end of the counts, shape (n_densities, n_cells)."""
        return self._relative([group.at(self._periods) for group in self._groups])

    def walk(self, blocks: Sequence[tuple[int, int]]) -> Iterator[Singles]:
        """Before each of some adjacent runs of periods, the densities; each is good until the next."""
        first = blocks[0][0]
        state = [group.at(self._periods[:first], slice(0, first)) for group in self._groups]
        for i, j in blocks:
            yield self._relative(state)
            days = float((self._periods.edges[j] - self._periods.edges[i]).astype(int))
            for group, sums in zip(self._groups, state, strict=True):
                kept = np.array(
                    [2.0 ** (-days / half_life_days(h)) for h in group.half_lives], dtype=np.float32
                )
                sums *= kept[None, :, None]
                # Within a run nothing decays: one convolution serves all half-lives.
                sums += group.sums(np.ones((1, j - i)), slice(i, j))


def to_nodes(matrix: sparse.csc_array, grid: Grid) -> sparse.csc_array:
    """Counts by cell as counts by node of the grid, shape (rows * columns, n_periods)."""
    node = (grid.rows * grid.shape[1] + grid.columns)[matrix.indices]
    shape = (grid.shape[0] * grid.shape[1], matrix.shape[1])
    return sparse.csc_array((matrix.data, node, matrix.indptr), shape=shape)
