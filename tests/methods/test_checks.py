"""Every method keeps the suite, and the suite catches a method that doesn't."""

from __future__ import annotations

import time
from typing import ClassVar

import numpy as np
import pytest
from sklearn.utils.validation import check_is_fitted

from peelian.errors import CheckError, UsageError
from peelian.methods import (
    CountMap,
    DecayedKernelDensity,
    KernelDensity,
    check_method,
    checks,
    discover,
    method_by_name,
)
from peelian.methods.checks import CHECKS, example_counts


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("method", discover(), ids=lambda method: method.name)
def test_every_method_keeps_every_check(method, check):
    check(method())


@pytest.mark.parametrize(
    "method",
    [
        CountMap(window=None, background=0.0),
        CountMap(window="210d", background=0.2),
        KernelDensity(bandwidth="500 ft", window=None),
        KernelDensity(bandwidth=1.0),
        KernelDensity(bandwidth=5000.0),
        DecayedKernelDensity(bandwidth=400, half_life="104w", background=0.0),
    ],
    ids=repr,
)
def test_other_parameters_keep_the_suite_too(method):
    check_method(method)


def test_discover_finds_every_method_in_order():
    found = discover()
    assert {CountMap, DecayedKernelDensity, KernelDensity} <= set(found)
    assert [method.name for method in found] == sorted({method.name for method in found})


def test_method_by_name():
    assert method_by_name("kernel_density") is KernelDensity
    with pytest.raises(UsageError, match="'kde' was given as a method; expected one of .*count_map, "):
        method_by_name("kde")


class _Broken(CountMap):
    """A count map, broken in one way.

    References
    ----------
    None.
    """

    name = "broken"
    title: ClassVar[str] = "Broken"


class NoTitle(_Broken):
    """Without a title.

    References
    ----------
    None.
    """

    title = ""


class NoSource(_Broken):
    """Says nothing of where it is from."""


class Computes(_Broken):
    __doc__ = _Broken.__doc__

    def __init__(self, *, window="1y", background=0.01):
        super().__init__(window=window, background=background)
        self.extra = 1


class ChangesParameter(_Broken):
    __doc__ = _Broken.__doc__

    def __init__(self, *, window="1y", background=0.01):
        super().__init__(window=window, background=float(background) + 0.0)


class ReturnsNothing(_Broken):
    __doc__ = _Broken.__doc__

    def fit(self, data, **more):
        super().fit(data, **more)


class PredictsThePast(_Broken):
    __doc__ = _Broken.__doc__

    def predict(self, period):
        check_is_fitted(self)
        kept, self.trained_on_ = self.trained_on_, self.trained_on_[:1]
        try:
            return super().predict(period)
        finally:
            self.trained_on_ = kept


class Doubles(_Broken):
    __doc__ = _Broken.__doc__

    def _mean(self, period):
        return super()._mean(period) * 2


class TenthTooMuch(_Broken):
    __doc__ = _Broken.__doc__

    def _mean(self, period):
        return super()._mean(period) * 1.1


class ForgetsLength(_Broken):
    __doc__ = _Broken.__doc__

    def _mean(self, period):
        return self.rate_ * 7


class Random(_Broken):
    __doc__ = _Broken.__doc__

    def _mean(self, period):
        return super()._mean(period) * np.random.default_rng().uniform(0.99, 1.01, self.rate_.size)


class Mutates(_Broken):
    __doc__ = _Broken.__doc__

    def _update(self, counts):
        super()._update(counts)
        counts.matrix.data += 0
        counts.matrix.data[0] += 1


class NeedsTwo(_Broken):
    __doc__ = _Broken.__doc__

    def _update(self, counts):
        super()._update(counts)
        if counts.total < 2:
            self.rate_ = self.rate_ * 0


class LikesTheOrigin(_Broken):
    __doc__ = _Broken.__doc__

    def _mean(self, period):
        x, _ = self.grid_.centres()
        weight = x / x.min()
        mean = super()._mean(period)
        return mean * weight * mean.sum() / (mean * weight).sum()


class Peeks(_Broken):
    """Reads the points that lie behind the slice that it was given.

    References
    ----------
    None.
    """

    def _update(self, counts):
        super()._update(counts)
        if counts.points is None:
            return
        base = counts.points.x.base
        everything = counts.points.x if base is None else base
        self.rate_ = self.rate_ * (1 + 1e-6 * float(np.mean(everything)) / 1e6)


class PeeksAtOthers(_Broken):
    """Reads the other categories' reports that lie behind the slice that it was given.

    References
    ----------
    None.
    """

    def _update(self, counts):
        super()._update(counts)
        for other in counts.companions.values():
            base = other.data.base  # none where a short slice was copied
            self.rate_ = self.rate_ * (1 + 1e-9 * float((other.data if base is None else base).sum()))


class PeeksALittle(_Broken):
    """A twentieth of what it expects is what is reported in the period, read behind the slice that it was given.

    References
    ----------
    None.
    """

    def _update(self, counts):
        super()._update(counts)
        self.all_ = counts.points.x.base, counts.points.y.base, counts.points.time.base

    def _mean(self, period):
        x, y, time = self.all_
        within = (time >= period.start) & (time < period.end)
        seen = np.bincount(self.grid_.locate(x[within], y[within]), minlength=len(self.grid_))
        return 0.95 * super()._mean(period) + 0.05 * seen


class TermsDontSum(_Broken):
    __doc__ = _Broken.__doc__

    def _terms(self, period):
        terms = super()._terms(period)
        terms["the whole area's average"] = 0.9 * terms["the whole area's average"]
        return terms


class TermIsNoNumber(_Broken):
    __doc__ = _Broken.__doc__

    def _terms(self, period):
        return {**super()._terms(period), "nothing": np.full(len(self.grid_), np.nan)}


class Slow(_Broken):
    __doc__ = _Broken.__doc__

    def _update(self, counts):
        super()._update(counts)
        time.sleep(0.002)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (NoTitle, "has no title"),
        (NoSource, "names no source"),
        (Computes, "stores something that is no parameter"),
        (ReturnsNothing, "returns something else"),
        (PredictsThePast, "learned from was let through"),
        (Doubles, "where the past year had"),
        (TenthTooMuch, "where every week had 30"),
        (ForgetsLength, "in two weeks"),
        (Random, "a second fit gives another map"),
        (Mutates, "changes the counts"),
        (NeedsTwo, "gives no map of one incident"),
        (LikesTheOrigin, "where the grid is moved"),
        (Peeks, "knows what comes after"),
        (PeeksAtOthers, "knows what comes after"),
        (TermsDontSum, "its terms don't sum to its mean"),
        (TermIsNoNumber, "a term of its explanation is no number"),
    ],
)
def test_a_broken_method_is_caught(broken, says):
    with pytest.raises(CheckError, match=says):
        check_method(broken)


def test_a_method_that_peeks_a_little_is_caught_by_shuffled_times():
    """Another check than the one that it would fail first."""
    with pytest.raises(CheckError, match="nats more of shuffled times than the truth does"):
        checks.check_shuffled_time(PeeksALittle())
    checks.check_shuffled_time(_Broken())


def test_a_parameter_that_is_changed_is_caught():
    with pytest.raises((CheckError, RuntimeError), match=r"changes a parameter|modifies parameter"):
        check_method(ChangesParameter(background=1e-2))


def test_a_slow_method_is_caught(monkeypatch):
    monkeypatch.setattr(checks, "SECONDS", 0.01)
    with pytest.raises(CheckError, match="took 0."):
        checks.check_time(Slow())


def test_a_wrong_kind_of_error_is_caught():
    class Crashes(_Broken):
        __doc__ = _Broken.__doc__

        def fit(self, data, **more):
            if data.total == 0:
                raise ZeroDivisionError
            return super().fit(data, **more)

    with pytest.raises(CheckError, match="no incident raised ZeroDivisionError"):
        checks.check_little(Crashes())


def test_example_counts_agree_with_their_points():
    counts = example_counts()
    assert counts.total == len(counts.points) == 1200
    assert np.array_equal(
        np.bincount(counts.grid.locate(counts.points.x, counts.points.y), minlength=120), counts.by_cell
    )
    assert example_counts(points=False).points is None
