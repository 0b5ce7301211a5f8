"""What is computed for a workspace has the same bytes whatever the number of cores, and says what it was made with."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from peelian.workspace import calls
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


def test_extras_are_named_where_they_are_installed_and_not_imported_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = metadata.version
    held = {"jax": "1.2", "jaxlib": "1.3"}

    def version(name: str) -> str:
        if name in {"jax", "jaxlib", "numpyro"} and name not in held:
            raise metadata.PackageNotFoundError(name)
        return held.get(name) or real(name)

    monkeypatch.setattr(metadata, "version", version)
    told = calls.platform_now.__wrapped__()
    assert {name: told[name] for name in held} == held
    assert "numpyro" not in told
    assert told["numpy"] == np.__version__
    script = "import sys; from peelian.workspace.calls import platform_now; platform_now(); "
    subprocess.run([sys.executable, "-c", script + "assert 'jax' not in sys.modules"], check=True)
