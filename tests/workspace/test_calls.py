"""What is computed for a workspace has the same bytes whatever the number of cores."""

from __future__ import annotations

from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from peelian.workspace.calls import recorded
from peelian.workspace.outcome import Outcome
from peelian.workspace.workspace import Workspace

from .conftest import Opener


def threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_matrix_products_of_a_use_case_are_summed_in_one_order(acting: Opener) -> None:
    seen: dict[str, Any] = {}

    @recorded
    def product(workspace: Workspace) -> Outcome:
        rng = np.random.default_rng(0)
        seen["threads"] = threads()
        seen.setdefault("sums", []).append(rng.random((700, 900)) @ rng.random((900, 300)))
        return Outcome("product-0001", {})

    for given in (1, 2):
        with threadpool_limits(given, user_api="blas"):
            product(acting())
            assert seen["threads"] == {1}
            assert threads() == {given}, "whoever asked has their threads back"
    assert np.array_equal(*seen["sums"])
