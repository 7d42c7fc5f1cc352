"""modelwatch calibrate: what a drift setting would do, before it runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwatch.cli import specs
from modelwatch.cli.command import OK, Command, Streams, format_flag, models_flag

if TYPE_CHECKING:
    from modelwatch.exporters.calibration.advice import Advice
    from modelwatch.exporters.calibration.calibrate import Judgement
    from modelwatch.exporters.calibration.history import History
    from modelwatch.exporters.reference import Profile

# Rows a minute of a model that nobody says more of.
DEFAULT_TRAFFIC = 100.0


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="name of the model (metadata.name)")
    models_flag(parser)
    parser.add_argument(
        "--data",
        type=Path,
        metavar="HISTORY",
        help="past rows without drift, CSV or Parquet: the setting is tried on them (default: none, then false alarms "
        "are what the setting promises at the most). What is found is printed; no file is written",
    )
    parser.add_argument(
        "--time",
        metavar="COLUMN",
        help="their time (default: the spec's baseline.time, else the column that init takes)",
    )
    parser.add_argument(
        "--rows-per-minute", type=_positive, metavar="R", help="traffic (default: that of the history, else 100)"
    )
    parser.add_argument("--rate", type=_rate, metavar="RATE", help="false_alarm_rate to try (default: the spec's)")
    format_flag(parser, "text", "json")


def _positive(text: str) -> float:
    value = _number(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError("must be above 0 and below 1000000000")
    return value


def _rate(text: str) -> float:
    value = _number(text)
    if not 0 < value <= 0.5:
        raise argparse.ArgumentTypeError("must be above 0 and at most 0.5")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.exporters.baseline import NO_BASELINE, find_profile
    from modelwatch.exporters.calibration.advice import advise_on, may_be_seasonal, remedies
    from modelwatch.exporters.calibration.calibrate import judge
    from modelwatch.exporters.calibration.setting import setting
    from modelwatch.exporters.reference import ProfileError

    found = specs.one(args, streams)
    if isinstance(found, int):
        return found
    model, stack = found
    try:
        profile = find_profile(model, None)
        if profile is None:
            return streams.fail(f"{model.name} has no reference to judge by", NO_BASELINE)
        chosen = setting(model, profile, args.rate)
        history = None
        if args.data is not None:
            from modelwatch.exporters.calibration.history import read

            said = model.baseline.time if model.baseline else None
            usual = said or (profile.seasons.time if profile.seasons else None)
            history = read(args.data, chosen, profile, args.time, usual)
    except ProfileError as error:
        return streams.fail(str(error))
    traffic = args.rows_per_minute
    if traffic is None:
        traffic = history.rows / (history.days * 1440) if history is not None and history.days else DEFAULT_TRAFFIC
    judgements = tuple(judge(chosen, window, traffic, history) for window in dict.fromkeys(model.drift.windows))
    advice = advise_on(model, profile, chosen, judgements, history)
    told = _told(args, history)
    if history is not None and _replays(history, profile):
        streams.fail(
            f"warning: {args.data} has the reference's own rows, by their number and their counts in every bin",
            "what does not drift from itself tells little of false alarms: give rows of another time",
        )
    if args.format == "json":
        import json

        streams.say(json.dumps(_document(model.name, (traffic, told), chosen.rate, judgements, advice), indent=2))
    else:
        from modelwatch.cli import calibrate_text as text

        streams.say(f"{model.name}: {text.traffic(traffic)} ({told}), false_alarm_rate {text.number(chosen.rate)}", "")
        streams.say(*text.tables(judgements, model.drift.same), "")
        streams.say(*text.unseen(chosen, traffic, judgements, remedies(chosen, judgements), stack.retention))
        streams.say(*text.advice(chosen.rate, judgements, advice))
        if history is not None and may_be_seasonal(profile, model, judgements, history):
            streams.say(*text.try_seasons(model, history.time or "COLUMN"))
    return OK


def _replays(history: History, profile: Profile) -> bool:
    """Whether past rows are, as far as bins tell, those that the reference was made of."""
    import numpy as np

    if history.rows != profile.rows:
        return False
    known = ((profile.feature(name), codes) for name, codes in history.codes.items())
    return all(
        one is not None and np.array_equal(np.bincount(codes, minlength=len(one.counts)), one.counts)
        for one, codes in known
    )


def _told(args: argparse.Namespace, history: History | None) -> str:
    """Where the number of rows a minute is from."""
    if args.rows_per_minute is not None:
        return "as you say"
    if history is not None and history.days:
        return f"that of {args.data.name}, by its column {history.time}"
    if history is not None:
        return (
            f"assumed: {args.data.name} has no time that was found, --time COLUMN names one, --rows-per-minute says it"
        )
    return "assumed: --rows-per-minute says it"


def _document(
    name: str, traffic: tuple[float, str], rate: float, judgements: tuple[Judgement, ...], advice: Advice
) -> dict[str, Any]:
    return {
        "model": name,
        "rows_per_minute": traffic[0],
        "rows_per_minute_from": traffic[1],
        "sees_drift": any(sight.smallest is not None for one in judgements for sight in one.sights),
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
        "at_most_one": {
            "false_alarm_rate": advice.rate,
            "same": advice.season and advice.season.same,
            "warning": {one.watch.name: one.warning for one in advice.thresholds},
            "critical": {one.watch.name: one.critical for one in advice.thresholds},
        },
    }


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
