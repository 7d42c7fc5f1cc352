"""What the whole fleet has counted: the sums over replicas of each bin, in every window of the spec.

At each evaluation, the last value of every replica's counters is compared with the last one an interval before (a step),
and windows are sums of these steps. Not ``increase()``: it extrapolates, which is another factor for a bin that was 0 a
moment ago than for its neighbours, and rows that come between the last scrape of one range and the first of the next are
in none of them. Differences add up: every row is in exactly one step, and PromQL's counts are whole numbers equal to the
sidecars'.

What a step does when something is amiss, so that a window's bins are always of the same rows:

- A scrape or two are missed, or a sidecar is restarted within two minutes and goes on counting where it was: nothing is
  lost, the rows are in the next step. After a longer gap, the rows that came meanwhile are in no window.
- A counter falls, since a sidecar lost its state: this replica's step of that feature is left out, in all bins.
- A replica joins: it counts from its second step on, whatever its counters stand at. It leaves: what it counted up to
  its last scrape stays.
- The reference is replaced: the replica's step is left out, and counts are kept by reference from then on. Windows hold
  the rows that were compared with the reference which most replicas have now; in the midst of a rollout they tell of
  that part of the fleet, and never mix bins of two references.
- Prometheus is down for longer, or skips an evaluation: the rows of the missing steps are in no window.

A window of days would read thousands of steps of each bin. It is summed up from slices instead, whole hours or ten
minutes, each written at one evaluation when it ends. So a long window ends up to a slice, never more than a 24th of its
length, before now.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelwatch.alert_rules.rules import Recording, Scope
from modelwatch.model.units import Duration
from modelwatch.telemetry import promql as q
from modelwatch.telemetry import records as r
from modelwatch.telemetry.metrics import (
    FEATURE_EXPECTED,
    FEATURE_REFERENCE,
    FEATURE_VALUES,
    REFERENCE_EFFECTIVE_ROWS,
    REFERENCE_INFO,
    REFERENCE_ROWS,
    Metric,
)

# A minute for windows of five, else two, which costs half: `python -m tests.bench fleet_rules` tells what.
_SHORT, _USUAL = Duration.parse("1m"), Duration.parse("2m")
_STEPS_IN_A_WINDOW = 5
SLICES = (Duration.parse("10m"), Duration.parse("1h"))
# A slice is at most this part of the windows that are made of it.
SLICES_IN_A_WINDOW = 24
# How far back the last value of a counter may lie.
BRIDGE = "2m"
# The fewest rows of a reference that anything can be compared with, as in the sidecar.
LEAST_REFERENCE = 100


@dataclass(frozen=True, slots=True)
class Window:
    """A window of the spec, and the step or slice that it is summed up from."""

    text: str
    length: Duration
    part: Duration
    step: Duration

    @property
    def range(self) -> str:
        """Reads exactly ``length / part`` samples of a record, however long ago the newest was written: half a step less
        than the length, since Prometheus 2 counts both ends of a range and Prometheus 3 only one.
        """
        return Duration(self.length.milliseconds - self.step.milliseconds // 2).text


def step(scope: Scope) -> Duration:
    """Time between evaluations."""
    shortest = min(scope.model.drift.windows)
    return _USUAL if _USUAL.milliseconds * _STEPS_IN_A_WINDOW <= shortest.milliseconds else _SHORT


def windows(scope: Scope) -> tuple[Window, ...]:
    """Windows of the spec, each once, rounded up to whole steps or slices."""
    out, every = [], step(scope)
    for window in dict.fromkeys(scope.model.drift.windows):
        fitting = [part for part in SLICES if part.milliseconds * SLICES_IN_A_WINDOW <= window.milliseconds]
        part = max(fitting, default=every)
        parts = -(-window.milliseconds // part.milliseconds)
        out.append(Window(window.text, Duration(parts * part.milliseconds), part, every))
    return tuple(out)


@dataclass(frozen=True, slots=True)
class _Counter:
    """A counter by bin, and the records that windows of it are summed up from."""

    metric: Metric
    step: r.Record
    slice: r.Record


_VALUES = _Counter(FEATURE_VALUES, r.VALUES_STEP, r.VALUES_SLICE)
_EXPECTED = _Counter(FEATURE_EXPECTED, r.EXPECTED_STEP, r.EXPECTED_SLICE)


def counts(scope: Scope) -> tuple[Recording, ...]:
    """In order: rows of the reference, its shares, steps, slices where a window needs them, counts of all windows.

    Where rows are compared with those of the same hour, weekday or segment, also what was to be expected of them.
    """
    name, every = scope.model.name, windows(scope)
    return (
        scope.recording(r.FLEET_REFERENCE_ROWS.name, _reference_rows(name)),
        scope.recording(r.FLEET_REFERENCE.name, _reference_shares(name)),
        *_parts(scope, _VALUES),
        scope.recording(
            r.FLEET_VALUES.name, " or ".join(named(_summed(name, _VALUES, w), "window", w.text) for w in every)
        ),
        *(_expected(scope) if scope.model.drift.same is not None else ()),
    )


def _parts(scope: Scope, counter: _Counter) -> tuple[Recording, ...]:
    name, every, interval = scope.model.name, windows(scope), step(scope)
    parts = [part for part in SLICES if any(window.part == part for window in every)]
    slices = " or ".join(_slice(name, counter, Window(part.text, part, interval, interval)) for part in parts)
    return (
        scope.recording(counter.step.name, _step(name, counter, interval.text)),
        *((scope.recording(counter.slice.name, slices),) if slices else ()),
    )


def _expected(scope: Scope) -> tuple[Recording, ...]:
    name = scope.model.name

    def share(window: Window) -> str:
        values = _summed(name, _EXPECTED, window)
        return named(f"{values} / on (feature) group_left () (sum by (feature) ({values}) > 0)", "window", window.text)

    rows = f"min by (feature, window) ({q.selector(REFERENCE_EFFECTIVE_ROWS, model=name)})"
    return (
        *_parts(scope, _EXPECTED),
        scope.recording(r.FLEET_EXPECTED.name, " or ".join(map(share, windows(scope)))),
        # Of the replica that it is worth least to: all have nearly the same mixture of rows.
        scope.recording(
            r.FLEET_EFFECTIVE_ROWS.name, f"{rows} and on (feature) {r.FLEET_REFERENCE_ROWS.select(model=name)}"
        ),
    )


def named(expression: str, label: str, value: str) -> str:
    """With a label more."""
    return f'label_replace({expression}, "{label}", "{value}", "", "")'


def _with_reference(values: str, info: str, *others: str) -> str:
    """With the label ``reference`` of the replica that exposes it; whatever else scraping adds stands on both sides.

    ``others`` are the labels that only ``values`` have.
    """
    return f"{values} * ignoring ({', '.join(others)}, reference, rows) group_left (reference) {info}"


def _reference_rows(model: str) -> str:
    info = q.selector(REFERENCE_INFO, model=model)
    rows = f"max by (feature, reference) ({_with_reference(q.selector(REFERENCE_ROWS, model=model), info, 'feature')})"
    most = f"topk(1, count by (reference) ({info}))"
    return f"({rows} >= {LEAST_REFERENCE}) and on (reference) {most}"


def _reference_shares(model: str) -> str:
    shares = q.selector(FEATURE_REFERENCE, model=model)
    every = _with_reference(shares, q.selector(REFERENCE_INFO, model=model), "feature", "bin")
    chosen = r.FLEET_REFERENCE_ROWS.select(model=model)
    return f"max by (feature, bin) ({every} and on (feature, reference) {chosen})"


def _step(model: str, counter: _Counter, interval: str) -> str:
    values, info = q.selector(counter.metric, model=model), q.selector(REFERENCE_INFO, model=model)

    def last(series: str, ago: str = "") -> str:
        return f"last_over_time({series}[{BRIDGE}]{ago and f' offset {ago}'})"

    counted = f"({last(values)} - {last(values, interval)})"
    # A counter that fell: none of the feature's bins can be trusted in this step.
    whole = f"({counted} unless ignoring (bin) ({counted} < 0))"
    # The newest reference only: a replica has one at a time.
    now = f"({info} or ({last(info)} unless ignoring (reference, rows) {info}))"
    # Else bins may be others under the same names.
    same = f"({now} and {last(info, interval)})"
    return f"sum by (feature, bin, reference) ({_with_reference(whole, same, 'feature', 'bin')})"


def _slice(model: str, counter: _Counter, part: Window) -> str:
    steps = f"sum_over_time({counter.step.select(model=model)}[{part.range}])"
    due = f"vector(time()) % {q.number(part.length.seconds)} < {q.number(part.step.seconds)}"
    return named(f"({steps} and on () ({due}))", "part", part.text)


def _summed(model: str, counter: _Counter, window: Window) -> str:
    if window.part == window.step:
        parts = counter.step.select(model=model)
    else:
        parts = counter.slice.select(model=model, part=window.part.text)
    compared = f"and on (feature, reference) {r.FLEET_REFERENCE_ROWS.select(model=model)}"
    return f"sum by (feature, bin) (sum_over_time({parts}[{window.range}]) {compared})"
