"""Forecasts of past periods by several methods: the costly part of a trial, cut into pieces that any executor can do.

A piece is one method over one run of periods that share a tuning. Pieces know nothing of each other, are the same bytes
whoever does them, and can be kept in a folder, from which an interrupted trial goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import loky
import numpy as np
import numpy.typing as npt

from peelian._version import __version__
from peelian.errors import DataError
from peelian.methods.base import Method, rolled, tuned_on
from peelian.methods.stack import Stack, first_weighed
from peelian.places.counts import Counts

__all__ = ["Past", "default_executor", "past_forecasts", "signature"]

Floats = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]

WORTH = 3_000_000
"""Cells times periods times methods from which on starting processes pays."""

MOST_BYTES = 8 << 30
"""What all forecasts of a trial may take in memory."""


@dataclass(frozen=True, eq=False)
class Past:
    """Raw means of past periods by one method.

    Parameters
    ----------
    means : dict of int to array of float, shape (n_cells,)
        By index of the period; a period before which there was nothing to learn from is not in it.
    seconds : float
        Spent on them.
    """

    means: dict[int, Floats]
    seconds: float


@dataclass(frozen=True)
class Piece:
    """One method over periods ``[first, last)``, which share a tuning."""

    method: int
    first: int
    last: int


def signature(method: Method) -> str:
    """Name and parameters, by which the forecasts of a method are known again."""
    return f"{method.name} {sorted(method.get_params(deep=False).items(), key=lambda item: item[0])!r}"


def default_executor(work: int, *, interrupted: bool = True) -> Executor | None:
    """Processes, as many as there are cores, where there is enough `work` to repay starting them.

    Parameters
    ----------
    work : int
        Cells times periods times methods.
    interrupted : bool
        Whether Ctrl-C reaches the processes themselves, where it may leave a traceback. Who says False has to end them.

    Returns
    -------
    Executor or None
        None: do it here. The processes are kept for the next trial and end when idle.
    """
    cores = loky.cpu_count()
    if cores < 2 or work < WORTH:
        return None
    one = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
    )
    return loky.get_reusable_executor(  # type: ignore[no-any-return]
        max_workers=cores, timeout=60, env=one, initializer=None if interrupted else _deaf
    )


def _deaf() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def past_forecasts(
    counts: Counts,
    methods: Sequence[Method],
    *,
    first: int,
    last: int,
    gap: int = 0,
    executor: Executor | None = None,
    progress: Progress | None = None,
    folder: Path | None = None,
) -> list[Past]:
    """Forecast periods ``[first, last)`` by each method, from what was known before each.

    Parameters
    ----------
    counts : Counts
    methods : sequence of Method
        A `Stack` is put together from its members' forecasts, which are made for it where they are not among these.
    first, last, gap : int
    executor : Executor, optional
        Who does the work.
    progress : callable, optional
        Called with how many forecasts are done and how many there are.
    folder : Path, optional
        Where finished pieces are kept and looked for. What is found there is trusted to be of the same counts.

    Returns
    -------
    list of Past
        In the order of `methods`.

    Raises
    ------
    DataError
        The forecasts would take more than 8 GiB.
    """
    single, starts = _singles(counts, methods, first=first, last=last, gap=gap)
    pieces = [
        Piece(k, *run)
        for k, start in enumerate(starts)
        for run in _runs(counts, first=start, last=last, gap=gap)
    ]
    size = 8 * len(counts.grid) * sum(piece.last - piece.first for piece in pieces)
    if size > MOST_BYTES:
        msg = (
            f"{len(counts.grid):,} cells, {last - first} periods and {len(single)} methods were given; their forecasts "
            f"would take {size / (1 << 30):.0f} GiB, expected at most {MOST_BYTES >> 30}"
        )
        raise DataError(msg, hint="use larger cells, fewer origins or fewer methods")
    done = _run(pieces, single, counts, gap, executor=executor, progress=progress, folder=folder)
    pasts = [Past({}, 0.0) for _ in single]
    for piece, (means, seconds) in zip(pieces, done, strict=True):
        known = pasts[piece.method]
        pasts[piece.method] = Past({**known.means, **means}, known.seconds + seconds)
    by_signature = {signature(method): past for method, past in zip(single, pasts, strict=True)}
    found = []
    for method in methods:
        if isinstance(method, Stack):
            members = [by_signature[signature(member)] for member in method.parts()]
            found.append(_stacked(method, members, counts, first=first, last=last, gap=gap))
        else:
            past = by_signature[signature(method)]
            found.append(Past({i: m for i, m in past.means.items() if i >= first}, past.seconds))
    return found


def _singles(
    counts: Counts, methods: Sequence[Method], *, first: int, last: int, gap: int
) -> tuple[list[Method], list[int]]:
    """Methods to forecast with, each once, and the first period of each: earlier for what a stack is weighed by."""
    needed: dict[str, tuple[Method, int]] = {}
    for method in methods:
        stacked = isinstance(method, Stack)
        start = first
        if stacked:
            tuned = (tuned_on(counts, i - gap) for i in range(max(first, gap + 1), last))
            start = min([first, *(first_weighed(n, gap) for n in tuned)])
        for member in method.parts() if stacked else [method]:
            key = signature(member)
            known = needed.get(key)
            needed[key] = (member, start if known is None else min(known[1], start))
    return [method for method, _ in needed.values()], [start for _, start in needed.values()]


def _runs(counts: Counts, *, first: int, last: int, gap: int) -> list[tuple[int, int]]:
    """Periods ``[first, last)`` cut where the tuning changes."""
    runs: list[tuple[int, int]] = []
    before = -1
    for i in range(max(first, gap + 1), last):
        tuned = tuned_on(counts, i - gap)
        if tuned == before:
            runs[-1] = (runs[-1][0], i + 1)
        else:
            runs.append((i, i + 1))
        before = tuned
    return runs


def _forecast(method: Method, past: Counts, first: int, gap: int) -> tuple[dict[int, Floats], float]:
    """One piece. It is given the past only up to the last of its periods."""
    start = time.perf_counter()
    means = dict(rolled(method, past, first=first, last=len(past.periods), gap=gap))
    return means, time.perf_counter() - start


def _run(
    pieces: list[Piece],
    methods: list[Method],
    counts: Counts,
    gap: int,
    *,
    executor: Executor | None,
    progress: Progress | None,
    folder: Path | None,
) -> list[tuple[dict[int, Floats], float]]:
    """Results in the order of the pieces, whoever did them and in whatever order."""
    tell = progress or (lambda done, total: None)
    total = sum(piece.last - piece.first for piece in pieces)
    names = [_file(methods[piece.method], piece) for piece in pieces]
    results: dict[int, tuple[dict[int, Floats], float]] = {}
    done = 0

    def keep(k: int, result: tuple[dict[int, Floats], float], *, new: bool = True) -> None:
        nonlocal done
        results[k] = result
        if new and folder is not None:
            _save(folder / names[k], *result)
        done += pieces[k].last - pieces[k].first
        tell(done, total)

    tell(0, total)
    for k in range(len(pieces)):
        if folder is not None and (found := _load(folder / names[k])) is not None:
            keep(k, found, new=False)
    left = [k for k in range(len(pieces)) if k not in results]
    tasks = {k: (methods[pieces[k].method], counts[: pieces[k].last], pieces[k].first, gap) for k in left}
    if executor is None:
        for k in left:
            keep(k, _forecast(*tasks[k]))
        return [results[k] for k in range(len(pieces))]
    futures: dict[Future[Any], int] = {executor.submit(_forecast, *tasks[k]): k for k in left}
    try:
        for future in as_completed(futures):
            keep(futures[future], future.result())
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return [results[k] for k in range(len(pieces))]


def _stacked(stack: Stack, members: list[Past], counts: Counts, *, first: int, last: int, gap: int) -> Past:
    """What a stack would have forecast, from what its members did: the same bytes as fitting it."""
    start = time.perf_counter()
    weights: dict[int, Floats] = {}
    means: dict[int, Floats] = {}
    for i in range(first, last):
        if not all(i in member.means for member in members):
            continue
        tuned = tuned_on(counts, i - gap)
        if tuned not in weights:
            weights[tuned] = stack.weights_of([m.means for m in members], counts[:tuned], gap).values
        means[i] = stack.mixed(weights[tuned], [member.means[i] for member in members])
    return Past(means, time.perf_counter() - start + sum(member.seconds for member in members))


def key_of(counts: Counts, gap: int) -> str:
    """A short name for what forecasts are made from: the same only for the same counts, places and version."""
    digest = hashlib.sha256()
    told = {"grid": counts.grid.to_dict(), "frequency": str(counts.periods.frequency), "gap": gap}
    digest.update(json.dumps([__version__, told], sort_keys=True).encode())
    arrays: list[npt.NDArray[Any]] = [counts.periods.edges.astype(np.int64)]
    for matrix in (counts.matrix, *(counts.companions[name] for name in sorted(counts.companions))):
        arrays += [matrix.data, matrix.indices, matrix.indptr]
    arrays += [counts.features[name] for name in sorted(counts.features)]
    if counts.points is not None:
        arrays += [counts.points.x, counts.points.y, counts.points.time.astype(np.int64)]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(json.dumps([sorted(counts.companions), sorted(counts.features)]).encode())
    return digest.hexdigest()[:16]


def _file(method: Method, piece: Piece) -> str:
    told = hashlib.sha256(signature(method).encode()).hexdigest()[:8]
    return f"{method.name}-{told}-{piece.first}-{piece.last}.npz"


def _save(path: Path, means: dict[int, Floats], seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        index = np.array(sorted(means), dtype=np.int64)
        values = np.array([means[i] for i in index.tolist()])
        np.savez(file, index=index, means=values, seconds=np.array(seconds))
    part.replace(path)  # whole or not at all


def _load(path: Path) -> tuple[dict[int, Floats], float] | None:
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as kept:
        return dict(zip(kept["index"].tolist(), kept["means"], strict=True)), float(kept["seconds"])
