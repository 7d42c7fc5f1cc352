"""What stands above a recording rule in its file: what it records, how that is worked out, and where more is written."""

from __future__ import annotations

from collections.abc import Mapping

from modelwatch.telemetry import records as r

_COUNTS = "More: alert_rules/drift_counts.py."
_FORMULAS = "Formulas: exporters/statistics/README.md."
_STEPS = (
    "What each replica's counters grew by: the last value less the last one an evaluation before. Not increase(), which "
    "extrapolates. A replica whose counter fell, or whose reference changed, is left out once. " + _COUNTS
)
_SLICES = "Sums of steps, written by the one evaluation at which a slice ends; long windows read these. " + _COUNTS

HOW: Mapping[str, tuple[str, ...]] = {
    r.FLEET_REFERENCE_ROWS.name: ("Nothing where it has too few rows to be compared with. " + _COUNTS,),
    r.VALUES_STEP.name: (_STEPS,),
    r.VALUES_SLICE.name: (_SLICES,),
    r.EXPECTED_STEP.name: (_STEPS,),
    r.EXPECTED_SLICE.name: (_SLICES,),
    r.FLEET_VALUES.name: ("Sums of steps, or of slices where a window is long. " + _COUNTS,),
    r.FLEET_NEW_CATEGORY.name: ("Of the values that are there, only where the reference is known in full.",),
    r.FLEET_SCORE.name: (
        "In turn, with q and p the shares of a bin in the window and in the reference, n and m their rows:",
        "- psi, the population stability index: sum of (q - p) ln(q / p), no share below 0.0001 or half a row",
        "- js, the Jensen-Shannon distance in base 2: the root of half the sum of q ln(q / s) + p ln(p / s), s = (q + p) / 2",
        "- hellinger, the Hellinger distance: the root of half the sum of (sqrt(q) - sqrt(p))^2",
        "- chi2, Pearson's statistic of homogeneity: n m times the sum of (q - p)^2 / (n q + m p)",
        "- g, the likelihood ratio statistic of the same, which every verdict rests on",
        "- any other method that a feature has, as the sidecars tell it, of the replica with the highest",
        "Only with drift.min_samples rows in the window. " + _FORMULAS,
    ),
    r.FLEET_CRITICAL_VALUE.name: (
        "psi: the chi-squared quantile at the false-alarm rate times 1/n + 1/m; js and hellinger: the root of that over "
        "8 ln 2 and over 8; chi2 and g: the quantile itself. " + _FORMULAS,
    ),
    r.FLEET_DETECTED.name: (
        "The feature's own method is above its warning threshold and above its critical value, and g is above its own. "
        "Why all three: exporters/statistics/README.md, When is it drift.",
    ),
}


def remarks(record: str) -> tuple[str, ...]:
    """Lines of comment, each of any length."""
    known = r.RECORD_BY_NAME.get(record)
    return (*((f"{known.help}.",) if known else ()), *HOW.get(record, ()))
