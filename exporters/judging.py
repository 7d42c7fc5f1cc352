"""What the windows of all models say, each found once, and the critical values that this takes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from modelwatch.exporters.comparison import Comparison
from modelwatch.exporters.layout import Layout
from modelwatch.exporters.monitor import Snapshot
from modelwatch.exporters.statistics.method import Counts
from modelwatch.exporters.statistics.quantiles import QUANTILES
from modelwatch.exporters.verdicts import Judgement, judge
from modelwatch.model.units import Duration

_log = logging.getLogger(__name__)
# In the state folder. Whoever deletes it loses nothing but seconds.
FILE = "critical-values.cache"
_DONE = object()


class Judging:
    """``hurried``: nobody who asks for scores waits until critical values are worked out. Somebody calls ``warm``
    whenever there are some ``wanted``, and until then there is no score.

    ``folder`` is where they are kept for the next process.
    """

    def __init__(self, hurried: bool = False, folder: Path | None = None) -> None:
        self.wanted = threading.Event()
        self._hurried = hurried
        self._kept = None if folder is None else folder / FILE
        self._comparisons: dict[str, Comparison] = {}
        self._judgements: dict[tuple[str, Duration], tuple[tuple[Layout, int, int], Judgement]] = {}
        # What ``warm`` has worked out.
        self._warm: dict[str, Layout] = {}
        # Counts of windows that somebody has asked for in vain.
        self._asked: dict[tuple[str, Duration], tuple[Comparison, Counts]] = {}
        self._written: tuple[object, ...] = ()
        if self._kept:
            _read(self._kept)

    def judge(self, snapshot: Snapshot) -> list[Judgement]:
        """What each window of ``snapshot`` says."""
        layout, tally = snapshot.layout, snapshot.tally
        name, found, new = layout.model.name, {}, {}
        for window in layout.windows:
            # Neither rows that came nor time that went by since: a window says what it said.
            now = (layout, tally.sequence, tally.windows[window.milliseconds].newest)
            before, judgement = self._judgements.get((name, window), (None, None))
            if judgement is None or before != now:
                new[window] = now
            else:
                found[window] = judgement
        comparison = self.comparison(layout)
        totals = {window: snapshot.total(window.milliseconds) for window in new}
        ready = comparison.ready(np.array([total.counts for total in totals.values()])) if new else []
        warm = [window for window, known in zip(new, ready, strict=True) if known]
        cold = [window for window, known in zip(new, ready, strict=True) if not known]
        for judgement in judge(comparison, warm, [totals[window] for window in warm]) if warm else ():
            found[judgement.window] = judgement
            self._judgements[name, judgement.window] = new[judgement.window], judgement
        for judgement in judge(comparison, cold, [totals[window] for window in cold], warm=False) if cold else ():
            found[judgement.window] = judgement
            self._asked[name, judgement.window] = comparison, judgement.total.counts
            self.wanted.set()
        return [found[window] for window in layout.windows]

    def comparison(self, layout: Layout) -> Comparison:
        """How the vectors over ``layout`` are compared; made once."""
        found = self._comparisons.get(layout.model.name)
        if found is None or found.layout is not layout:
            found = self._comparisons[layout.model.name] = Comparison(layout, self._hurried)
        return found

    def forget(self, name: str) -> None:
        """A model that is no longer watched."""
        self._judgements = {key: known for key, known in self._judgements.items() if key[0] != name}
        self._comparisons.pop(name, None)
        self._warm.pop(name, None)

    def prepare(self, layout: Layout, before: Snapshot) -> None:
        """Work out what judging needs as soon as ``layout`` takes the place of that of ``before``, which has scores."""
        if not (self._hurried and before.layout.compared and layout.compared):
            return
        critical, counts = Comparison(layout).critical, self.comparison(before.layout)
        rows = {int(counts.rows(total).max()) for total in before.totals.values()}
        critical.work_out_for({0, *rows})

    def warm(self, layouts: Sequence[Layout]) -> None:
        """Work out what judging over ``layouts`` needs, first what somebody asks for. Takes seconds for a model of many
        features, but for what is kept."""
        self.wanted.clear()
        works = [self.comparison(layout).critical.work_out_all() for layout in layouts]
        while works:
            # In turn, so that no model waits for windows that another one may have some day.
            for work in list(works):
                self._answer()
                if next(work, _DONE) is _DONE:
                    works.remove(work)
            # Also a process that ends before all is done has the next one go on from here.
            self._keep(layouts)
        self._answer()
        self._keep(layouts)
        self._warm.update({layout.model.name: layout for layout in layouts})

    def warming(self, layouts: Sequence[Layout]) -> bool:
        """Whether ``warm`` is still to be done."""
        return any(self._warm.get(layout.model.name) is not layout for layout in layouts)

    def _answer(self) -> None:
        for key in list(self._asked):
            comparison, counts = self._asked.pop(key)
            comparison.critical.work_out(comparison.compared_rows(counts))

    def _keep(self, layouts: Sequence[Layout]) -> None:
        path, now = self._kept, (QUANTILES.worked_out, *layouts)
        if path is None or (now == self._written and path.exists()):
            return
        text = QUANTILES.text([one for layout in layouts for one in self.comparison(layout).critical.references])
        try:
            beside = path.with_name(f"{path.name}.new")
            beside.write_bytes(text)
            beside.replace(path)
            self._written = now
        except OSError as error:
            _log.warning("%s: cannot be kept (%s), so the next start works critical values out again", path, error)


def _read(path: Path) -> None:
    try:
        QUANTILES.read(path.read_bytes())
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("%s: cannot be read (%s), so critical values are worked out again", path, error)
