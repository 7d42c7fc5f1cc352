"""modelwatch calibrate: what a drift setting would do, before it runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwatch.cli import specs
from modelwatch.cli.command import FINDINGS, OK, Command, Streams, format_flag, models_flag

if TYPE_CHECKING:
    from modelwatch.exporters.calibration.calibrate import Advice, Judgement


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="name of the model (metadata.name)")
    models_flag(parser)
    parser.add_argument("--data", type=Path, metavar="HISTORY", help="past rows without drift, CSV or Parquet")
    parser.add_argument("--time", metavar="COLUMN", help="their time (default: a column called timestamp or the like)")
    parser.add_argument(
        "--rows-per-minute", type=_positive, metavar="R", help="traffic (default: that of the history, else 100)"
    )
    parser.add_argument("--rate", type=_rate, metavar="RATE", help="false_alarm_rate to try (default: the spec's)")
    format_flag(parser, "text", "json")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value <= 0.5:
        raise argparse.ArgumentTypeError("must be above 0 and at most 0.5")
    return value


def _run(args: argparse.Namespace, streams: Streams) -> int:
    import difflib

    from modelwatch.exporters.baseline import NO_BASELINE, find_profile
    from modelwatch.exporters.calibration.calibrate import advise, judge
    from modelwatch.exporters.calibration.setting import setting
    from modelwatch.exporters.reference import ProfileError

    fleet = specs.fleet_or_none(args, streams)
    if fleet is None:
        return FINDINGS
    model = next((one for one in fleet.models if one.name == args.model), None)
    if model is None:
        names = [one.name for one in fleet.models]
        near = difflib.get_close_matches(args.model, names, n=1)
        return streams.fail(
            f"there is no model {args.model!r} in {args.models}",
            f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}",
        )
    try:
        profile = find_profile(model, None)
        if profile is None:
            return streams.fail(f"{model.name} has no reference to judge by", NO_BASELINE)
        chosen = setting(model, profile, args.rate)
        history = None
        if args.data is not None:
            from modelwatch.exporters.calibration.history import read

            history = read(args.data, chosen, profile, args.time)
    except ProfileError as error:
        return streams.fail(str(error))
    traffic = args.rows_per_minute
    if traffic is None:
        traffic = history.rows / (history.days * 1440) if history is not None and history.days else 100.0
    judgements = tuple(judge(chosen, window, traffic, history) for window in dict.fromkeys(model.drift.windows))
    advice = advise(chosen, judgements)
    if args.format == "json":
        import json

        streams.say(json.dumps(_document(model.name, traffic, chosen.rate, judgements, advice), indent=2))
    else:
        streams.say(*_text(model.name, traffic, chosen.rate, judgements, advice))
    return OK


def _document(
    name: str, traffic: float, rate: float, judgements: tuple[Judgement, ...], advice: Advice
) -> dict[str, Any]:
    return {
        "model": name,
        "rows_per_minute": traffic,
        "false_alarm_rate": rate,
        "windows": [
            {
                "window": one.window.text,
                "rows": one.rows,
                "inactive": one.inactive,
                "false_alarms_in_30_days": one.alarms.month,
                "false_alarms_from": one.source,
                "false_alarms_by_feature": one.alarms.feature,
                "features": [
                    {
                        "feature": sight.feature,
                        "smallest_drift": sight.smallest,
                        "unit": "standard deviations" if sight.numeric else "share of rows moved",
                        "usual_drift": sight.usual,
                        "usual_drift_seen_after_seconds": sight.delay,
                    }
                    for sight in one.sights
                ],
            }
            for one in judgements
        ],
        "at_most_one": {"false_alarm_rate": advice.rate, "warning": advice.warnings},
    }


def _text(name: str, traffic: float, rate: float, judgements: tuple[Judgement, ...], advice: Advice) -> list[str]:
    lines = [f"{name}: {traffic:,.0f} rows a minute, false_alarm_rate {_number(rate)}", ""]
    lines += _table(
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
    lines += ["", *_advice(rate, judgements, advice)]
    return lines


def _advice(rate: float, judgements: tuple[Judgement, ...], advice: Advice) -> list[str]:
    total = sum(one.alarms.month for one in judgements)
    if total <= 1:
        return [f"At most one false alarm in 30 days: yes, this setting gives {_few(total)}."]
    lines = [f"This setting gives {_few(total)} false alarms in 30 days. At most one with"]
    if advice.rate < rate:
        lines.append(f"  drift: {{false_alarm_rate: {_number(advice.rate)}}}")
    for feature, warning in advice.warnings.items():
        lines.append(
            f"  {feature}: drift: {{warning: {warning:g}}}   (its history differs from the reference by this much)"
        )
    if advice.warnings:
        lines.append("or with a reference that has seen such times: drift that comes back every week is no accident.")
    return lines


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]
    ]


def _few(count: float) -> str:
    return f"{count:,.0f}" if count >= 10 else f"{count:.2g}"


def _number(value: float) -> str:
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


COMMAND = Command(
    "calibrate",
    "Tell what a drift setting would do: false alarms in a month, and the smallest drift that it sees.",
    _configure,
    _run,
    (
        "modelwatch calibrate flight-delay --rows-per-minute 300",
        "modelwatch calibrate flight-delay --data last-quarter.parquet --time scored_at",
        "modelwatch calibrate flight-delay --rate 0.001 --format json",
    ),
)
