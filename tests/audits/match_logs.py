"""Logs of face matching that are made up for tests: known rates, clusters that are planted, nobody in them."""

from __future__ import annotations

import numpy as np
import pandas as pd

GROUPS = (("black", "female"), ("black", "male"), ("white", "female"), ("white", "male"))
FALSE = (0.004, 0.002, 0.001, 0.001)
"""False alerts per face seen, of each group."""

Tables = dict[str, pd.DataFrame]


def made_up(
    seed: int = 0,
    *,
    deployments: int = 20,
    seen: int = 4000,
    false: tuple[float, ...] = FALSE,
    unknown: float = 0.1,
    no_group: float = 0.0,
    clustered: bool = True,
) -> Tables:
    """Alerts, faces seen, passages of volunteers and a watch list; the threshold rises half way."""
    rng = np.random.default_rng(seed)
    entries = 400
    heavy = [rng.gamma(0.4, 2.5, entries) if clustered else np.ones(entries) for _ in GROUPS]
    seen_rows, alert_rows = [], []
    for d in range(deployments):
        later = d >= deployments // 2
        place = {
            "deployment": f"D{d + 1}",
            "day": str(np.datetime64("2024-01-01") + 7 * d),
            "threshold": 0.66 if later else 0.62,
        }
        poor = rng.gamma(5.0, 0.2) if clustered else 1.0
        for g, (group, sex) in enumerate(GROUPS):
            n = int(rng.poisson(seen))
            who = {"group": group, "sex": sex}
            seen_rows.append({**place, **who, "seen": n, "not_acquired": rng.binomial(n, 0.02)})
            k = rng.poisson(heavy[g] * false[g] * n / entries * poor * (0.5 if later and clustered else 1.0))
            tokens = [*(f"{t + 1}{g}" for t in np.repeat(np.arange(entries), k))]
            tokens += [str(rng.integers(10_000, 99_999)) for _ in range(rng.poisson(n * 0.0005))]
            for i, token in enumerate(tokens):
                alert_rows.append(_alert(rng, {**place, **who}, token, i < k.sum(), unknown, no_group))
    return {
        "alerts": pd.DataFrame(alert_rows),
        "deployments": pd.DataFrame(seen_rows),
        "probes": _probes(rng, deployments),
        "watch_list": _watch_list(rng, deployments),
    }


def _alert(
    rng: np.random.Generator,
    place: dict[str, object],
    token: str,
    false: bool,
    unknown: float,
    no_group: float,
) -> dict[str, object]:
    kept = (rng.random() < 0.25) if false else (rng.random() < 0.8)
    decision = "match" if kept else "no_match"
    other = {"match": "no_match", "no_match": "match"}[decision]
    return {
        **place,
        "group": "" if rng.random() < no_group else place["group"],
        "token": token,
        "score": round(float(place["threshold"]) + rng.exponential(0.03), 4),
        "list_category": rng.choice(["wanted", "missing"]),
        "truth": "unknown" if rng.random() < unknown else ("false" if false else "true"),
        "reviewer": f"R{rng.integers(1, 6)}",
        "decision": decision,
        "second_reviewer": "R9",
        "second_decision": (decision if rng.random() < 0.85 else other) if rng.random() < 0.4 else "",
        "followed": rng.choice(["stopped", "arrested"], p=[0.8, 0.2]) if kept else "nothing",
        "corroborated": rng.choice(["yes", "no", "unknown"], p=[0.3, 0.5, 0.2]) if kept else "unknown",
    }


def _probes(rng: np.random.Generator, deployments: int) -> pd.DataFrame:
    rows = [
        {
            "deployment": f"D{d + 1}",
            "token": str(v + 1),
            "group": GROUPS[v % 4][0],
            "sex": GROUPS[v % 4][1],
            "found": "yes" if rng.random() < 0.75 else "no",
        }
        for d in range(deployments)
        for v in range(12)
    ]
    return pd.DataFrame(rows)


def _watch_list(rng: np.random.Generator, deployments: int) -> pd.DataFrame:
    rows = [
        {
            "deployment": f"D{d + 1}",
            "list_category": category,
            "group": group,
            "sex": sex,
            "entries": int(rng.poisson(m) * (1 + d / 20)),
        }
        for d in range(deployments)
        for category in ("wanted", "missing")
        for (group, sex), m in zip(GROUPS, (300, 900, 100, 500), strict=True)
    ]
    return pd.DataFrame(rows)
