from __future__ import annotations

import numpy as np
import pytest

from peelian.audits.labels import random_fields, shifts
from peelian.errors import NotEnoughDataError, UsageError

from .cities import city


def alike(values: np.ndarray, side: int = 20) -> float:
    """Moran's I with neighbours to the right and above, not over the edge."""
    z = (values - values.mean()).reshape(side, side)
    pairs = np.r_[(z[:, 1:] * z[:, :-1]).ravel(), (z[1:] * z[:-1]).ravel()]
    return float(pairs.mean() / (z**2).mean())


def test_moved_labels_stay_as_alike_as_they_were_and_come_from_all_places() -> None:
    place = city(20, seed=2)
    everywhere = np.ones(400, dtype=bool)
    moved = shifts(place.x, place.y, inhabited=everywhere, replicates=50, seed=0)
    made = [alike(place.share[row]) for row in moved]
    assert np.mean(made) == pytest.approx(alike(place.share), abs=0.05)
    shuffled = np.random.default_rng(0).permutation(place.share)
    assert alike(shuffled) < 0.2 < min(made)
    assert np.bincount(moved.ravel(), minlength=400).min() > 0
    # On a whole lattice a move is a permutation.
    assert np.mean([np.unique(row).size for row in moved]) == 400


def test_a_field_holds_the_same_compositions_in_other_places_as_smooth() -> None:
    for smooth in (1.0, 3.0):
        place = city(20, seed=3, smooth=smooth)
        everywhere = np.ones(400, dtype=bool)
        made = random_fields(place.x, place.y, share=place.share, inhabited=everywhere, replicates=40, seed=1)
        assert (np.sort(made, axis=1) == np.arange(400)).all()
        fields = place.share[made]
        assert np.mean([alike(f) for f in fields]) == pytest.approx(alike(place.share), abs=0.15)
        related = [np.corrcoef(f, place.share)[0, 1] for f in fields]
        assert abs(np.mean(related)) < 0.12


def test_units_without_residents_keep_themselves() -> None:
    place = city(20)
    inhabited = np.arange(400) % 7 != 0
    for made in (
        shifts(place.x, place.y, inhabited=inhabited, replicates=5, seed=0),
        random_fields(place.x, place.y, share=place.share, inhabited=inhabited, replicates=5, seed=0),
    ):
        assert (made[:, ~inhabited] == np.flatnonzero(~inhabited)).all()
        assert inhabited[made[:, inhabited]].all()


def test_the_same_for_the_same_seed() -> None:
    place = city(12)
    everywhere = np.ones(144, dtype=bool)
    a, b, c = (shifts(place.x, place.y, inhabited=everywhere, replicates=3, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_what_is_off_is_refused() -> None:
    with pytest.raises(UsageError, match="finite"):
        shifts([np.nan] * 20, np.arange(20), inhabited=np.ones(20, dtype=bool), replicates=1, seed=0)
    with pytest.raises(NotEnoughDataError, match="3 units"):
        shifts(np.arange(20), np.arange(20), inhabited=np.arange(20) < 3, replicates=1, seed=0)
