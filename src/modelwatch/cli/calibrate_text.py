"""What `modelwatch calibrate` tells a person: tables, what cannot be seen, and what to change."""

from __future__ import annotations

import math

from modelwatch.exporters.calibration.calibrate import Advice, Judgement, seconds_to_fill
from modelwatch.exporters.calibration.setting import Setting
from modelwatch.model.units import Duration


def traffic(rows_a_minute: float) -> str:
    """In the unit in which it is a number that people can picture."""
    for unit, minutes in (("a minute", 1), ("an hour", 60)):
        if rows_a_minute * minutes >= 1:
            return f"{_few(rows_a_minute * minutes)} rows {unit}"
    return f"{_few(rows_a_minute * 1440)} rows a day"


def tables(judgements: tuple[Judgement, ...]) -> list[str]:
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
        lines += ["", "smallest drift seen with 90 % power, and how long until a usual one is seen", ""]
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


def unseen(setting: Setting, rows_a_minute: float, judgements: tuple[Judgement, ...], longest: Duration) -> list[str]:
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
    sights = [[one.sights[place] for one in seeing] for place in range(len(seeing[0].sights))] if seeing else []
    for what, names in (
        (
            "No drift at all can be seen of",
            [each[0].feature for each in sights if all(s.smallest is None for s in each)],
        ),
        (
            "The usual drift is too small to be seen of",
            [
                each[0].feature
                for each in sights
                if all(s.delay is None for s in each) and any(s.smallest is not None for s in each)
            ],
        ),
    ):
        if names:
            lines.append(f"{what} {', '.join(names)}: more rows or a lower drift.warning would show it.")
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
    lines = [f"This setting gives {_few(total)} false alarms in 30 days. At most one with"]
    if found.rate < rate:
        lines.append(f"  drift: {{false_alarm_rate: {number(found.rate)}}}")
    for feature, warning in found.warnings.items():
        lines.append(
            f"  {feature}: drift: {{warning: {warning:g}}}   (its history differs from the reference by this much)"
        )
    if found.warnings:
        lines.append("or with a reference that has seen such times: drift that comes back every week is no accident.")
    return lines


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
