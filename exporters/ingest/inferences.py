"""Events of KServe's logger on their way to tables: which model they are of, and what they wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from modelwatch.exporters.ingest import kserve
from modelwatch.exporters.ingest.cloudevents import Event
from modelwatch.exporters.ingest.json_body import parsed
from modelwatch.exporters.ingest.pairing import Half, Key, Pair, Pairing
from modelwatch.exporters.ingest.table import MalformedError, Table

_REQUEST, _RESPONSE = "org.kubeflow.serving.inference.request", "org.kubeflow.serving.inference.response"
_HELP = "the data of an event is a payload of the v1 or the v2 protocol"


class Task(NamedTuple):
    """What of a spec is needed to read a payload: features in order, and classes."""

    features: Sequence[str]
    classes: Sequence[str]


class Inferences:
    """``task`` tells of a model by name, and raises for one that it does not know. Safe to use from several threads."""

    def __init__(self, pairing: Pairing, task: Callable[[str], Task]) -> None:
        self._pairing, self._task = pairing, task

    def read(self, event: Event, model: str | None) -> tuple[Key, Half]:
        """An event, checked; of ``model`` where the address named one, else of the model that the event names.

        Raises MalformedError, TooManyRowsError and what ``task`` raises.
        """
        name = model or event.attribute("inferenceservicename")
        task = self._task(name)
        kind = event.attribute("type")
        if kind not in (_REQUEST, _RESPONSE):
            raise MalformedError(f"the event's type is {kind[:100]!a}; only {_REQUEST} and {_RESPONSE} are read")
        data = parsed(event.data, _HELP)
        if kind == _REQUEST:
            kserve.request_rows(data, task.features)
        else:
            kserve.response_rows(data, task.classes)
        said = event.attributes.get
        key = Key(name, said("component", ""), said("endpoint", ""), event.attribute("id"))
        return key, Half(event.data, kind == _REQUEST, said("time"))

    def add(self, events: Iterable[tuple[Key, Half]]) -> list[tuple[str, Table]]:
        """Tables that have become ready, by model."""
        return self._tables([pair for key, half in events for pair in self._pairing.add(key, half)])

    def overdue(self) -> list[tuple[str, Table]]:
        return self._tables(self._pairing.overdue())

    def all(self) -> list[tuple[str, Table]]:
        return self._tables(self._pairing.all())

    def _tables(self, pairs: list[Pair]) -> list[tuple[str, Table]]:
        found = []
        for pair in pairs:
            try:
                task = self._task(pair.key.model)
            except KeyError:  # its spec was removed meanwhile
                continue
            found.append((pair.key.model, kserve.table(pair, task.features, task.classes)))
        return found
