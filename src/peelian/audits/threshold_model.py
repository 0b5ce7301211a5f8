"""The hierarchical model behind the threshold test, sampled with NumPyro.

Each group r in each district d has a share who carry something, ``logistic(phi_r + phi_d)``; a separation of the
signals, ``exp(delta_r + delta_d)``; and a threshold whose log-odds are normal around the group's own. Searches are
binomial among stops, hits among searches (Simoiu, Corbett-Davies and Goel 2017, "The problem of infra-marginality in
outcome tests for discrimination", Annals of Applied Statistics 11), with the distributions of
`peelian.audits.discriminant` in place of beta ones.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from peelian.audits.discriminant import Floats, stop_outcomes
from peelian.errors import MissingExtraError

__all__ = ["PRIORS", "Draws", "sample"]

Ints = npt.NDArray[np.int64]

PRIORS: dict[str, tuple[float, float]] = {
    "carrying": (-3.0, 1.5),
    "carrying_by_district": (0.0, 0.5),
    "carrying_by_group": (0.0, 0.5),
    "separation": (0.5, 0.5),
    "separation_by_district": (0.0, 0.25),
    "separation_by_group": (0.0, 0.25),
    "threshold": (-1.0, 1.0),
    "threshold_by_district": (0.0, 0.5),
}
"""Mean and standard deviation of each prior, normal in log-odds (`carrying`, `threshold`) or in logs (`separation`);
``by_district`` is half-normal for the spread between districts, ``by_group`` normal for what groups differ by. Weak,
and centred where traffic stops lie: some 5 in 100 carry something, search at 1 in 4. A scale multiplies every
deviation."""

SHARED: tuple[str, ...] = (
    "carrying",
    "carrying_group",
    "carrying_spread",
    "separation",
    "separation_group",
    "separation_spread",
    "threshold",
    "threshold_spread",
)
CELLS = ("phi", "log_delta", "log_odds")


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws from the posterior.

    Parameters
    ----------
    threshold, carrying, separation : array of float, shape (chains, draws, n_groups, n_districts)
    shared : mapping of str to array of float, shape (chains, draws, ...)
        What districts or groups have in common, by name.
    diverging : array of bool, shape (chains, draws)
    """

    threshold: Floats
    carrying: Floats
    separation: Floats
    shared: Mapping[str, Floats]
    diverging: npt.NDArray[np.bool_]

    def rates(self) -> tuple[Floats, Floats]:
        """Search and hit rates, of the shape of `threshold`."""
        return stop_outcomes(self.threshold, carrying=self.carrying, separation=self.separation)


def sample(
    stops: Ints,
    searches: Ints,
    hits: Ints,
    *,
    scales: tuple[float, ...],
    warmup: int,
    samples: int,
    chains: int,
    seed: int,
) -> dict[float, Draws]:
    """Draw from the posterior, once for each scale of the priors.

    Parameters
    ----------
    stops, searches, hits : array of int, shape (n_groups, n_districts)
    scales : tuple of float
        Factors of the priors' standard deviations.
    warmup, samples, chains, seed : int

    Returns
    -------
    dict of float to Draws

    Raises
    ------
    MissingExtraError
        NumPyro is not installed.

    Notes
    -----
    No-U-turn sampler (Hoffman and Gelman 2014). It is compiled once; chains and scales then run in threads, each with
    random numbers of its own, so that their number changes nothing. Compiled code may round otherwise on another
    processor: there, draws differ while the distribution is the same.
    """
    jax = _jax()
    tasks = [(scale, chain) for scale in scales for chain in range(chains)]
    data = _prepared(stops, searches, hits)

    def run(task: tuple[float, int]) -> dict[str, Any]:
        scale, number = task
        with _precise(jax):
            key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), round(1000 * scale)), number)
            start = _start(np.random.default_rng([seed, round(1000 * scale), number]), data)
            return {name: np.asarray(drawn) for name, drawn in compiled(key, scale, data, start).items()}

    with _precise(jax):
        compiled = _compiled(*stops.shape, warmup, samples)
    with ThreadPoolExecutor(min(len(tasks), os.cpu_count() or 1)) as pool:
        done = list(pool.map(run, tasks))
    found = {}
    for scale in scales:
        parts = [out for (of, _), out in zip(tasks, done, strict=True) if of == scale]
        found[scale] = _draws({name: np.stack([part[name] for part in parts]) for name in parts[0]})
    return found


def _draws(out: dict[str, Any]) -> Draws:
    return Draws(
        threshold=special.expit(out["log_odds"]),
        carrying=special.expit(out["phi"]),
        separation=np.exp(out["log_delta"]),
        shared={name: out[name] for name in SHARED},
        diverging=out["diverging"],
    )


@contextmanager
def _precise(jax: Any) -> Iterator[None]:
    """Double precision on the processor, in this thread and only here: what JAX is set to elsewhere isn't ours."""
    with jax.enable_x64(True), jax.default_device(jax.local_devices(backend="cpu")[0]):
        yield


def _jax() -> Any:
    """JAX, told to look for no accelerator where nobody has imported it before.

    On some hosts JAX would ask the network for a TPU. Where a user has already imported it, that was theirs to decide.
    """
    with _without_accelerators():
        try:
            import jax
            import numpyro  # noqa: F401
        except ImportError:
            msg = "the threshold test needs NumPyro, which is not installed"
            raise MissingExtraError(msg, hint="pip install 'peelian[bayes]'") from None
    return jax


@contextmanager
def _without_accelerators() -> Iterator[None]:
    """JAX reads these variables once, as it is imported; the environment is left as it was."""
    wanted = {} if "jax" in sys.modules else {"JAX_PLATFORMS": "cpu", "TPU_SKIP_MDS_QUERY": "1"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _model(data: Mapping[str, Any], scale: Any) -> None:
    """The model, in coordinates in which its posterior is about round (see `_prepared`)."""
    import jax
    import jax.numpy as jnp
    import numpyro
    from jax.scipy.special import log_ndtr
    from numpyro import distributions as dist

    groups, districts = data["stops"].shape

    def normal(name: str) -> Any:
        mean, sd = PRIORS[name]
        return dist.Normal(mean, sd * scale)

    def spread(name: str) -> Any:
        return dist.HalfNormal(PRIORS[name][1] * scale)

    def contrast(name: str) -> Any:
        return dist.ZeroSumNormal(PRIORS[name][1] * scale, (groups,))

    def flat(*shape: int) -> Any:
        return dist.ImproperUniform(dist.constraints.real, (), shape)

    mu_phi = numpyro.sample("carrying", normal("carrying"))
    phi_group = numpyro.sample("carrying_group", contrast("carrying_by_group"))
    phi_spread = numpyro.sample("carrying_spread", spread("carrying_by_district"))
    mu_delta = numpyro.sample("separation", normal("separation"))
    delta_group = numpyro.sample("separation_group", contrast("separation_by_group"))
    delta_spread = numpyro.sample("separation_spread", spread("separation_by_district"))
    t_group = numpyro.sample("threshold", normal("threshold").expand([groups]).to_event(1))
    t_spread = numpyro.sample(
        "threshold_spread", spread("threshold_by_district").expand([groups]).to_event(1)
    )

    unit = dist.Normal(0.0, 1.0).expand([districts]).to_event(1)
    log_delta = mu_delta + delta_group[:, None] + delta_spread * numpyro.sample("district_separation", unit)
    told = (data["d_by_phi"] * (data["phi"] - phi_group[:, None])).sum(axis=0)
    told += (data["d_by_delta"] * (log_delta - data["log_delta"])).sum(axis=0)
    phi_d, jacobian = _between(
        told, data["d_precision"], mu_phi, phi_spread**-2, numpyro.sample("district", flat(districts))
    )
    numpyro.factor("district_prior", (dist.Normal(mu_phi, phi_spread).log_prob(phi_d) + jacobian).sum())
    phi, delta = phi_group[:, None] + phi_d, jnp.exp(log_delta)

    told = (
        data["signal"]
        + data["by_phi"] * (phi - data["phi"])
        + data["by_delta"] * (log_delta - data["log_delta"])
    )
    mean, precision = (t_group[:, None] - phi) / delta + delta / 2, (delta / t_spread[:, None]) ** 2
    own = numpyro.sample("signal", flat(groups, districts))
    signal, jacobian = _between(told, data["precision"], mean, precision, own)
    # The threshold's log-odds at that signal; log_delta is the logarithm of the slope between the two.
    log_odds = phi + delta * (signal - delta / 2)
    prior = dist.Normal(t_group[:, None], t_spread[:, None]).log_prob(log_odds) + log_delta + jacobian
    numpyro.factor("threshold_prior", prior.sum())

    carry, empty = jax.nn.log_sigmoid(phi), jax.nn.log_sigmoid(-phi)
    tails = log_ndtr(jnp.stack([delta - signal, signal - delta, -signal, signal]))
    hit, missed = carry + tails[0], empty + tails[2]
    unsearched = jnp.logaddexp(carry + tails[1], empty + tails[3])
    counts = data["hits"] * hit + data["misses"] * missed + data["unsearched"] * unsearched
    numpyro.factor("counts", counts.sum())
    for name, value in zip(CELLS, (phi, log_delta, log_odds), strict=True):
        numpyro.deterministic(name, value)


def _between(told: Any, precision: Any, mean: Any, prior_precision: Any, own: Any) -> tuple[Any, Any]:
    """A value between what counts tell and what districts have in common, and the logarithm of its slope in `own`.

    Where counts tell much, that is the centred form of a hierarchical model, and where they tell little the
    non-centred one; either alone makes the sampler diverge where it doesn't fit (Betancourt and Girolami 2015).
    """
    import jax.numpy as jnp

    total = precision + prior_precision
    return (precision * told + prior_precision * mean) / total + own / jnp.sqrt(total), -jnp.log(total) / 2


@lru_cache(maxsize=8)
def _compiled(groups: int, districts: int, warmup: int, samples: int) -> Any:
    """One chain as compiled code, from a key, a scale, data of that shape and a start to draws by name."""
    jax = _jax()
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree
    from numpyro.infer import NUTS
    from numpyro.infer.util import constrain_fn, potential_energy

    def chain(key: Any, scale: Any, data: Any, start: Any) -> dict[str, Any]:
        shared, named_shared = ravel_pytree({name: start[name] for name in SHARED})
        local, named_local = ravel_pytree({name: start[name] for name in start if name not in SHARED})

        def named(at: Any) -> dict[str, Any]:
            return {**named_shared(at["shared"]), **named_local(at["local"])}

        # Two vectors in place of eleven: compiling takes half the time, and a third of it is all there is to sampling.
        kernel = NUTS(
            potential_fn=lambda at: potential_energy(_model, (data, scale), {}, named(at)),
            dense_mass=[("shared",)],
            target_accept_prob=0.9,
            inverse_mass_matrix={
                ("shared",): jnp.eye(shared.size) * 0.05**2,
                ("local",): jnp.ones(local.size),
            },
        )
        state = kernel.init(key, warmup, {"shared": shared, "local": local})

        def step(state: Any, _: None) -> tuple[Any, dict[str, Any]]:
            state = kernel.sample(state, (), {})
            return state, {"at": state.z, "diverging": state.diverging}

        out = jax.lax.scan(step, state, None, length=warmup + samples)[1]
        out = jax.tree.map(lambda values: values[warmup:], out)

        def told(_: None, at: Any) -> tuple[None, dict[str, Any]]:
            values = constrain_fn(_model, (data, scale), {}, named(at), return_deterministic=True)
            return None, {name: values[name] for name in (*SHARED, *CELLS)}

        return {"diverging": out["diverging"], **jax.lax.scan(told, None, out["at"])[1]}

    like = {name: np.zeros(shape) for name, shape in _shapes(groups, districts).items()}
    start = _start(np.random.default_rng(0), like)
    return jax.jit(chain).lower(jax.random.key(0), 1.0, like, start).compile()


def _shapes(groups: int, districts: int) -> dict[str, tuple[int, ...]]:
    cells = (
        "stops",
        "hits",
        "misses",
        "unsearched",
        "signal",
        "precision",
        "by_phi",
        "by_delta",
        "phi",
        "log_delta",
        "d_by_phi",
        "d_by_delta",
    )
    return dict.fromkeys(cells, (groups, districts)) | {"d_precision": (districts,)}


def _start(rng: np.random.Generator, data: Mapping[str, Floats]) -> dict[str, Floats]:
    """Where a chain starts: scattered, so that chains which agree have come together by themselves.

    Spreads are in logs, contrasts have one number less than groups: the coordinates of the sampler. Drawn by NumPy, as
    compiling JAX's normal numbers takes as long as compiling the model.
    """
    groups, districts = data["stops"].shape
    slope = np.exp(data["log_delta"])
    middle = {
        "carrying": data["phi"].mean(),
        "carrying_group": np.zeros(groups - 1),
        "carrying_spread": np.log(0.3),
        "separation": PRIORS["separation"][0],
        "separation_group": np.zeros(groups - 1),
        "separation_spread": np.log(0.1),
        "threshold": (data["phi"] + slope * (data["signal"] - slope / 2)).mean(axis=1),
        "threshold_spread": np.full(groups, np.log(0.3)),
        "district": np.zeros(districts),
        "district_separation": np.zeros(districts),
        "signal": np.zeros((groups, districts)),
    }
    return {name: np.asarray(rng.normal(at, 0.2 if name in SHARED else 1.0)) for name, at in middle.items()}


def _prepared(stops: Ints, searches: Ints, hits: Ints) -> dict[str, Floats]:
    """Counts, and an affine map of the parameters under which each is about independent of the others, with spread 1.

    Raw, a signal's place is known within a hundredth where stops are many, and slides along with what share carries
    something: a sampler that starts there takes thousands of small steps. The map comes from rough estimates and the
    counts' information at them. It changes how fast draws are made, not what they are drawn from.
    """
    n = stops.astype(np.float64)
    separation = float(np.exp(PRIORS["separation"][0]))
    search_rate, hit_rate = _smoothed(searches, n), _smoothed(hits, searches.astype(np.float64))
    signal = _signal(search_rate, hit_rate, separation)
    phi = special.logit(np.clip(search_rate * hit_rate / special.ndtr(separation - signal), 1e-6, 1 - 1e-6))
    log_delta = np.full(n.shape, np.log(separation))
    information = _information(phi, log_delta, signal, n)
    own = information[2, 2]
    slope = np.exp(log_delta)
    # What counts tell of the share who carry, and of it with the separation, once the threshold has followed within
    # its usual spread between districts.
    after = own + slope**2 / PRIORS["threshold_by_district"][1] ** 2
    phi_phi = information[0, 0] - information[2, 0] ** 2 / after
    phi_delta = information[0, 1] - information[2, 0] * information[2, 1] / after
    total = phi_phi.sum(axis=0)
    return {
        "stops": n,
        "hits": hits.astype(np.float64),
        "misses": (searches - hits).astype(np.float64),
        "unsearched": (stops - searches).astype(np.float64),
        "signal": signal,
        "precision": own,
        "by_phi": -information[2, 0] / own,
        "by_delta": -information[2, 1] / own,
        "phi": phi,
        "log_delta": log_delta,
        "d_by_phi": phi_phi / total,
        "d_by_delta": -phi_delta / total,
        "d_precision": total,
    }


def _smoothed(part: Ints, whole: Floats) -> Floats:
    """Rates drawn towards the group's own as by ten more cases, so that none is 0 or 1."""
    group = (part.sum(axis=1, keepdims=True) + 0.5) / (whole.sum(axis=1, keepdims=True) + 1)
    return np.asarray((part + 10 * group) / (whole + 10))


def _signal(search_rate: Floats, hit_rate: Floats, separation: float) -> Floats:
    """Signals above which both rates come about, by bisection; 0.01 is near enough for where to start."""
    low, high = np.full(search_rate.shape, -5.0), np.full(search_rate.shape, 8.0)
    for _ in range(12):
        middle = (low + high) / 2
        found = search_rate * hit_rate / special.ndtr(separation - middle)
        beyond = found + search_rate * (1 - hit_rate) / special.ndtr(-middle) > 1
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return np.asarray((low + high) / 2)


def _information(phi: Floats, log_delta: Floats, signal: Floats, stops: Floats) -> Floats:
    """Fisher information of hits, misses and stops without search about the three, with the thresholds' prior.

    Returns
    -------
    array of float, shape (3, 3, n_groups, n_districts)
        In the order of the parameters.
    """

    def shares(phi: Floats, log_delta: Floats, signal: Floats) -> Floats:
        share, delta = special.expit(phi), np.exp(log_delta)
        hit, missed = share * special.ndtr(delta - signal), (1 - share) * special.ndtr(-signal)
        return np.stack([hit, missed, 1 - hit - missed])

    at, e = np.stack([phi, log_delta, signal]), 1e-4
    steps = e * np.eye(3)[:, :, None, None]
    slopes = np.stack([shares(*(at + step)) - shares(*(at - step)) for step in steps]) / (2 * e)
    # A stop's worth is added where there are none, so that nothing is divided by zero.
    return np.asarray(np.einsum("aorc,borc,rc->abrc", slopes, slopes / shares(*at), stops + 1e-3))
