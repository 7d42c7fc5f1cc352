"""A profile for people: a table, and what else it knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from modelwatch.exporters.bins import CategoricalBins, Cells, NumericBins
from modelwatch.exporters.reference.profile import FeatureProfile, Profile, Slice
from modelwatch.model.profile_head import FORMAT

_BARS = " ▁▂▃▄▅▆▇█"
_BUCKETS = 20
_TOP, _PAIRS = 3, 5
_HEAD = ("feature", "type", "rows", "missing", "min", "mean", "max", "std", "shape, or most frequent")
_LONGEST = 32
# A column of the table is right-aligned from the third to the eighth.
_RIGHT = range(2, 8)


def profile_text(profile: Profile) -> str:
    """Lines to print."""
    return "\n".join(_lines(profile))


def _lines(profile: Profile) -> Iterator[str]:
    yield f"{profile.model}: {profile.rows:,} rows, {len(profile.features)} features"
    yield f"{FORMAT} sha256 {profile.sha256}"
    yield ""
    yield from _table([_HEAD, *(_row(feature, profile.rows) for feature in profile.features)])
    yield ""
    yield "Edges of the bins (a bin is open on the left, closed on the right):"
    for feature in profile.features:
        if isinstance(feature.bins, NumericBins):
            edges = ", ".join(f"{edge:.6g}" for edge in feature.bins.edges) or "none: there is no value"
            yield f"  {_cut(feature.name)}: {edges}" + ("" if feature.exact else "  (within a cell of the deciles)")
    yield from _together(profile)
    if profile.seasons:
        yield ""
        yield f"Seasons by {profile.seasons.time}, in UTC: hours {_values(profile.seasons.hours)}"
        yield f"  weekdays (0 is Monday) {_values(profile.seasons.weekdays)}"
    if profile.segments:
        yield ""
        yield f"Segments by {profile.segments.feature}: {_values(profile.segments.values)}"


def _row(feature: FeatureProfile, rows: int) -> tuple[str, ...]:
    missing = feature.counts[-1]
    known = f"{missing / rows:.2%}" if rows else ""
    start = (_cut(feature.name), feature.type, f"{rows - missing:,}", known)
    if isinstance(feature.bins, CategoricalBins):
        return (*start, "", "", "", "", _top(feature, feature.bins, max(rows - missing, 1)))
    numbers = (feature.minimum, feature.mean, feature.maximum, feature.std)
    return (*start, *("" if value is None else f"{value:.5g}" for value in numbers), _shape(feature))


def _top(feature: FeatureProfile, bins: CategoricalBins, known: int) -> str:
    named = zip(bins.labels, feature.counts, strict=True)
    shown = [f"{_cut(label)} {count / known:.1%}" for label, count in list(named)[: min(_TOP, bins.other)]]
    more = bins.other - len(shown)
    texts = [*shown, *([f"{more} more"] if more > 0 else [])]
    if feature.counts[bins.other]:
        texts.append(f"other {feature.counts[bins.other] / known:.1%}")
    return ", ".join(texts) + ("" if bins.complete else " (too many to know all)")


def _shape(feature: FeatureProfile) -> str:
    counts = _buckets(feature.cells) if feature.cells else np.array(feature.counts[:-1], dtype=np.float64)
    most = counts.max(initial=0)
    return "".join(_BARS[int(np.ceil(count / most * (len(_BARS) - 1)))] for count in counts) if most else ""


def _buckets(cells: Cells) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How many lie in each of some parts of equal width of the middle 98 %."""
    edges, below = np.array(cells.edges), np.cumsum(cells.counts)[:-1].astype(np.float64)
    total = float(sum(cells.counts))
    low, high = (edges[min(int(np.searchsorted(below, share * total)), len(edges) - 1)] for share in (0.01, 0.99))
    if low == high:
        return np.array([total])
    first = np.nextafter(low, -np.inf) if below[int(np.searchsorted(edges, low))] > 0.02 * total else low
    ends = np.linspace(low, high, _BUCKETS + 1)
    ends[0] = first
    return np.diff(np.interp(ends, edges, below))


def _together(profile: Profile) -> Iterator[str]:
    if not profile.correlations:
        return
    yield ""
    names = profile.correlations.features
    rows, columns = np.triu_indices(len(names), 1)
    pairs = zip(profile.correlations.upper, rows.tolist(), columns.tolist(), strict=True)
    strong = sorted(((r, i, j) for r, i, j in pairs if r is not None), key=lambda one: -abs(one[0]))[:_PAIRS]
    if strong:
        yield "Strongest correlations: " + ", ".join(
            f"{_cut(names[i])} and {_cut(names[j])} {r:+.2f}" for r, i, j in strong
        )
    if profile.pca:
        share = sum(profile.pca.explained)
        yield f"Components: {len(profile.pca.components)} of {len(profile.pca.features)} explain {share:.1%}" + (
            f"; squared error of a row: mean {profile.pca.residual.mean:.3g}, 99 % below {profile.pca.residual.q99:.3g}"
            if profile.pca.residual
            else ""
        )
    else:
        yield "Components: none, they need two numeric features"
    yield from _apart(profile)


def _apart(profile: Profile) -> Iterator[str]:
    """Which features' correlations and components the sidecar does not look at, and why."""
    known = profile.correlations.features if profile.correlations else ()
    used = profile.pca.features if profile.pca else ()
    for name in known:
        feature = profile.feature(name)
        why = feature and feature.apart
        if why and name in used:
            yield f"  Of no use: the components need {_cut(name)}, which {why}; make the profile again."
        elif why:
            yield f"  Left out of components, and of correlations that the sidecar watches: {_cut(name)} {why}."
        elif profile.pca and name not in used:
            yield f"  Left out of components: {_cut(name)} never has a value beside some other feature."


def _values(slices: Sequence[Slice]) -> str:
    return ", ".join(f"{_cut(one.value)} ({one.rows:,})" for one in slices) or "none has enough rows"


def _cut(text: str) -> str:
    plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    for row in rows:
        cells = (
            text.rjust(width) if i in _RIGHT else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
