"""The poisoning test: what would have been found, from which strength on, and how far a forecast can be pushed before.

An audit that finds nothing says little until one knows what it would have found. So each kind of manipulation is
planted in the records themselves, in random places and at several strengths, and the same looks are taken. The
smallest strength that is found in four of five places is what "nothing found" means. Where it isn't found, the
forecast is made again from the poisoned records: so much it can be pushed unseen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.audits.base import plain_rows
from peelian.audits.finding import Finding
from peelian.audits.manipulation import Records, Watched
from peelian.audits.parts import Measured, Part, Thresholds, finding
from peelian.audits.planting import KINDS, STRENGTHS, UNITS, Plant, Target, plant, targets
from peelian.audits.push import Forecasts, Push
from peelian.errors import UsageError

__all__ = ["ENOUGH", "check_placements", "poisoning", "wilson"]

ENOUGH = 0.8
"""Share of the places in which a strength must be found to be called found."""

Ints = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]


def wilson(successes: int, trials: int, *, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a share.

    Notes
    -----
    Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.
    """
    if trials == 0:
        return 0.0, 1.0
    z = float(stats.norm.ppf((1 + level) / 2))
    share = successes / trials
    middle = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)) / (1 + z**2 / trials)
    low, high = float(middle - half), float(middle + half)
    return (0.0 if successes == 0 else low), (1.0 if successes == trials else high)


@dataclass(frozen=True, eq=False)
class _Tried:
    """What came of one target: which strengths were found, whether it stood out before, and the unfound push."""

    found: list[bool]
    stood: bool
    push: Push | None
    strength: float | None


def poisoning(
    watched: Watched,
    *,
    forecasts: Forecasts | None = None,
    kinds: Sequence[str] = KINDS,
    strengths: Mapping[str, Sequence[float]] = STRENGTHS,
    placements: int = 30,
    level: float = 0.95,
    seed: int = 0,
    thresholds: Thresholds | None = None,
    progress: Progress | None = None,
) -> Part:
    """Plant each kind at several strengths in random places, look, and forecast from what wasn't found.

    Parameters
    ----------
    watched : Watched
        The records with every look at them, as of `watch`.
    forecasts : Forecasts, optional
        How the category is forecast; the count map when not given.
    kinds : sequence of str
        Of `peelian.audits.planting.KINDS`.
    strengths : mapping
        Of each kind, rising.
    placements : int
        Random places a kind, at least 5.
    level : float
        Of the intervals.
    thresholds : mapping, optional
        ``unfound_push`` bounds the share of places in which picks can be changed unfound.
    progress : callable, optional
        Called with how many of how many places are done.

    Raises
    ------
    UsageError
        An unknown kind, strengths that don't rise, or too few places.
    NotEnoughDataError
        There is nothing that a kind could be planted in.

    Notes
    -----
    A plant is found if a series, a point or an area that it touches is more surprising than before, in the planted
    weeks and in the planted direction, and stands out among all others at their false-discovery rate. All other
    series stay as they were: what is planted in one moves the expectation of the others by its share in all records.
    Intervals are Wilson's.
    """
    _check(kinds, strengths, placements)
    made = forecasts or Forecasts(watched, seed=seed)
    rows, pushes, found = [], [], []
    total, done = placements * len(kinds), 0
    for kind in kinds:
        tried = []
        for target in targets(watched, kind, placements=placements, seed=seed):
            tried.append(_try(watched, made, target, strengths[kind]))
            done += 1
            if progress is not None:
                progress(done, total)
        rows += _rates(kind, strengths[kind], tried, level)
        pushes.append(_pushed(kind, tried, level))
        if kind != "digits":
            found.append(_finding(kind, pushes[-1], made, level, thresholds))
    table = pd.DataFrame(rows)
    smallest = pd.DataFrame([_smallest(table, kind, placements) for kind in kinds])
    push = pd.DataFrame(pushes)
    if "cluster" in kinds:
        found.insert(0, _cluster_finding(smallest, placements, level, thresholds))
    return Part(
        "poisoning",
        tuple(_said(smallest, push, made)),
        found=tuple(found),
        untold=_limits(made, placements, level),
        tables={"smallest": smallest, "strengths": table, "push": push},
        looked=total,
        numbers={
            "placements": placements,
            "enough": ENOUGH,
            "rate": watched.rate,
            "category": watched.category,
            "method": made.title,
            "picked": made.picked,
            "fraction": made.fraction,
            "units": {kind: UNITS[kind] for kind in kinds},
            "plants": plain_rows(smallest),
        },
    )


def _check(kinds: Sequence[str], strengths: Mapping[str, Sequence[float]], placements: int) -> None:
    unknown = [kind for kind in kinds if kind not in KINDS or kind not in strengths]
    if unknown or not kinds:
        msg = f"kinds {list(kinds)} were given; expected some of {', '.join(KINDS)}, each with its strengths"
        raise UsageError(msg)
    for kind in kinds:
        s = list(strengths[kind])
        if not s or any(b <= a for a, b in zip([0.0, *s], s, strict=False)):
            msg = f"strengths {s} were given for {kind}; expected numbers that rise from above 0"
            raise UsageError(msg)
    check_placements(placements)


def check_placements(placements: int) -> None:
    """Refuse too few or too many random places."""
    if not 5 <= placements <= 10_000:
        msg = f"{placements} placements were given; expected from 5 to 10,000"
        raise UsageError(msg, hint="--placements 30")


def _try(watched: Watched, made: Forecasts, target: Target, strengths: Sequence[float]) -> _Tried:
    plants = [plant(watched, target, s) for s in strengths]
    found = [_finds(watched, target, p) for p in plants]
    # The largest strength up to which nothing is found: who is found with less would not go on.
    unfound = found.index(True) - 1 if True in found else len(found) - 1
    push = None
    if target.kind != "digits" and unfound >= 0:
        push = made.push(plants[unfound].removed, plants[unfound].added, _cells(watched, target))
    return _Tried(
        found, _stood(watched, target, plants[-1]), push, strengths[unfound] if unfound >= 0 else None
    )


def _cells(watched: Watched, target: Target) -> Ints:
    if target.cell >= 0:
        return np.array([target.cell])
    return np.unique(watched.records.cell[watched.records.area == target.area])


def _finds(watched: Watched, target: Target, made: Plant) -> bool:
    if made.digits is not None:
        p = watched.digits.again(target.area, made.digits)
        return p < watched.digits.p[target.area] and watched.digits.finds(target.area, p)
    if watched.alarms(made.removed, made.added):
        return True
    if made.stamps is None:
        return False
    stamps, categories, among = _point(watched, target)
    added = np.full(made.stamps.size, watched.own)
    return watched.points.finds(
        np.concatenate([stamps, made.stamps]), np.concatenate([categories, added]), among=among
    )


def _point(watched: Watched, target: Target) -> tuple[Ints, Ints, int | None]:
    """Minutes and categories of the records at the target's point, and which of the watched points it is."""
    frame = watched.records.frame
    x, y = (float(frame[c].to_numpy()[target.record]) for c in ("x", "y"))
    mine = np.flatnonzero((frame["x"].to_numpy() == x) & (frame["y"].to_numpy() == y))
    stamps = frame["occurred_from"].to_numpy(dtype="datetime64[m]")[mine].astype(np.int64)
    at = np.flatnonzero((watched.points.x == x) & (watched.points.y == y))
    return stamps, watched.records.category[0][mine], int(at[0]) if at.size else None


def _stood(watched: Watched, target: Target, strongest: Plant) -> bool:
    """Whether the place stands out with nothing planted."""
    if strongest.digits is not None:
        return bool(watched.digits.q[target.area] <= watched.rate)
    gone = Records(*(v[strongest.removed] for v in vars(watched.whole).values()))
    both = Records(
        *(
            np.concatenate([a, b])
            for a, b in zip(vars(gone).values(), vars(strongest.added).values(), strict=True)
        )
    )
    if watched.standing(both):
        return True
    if strongest.stamps is None:
        return False
    among = _point(watched, target)[2]
    points = watched.points
    return among is not None and bool(min(points.q_gap[among], points.q_minute[among]) <= watched.rate)


def _rates(
    kind: str, strengths: Sequence[float], tried: list[_Tried], level: float
) -> list[dict[str, object]]:
    n = len(tried)
    stood = sum(t.stood for t in tried)
    rows: list[dict[str, object]] = []
    for i, strength in enumerate([0.0, *strengths]):
        hits = stood if i == 0 else sum(t.found[i - 1] for t in tried)
        low, high = wilson(hits, n, level=level)
        rows.append(
            {
                "kind": kind,
                "strength": float(strength),
                "found": hits,
                "of": n,
                "share": hits / n,
                "low": low,
                "high": high,
            }
        )
    return rows


def _smallest(table: pd.DataFrame, kind: str, placements: int) -> dict[str, object]:
    """The smallest strength from which on four of five places are found; None where none is."""
    rows = table[(table["kind"] == kind)].to_dict("records")
    nothing, planted = rows[0], rows[1:]
    enough = None
    for row in reversed(planted):
        if row["share"] < ENOUGH:
            break
        enough = row
    return {
        "kind": kind,
        "unit": UNITS[kind],
        "smallest": None if enough is None else enough["strength"],
        "share": None if enough is None else enough["share"],
        "low": None if enough is None else enough["low"],
        "high": None if enough is None else enough["high"],
        "strongest": planted[-1]["strength"],
        "strongest_share": planted[-1]["share"],
        "unplanted": nothing["share"],
        "unplanted_low": nothing["low"],
        "unplanted_high": nothing["high"],
    }


def _pushed(kind: str, tried: list[_Tried], level: float) -> dict[str, object]:
    """How far forecasts were pushed at the largest strength that wasn't found, over all places."""
    n = len(tried)
    pushes = [t.push for t in tried if t.push is not None]
    moved = sum(p.moved for p in pushes)
    low, high = wilson(moved, n, level=level)
    change = np.array([p.after - p.before for p in pushes] or [0.0])
    furthest = max(pushes, key=lambda p: abs(p.after - p.before), default=None)
    climb = max(pushes, key=lambda p: p.rank_before - p.rank_after, default=None)
    return {
        "kind": kind,
        "moved": moved,
        "of": n,
        "share": moved / n,
        "low": low,
        "high": high,
        "unfound": len(pushes),
        "change_median": float(np.median(change)),
        "change_least": float(change.min()),
        "change_most": float(change.max()),
        "before": None if furthest is None else furthest.before,
        "after": None if furthest is None else furthest.after,
        "rank_before": None if climb is None else climb.rank_before,
        "rank_after": None if climb is None else climb.rank_after,
        "strength_median": float(np.median([t.strength for t in tried if t.strength is not None] or [0.0])),
    }


def _finding(
    kind: str, push: Mapping[str, object], made: Forecasts, level: float, thresholds: Thresholds | None
) -> Finding:
    measured = Measured(*(float(push[name]) for name in ("share", "low", "high")))  # type: ignore[arg-type]
    return finding(
        "unfound_push",
        kind,
        f"places in which {kind} records change the number of picked cells and aren't found",
        measured,
        level=level,
        thresholds=thresholds,
        limits=("One place is poisoned at a time; many small changes together can push further.",),
        details={k: v for k, v in push.items() if k not in ("share", "low", "high")},
    )


def _cluster_finding(
    smallest: pd.DataFrame, placements: int, level: float, thresholds: Thresholds | None
) -> Finding:
    row = smallest[smallest["kind"] == "cluster"].iloc[0]
    known = bool(pd.notna(row["smallest"]))
    tried = (
        "It is one of the strengths that were tried, so it has no interval of its own; the share of places in which it "
        "was found has one."
    )
    never = f"Not even {row['strongest']:g} records a week were found in {100 * ENOUGH:.0f} % of places."
    return finding(
        "smallest_cluster",
        "all",
        f"found in {100 * ENOUGH:.0f} % of places or more",
        Measured(float(row["smallest"]) if known else None),
        level=level,
        thresholds=thresholds,
        unit="records a week",
        limits=(tried, _chosen(placements, level)) if known else (never,),
        details={name: float(row[name]) for name in ("share", "low", "high")} if known else {},
    )


def strength_words(kind: str, strength: float) -> str:
    """A strength with its unit."""
    number = f"{100 * strength:.0f} %" if kind in ("thinned", "recoded", "digits") else f"{strength:g}"
    return f"{number} {UNITS[kind]}"


def _said(smallest: pd.DataFrame, push: pd.DataFrame, made: Forecasts) -> list[str]:
    """The headline, what each kind takes to be found, and how far a forecast is pushed before."""
    known = [r for r in smallest.to_dict("records") if pd.notna(r["smallest"])]
    lost = [r for r in smallest.to_dict("records") if pd.isna(r["smallest"])]
    said = []
    for r in known:
        said.append(
            f"{strength_words(r['kind'], r['smallest'])}: found in {100 * r['share']:.0f} % of places "
            f"({100 * r['low']:.0f} to {100 * r['high']:.0f} %); {100 * r['unplanted']:.0f} % stand out with nothing "
            "planted."
        )
    for r in lost:
        said.append(
            f"{strength_words(r['kind'], r['strongest'])}, the most that was tried, is found in only "
            f"{100 * r['strongest_share']:.0f} % of places: this audit can't be relied on for it."
        )
    worst = push.sort_values(["share", "kind"], ascending=[False, True]).iloc[0]
    said.insert(
        0,
        f"Of {len(smallest)} kinds of manipulation {len(known)} are found in {100 * ENOUGH:.0f} % of places or more "
        f"from some strength on. Before it's found, {worst['kind']} records can change which cells are picked in "
        f"{100 * worst['share']:.0f} % of places ({100 * worst['low']:.0f} to {100 * worst['high']:.0f} %).",
    )
    return [*said, *_furthest(push, made)]


def _furthest(push: pd.DataFrame, made: Forecasts) -> list[str]:
    """The furthest push up and the furthest climb, each of all kinds."""
    up = push.sort_values(["change_most", "kind"], ascending=[False, True]).iloc[0]
    if up["change_most"] <= 0:
        return []
    said = (
        f"The furthest push that wasn't found, by {up['kind']} records, adds {up['change_most']:.2f} expected reports "
        f"a {made.watched.records.step} to a place"
    )
    climbed = push.assign(climb=(push["rank_before"] - push["rank_after"]).astype(float))
    top = climbed.sort_values(["climb", "kind"], ascending=[False, True]).iloc[0]
    if top["climb"] > 0:
        said += (
            f"; the furthest climb, by {top['kind']} records, is from rank {int(top['rank_before']):,} to "
            f"{int(top['rank_after']):,} of {len(made.watched.records.grid):,}, of which {made.picked:,} are picked"
        )
    return [f"{said}."]


def _chosen(placements: int, level: float) -> str:
    """What choosing the smallest strength by the share that was seen does to both."""
    fewest = math.ceil(ENOUGH * placements - 1e-9)
    low, high = wilson(fewest, placements, level=level)
    return (
        f"The smallest strength is the one from which on {100 * ENOUGH:.0f} % of {placements} places or more showed it."
        f" So chosen it leans low and the share high: {fewest} of {placements}, the fewest that are enough, go with "
        f"{100 * low:.0f} to {100 * high:.0f} % of all places."
    )


def _limits(made: Forecasts, placements: int, level: float) -> tuple[str, ...]:
    return (
        _chosen(placements, level),
        (
            f"Places are drawn at random, {placements} a kind: a poisoner who knows the looks, or picks the place, can "
            "do better."
        ),
        (
            "Each plant reaches up to the last week, ends there, and stands in one place; slower, wider and older ones "
            "are not tried."
        ),
        (
            f"Forecasts are by {made.title.lower()} with what it chose on the records as they are; the "
            f"{made.picked:,} cells that take up {100 * made.fraction:g} % of the area are picked."
        ),
        "What stands out already with nothing planted is no proof that something was.",
    )
