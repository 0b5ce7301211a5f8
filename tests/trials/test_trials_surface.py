"""What the room offers: names that others build on."""

from __future__ import annotations

import inspect

import peelian.trials


def test_public_names():
    assert peelian.trials.__all__ == [
        "Interval",
        "Split",
        "Trial",
        "Verdict",
        "judge",
        "rolling_origins",
        "run_trial",
    ]
    assert all(inspect.getdoc(getattr(peelian.trials, name)) for name in peelian.trials.__all__)
