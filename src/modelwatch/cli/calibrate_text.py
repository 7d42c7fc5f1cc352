"""What `modelwatch calibrate` tells a person: tables, what cannot be seen, and what to change."""

from __future__ import annotations

import math

from modelwatch.exporters.calibration.advice import Advice, Remedy, Thresholds
from modelwatch.exporters.calibration.calibrate import Judgement, seconds_to_fill
from modelwatch.exporters.calibration.setting import Setting
from modelwatch.model import types as t
from modelwatch.model.units import Duration


def traffic(rows_a_minute: float) -> str:
    """In the unit in which it is a number that people can picture."""
    for unit, minutes in (("a minute", 1), ("an hour", 60)):
        if rows_a_minute * minutes >= 1:
            return f"{_few(rows_a_minute * minutes)} rows {unit}"
    return f"{_few(rows_a_minute * 1440)} rows a day"


_BESIDE = {
    "hour": "beside its hours of the reference, the median over a day",
    "weekday": "beside its weekdays of the reference, the median over a week",
    "segment": "beside its segments of the reference, in their usual shares",
}


def tables(judgements: tuple[Judgement, ...], same: t.Same | None) -> list[str]:
    lines = _table(
        ["window", "rows", "false alarms in 30 days", "from"],
        [
            [
                one.window.text,
                f"{one.rows:,}",
                _few(one.alarms.month),
                one.source + (f"; {one.inactive}" if one.inactive else ""),
            ]
            for one in judgements
        ],
    )
    seeing = [one for one in judgements if one.sights]
    if seeing:
        lines += ["", "smallest drift seen with 90 % power, and how long until a usual one is seen"]
        lines += [*([f"(a window {_BESIDE[same]})"] if same else []), ""]
        head = [
            "distribution",
            *[one.window.text for one in seeing],
            "usual",
            *[f"in {one.window.text}" for one in seeing],
        ]
        rows = []
        for place, sight in enumerate(seeing[0].sights):
            each = [one.sights[place] for one in seeing]
            rows.append(
                [
                    sight.feature,
                    *[_drift(found.smallest, found.numeric) for found in each],
                    _drift(sight.usual, sight.numeric),
                    *["never" if found.delay is None else _time(found.delay) for found in each],
                ]
            )
        lines += _table(head, rows)
    return lines


def unseen(
    setting: Setting,
    rows_a_minute: float,
    judgements: tuple[Judgement, ...],
    remedies: tuple[Remedy, ...],
    longest: Duration,
) -> list[str]:
    """What this setting cannot see at such traffic, and how to have it seen."""
    short = [one.window.text for one in judgements if one.inactive]
    seeing = [one for one in judgements if not one.inactive]
    lines = []
    if short:
        fill = seconds_to_fill(setting, rows_a_minute)
        what = "Nothing can be seen" if not seeing else "No drift can be seen within " + ", ".join(short)
        which = "no window gets" if not seeing else "they do not get"
        lines = [
            f"{what}: at {traffic(rows_a_minute)} {which} the {setting.least} rows that drift.min_samples asks for, "
            f"which take {_time(fill)}."
        ]
        if not seeing:
            lines.append(f"  {_more(fill, longest)}")
    return lines + _remedies(remedies)


def _remedies(remedies: tuple[Remedy, ...]) -> list[str]:
    """A line for all that the same would show."""
    by_line: dict[tuple[str, str], list[Remedy]] = {}
    for one in remedies:
        what = "No drift at all can be seen of" if one.any else "The usual drift is too small to be seen of"
        if one.warning is None:
            how = "more rows would show it" if one.rows else "it takes more rows and a lower drift.warning"
            # What never varies has no drift of its values.
            how = how if one.rows or not one.any else "neither rows nor thresholds would show it"
        else:
            how = ("more rows or " if one.rows else "") + "a lower drift.warning would show it"
        by_line.setdefault((what, how), []).append(one)
    lines = []
    for (what, how), group in by_line.items():
        values = ", ".join(f"{one.feature} {one.warning:g}" for one in group if one.warning is not None)
        names = ", ".join(one.feature for one in group)
        lines.append(f"{what} {names}: {how}{f' ({values})' if values else ''}.")
    return lines


def _more(fill: float, longest: Duration) -> str:
    """How a window gets enough rows; ``fill`` is how many seconds they take."""
    # A quarter longer than needed: traffic has its low hours.
    hours = math.ceil(fill * 1.25 / 3600)
    if hours * 3600 > longest.seconds:
        return (
            f"no window can be longer than the retention, {longest}: ask for fewer rows with drift.min_samples, "
            "20 for each bin at the least, and coarser bins with max_categories"
        )
    window = f"{hours}h" if hours < 24 else f"{math.ceil(hours / 24)}d"
    return f"add a window that does: drift: {{windows: [{window}]}}"


def advice(rate: float, judgements: tuple[Judgement, ...], found: Advice) -> list[str]:
    total = sum(one.alarms.month for one in judgements)
    if all(one.inactive for one in judgements) and total <= 1:
        return ["There are no false alarms either, since there are no alarms."]
    if total <= 1:
        return [f"At most one false alarm in 30 days: yes, this setting gives {_few(total)}."]
    policy, reasons = _policy(rate, found)
    lines = [f"This setting gives {_few(total)} false alarms in 30 days. At most one with"]
    if policy:
        lines.append(f"  drift: {{{', '.join(policy)}}}" + (f"   ({'; '.join(reasons)})" if reasons else ""))
    for one in found.thresholds:
        if one.watch.subject.role == "feature":
            lines.append(f"  {one.watch.name}: drift: {{{', '.join(_pair(one))}}}   ({_differs(one)})")
    if found.thresholds:
        lines.append("or with a reference that has seen such times: drift that comes back every week is no accident.")
    return lines


def try_seasons(model: t.Model, column: str) -> list[str]:
    """How to compare like with like, where the reference cannot yet."""
    if model.baseline is not None and model.baseline.data is not None:
        how = f"give the reference its hours with baseline.time: {column} (its column of times)"
    else:
        how = f"make the reference with its hours: modelwatch profile {model.name} --data DATA --time {column}"
    return [
        "Where days or weeks have their rhythm, drift: {same: hour} or {same: weekday} may help more than thresholds:",
        f"  {how}, and run this again.",
    ]


def _policy(rate: float, found: Advice) -> tuple[list[str], list[str]]:
    """What goes into the model's own drift, which holds the thresholds of its answers, and why."""
    fields, reasons = [], []
    if found.season is not None:
        fields.append(f"same: {found.season.same}")
        kind = {"hour": "the same hour of the day", "weekday": "the same weekday"}[found.season.same]
        reasons.append(f"rows are compared with those of {kind}, which leaves {_few(found.season.month)} false alarms")
    if found.rate < rate:
        fields.append(f"false_alarm_rate: {number(found.rate)}")
    answers = [one for one in found.thresholds if one.watch.subject.role != "feature"]
    if answers:
        highest = max(answers, key=lambda one: one.warning)
        fields += [f"warning: {highest.warning:g}", f"critical: {max(one.critical for one in answers):g}"]
        names = " and ".join(one.watch.name for one in answers)
        reasons.append(f"for {names}, and for features without thresholds of their own; {_differs(highest)}")
    return fields, reasons


def _pair(one: Thresholds) -> list[str]:
    """Valid as pasted: a method that is not the usual one stands beside its thresholds."""
    method = one.watch.subject.feature.drift.method
    return [
        *([] if method == "psi" else [f"method: {method}"]),
        f"warning: {one.warning:g}",
        f"critical: {one.critical:g}",
    ]


def _differs(one: Thresholds) -> str:
    told = "its history differs from the reference by this much"
    return f"{told}; hardly any real drift would be seen" if one.blind else told


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]
    ]


def _few(count: float) -> str:
    return f"{count:,.0f}" if count >= 10 else f"{count:.2g}"


def number(value: float) -> str:
    return f"{value:.10f}".rstrip("0").rstrip(".")


def _drift(size: float | None, numeric: bool) -> str:
    if size is None:
        return "none"
    return f"{size:.2f} sd" if numeric else f"{size:.1%} moved"


def _time(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
