"""Why two incidents may be linked, in words: what each feature is, and how much more often linked pairs have it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.patterns.link_model import LinkModel
from peelian.patterns.pairs import Compared, compare

__all__ = ["reasons"]

MOST = 6


def reasons(
    model: LinkModel, compared: Compared, one: npt.ArrayLike, two: npt.ArrayLike, *, most: int = MOST
) -> list[list[dict[str, Any]]]:
    """For each pair what each feature contributes, the largest first.

    Parameters
    ----------
    model : LinkModel
    compared : Compared
    one, two : array of int, shape (pairs,)
    most : int
        Features to tell of each pair.

    Returns
    -------
    list of list of dict
        ``feature``, ``text``, ``adds`` (log odds that it adds in the model, beside what is usual among unlinked
        pairs) and ``times`` (how many times as often, taken by itself, linked pairs have it as others).
    """
    i, j = np.asarray(one, np.int64), np.asarray(two, np.int64)
    adds, alone = model.contributions(compared, i, j)
    plain = compare(compared, i, j)
    found = []
    for k in range(i.size):
        row = plain.iloc[k]
        order = np.argsort(-np.abs(adds[:, k]), kind="stable")
        parts = []
        for f in order[:most]:
            feature = model.shapes[f]
            times = float(np.exp(alone[f, k]))
            what = _what(feature.name, feature.kind, row, model, compared, int(i[k]))
            parts.append(
                {
                    "feature": feature.name,
                    "text": f"{what}: {_times(times)}",
                    "adds": float(adds[f, k]),
                    "times": times,
                }
            )
        found.append(parts)
    return found


def _what(name: str, kind: str, row: Any, model: LinkModel, compared: Compared, i: int) -> str:
    if kind == "place":
        return f"{_length(float(row['metres']))} apart"
    if kind == "time":
        return f"{_span(float(row['days']))} apart in time"
    if kind == "hour":
        if _covers(compared.hours, 48, i):
            return "the hour is not known"
        return f"{_span(float(row['hours']) / 24)} apart on the clock"
    if kind == "weekday":
        if _covers(compared.weekdays, 56, i):
            return "the weekday is not known"
        return f"{_span(float(row['weekdays']))} apart in the week"
    value = row[name]
    if kind == "number":
        return f"{name} is missing" if pd.isna(value) else f"{name} differs by {value:.3g}"
    if value != "same":
        return f"{name} is missing" if value == "missing" else f"{name} differs"
    f = model.fields.index(name)
    code = int(compared.manner.codes[f, i])
    share = float(model.shapes[4 + f].values[code])
    return f"the same {name} ({model.levels[f][code]}, in {share:.0%} of incidents)"


def _covers(length: npt.NDArray[np.int16], slots: int, i: int) -> bool:
    return bool(length[i] >= slots)


def _times(times: float) -> str:
    if times >= 1.1:
        return (
            f"{times:.2g} times as often in linked pairs as in others"
            if times < 100
            else "over 100 times as often"
        )
    if times <= 1 / 1.1:
        return f"{1 / times:.2g} times as rare in linked pairs as in others"
    return "as often in linked pairs as in others"


def _length(metres: float) -> str:
    if metres < 1000:
        return f"{metres:.0f} m"
    return f"{metres / 1000:.1f} km"


def _span(days: float) -> str:
    if days >= 2:
        return f"{days:.0f} days"
    if days * 24 >= 2:
        return f"{days * 24:.0f} hours"
    return f"{days * 1440:.0f} minutes"
