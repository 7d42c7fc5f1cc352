"""False alarms without drift, and how long until a shift is found, beside Evidently and NannyML on the same rows.

40 features, 30 days. Ours is what the sidecar says at every scrape, in sliding windows; the peers are handed windows of
five minutes that follow each other, with their defaults. A month has 8,640 of these, too many for them: they get the
same random ones, and what they say is scaled up, with its interval.

A false alarm of ours is a feature that begins to be called drifted; one of theirs is a feature called so in a window.
"""

from __future__ import annotations

import math
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelwatch.model import defaults
from tests.bench import peers
from tests.bench.false_alarms_sidecar import DEFAULT, LENGTHS, LOOK, Sidecar
from tests.bench.false_alarms_stream import DAY, FEATURES, NUMERIC, Rows, Stream, Traffic, joined, reference

DAYS = 30
TRAFFIC = (Traffic(1), Traffic(10), Traffic(100), Traffic(1000), Traffic(1, 1000))
SHIFTS = (0.1, 0.25, 0.5)
SHIFTED_TRAFFIC = TRAFFIC[1:4]
# Each moves all 30 numeric features, which every tool judges one by one: as many trials.
SHIFTED_STREAMS = 2
# After a day without drift, which fills the longest window.
WATCHED_DAYS = 2
# NannyML learns its thresholds from windows of the reference, and cuts it into ten when left to itself.
REFERENCE_ROWS, REFERENCE_WINDOWS = 10_000, 10
THRESHOLDS = (float(defaults.DRIFT_THRESHOLDS["psi"][0]), 0.0)
PEERS = {"Evidently": ("evidently", "peer_evidently_columns.py"), "NannyML": ("nannyml", "peer_nannyml.py")}
PEER_WINDOWS = 60
# An hour after the shift.
PEER_SHIFTED = 12
Called = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Month:
    """By length of the window: alarms begun by threshold, and the share of looks with rows enough."""

    alarms: dict[str, tuple[int, ...]]
    judged: dict[str, float]

    def of_defaults(self, which: int) -> int:
        return sum(self.alarms[length][which] for length in DEFAULT)


@dataclass(frozen=True, slots=True, eq=False)
class Peer:
    """Whether each feature is called drifted: in windows without drift, shape (windows, features); and by shift in
    those that follow it, shape (streams, windows, features)."""

    quiet: Called
    shifted: dict[float, Called]
    methods: tuple[str, ...]


def month(sidecar: Sidecar, stream: Stream, days: int = DAYS) -> Month:
    before = {length: [np.zeros(FEATURES, dtype=bool) for _ in THRESHOLDS] for length in LENGTHS}
    alarms = {length: [0] * len(THRESHOLDS) for length in LENGTHS}
    judged = dict.fromkeys(LENGTHS, 0.0)
    for _, looks in sidecar.watch(stream, days):
        judged[looks.length] += float(looks.enough.mean()) / days
        for which, found in enumerate(looks.found):
            earlier = np.concatenate([before[looks.length][which][:, None], found[:, :-1]], axis=1)
            alarms[looks.length][which] += int((found & ~earlier).sum())
            before[looks.length][which] = found[:, -1]
    return Month({length: tuple(counts) for length, counts in alarms.items()}, judged)


def delays(sidecar: Sidecar, streams: Sequence[Stream]) -> list[NDArray[np.float64]]:
    """By threshold: seconds from the shift until any default window calls each feature drifted; infinity if none."""
    answers = [np.full((len(streams), NUMERIC), np.inf) for _ in THRESHOLDS]
    for row, stream in enumerate(streams):
        for day, looks in sidecar.watch(stream, 1 + WATCHED_DAYS, skip=1, features=NUMERIC):
            if looks.length not in DEFAULT:
                continue
            for answer, found in zip(answers, looks.found, strict=True):
                seconds = (day - 1) * 86_400 + (found.argmax(axis=1) + 1) * LOOK
                answer[row] = np.minimum(answer[row], np.where(found.any(axis=1), seconds, np.inf))
    return [answer.ravel() for answer in answers]


def peer_delays(called: Called) -> NDArray[np.float64]:
    """Seconds from the shift to the end of the first window that calls each numeric feature drifted."""
    found = called[..., :NUMERIC]
    return np.where(found.any(axis=1), (found.argmax(axis=1) + 1.0) * 300, np.inf).ravel()


def ask(name: str, known: Sequence[Rows], quiet: Stream, shifted: dict[float, list[Stream]]) -> Peer | None:
    """What a peer says; all windows of one traffic at once, because it learns the reference only once then."""
    rng = np.random.default_rng(5)
    numbers = np.sort(rng.choice(DAYS * DAY, PEER_WINDOWS, replace=False)).tolist()
    windows = [quiet.window(number) for number in numbers]
    for streams in shifted.values():
        windows += [stream.window(DAY + i) for stream in streams for i in range(PEER_SHIFTED)]
    # A window without rows calls nothing, and the peers cannot be asked about it.
    asked = np.array([len(window) > 0 for window in windows])
    numeric, categorical, sizes = joined([*known, *(w for w in windows if len(w))])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npz"
        np.savez(path, numeric=numeric, categorical=categorical, sizes=sizes, known=len(known))
        found = peers.run(*PEERS[name], path)
    if found is None:
        return None
    called = np.zeros((len(windows), FEATURES), dtype=bool)
    called[asked] = found["called"]
    after: dict[float, Called] = {}
    start = PEER_WINDOWS
    for sigma, streams in shifted.items():
        end = start + len(streams) * PEER_SHIFTED
        after[sigma] = called[start:end].reshape(len(streams), PEER_SHIFTED, FEATURES)
        start = end
    return Peer(called[:PEER_WINDOWS], after, tuple(found["methods"]))


def scaled(called: Called) -> tuple[float, float, float]:
    """Calls in a month, and its interval (95 %) over which windows were drawn."""
    each = called.sum(axis=1)
    windows = DAYS * DAY
    if not each.any():
        return 0.0, 0.0, 3 / len(each) * windows
    error = 1.96 * each.std(ddof=1) / math.sqrt(len(each))
    mean = float(each.mean())
    return mean * windows, max(mean - error, 0.0) * windows, (mean + error) * windows


def _share(share: float) -> str:
    return f"{share:.0%}" if share in (0, 1) or 0.005 <= share <= 0.995 else ("<1%" if share < 0.5 else ">99%")


def _clock(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.1f} min"


def _delay(seconds: NDArray[np.float64], watched: str) -> str:
    """Median, and the share found."""
    found = float(np.isfinite(seconds).mean())
    if not found:
        return f"not in {watched}"
    median = float(np.median(seconds))
    told = _clock(median) if math.isfinite(median) else f"over {watched}"
    return f"{told} ({_share(found)})"


def _scaled(peer: Peer | None) -> str:
    if peer is None:
        return "-"
    number, low, high = scaled(peer.quiet)
    return f"{number:,.0f} ({low:,.0f} to {high:,.0f})"


def _both(peer: Peer, sigma: float) -> str:
    return f"{_delay(peer_delays(peer.shifted[sigma]), f'{PEER_SHIFTED * 5} min')}; {scaled(peer.quiet)[0]:,.0f}"


def _cpu() -> float:
    """Seconds of CPU so far, those of ended children included."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def main() -> None:
    began, used = time.perf_counter(), _cpu()
    quiet = {traffic: Stream(traffic, seed=1) for traffic in TRAFFIC}
    known = {traffic: reference(stream, REFERENCE_ROWS, REFERENCE_WINDOWS) for traffic, stream in quiet.items()}
    shifted = {
        traffic: {
            sigma: [Stream(traffic, 100 * place + i, sigma, DAY) for i in range(SHIFTED_STREAMS)]
            for place, sigma in enumerate(SHIFTS, 1)
        }
        for traffic in SHIFTED_TRAFFIC
    }
    sidecars = {traffic: Sidecar.over(known[traffic], THRESHOLDS) for traffic in TRAFFIC}
    some = sidecars[TRAFFIC[0]]
    print(
        f"\nFalse alarms without drift: {FEATURES} features, {DAYS} days. modelwatch {LOOK} s apart in sliding windows"
        f" (PSI above {THRESHOLDS[0]:g} and beyond chance, {some.least} rows at least, alpha {some.alpha:.1e} a look and"
        f" feature; in brackets: share of looks with rows enough). Peers with their defaults on the same"
        f" {PEER_WINDOWS} random ones of {DAYS * DAY:,} windows of 5 minutes, scaled to all of them (95 %)."
        f" Reference: the {REFERENCE_ROWS:,} rows before, or {REFERENCE_WINDOWS} windows where these are more.\n"
    )
    print("| rows a minute | 5m | 15m | 1h | 1d | all four, threshold 0 | Evidently | NannyML |")
    print("|---|---|---|---|---|---|---|---|")
    months: dict[Traffic, Month] = {}
    said: dict[Traffic, dict[str, Peer | None]] = {}
    for traffic, stream in quiet.items():
        months[traffic] = found = month(sidecars[traffic], stream)
        said[traffic] = {name: ask(name, known[traffic], stream, shifted.get(traffic, {})) for name in PEERS}
        ours = [f"{found.alarms[length][0]} ({_share(found.judged[length])})" for length in LENGTHS]
        bare = sum(alarms[1] for alarms in found.alarms.values())
        theirs = [_scaled(said[traffic][name]) for name in PEERS]
        print(f"| {traffic.text} | {' | '.join(ours)} | {bare} | {' | '.join(theirs)} |", flush=True)
    worst = max(found.alarms["5m"][0] for found in months.values())
    print(f"\nfalse alarms in 30 days at 5-minute windows: {worst} at the most, at most one wanted:", end=" ")
    print("reached" if worst <= 1 else "MISSED")
    for name in PEERS:
        heard = [peer for peer in (by_name[name] for by_name in said.values()) if peer is not None]
        if heard:
            print(f"{name} judges by {', '.join(sorted({method for peer in heard for method in peer.methods}))}")

    print(
        f"\nDelay until a shift of one numeric feature among {FEATURES} is found: median (share found), then false"
        f" alarms in 30 days at this traffic. {SHIFTED_STREAMS * NUMERIC} trials. modelwatch: any of the default"
        f" windows ({', '.join(DEFAULT)}), watched for {WATCHED_DAYS} days; peers: the {PEER_SHIFTED} windows of 5"
        f" minutes after the shift, which begins with one.\n"
    )
    print(f"| shift | rows a minute | PSI above {THRESHOLDS[0]:g} | threshold 0 | Evidently | NannyML |")
    print("|---|---|---|---|---|---|")
    for sigma in SHIFTS:
        for traffic in SHIFTED_TRAFFIC:
            ours = [
                f"{_delay(seconds, f'{WATCHED_DAYS} days')}; {months[traffic].of_defaults(which)}"
                for which, seconds in enumerate(delays(sidecars[traffic], shifted[traffic][sigma]))
            ]
            theirs = []
            for name in PEERS:
                peer = said[traffic][name]
                theirs.append("-" if peer is None else _both(peer, sigma))
            print(f"| {sigma} sigma | {traffic.text} | {' | '.join(ours + theirs)} |", flush=True)
    minutes, spent = (time.perf_counter() - began) / 60, (_cpu() - used) / 60
    print(f"\ntook {minutes:.0f} min, {spent:.0f} min of CPU, the peers' included")


if __name__ == "__main__":
    main()
