"""What links were found, as a run keeps them: named hypotheses, tables, and the first links with all their reasons."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.patterns.chance_links import ChanceLinks
from peelian.patterns.links import Links
from peelian.places import Areas
from peelian.records import Incidents
from peelian.workspace.hypotheses import named

__all__ = ["FIRST", "Found", "areas_of", "by_chance", "by_model", "places_of"]

FIRST = 25
"""Links that are told with all their reasons."""
HYPOTHESES, CANDIDATES = 200, 50
"""Open links, and candidate series, that can be confirmed or rejected by name."""
LEAST = 3
"""Reports of a candidate series: two are a link."""


@dataclass(frozen=True, eq=False)
class Found:
    """Links and candidate series.

    Parameters
    ----------
    told : dict
        For the result: ``sentence``, ``hypotheses``, ``pairs`` (the first open links), ``model``, ``trial``, and so on.
    pairs : pandas.DataFrame
        All links: ``id`` (of its hypothesis, or ``""``), ``one``, ``two``, ``probability``, ``metres``, ``days``,
        ``known``, ``why``.
    candidates : pandas.DataFrame
        All candidate series: ``id``, ``incidents`` (how many), ``ids``, ``first``, ``last``, ``metres``,
        ``probability``, ``weakest``, ``labels`` (what the labels say of it).
    tables : dict of str to pandas.DataFrame
        More of them.
    fields : list of str
        Of the manner.
    learnt : bool
    notes : list of str
    """

    told: dict[str, Any]
    pairs: pd.DataFrame
    candidates: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    fields: list[str]
    learnt: bool
    notes: list[str]


def by_model(links: Links, incidents: Incidents) -> Found:
    """What a model found."""
    told = links.to_dict()
    pairs = links.pairs.drop(columns=["log_odds", "hours"])
    open_ = np.flatnonzero(pairs["known"] == "")[:HYPOTHESES]
    days = _days(incidents)
    said = [_linked(row, days) for row in _rows(pairs.iloc[open_])]
    found = named("L", [(text, row.probability) for text, row in said])
    pairs.insert(0, "id", _ids(len(pairs), open_, found))
    candidates = _candidates(links)
    series = [row for row in _rows(candidates) if row.incidents >= LEAST and row.labels != KNOWN][:CANDIDATES]
    chains = named("S", [(_series(row), row.probability) for row in series])
    candidates.insert(0, "id", _ids(len(candidates), np.array([r.Index for r in series], int), chains))
    shown = [k for k in open_[:FIRST].tolist() if k < len(links.why)]
    kept = ("settings", "sentence", "expected", "reached", "model", "trial", "limits")
    manner = links.compared.manner
    return Found(
        {
            **{name: told[name] for name in kept},
            "sentences": _sentences(told["sentence"]),
            "trial_sentence": None if links.trial is None else links.trial.sentence(),
            "bands": None,
            "pairs": [_first(pairs.iloc[k], days, links.why[k]) for k in shown],
            "hypotheses": [*found, *chains],
        },
        pairs,
        candidates,
        {},
        [*manner.fields, *manner.numbers],
        True,
        [],
    )


def by_chance(links: ChanceLinks, incidents: Incidents) -> Found:
    """What is nearer than chance: the probability is the share of such pairs that is not chance, at most."""
    told = links.to_dict()
    bands = links.bands.set_index(["metres", "days"]).sort_index()
    pairs = links.pairs.rename(columns={"share": "probability"}).astype({"probability": float})
    pairs["known"] = ""
    pairs["why"] = [
        f"{_apart(row)}; of pairs so near {row.probability:.0%} are more than chance" for row in _rows(pairs)
    ]
    pairs = pairs[["one", "two", "probability", "metres", "days", "known", "why"]]
    days = _days(incidents)
    open_ = np.arange(min(len(pairs), HYPOTHESES))
    said = [_linked(row, days) for row in _rows(pairs.iloc[open_])]
    found = named("L", [(text, row.probability) for text, row in said], at_most=True)
    pairs.insert(0, "id", _ids(len(pairs), open_, found))
    candidates = _chains(links, incidents)
    series = _rows(candidates.head(CANDIDATES))
    chains = named("S", [(_series(row), row.probability) for row in series], at_most=True)
    candidates.insert(0, "id", _ids(len(candidates), np.arange(len(series)), chains))
    same = int(((pairs["metres"] < 1) & (pairs["days"] == 0)).sum())
    twice = (
        f"{same:,} of these pairs share the place and the day, and may be one event that was written down twice: "
        "peelian patterns duplicates looks for that."
    )
    first = [_first(pairs.iloc[k], days, []) for k in range(min(len(pairs), FIRST))]
    return Found(
        {
            "settings": told["settings"],
            "sentence": told["sentence"],
            "sentences": _sentences(told["sentence"]),
            "expected": float(pairs["probability"].sum()),
            "reached": len(pairs),
            "model": None,
            "trial": None,
            "trial_sentence": None,
            "bands": [row for row in told["bands"] if row["share"] is not None and row["q"] <= 0.05],
            "limits": told["limits"],
            "pairs": first,
            "hypotheses": [*found, *chains],
        },
        pairs,
        candidates,
        {"bands": bands.reset_index()},
        [],
        False,
        [twice] if same else [],
    )


KNOWN = "known already"


def _candidates(links: Links) -> pd.DataFrame:
    """Candidate series beside the labels: one that joins known series speaks against one of the two."""
    rows = []
    for one, known in zip(links.series, links.series_frame["known_series"], strict=True):
        free = int((links.known[one.rows] < 0).sum())
        if known >= 2:
            labels = f"joins {known} series that the labels keep apart"
        elif known == 1:
            labels = f"adds {free} to a known series" if free else KNOWN
        else:
            labels = "new"
        rows.append(_row(one.ids, one.first, one.last, one.metres, one.probability, one.weakest, labels))
    return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = ["incidents", "ids", "first", "last", "metres", "probability", "weakest", "labels"]


def _row(
    ids: tuple[str, ...],
    first: Any,
    last: Any,
    metres: float,
    probability: float,
    weakest: float,
    labels: str,
) -> tuple[Any, ...]:
    return len(ids), list(ids), str(first)[:10], str(last)[:10], metres, probability, weakest, labels


def _chains(links: ChanceLinks, incidents: Incidents) -> pd.DataFrame:
    """Chains of three or more, with the mean and the least share of the pairs that make them."""
    frame = incidents.frame.set_index("id")
    chain = {name: k for k, of in enumerate(links.chains) for name in of}
    shares = links.pairs.groupby(links.pairs["one"].map(chain))["share"]
    mean, least = shares.mean().to_dict(), shares.min().to_dict()
    x, y = places_of(incidents, list(chain))
    place = {name: (a, b) for name, a, b in zip(chain, x, y, strict=True)}
    rows = []
    for k, of in enumerate(links.chains):
        if len(of) >= LEAST:
            at = np.array([place[name] for name in of])
            metres = float(np.hypot(*(at[:, None] - at[None]).T).max())
            time = frame.loc[list(of), "occurred_from"]
            rows.append(_row(of, time.min(), time.max(), metres, float(mean[k]), float(least[k]), "new"))
    return pd.DataFrame(rows, columns=COLUMNS)


def places_of(
    incidents: Incidents, ids: list[str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Where incidents are, in CRS units, shape (n,) each."""
    at = pd.Index(incidents.frame["id"].astype(str)).get_indexer(pd.Index(ids, dtype=object))
    return incidents.x[at], incidents.y[at]


def areas_of(areas: Areas | None, pairs: pd.DataFrame, incidents: Incidents) -> list[str]:
    """The area of each of the first open links, by the middle of its two places."""
    first = pairs[pairs["id"] != ""].head(FIRST)
    if areas is None or first.empty:
        return [""] * len(first)
    names = [str(name) for name in areas.frame["name"]]
    (x1, y1), (x2, y2) = (places_of(incidents, first[end].tolist()) for end in ("one", "two"))
    return [names[i] if i >= 0 else "" for i in areas.locate((x1 + x2) / 2, (y1 + y2) / 2).tolist()]


def _sentences(text: str) -> list[str]:
    """A text sentence by sentence: the first is what matters most."""
    return re.split(r"(?<=\.)\s+(?=[A-Z0-9])", text)


def _rows(frame: pd.DataFrame) -> list[Any]:
    """Rows by name, and their ``Index``."""
    return list(frame.itertuples())


def _days(incidents: Incidents) -> dict[str, str]:
    frame = incidents.frame
    return dict(zip(frame["id"].astype(str), frame["occurred_from"].dt.strftime("%Y-%m-%d"), strict=True))


def _linked(row: Any, days: dict[str, str]) -> tuple[str, Any]:
    """One sentence that a person can confirm or reject."""
    return f"{row.one} ({days[row.one]}) and {row.two} ({days[row.two]}), {_apart(row)}, belong together", row


def _apart(row: Any) -> str:
    days = f"{row.days:.1f}".removesuffix(".0")
    return f"{row.metres:,.0f} m and {days} day{'' if days == '1' else 's'} apart"


def _series(row: Any) -> str:
    held = f"; that {row.labels}" if row.labels != "new" else ""
    return f"the {row.incidents} reports {', '.join(row.ids)}, from {row.first} to {row.last}, are one series{held}"


def _ids(n: int, at: npt.NDArray[np.int64], found: list[dict[str, Any]]) -> pd.Series:
    ids = [""] * n
    for k, one in zip(at.tolist(), found, strict=True):
        ids[k] = one["id"]
    return pd.Series(ids, dtype="str")


def _first(row: Any, days: dict[str, str], parts: list[dict[str, Any]]) -> dict[str, Any]:
    """A link with its reasons, as plain data."""
    return {
        "id": row["id"],
        "one": row["one"],
        "two": row["two"],
        "day_one": days[row["one"]],
        "day_two": days[row["two"]],
        "probability": float(row["probability"]),
        "metres": float(row["metres"]),
        "days": float(row["days"]),
        "why": row["why"],
        "parts": parts,
    }
