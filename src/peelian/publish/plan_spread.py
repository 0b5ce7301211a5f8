"""How concentrated a plan is, for its page: the top of its cells, and how long the same places are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from peelian.publish.audits import claims
from peelian.publish.burden import findings_table
from peelian.publish.charts import Table

__all__ = ["claim_parts", "spread_parts", "unheard_words"]

Result = Mapping[str, Any]


def spread_parts(spread: Result | None) -> list[Markup]:
    """A section with what was found, its numbers, and what they can't tell; nothing where nothing was measured.

    Parameters
    ----------
    spread : mapping, optional
        As `peelian.workspace.plan_spread.spread_of` gives it.
    """
    if not spread:
        return []
    said = Markup("").join(
        Markup("<p>{}</p>").format(one) for one in [*spread["sentences"], *spread["notes"]]
    )
    numbers = Markup("<details><summary>All numbers of this part</summary>{}</details>").format(
        findings_table(list(spread["findings"]))
    )
    limits = Markup("").join(Markup("<li>{}</li>").format(one) for one in spread["limits"])
    return [
        Markup(
            '<section aria-labelledby="spread"><h2 id="spread">How concentrated, and for how long</h2>{}{}{}'
            "<details><summary>What this part can't tell</summary><ul>{}</ul></details></section>"
        ).format(said, _times(spread), numbers, limits)
    ]


def claim_parts(claimed: Result | None) -> list[Markup]:
    """What is claimed, where the result says so."""
    if not claimed:
        return []
    terms = (("Measured", "estimand"), ("Held against", "denominators"), ("Warning", "warning"))
    return [claims([(term, str(claimed[key])) for term, key in terms])]


def unheard_words(audit: Result) -> list[str]:
    """The sentence on hours that lie where nobody lives; none where all are somebody's."""
    if not audit.get("hours_without_residents"):
        return []
    return [str(audit["sentences"][-1])]


def _times(spread: Result) -> Markup:
    """Residents of each group by how many of the plans chose their place."""
    rows = spread["times"]
    if not rows:
        return Markup("")
    groups = list(dict.fromkeys(row["group"] for row in rows))
    found = {(row["times"], row["group"]): row["share"] for row in rows}
    said = [
        [str(k), *("" if found[k, g] is None else f"{100 * found[k, g]:.2f}" for g in groups)]
        for k in range(spread["plans"] + 1)
    ]
    table = Table(
        ("Chosen by so many plans", *(f"{g}, % of residents" for g in groups)),
        said,
        ("", *("n" for _ in groups)),
    )
    return table.html(f"Who lives in places that were chosen, over {spread['plans']} plans")
