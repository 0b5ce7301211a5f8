"""How strong a finding of nothing is in a face-matching log: what each group's cases can show.

The formulas and their sources are in `peelian.audits.rate_power`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from peelian.audits.match_findings import Rates
from peelian.audits.rate_power import cases_to_show, least_shown, most_with_none
from peelian.audits.rate_spreads import compared

__all__ = ["power_of"]

RATIO = 2.0
POWER = 0.8
"""What is asked of power: a group with twice another's rate, found 80 times in 100."""


def power_of(rates: Rates, *, level: float) -> pd.DataFrame:
    """What each group's cases can show; per face seen, or per alert where faces are not known.

    Returns
    -------
    pandas.DataFrame
        The table of `peelian.audits.match_audit.MatchAudit.power`.
    """
    rate = "false_positive_rate"
    if not any(
        one.made.value is not None for key, groups in rates.items() if key[0] == rate for one in groups
    ):
        rate = "false_alert_share"
    rows = []
    for (name, by), groups in rates.items():
        held = compared(groups)
        if name != rate or ", " in by or not held:
            continue
        worth = {one.group: one.made.cases / one.made.effect for one in held}
        pooled = sum(one.made.events for one in held) / sum(one.made.cases for one in held)
        largest = max(worth, key=lambda group: worth[group])
        for one in held:
            needed = least = None
            if 0 < pooled * RATIO < 1:
                needed = cases_to_show(pooled, ratio=RATIO, power=POWER, level=level, effect=one.made.effect)
            if 0 < pooled < 1 and one.group != largest:
                least = least_shown(pooled, (worth[largest], worth[one.group]), power=POWER, level=level)
            rows.append(
                {
                    "rate": name,
                    "by": by,
                    "group": one.group,
                    "cases": one.made.cases,
                    "worth": worth[one.group],
                    "none_allows": most_with_none(worth[one.group], level=level),
                    "needed": np.nan if needed is None else float(needed),
                    "least_ratio": np.nan if least is None else least,
                }
            )
    columns = ["rate", "by", "group", "cases", "worth", "none_allows", "needed", "least_ratio"]
    return pd.DataFrame(rows, columns=columns)
