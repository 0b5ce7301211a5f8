"""What every method must hold to, whoever wrote it: a suite that runs over each one that is discovered.

    from peelian.methods import check_method

    check_method(MyMethod())

The checks use small made-up counts with a fixed seed; nothing here measures how well a method forecasts. That
is what a trial is for.
"""

from __future__ import annotations

import inspect
import pickle
import pkgutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from peelian.errors import CheckError, NotEnoughDataError, PeelianError, UsageError
from peelian.methods.base import Method, rolled
from peelian.places.counts import Counts, Points
from peelian.places.grid import Grid
from peelian.places.periods import Periods
from peelian.units import Frequency

__all__ = ["CHECKS", "check_method", "discover", "example_counts", "method_by_name"]

SECONDS = 10.0
"""What fit and predict may take on the example of 120 cells and 60 weeks."""


def discover() -> list[type[Method]]:
    """Every method of this package, by name.

    Returns
    -------
    list of type
        The classes in ``peelian.methods`` that derive from `Method` and can be made.
    """
    package = __name__.rpartition(".")[0]
    found: dict[str, type[Method]] = {}
    for module in pkgutil.iter_modules(import_module(package).__path__):
        home = import_module(f"{package}.{module.name}")
        for value in vars(home).values():
            if (
                inspect.isclass(value)
                and issubclass(value, Method)
                and not inspect.isabstract(value)
                and not value.__name__.startswith("_")
                and value.__module__ == home.__name__
            ):
                found[value.name] = value
    return [found[name] for name in sorted(found)]


def method_by_name(name: str) -> type[Method]:
    """The method class of a name such as ``"kernel_density"``.

    Raises
    ------
    UsageError
        There is none; the message lists those that there are.
    """
    known = {method.name: method for method in discover()}
    if name not in known:
        msg = f"{name!r} was given as a method; expected one of {', '.join(known)}"
        raise UsageError(msg, hint="--method count_map")
    return known[name]


def example_counts(
    *,
    periods: int = 60,
    events: int | None = None,
    seed: int = 0,
    shift: tuple[int, int] = (0, 0),
    points: bool = True,
) -> Counts:
    """Made-up weekly counts with one hot corner, on 10 x 12 cells of 250 m.

    Parameters
    ----------
    periods : int
        Weeks from 2015-01-05.
    events : int, optional
        How many incidents; 20 a week when it is not given.
    shift : (int, int)
        Columns and rows by which everything is moved.
    points : bool
        Whether exact points come with the counts.
    """
    rng = np.random.default_rng(seed)
    n = 20 * periods if events is None else events
    hot = rng.random(n) < 0.5
    u = np.where(hot, rng.normal(3.0, 1.0, n), rng.random(n) * 12) % 12
    v = np.where(hot, rng.normal(6.0, 1.0, n), rng.random(n) * 10) % 10
    grid = Grid("EPSG:26915", 250.0, 2900 + shift[0], 17100 + shift[1], (10, 12))
    weeks = Periods(Frequency.parse("1w").edges(np.datetime64("2015-01-05"), periods), Frequency.parse("1w"))
    seconds = np.sort(rng.integers(0, periods * 7 * 86400, n)) if periods else np.zeros(0, dtype=np.int64)
    moments = weeks.start.astype("datetime64[s]") + seconds.astype("timedelta64[s]")
    x, y = (u + grid.ix0) * grid.side, (v + grid.iy0) * grid.side
    return _counted(grid, weeks, Points(x, y, moments), keep=points)


def _counted(grid: Grid, periods: Periods, points: Points, *, keep: bool = True) -> Counts:
    cell, period = grid.locate(points.x, points.y), periods.locate(points.time)
    matrix = sparse.coo_array(
        (np.ones(len(points), dtype=np.int64), (cell, period)), shape=(len(grid), len(periods))
    ).tocsc()
    matrix.sum_duplicates()
    return Counts(grid, periods, matrix, points if keep else None)


def _contents(counts: Counts) -> list[bytes]:
    points = counts.points
    assert points is not None
    matrix = counts.matrix
    arrays = (
        matrix.data,
        matrix.indices,
        matrix.indptr,
        points.x,
        points.y,
        points.time,
        counts.periods.edges,
    )
    return [np.asarray(array).tobytes() for array in arrays]


def _require(held: bool, method: Method, what: str) -> None:
    if not held:
        msg = f"{type(method).__name__}: {what}"
        raise CheckError(msg)


@contextmanager
def _refusal(method: Method, what: str, *kinds: type[Exception]) -> Iterator[None]:
    """Hold that the block raises one of `kinds`."""
    try:
        yield
    except kinds:
        return
    except Exception as error:
        msg = f"{type(method).__name__}: {what} raised {type(error).__name__} ({error})"
        raise CheckError(msg) from error
    msg = f"{type(method).__name__}: {what} was let through"
    raise CheckError(msg)


def _forecast(method: Method, counts: Counts) -> npt.NDArray[np.float64]:
    surface = clone(method).fit(counts).predict(counts.periods.following()[0])
    return np.asarray(surface.mean)


def _raw(method: Method, counts: Counts) -> npt.NDArray[np.float64]:
    """The means before recalibration, which would hide a method that is wrong in the same way each time."""
    fitted = clone(method).fit(counts)
    return np.asarray(fitted._mean(counts.periods.following()[0]))


def check_described(method: Method) -> None:
    """It has a name, a title and, in its docstring, the source that it is from."""
    _require(bool(getattr(method, "name", "")) and method.name.isidentifier(), method, "has no name")
    _require(bool(getattr(method, "title", "")), method, "has no title")
    _require("References\n" in (inspect.getdoc(type(method)) or ""), method, "its docstring names no source")


def check_parameters(method: Method) -> None:
    """``__init__`` stores its parameters and nothing else; they survive a clone."""
    given = method.get_params()
    _require(clone(method).get_params() == given, method, "a clone has other parameters")
    fresh = type(method)(**given)
    _require(vars(fresh).keys() == given.keys(), method, "__init__ stores something that is no parameter")
    same = all(vars(fresh)[name] is value for name, value in given.items())
    _require(same, method, "__init__ changes a parameter")
    clone(method).fit(example_counts())
    _require(method.get_params() == given, method, "fit changes a parameter")


def check_order(method: Method) -> None:
    """Fit gives the method back; no forecast comes before it, nor of what was learned from."""
    counts = example_counts()
    fresh = clone(method)
    with _refusal(method, "a forecast before fit", NotFittedError, PeelianError):
        fresh.predict(counts.periods.following()[0])
    _require(fresh.fit(counts) is fresh, method, "fit returns something else than the method")
    with _refusal(method, "a forecast of a period that was learned from", UsageError):
        fresh.predict(counts.periods[-1])


def check_surface(method: Method) -> None:
    """Means are numbers of at least 0; on stationary data they sum to the past year's mean within 15 %.

    Twenty reports a week make the mean of a year uncertain by 3 %, and that of an effective ten weeks by 7 %.
    """
    for points in (True, False):
        counts = example_counts(points=points)
        mean = _raw(method, counts)
        expected = float(counts.last(52).by_period.mean())
        _require(bool(np.all(np.isfinite(mean) & (mean >= 0))), method, "a mean is no number of at least 0")
        close = abs(float(mean.sum()) - expected) <= 0.15 * expected
        _require(
            close, method, f"expects {mean.sum():.2f} reports where the past year had {expected:.2f} a week"
        )


def check_total(method: Method) -> None:
    """Where every week is the same, the total is that week's, within 5 %."""
    week = example_counts(periods=1, events=30)
    weeks = example_counts(periods=60).periods
    counts = Counts(week.grid, weeks, sparse.csc_array(np.tile(week.dense(), (1, 60))))
    total = float(_raw(method, counts).sum())
    _require(abs(total - 30) <= 1.5, method, f"expects {total:.2f} reports where every week had 30")
    double = clone(method).fit(counts)
    ahead = weeks.following(2)
    both = float(double.predict(replace(ahead[0], end=ahead.end)).mean.sum())
    one = float(double.predict(ahead[0]).mean.sum())
    _require(abs(both - 2 * one) <= 0.05 * both, method, f"expects {both:.2f} in two weeks, {one:.2f} in one")


def check_deterministic(method: Method) -> None:
    """The same input gives the same bytes, again and after pickling."""
    counts = example_counts()
    period = counts.periods.following()[0]
    first = clone(method).fit(counts)
    mean = first.predict(period).mean
    _require(np.array_equal(mean, _forecast(method, counts)), method, "a second fit gives another map")
    again = pickle.loads(pickle.dumps(first)).predict(period).mean  # noqa: S301  # our own bytes
    _require(np.array_equal(mean, again), method, "gives another map after pickling")


def check_input_kept(method: Method) -> None:
    """Fit and predict change nothing of what they are given."""
    counts = example_counts()
    before = _contents(counts)
    _forecast(method, counts)
    _require(_contents(counts) == before, method, "changes the counts that it learns from")


def check_little(method: Method) -> None:
    """One incident, one cell and one period are enough; none is an error that says so."""
    one = example_counts(events=1)
    counts = example_counts()
    points = counts.points
    assert points is not None
    corner = replace(points, x=np.full(len(points), 2900.5 * 250), y=np.full(len(points), 17100.5 * 250))
    cases = {
        "one incident": one,
        "all incidents in one cell": _counted(counts.grid, counts.periods, corner),
        "one period": example_counts(periods=1),
    }
    for case, few in cases.items():
        mean = _forecast(method, few)
        good = bool(np.all(np.isfinite(mean) & (mean >= 0))) and mean.sum() > 0
        _require(good, method, f"gives no map of {case}")
    for case, none in {"no incident": example_counts(events=0), "no period": counts[:0]}.items():
        with _refusal(method, case, NotEnoughDataError):
            _forecast(method, none)


def check_place(method: Method) -> None:
    """The grid's origin doesn't matter: moved by whole cells, the map is the same."""
    here, there = (_forecast(method, example_counts(shift=shift)) for shift in ((0, 0), (37, -11)))
    _require(
        np.allclose(here, there, rtol=1e-6, atol=1e-9), method, "gives another map where the grid is moved"
    )


def check_leakage(method: Method) -> None:
    """What happened after the day of the forecast changes nothing, in its own category or in others.

    It is given the first part of longer counts, of which the rest differs, and forecasts the period after the next one.
    """
    counts, others = example_counts(), example_counts(seed=1).matrix
    cut = 50
    day = counts.periods.edges[cut]
    points = counts.points
    assert points is not None
    late = points.time >= day
    moved = Points(
        np.where(late, 2900.5 * 250, points.x), np.where(late, 17100.5 * 250, points.y), points.time
    )
    poison = sparse.hstack([others[:, :cut], 5 * example_counts(seed=2).matrix[:, cut:]]).tocsc()
    poisoned = replace(
        _counted(counts.grid, counts.periods, moved), companions={"others": sparse.csc_array(poison)}
    )
    counts = replace(counts, companions={"others": others})
    period = counts.periods[cut + 1]
    clean, other = (clone(method).fit(c.before(day), gap=1).predict(period).mean for c in (counts, poisoned))
    _require(np.array_equal(clean, other), method, "knows what comes after the day of the forecast")


def check_shuffled_time(method: Method) -> None:
    """Where times are dealt out anew among the reports, no forecast knows more of places than the truth does.

    The hot place of the example moves half-way; the shuffle leaves nothing of that. Scored by what each report's cell
    was given of the whole, over the last 20 weeks.
    """
    rng = np.random.default_rng(7)
    counts = example_counts(events=2400, seed=7)
    points = counts.points
    assert points is not None
    late = points.time >= counts.periods.edges[30]
    x = np.where(late, (2 * counts.grid.ix0 + 12) * counts.grid.side - points.x, points.x)
    shuffled = rng.permutation(len(points))
    mixed = _counted(counts.grid, counts.periods, Points(x[shuffled], points.y[shuffled], points.time))
    # The shuffle makes each cell's share of the whole, before the scored weeks and in them, the truth up to chance.
    truth = (mixed.by_cell + 1e-3) / (mixed.by_cell + 1e-3).sum()
    gains = []
    for i, mean in rolled(method, mixed, first=40, last=60):
        seen = mixed.column(i)
        hit = seen > 0
        if not np.all(mean[hit] > 0):
            return  # what it called impossible was reported: it knows less, not more
        gains.append(float(seen[hit] @ (np.log(mean[hit] / mean.sum()) - np.log(truth[hit]))))
    gain, error = float(np.sum(gains)), float(np.std(gains) * np.sqrt(len(gains)))
    _require(
        not gain > 3 * error, method, f"knows {gain:.1f} nats more of shuffled times than the truth does"
    )


def check_terms(method: Method) -> None:
    """What made each number sums to it, in each cell."""
    counts = example_counts()
    period = counts.periods.following()[0]
    fitted = clone(method).fit(counts)
    terms = fitted.explain(period).to_numpy()
    mean = fitted.predict(period).mean
    _require(bool(np.all(np.isfinite(terms))), method, "a term of its explanation is no number")
    _require(
        np.allclose(terms.sum(axis=1), mean, rtol=1e-6, atol=1e-12), method, "its terms don't sum to its mean"
    )


def check_time(method: Method) -> None:
    """It is done with the example within seconds."""
    counts = example_counts()
    start = time.perf_counter()
    _forecast(method, counts)
    spent = time.perf_counter() - start
    _require(spent < SECONDS, method, f"took {spent:.1f} s for 120 cells and 60 weeks")


CHECKS: tuple[Callable[[Method], None], ...] = (
    check_described,
    check_parameters,
    check_order,
    check_input_kept,
    check_surface,
    check_total,
    check_deterministic,
    check_little,
    check_place,
    check_leakage,
    check_shuffled_time,
    check_terms,
    check_time,
)
"""The suite, in the order in which it runs."""


def check_method(method: Method | type[Method]) -> None:
    """Run the whole suite over one method.

    Parameters
    ----------
    method : Method or type
        A class is made with its defaults.

    Raises
    ------
    CheckError
        The first thing that it doesn't hold to.
    """
    made: Method = method() if isinstance(method, type) else method  # type: ignore[assignment]
    for check in CHECKS:
        check(made)
