"""False alarms without drift, and how long until a drift is found, beside Evidently and NannyML with their defaults.

Ours: 40 features (30 numeric over deciles, 10 categorical), 30 days, a sliding window of 5 minutes looked at every 15
seconds, the spec's defaults. What counts as a false alarm is a feature that begins to be called drifted. The peers look at
windows that follow each other on the same kind of rows; they are far slower, so fewer windows are looked at and the month
is extrapolated: alarms a window times 8,640 windows.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.statistics import OF_HISTOGRAMS, Histograms
from modelwatch.exporters.statistics.detection import detected
from modelwatch.exporters.statistics.distributions import chi_squared
from modelwatch.exporters.statistics.likelihood_ratio import LikelihoodRatio
from modelwatch.exporters.statistics.looks import per_look
from modelwatch.model import defaults
from tests.bench import peers

NUMERIC, CATEGORICAL, BINS = 30, 10, 10
FEATURES = NUMERIC + CATEGORICAL
REFERENCE = 50_000
DAYS = 30
STEP = 15  # seconds between looks
WINDOW = 300
SLOTS = 60
TRAFFIC = (1, 10, 100, 300, 1000)  # rows a minute
SHIFTS = (0.1, 0.25, 0.5)
CATEGORIES = (1 / np.arange(1, 9)) / (1 / np.arange(1, 9)).sum()
METHOD = OF_HISTOGRAMS["psi"]
PSI = float(defaults.DRIFT_THRESHOLDS["psi"][0])
RATE = float(defaults.DRIFT.false_alarm_rate)
LEAST = defaults.DRIFT.min_samples
ALPHA = per_look(RATE, FEATURES, BINS - 1)
PEER_WINDOWS = {"evidently": 8, "nannyml": 200}
PEER_REFERENCE = 20


def shares() -> NDArray[np.float64]:
    """True shares by feature and bin: deciles, then categories after Zipf's law."""
    found = np.zeros((FEATURES, BINS))
    found[:NUMERIC] = 1 / BINS
    found[NUMERIC:, : len(CATEGORIES)] = CATEGORIES
    return found


def shifted(sigma: float) -> NDArray[np.float64]:
    """Shares of a normal feature over its deciles after its mean moved by ``sigma`` standard deviations."""
    from scipy.stats import norm

    edges = norm.ppf(np.linspace(0, 1, BINS + 1))
    return np.asarray(np.diff(norm.cdf(edges - sigma)))


def drifted(
    counts: NDArray[np.int64], reference: NDArray[np.int64], warnings: Sequence[float]
) -> list[NDArray[np.bool_]]:
    """For each threshold whether each of (looks, features) is called drifted; counts are (looks, features, bins)."""
    shape, bins = counts.shape[:2], counts.shape[2]
    flat = counts.reshape(-1, bins)
    base = np.broadcast_to(reference, counts.shape).reshape(-1, bins)
    where = np.flatnonzero(flat.sum(axis=1) >= LEAST)
    # No critical value is below 0.7 of the chi-squared quantile here; this spares most of the work.
    floor = 0.7 * chi_squared.quantiles(ALPHA, np.count_nonzero(reference, axis=-1) - 1)
    floor = np.broadcast_to(floor, shape).reshape(-1)
    where = where[LikelihoodRatio().score(Histograms(flat[where], base[where])) > floor[where]]
    part = Histograms(flat[where], base[where])
    answers = []
    for warning in warnings:
        found = np.zeros(len(flat), dtype=bool)
        found[where] = detected(METHOD, part, np.full(len(where), warning), ALPHA)
        answers.append(found.reshape(shape))
    return answers


def false_alarms(rows_a_minute: int, days: int = DAYS) -> tuple[int, int, float]:
    """Features that began to be called drifted, with and without threshold, and the share of looks with rows enough."""
    rng, p = np.random.default_rng(rows_a_minute), shares()
    reference = np.array([rng.multinomial(REFERENCE, one) for one in p])
    span = WINDOW // STEP
    kept = np.zeros((span - 1, FEATURES, BINS), dtype=np.int32)
    before = np.zeros((2, FEATURES), dtype=bool)
    alarms, ready, looks = [0, 0], 0, 0
    chunk = 86_400 // STEP // 6
    for _ in range(days * 6):
        n = rng.poisson(rows_a_minute * STEP / 60, chunk)
        new = np.stack([rng.multinomial(n, one) for one in p], axis=1).astype(np.int32)
        steps = np.concatenate([kept, new])
        kept = steps[-(span - 1) :]
        total = np.cumsum(np.concatenate([np.zeros((1, FEATURES, BINS), dtype=np.int64), steps]), axis=0)
        counts = total[span:] - total[:-span]
        for i, found in enumerate(drifted(counts, reference, (PSI, 0.0))):
            alarms[i] += int((found & ~np.concatenate([before[i : i + 1], found[:-1]])).sum())
            before[i] = found[-1]
        enough = counts[:, 0].sum(axis=1) >= LEAST
        ready, looks = ready + int(enough.sum()), looks + len(enough)
    return alarms[0], alarms[1], ready / looks


def delay(sigma: float, rows_a_minute: int, window: int, trials: int = 100) -> list[tuple[float, float]]:
    """With and without threshold: seconds until a feature that shifted is called drifted (median), and the share found.

    Two windows' lengths are watched after the shift.
    """
    rng = np.random.default_rng(7)
    slot = window / SLOTS
    n = rng.poisson(rows_a_minute * slot / 60, (trials, 3 * SLOTS))
    quiet, moved = rng.multinomial(n[:, :SLOTS], shares()[0]), rng.multinomial(n[:, SLOTS:], shifted(sigma))
    total = np.cumsum(np.concatenate([np.zeros((trials, 1, BINS), dtype=np.int64), quiet, moved], axis=1), axis=1)
    counts = (total[:, SLOTS + 1 :] - total[:, 1:-SLOTS]).transpose(1, 0, 2)
    reference = np.broadcast_to(rng.multinomial(REFERENCE, shares()[0]), (trials, BINS))
    answers = []
    for found in drifted(counts, reference, (PSI, 0.0)):
        first = np.where(found.any(axis=0), found.argmax(axis=0) + 1.0, np.inf)
        answers.append((float(np.median(first)) * slot, float(np.isfinite(first).mean())))
    return answers


def _peer(name: str, rows: int, sigma: float, windows: int) -> dict[str, list[float]] | None:
    """Alarms of a peer on ``windows`` windows; with ``sigma`` every numeric feature has shifted by it."""
    python = peers.python(name)
    if python is None:
        return None
    rng = np.random.default_rng(11)
    # NannyML learns from windows of the reference: it needs some of them.
    known = max(PEER_REFERENCE * rows, 10_000)
    size = known + windows * rows
    numeric = rng.normal(size=(size, NUMERIC))
    numeric[known:] += sigma
    categorical = rng.choice(len(CATEGORIES), (size, CATEGORICAL), p=CATEGORIES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npz"
        np.savez(path, numeric=numeric, categorical=categorical, reference=known, rows=rows)
        script = Path(__file__).with_name(f"peer_{name}.py")
        done = subprocess.run(
            [python, script, path], capture_output=True, text=True, check=False, timeout=1800, env={"HOME": folder}
        )
    if done.returncode != 0:
        print(f"{name}: left out: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    found: dict[str, list[float]] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _clock(seconds: float) -> str:
    if not np.isfinite(seconds):
        return "never"
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.1f} min"


def main() -> None:
    print(f"\nFalse alarms: {FEATURES} features, no drift, {DAYS} days, windows of 5 minutes looked at every {STEP} s")
    print(f"modelwatch (PSI above {PSI}, rate {RATE:g}: alpha {ALPHA:.1e} a look and feature, {LEAST} rows at least)")
    print("| rows a minute | looks with rows enough | false alarms | without the PSI threshold |")
    print("|---|---|---|---|")
    total = 0
    for rows in TRAFFIC:
        alarms, bare, ready = false_alarms(rows)
        total += alarms
        print(f"| {rows:,} | {ready:.0%} | {alarms} | {bare} |", flush=True)
    print(f"in all: {total} (at most 1 wanted): {'reached' if total <= 1 else 'MISSED'}")

    print("\nDelay until a shift is found, median of 100 (share found within two windows)")
    print("| shift | rows a minute | window | PSI above 0.1 | without the PSI threshold |")
    print("|---|---|---|---|---|")
    for sigma in SHIFTS:
        for rows in (100, 1000):
            for window, text in ((300, "5m"), (900, "15m"), (3600, "1h"), (86_400, "1d")):
                cells = delay(sigma, rows, window)
                shown = " | ".join(f"{_clock(seconds)} ({share:.0%})" for seconds, share in cells)
                print(f"| {sigma} sigma | {rows:,} | {text} | {shown} |", flush=True)

    print("\nPeers on the same kind of rows, windows of 5 minutes that follow each other; a month is extrapolated")
    print(
        "| peer | rows a minute | windows | features alarmed a window, no drift | a month | seconds a window |", end=""
    )
    print(" 0.1 / 0.25 / 0.5 sigma: numeric features alarmed |")
    print("|---|---|---|---|---|---|---|")
    for name, most in PEER_WINDOWS.items():
        for rows in (100, 1000):
            windows = most if rows == 100 else most // 2
            found = _peer(name, rows * 5, 0.0, windows)
            if found is None:
                continue
            each = float(np.mean(found["columns"]))
            seen = []
            for sigma in SHIFTS:
                with_drift = _peer(name, rows * 5, sigma, 2)
                seen.append("-" if with_drift is None else f"{np.mean(with_drift['columns']):.1f}")
            month = each * DAYS * 86_400 / WINDOW
            took = float(np.mean(found["seconds"]))
            print(
                f"| {name} | {rows:,} | {windows} | {each:.2f} | {month:,.0f} | {took:.2f} | {' / '.join(seen)} |",
                flush=True,
            )
            if "whole" in found:
                print(
                    f"|  (half of all features at once) | {rows:,} | {windows} | {sum(found['whole'])} in all | | | |"
                )


if __name__ == "__main__":
    main()
