"""Trials: how a method would have done, week after week, knowing only what was known then; and the verdict.

Every method is tried against the count map under the same rules. Where it does not win, counting is what is
used.
"""

from __future__ import annotations

from peelian.trials.bootstrap import Interval
from peelian.trials.running import run_trial
from peelian.trials.splits import Split, rolling_origins
from peelian.trials.trial import Trial
from peelian.trials.verdict import Verdict, judge

__all__ = ["Interval", "Split", "Trial", "Verdict", "judge", "rolling_origins", "run_trial"]
