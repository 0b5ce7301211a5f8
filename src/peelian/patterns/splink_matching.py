"""The same question put to splink: how likely two records near each other are of one incident.

The extra ``linkage``. DuckDB in memory, nothing from the network, nothing printed. Pairs are blocked on grids of twice
the reach, shifted by half a square, so that no pair within reach falls between two squares; the shares of levels among
records of one incident and of different ones are both found by expectation-maximisation within such a block.

References
----------
Linacre and others (2022), "Splink: free software for probabilistic record linkage at scale", International Journal of
Population Data Science 7.
"""

from __future__ import annotations

import itertools
import logging
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import MissingExtraError, NotEnoughDataError
from peelian.patterns.near_records import PLACE_EDGES, TIME_EDGES, NearRecords, Records

__all__ = ["splink_probabilities"]

Floats = npt.NDArray[np.float64]

RANDOM_PAIRS = 3_000_000


def splink_probabilities(
    records: Records,
    near: NearRecords,
    *,
    metres: float,
    minutes: float,
    between: bool = False,
    seed: int = 0,
) -> Floats:
    """Probability that the records of each pair are of one incident, by splink; shape (pairs,).

    Parameters
    ----------
    records : Records
    near : NearRecords
        The pairs within reach.
    metres, minutes : float
        The reach.
    between : bool
        Pairs of a record of one source with one of the other only.
    seed : int
        Of the random pairs that it begins with.

    Raises
    ------
    MissingExtraError
        splink is not installed.
    NotEnoughDataError
        splink can't learn anything from so few pairs.
    """
    try:
        import duckdb
        from splink import DuckDBAPI, Linker
        from splink.internals.exceptions import EMTrainingException, SplinkException
    except ImportError:
        msg = "engine='splink' needs splink, which is not installed"
        raise MissingExtraError(msg, hint="pip install 'peelian[linkage]'") from None
    if not near.one.size:
        return np.empty(0)
    logger = logging.getLogger("splink")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    # One thread: sums in another order differ in their last digits.
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "threads": "1",
        }
    )
    try:
        tables = _tables(records, metres, minutes, between)
        api = DuckDBAPI(connection)
        rules = _rules()
        linker = Linker(
            [api.register(t) for t in tables] if between else api.register(tables[0]),
            _settings(records, metres, minutes, between, rules),
            log_level=None,
        )
        linker.training.estimate_u_using_random_sampling(max_pairs=RANDOM_PAIRS, seed=seed + 1)
        linker.training.estimate_parameters_using_expectation_maximisation(
            rules[0],
            fix_u_probabilities=False,
            populate_probability_two_random_records_match_from_trained_values=True,
        )
        found = linker.inference.predict().as_duckdbpyrelation().df()
    except (EMTrainingException, SplinkException, ValueError) as error:
        # A ValueError is how it says that a level never occurs among records of different incidents.
        said = str(error).partition(". ")[0].strip()
        msg = f"splink can't learn from {near.one.size:,} pairs of records within reach: {said}"
        raise NotEnoughDataError(msg, hint="engine='moved', a longer period or a larger reach") from error
    finally:
        connection.close()
        logger.setLevel(level)
    return _aligned(found, near, len(records.ids))


def _tables(records: Records, metres: float, minutes: float, between: bool) -> list[pd.DataFrame]:
    end = np.where(records.by_day, records.start, records.end)
    frame = pd.DataFrame(
        {
            "unique_id": np.arange(len(records.ids)),
            "x": records.x,
            "y": records.y,
            "s": records.start,
            "e": end,
        }
    )
    for k in (0, 1):
        frame[f"cx{k}"] = np.floor(records.x / (2 * metres) + k / 2).astype(np.int64)
        frame[f"cy{k}"] = np.floor(records.y / (2 * metres) + k / 2).astype(np.int64)
        frame[f"ct{k}"] = np.floor(records.start / (2 * minutes) + k / 2).astype(np.int64)
    for name, codes in records.kinds.items():
        frame[name] = pd.array(np.where(codes < 0, 0, codes), dtype="Int64")
        frame.loc[codes < 0, name] = pd.NA
    if "category" not in frame:
        frame["category"] = 0
    return [frame[records.part == k] for k in (0, 1)] if between else [frame]


def _rules() -> list[Any]:
    from splink import block_on

    return [block_on(f"cx{a}", f"cy{b}", f"ct{c}") for a, b, c in itertools.product((0, 1), repeat=3)]


def _settings(records: Records, metres: float, minutes: float, between: bool, rules: list[Any]) -> Any:
    import splink.comparison_level_library as levels
    import splink.comparison_library as comparisons
    from splink import SettingsCreator

    def stepped(name: str, expression: str, edges: tuple[float, ...]) -> Any:
        steps = [
            levels.CustomLevel(f"{expression} <= {edge}", label_for_charts=f"{edge:g}") for edge in edges
        ]
        null = {
            "sql_condition": "x_l IS NULL OR x_r IS NULL",
            "is_null_level": True,
            "label_for_charts": "missing",
        }
        return comparisons.CustomComparison([null, *steps, levels.ElseLevel()], output_column_name=name)

    distance = "sqrt((x_l - x_r) * (x_l - x_r) + (y_l - y_r) * (y_l - y_r))"
    apart = "greatest(0, s_l - e_r, s_r - e_l)"
    kind: list[Any] = [levels.NullLevel("category")]
    if "label" in records.kinds:
        kind.append(levels.ExactMatchLevel("label", term_frequency_adjustments=True))
    kind += [levels.ExactMatchLevel("category"), levels.ElseLevel()]
    used = [
        stepped("place", distance, (*(e for e in PLACE_EDGES if e < metres), metres)),
        stepped("time", apart, (*(e for e in TIME_EDGES if e < minutes), minutes)),
        comparisons.CustomComparison(kind, output_column_name="kind"),
    ]
    if "location_type" in records.kinds:
        used.append(comparisons.ExactMatch("location_type"))
    return SettingsCreator(
        link_type="link_only" if between else "dedupe_only",
        comparisons=used,
        blocking_rules_to_generate_predictions=rules,
        retain_matching_columns=False,
    )


def _aligned(found: pd.DataFrame, near: NearRecords, n: int) -> Floats:
    """Probabilities in the order of the pairs; a pair that splink didn't block on has 0."""
    a, b = (found[f"unique_id_{side}"].to_numpy(dtype=np.int64) for side in ("l", "r"))
    given = pd.Series(
        found["match_probability"].to_numpy(dtype=np.float64), index=np.minimum(a, b) * n + np.maximum(a, b)
    )
    given = given[~given.index.duplicated()]
    return given.reindex(near.one * n + near.two).fillna(0.0).to_numpy(dtype=np.float64)
