"""How many follow-ups of what is known, and of what is not known yet, a stretch of time to come will have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.methods.triggering.kernel import Kernel

__all__ = ["FollowUps"]

Floats = npt.NDArray[np.float64]

STEP = 0.25
"""Days: what is still to come within a period is followed in such steps."""

MOST_STEPS = 1500


@dataclass(frozen=True, eq=False)
class FollowUps:
    """How many follow-ups there are of a report of each age in a stretch of time that begins at or after the present.

    A report's own follow-ups have follow-ups too, and so on: those within the stretch, and those before it of which
    nothing is known yet, are added in expectation, by the renewal equation.

    Parameters
    ----------
    kernel : Kernel
    steps : array of float, shape (n_steps + 1,)
        Edges in days from the present.
    within : array of float, shape (n_steps,)
        Share of each step that is in the stretch.
    worth : array of float, shape (n_steps,)
        Expected reports in the stretch for one in each step, itself included.
    """

    kernel: Kernel
    steps: Floats
    within: Floats
    worth: Floats

    @classmethod
    def of(cls, kernel: Kernel, start: float, end: float) -> FollowUps:
        """For the stretch from `start` to `end`, in days from the present."""
        n = int(np.ceil(min(end / STEP, MOST_STEPS)))
        edges = np.linspace(0, end, n + 1)
        step = end / n
        within = np.clip((edges[1:] - start) / step, 0, 1)
        # From the middle of a step to another: what is between half a step before its middle and half after.
        own = np.diff(_until(kernel, np.maximum((np.arange(n + 1) - 0.5) * step, 0.0)))
        offspring = np.zeros(n)
        for k in range(n):
            offspring[k] = (own[k] + own[1 : k + 1] @ offspring[:k][::-1]) / (1 - own[0])
        worth = within + np.array([offspring[: n - k] @ within[k:] for k in range(n)])
        return cls(kernel, edges, within, worth)

    def direct(self, age: Floats) -> Floats:
        """Follow-ups in the stretch that a report of this age itself calls forth."""
        return self._of(age, self.within)

    def in_all(self, age: Floats) -> Floats:
        """Those, and the follow-ups of follow-ups."""
        return self._of(age, self.worth)

    @property
    def background(self) -> float:
        """Reports in the stretch for one background report a day from now on, follow-ups included."""
        return float(self.worth @ np.diff(self.steps))

    def _of(self, age: Floats, worth: Floats) -> Floats:
        grid = np.linspace(0, self.kernel.reach.days, 257)
        by_step = np.diff(_until(self.kernel, grid[:, None] + self.steps[None, :]), axis=1)
        # Loops over steps and no matrix product, whose sums would depend on the number of threads.
        table = np.einsum("ij,j->i", by_step, worth)
        return np.asarray(np.interp(age, grid, table), dtype=np.float64)


def _until(kernel: Kernel, lag: Floats) -> Floats:
    """Follow-ups of a report up to a lag in days."""
    edges = np.linspace(0, kernel.reach.days, kernel.after.size + 1)
    return np.asarray(
        np.interp(lag, edges, np.concatenate([[0.0], np.cumsum(kernel.in_time * kernel.reach.step)])),
        dtype=np.float64,
    )
