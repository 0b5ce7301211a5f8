from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from peelian.errors import DataError, NotEnoughDataError, UsageError
from peelian.patterns import farrington as module
from peelian.patterns.farrington import Reference, farrington, reference, years_back

from .salmonella import FARRINGTON_ALARMS, NEWPORT, STARTS, WATCHED

MONDAY = np.datetime64("2010-01-04")


def dates(n: int) -> np.ndarray:
    return MONDAY + 7 * np.arange(n)


def glm(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A Poisson model with a log link as R's glm fits it: coefficients, and the inverse of X'WX."""
    mu = y + 0.1
    eta = np.log(mu)
    before = np.inf
    for _ in range(200):
        z, v = eta + (y - mu) / mu, w * mu
        root = np.sqrt(v)[:, None]
        coefficients, *_ = np.linalg.lstsq(X * root, z * root[:, 0], rcond=None)
        eta = np.clip(X @ coefficients, -30, 30)
        mu = np.exp(eta)
        with np.errstate(divide="ignore", invalid="ignore"):
            deviance = 2 * np.sum(w * (np.where(y > 0, y * np.log(y / mu), 0) - (y - mu)))
        if abs(deviance - before) / (abs(deviance) + 0.1) < 1e-12:
            break
        before = deviance
    return coefficients, np.linalg.pinv((X * (w * mu)[:, None]).T @ X)


def plain(
    y: np.ndarray,
    past: Reference,
    k: int,
    *,
    trend: bool = True,
    trend_level: float = 1.0,
    threshold: float | None = 2.58,
    years: int = 5,
    published_error: bool = False,
) -> tuple[float, float, float, bool]:
    """The algorithm as the papers and the R package have it, one series at a time, by a general model.

    Returns the expectation, the standard error of its logarithm, the dispersion and whether the trend was kept.
    `published_error` takes the dispersion for the standard errors as the R package does, from working residuals and
    the weights of the second fit.
    """
    rows = past.rows[~np.isnan(y[past.rows])]
    group = past.group[~np.isnan(y[past.rows])]
    response = y[rows]

    def once(slope: bool) -> tuple[float, float, float, float]:
        levels = np.unique(group)
        X = (group[:, None] == levels).astype(float)
        now = (levels == past.levels - 1).astype(float)
        if slope:
            X, now = np.column_stack([X, rows - k]), np.append(now, 0.0)
        w = np.ones(rows.size)
        freedom = rows.size - X.shape[1]
        b, inverse = glm(X, response, w)
        mu = np.exp(X @ b)
        phi = max(np.sum((response - mu) ** 2 / mu) / freedom, 1.0)
        if threshold is not None:
            hat = mu * np.einsum("ij,jk,ik->i", X, inverse, X)
            s = 1.5 * (response ** (2 / 3) * mu ** (-1 / 6) - np.sqrt(mu)) / np.sqrt(phi * (1 - hat))
            w = np.where(s > threshold, 1 / np.maximum(s, 1e-9) ** 2, 1.0)
            w *= rows.size / w.sum()
            b, inverse = glm(X, response, w)
            mu = np.exp(X @ b)
            phi = max(np.sum(w * (response - mu) ** 2 / mu) / freedom, 1.0)
        used = np.sum(w * ((response - mu) / mu) ** 2) / freedom if published_error else phi
        error = float(np.sqrt(used * now @ inverse @ now))
        t = abs(b[-1]) / np.sqrt(used * inverse[-1, -1]) if slope else np.inf
        return float(np.exp(now @ b)), error, float(phi), 2 * float(stats.t.sf(t, freedom))

    if trend and years >= 3:
        mu, error, phi, p = once(True)
        if p < trend_level and mu <= response.max():
            return mu, error, phi, True
    return (*once(False)[:3], False)


def simulated(n: int = 40, periods: int = 300, seed: int = 0, low: float = 0.8) -> np.ndarray:
    rng = np.random.default_rng(seed)
    at = np.arange(periods)
    level = np.geomspace(low, 60, n)[:, None]
    mean = level * np.exp(
        rng.normal(0, 0.002, (n, 1)) * (at - 150)
        + rng.uniform(0, 0.5, (n, 1)) * np.sin(at * 2 * np.pi / 52.18)
    )
    phi = rng.uniform(1.2, 4, (n, 1))
    made = rng.negative_binomial(mean / (phi - 1), 1 / phi).astype(float)
    # Past bursts, which the weights are for.
    made[np.arange(n), rng.integers(40, 200, n)] *= 6
    return made


@pytest.mark.parametrize("years", [5, 3, 2])
@pytest.mark.parametrize("trend_level", [1.0, 0.05])
def test_fits_are_those_of_the_general_model(years: int, trend_level: float) -> None:
    series = simulated()
    found = farrington(series, dates(300), years=years, trend_level=trend_level)
    past = reference(dates(300), 299, years=years, half_window=3)
    for i, y in enumerate(series):
        mu, _, phi, trend = plain(y, past, 299, years=years, trend_level=trend_level)
        assert found.trend[i] == trend
        assert found.expected[i] == pytest.approx(mu, rel=1e-5, abs=1e-6)
        assert found.scatter[i] == pytest.approx(phi, rel=1e-5)
        upper = stats.nbinom.ppf(0.95, mu / (phi - 1), 1 / phi) if phi > 1 else stats.poisson.ppf(0.95, mu)
        assert abs(found.upper[i] - upper) <= 1
    assert found.trend.any() == (years >= 3)


@pytest.mark.parametrize("method", ["muan", "power"])
@pytest.mark.parametrize("published", [False, True])
def test_bounds_by_the_other_methods_are_within_a_count(method: str, published: bool) -> None:
    series = simulated(seed=3)
    found = farrington(series, dates(300), method=method)  # type: ignore[arg-type]
    past = reference(dates(300), 299, years=5, half_window=3)
    apart = []
    for i, y in enumerate(series):
        mu, error, phi, _ = plain(y, past, 299, published_error=published)
        if method == "power":
            tau = phi + mu * error**2
            upper = (mu ** (2 / 3) + 1.6448536 * np.sqrt(4 / 9 * mu ** (1 / 3) * tau)) ** 1.5
        else:
            limit = mu * np.exp(1.6448536 * error)
            upper = (
                stats.nbinom.ppf(0.95, limit / (phi - 1), 1 / phi)
                if phi > 1
                else stats.poisson.ppf(0.95, limit)
            )
        apart.append(found.upper[i] - upper)
    # The package's own standard error differs from the papers', which tells by a little.
    assert np.abs(apart).max() <= (1 if not published else 8)
    assert np.median(np.abs(apart)) <= (1e-4 if not published else 1)


def test_alarms_on_real_counts_are_those_of_the_published_package() -> None:
    """Salmonella Newport in Germany, 2011 and 2012: alarms that R's surveillance gives with these settings.

    The plain version with the package's own standard errors has all of its alarms. Ours has the papers' standard
    errors, by which the trend of one week is not kept, and with it one alarm of 104 weeks is not there.
    """
    ours, published = [], []
    for k in WATCHED:
        found = farrington(
            NEWPORT[None, : k + 1],
            STARTS[: k + 1],
            years=3,
            levels=1,
            trend_level=0.05,
            alpha=0.01,
            method="power",
        )
        past = reference(STARTS, k, years=3, half_window=3, levels=1)
        mu, error, phi, _ = plain(NEWPORT[: k + 1], past, k, trend_level=0.05, years=3, published_error=True)
        spread = np.sqrt(4 / 9 * np.cbrt(mu) * (phi + mu * error**2))
        upper = (mu ** (2 / 3) + stats.norm.isf(0.01) * spread) ** 1.5
        ours += [k] if found.alarm[0] else []
        published += [k] if NEWPORT[k] > upper and NEWPORT[k - 3 : k + 1].sum() >= 5 else []
    assert published == FARRINGTON_ALARMS
    assert [STARTS[k] for k in FARRINGTON_ALARMS if k not in ours] == [np.datetime64("2011-08-29")]
    assert set(ours) <= set(FARRINGTON_ALARMS)


def test_bounds_of_the_power_transformation_are_the_published_ones() -> None:
    """Values that the tests of R's surveillance hold for an expectation of 5 with a standard error of 0.2."""
    mean, error, phi = 5.0, 0.2, 1.0
    spread = np.sqrt(4 / 9 * np.cbrt(mean) * (phi + error**2 / mean))
    upper = (mean ** (2 / 3) + stats.norm.isf(0.05) * spread) ** 1.5
    assert upper == pytest.approx(9.1154825, abs=1e-6)
    fitted = np.array([[mean, error / mean, phi, 0.0]])
    found = module._bounds(np.array([[2.0, 2.0, 8.0]]), fitted, alpha=0.05, method="power", fewest=(5, 4))
    assert found.upper[0] == pytest.approx(9.1154825, abs=1e-6)
    assert found.p[0] == pytest.approx(0.1094727, abs=1e-6)


@pytest.mark.parametrize(
    ("method", "phi", "upper", "p"),
    [
        ("muan", 1.5, 24.0, 0.8597797),
        ("muan", 1.0, 22.0, 0.9093099),
        ("negative_binomial", 1.5, 10.0, 0.03763657),
        ("negative_binomial", 1.0, 9.0, 0.01369527),
    ],
)
def test_bounds_of_the_negative_binomial_are_the_published_ones(
    method: str, phi: float, upper: float, p: float
) -> None:
    """Values that the tests of R's surveillance hold for log 5 with a standard error of log 2 and 11 reports."""
    fitted = np.array([[5.0, np.log(2), phi, 0.0]])
    found = module._bounds(np.array([[11.0]]), fitted, alpha=0.05, method=method, fewest=(5, 4))  # type: ignore[arg-type]
    assert found.upper[0] == upper
    assert found.p[0] == pytest.approx(p, abs=1e-6)
    assert found.alarm[0] == (upper < 11)


def test_weights_are_the_published_ones() -> None:
    """A case that the tests of R's surveillance check by hand: residuals of 0 and 2, of which 2 is above 0."""
    s = np.array([0.0] * 5 + [2.0] * 5)
    w = np.where(s > 0, 1 / np.maximum(s, 1) ** 2, 1.0)
    w *= 10 / w.sum()
    np.testing.assert_allclose(w, [1.6] * 5 + [0.4] * 5)


def test_the_same_time_of_past_years() -> None:
    """Dates that the tests of R's surveillance name: Thursdays nearest to 6 June of 2010 to 2013."""
    thursdays = np.datetime64("1990-06-07") + 7 * np.arange(1301)
    k = int(np.flatnonzero(thursdays == np.datetime64("2013-06-06"))[0])
    past = reference(thursdays, k, years=3, half_window=0, levels=1, excluded=0)
    assert thursdays[past.rows].tolist() == [
        np.datetime64(d).item() for d in ("2010-06-03", "2011-06-09", "2012-06-07")
    ]


def test_levels_share_the_year_out() -> None:
    past = reference(dates(300), 299, years=5, half_window=3, levels=10, excluded=26)
    assert past.rows[-1] == 299 - 27
    assert past.rows[0] == 299 - 261 - 3
    np.testing.assert_array_equal(np.diff(past.rows), 1)
    assert np.bincount(past.group)[-1] == 5 * 7
    sizes = np.bincount(past.group)[:-1]
    assert sizes.max() - sizes.min() <= 5 + 2
    # After the window comes level 0, and before it the last but one.
    window = np.flatnonzero(past.group == 9)
    assert past.group[window[6] + 1] == 0
    assert past.group[window[7] - 1] == 8


def test_a_rise_is_an_alarm_and_the_past_is_not() -> None:
    series = simulated(seed=5, low=4)
    quiet = farrington(series, dates(300), alpha=0.01)
    assert quiet.alarm.mean() < 0.1
    series[:, -1] = series[:, -1] * 4 + 25
    assert farrington(series, dates(300), alpha=0.01).alarm.mean() > 0.9


def test_p_values_are_about_uniform_for_the_model_itself() -> None:
    rng = np.random.default_rng(0)
    mean = 20 * (1 + 0.3 * np.sin(np.arange(300) * 2 * np.pi / 52.18))
    series = rng.negative_binomial(mean, 1 / 2, (600, 300)).astype(float)
    p = farrington(series, dates(300), trend=False).p
    for level in (0.05, 0.2, 0.5):
        assert (p <= level).mean() == pytest.approx(level, abs=0.06)


def test_no_report_in_the_season_is_no_expectation_of_none() -> None:
    series = np.zeros((2, 300))
    series[1, :200:9] = 1.0
    series[:, -1] = [6.0, 6.0]
    found = farrington(series, dates(300))
    assert (found.expected > 0).all()
    assert (found.p > 0).all()
    assert found.alarm.all()
    nothing = farrington(np.zeros((1, 300)), dates(300))
    assert not nothing.alarm[0]
    assert nothing.p[0] == 1.0


def test_few_reports_are_no_alarm() -> None:
    series = np.zeros((1, 300))
    series[0, -1] = 4.0
    assert not farrington(series, dates(300)).alarm[0]
    assert farrington(series, dates(300), fewest=(1, 4)).alarm[0]


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), known=st.floats(0.3, 0.95))
def test_unknown_periods_are_left_out(seed: int, known: float) -> None:
    series = simulated(n=3, seed=seed)
    series[np.random.default_rng(seed).random(series.shape) > known] = np.nan
    series[:, -1] = 5.0
    found = farrington(series, dates(300))
    past = reference(dates(300), 299, years=5, half_window=3)
    for i, y in enumerate(series):
        mu, _, phi, trend = plain(y, past, 299)
        if found.trend[i] == trend and np.nansum(y[past.rows[past.group == 9]]) > 0:
            assert found.expected[i] == pytest.approx(mu, rel=1e-4, abs=1e-5)
            assert found.scatter[i] == pytest.approx(phi, rel=1e-4)
    unknown = np.full((1, 300), np.nan)
    assert np.isnan(farrington(unknown, dates(300)).p).all()


def test_years_that_the_past_holds() -> None:
    assert years_back(dates(261)) == 4
    assert years_back(dates(265)) == 5
    assert years_back(dates(50)) == 0
    assert years_back(dates(265), at=100) == 1


def test_what_cannot_be_is_refused() -> None:
    series = simulated(n=2)
    with pytest.raises(NotEnoughDataError, match="which hold 4") as error:
        farrington(series[:, :261], dates(261))
    assert error.value.hint == "years=4"
    with pytest.raises(NotEnoughDataError, match="which hold 0"):
        farrington(series[:, :30], dates(30), years=1)
    with pytest.raises(UsageError, match="levels"):
        farrington(series, dates(300), levels=60)
    with pytest.raises(UsageError, match="method"):
        farrington(series, dates(300), method="magic")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="trend level"):
        farrington(series, dates(300), trend_level=0)
    with pytest.raises(UsageError, match="alpha"):
        farrington(series, dates(300), alpha=2)
    with pytest.raises(UsageError, match="dates"):
        farrington(series, dates(20))
    with pytest.raises(DataError, match="below 0"):
        farrington(-series - 1, dates(300))
    with pytest.raises(DataError, match="shape"):
        farrington(series[0], dates(300))
    assert len(farrington(np.zeros((0, 300)), dates(300))) == 0
