"""The payloads that KServe's logger sends: requests and answers of the v1 and the v2 protocol, as rows.

v1 is ``{"instances": [...]}`` and ``{"predictions": [...]}``. v2, the Open Inference Protocol, is ``{"inputs": [...]}``
and ``{"outputs": [...]}`` of tensors ``{"name", "shape", "datatype", "data"}``. Instances that are objects, and tensors
of one column, name their features; arrays, and the columns of a single tensor, stand in the spec's order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from modelwatch.exporters.ingest.columns import shown
from modelwatch.exporters.ingest.json_body import parsed
from modelwatch.exporters.ingest.json_rows import Rows
from modelwatch.exporters.ingest.pairing import Pair
from modelwatch.exporters.ingest.table import MalformedError, Rejection, Table, checked_rows

_MOST_SHOWN = 10**18
_PREDICTION = ("prediction", "label", "class")
_CONFIDENCE = ("confidence", "score", "probability")
_HELP = "the v1 protocol has 'instances' and 'predictions', the v2 protocol 'inputs' and 'outputs'"


_UNPAIRED = Rejection(
    "unpaired", "an answer without its request: let the logger's mode be all, and send both events to one sidecar"
)


@dataclass(frozen=True, slots=True)
class Answer:
    prediction: object
    confidence: object = None


def table(pair: Pair, names: Sequence[str], classes: Sequence[str]) -> Table:
    """The rows of a request and its answer.

    A request whose answer did not come is a row without a prediction. An answer whose request did not come is
    rejected: its features would all count as missing. Raises MalformedError and TooManyRowsError.
    """
    answers = response_rows(parsed(pair.response.data, _HELP), classes) if pair.response else None
    if pair.request is None:
        return _rejected(len(answers or ()), _UNPAIRED)
    features = request_rows(parsed(pair.request.data, _HELP), names)
    if answers is not None and len(features) != len(answers):
        sentence = f"the request has {len(features)} rows and its answer {len(answers)}"
        return _rejected(len(features), Rejection("wrong_length", sentence))
    bad = {index: found for index, found in enumerate(features) if isinstance(found, Rejection)}
    documents = [
        {
            "id": pair.key.id if len(features) == 1 else f"{pair.key.id}#{index}",
            "timestamp": pair.request.time,
            "features": found,
            "prediction": answers[index].prediction if answers else None,
            "confidence": answers[index].confidence if answers else None,
        }
        for index, found in enumerate(features)
    ]
    return Rows(documents, bad)


def _rejected(rows: int, why: Rejection) -> Table:
    return Rows([None] * rows, dict.fromkeys(range(rows), why))


def request_rows(data: object, names: Sequence[str]) -> list[dict[str, object] | Rejection]:
    """The features of each row. ``names`` are the features in the spec's order. Raises MalformedError."""
    found = _document(data, "request")
    if "instances" in found:
        instances = found["instances"]
        if not isinstance(instances, list):
            raise MalformedError(f"'instances' must be an array, found {shown(instances)}")
        checked_rows(len(instances))
        return [_instance(instance, names) for instance in instances]
    if "inputs" not in found:
        raise MalformedError(f"the request has neither 'instances' nor 'inputs'; {_HELP}")
    tensors = _tensors(found["inputs"], "inputs")
    if len(tensors) == 1 and (tensors[0].width > 1 or tensors[0].name not in names):
        return [_in_order(row, names) for row in tensors[0].table()]
    columns = {tensor.name: tensor.values for tensor in tensors if tensor.width == 1}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def response_rows(data: object, classes: Sequence[str]) -> list[Answer]:
    """What was answered to each row. ``classes`` are those of the spec's task. Raises MalformedError."""
    found = _document(data, "answer")
    if "predictions" in found:
        predictions = found["predictions"]
        if not isinstance(predictions, list):
            raise MalformedError(f"'predictions' must be an array, found {shown(predictions)}")
        checked_rows(len(predictions))
        return [_prediction(prediction, classes) for prediction in predictions]
    if "outputs" not in found:
        raise MalformedError(f"the answer has neither 'predictions' nor 'outputs'; {_HELP}")
    tensors = _tensors(found["outputs"], "outputs")
    spread = next((tensor for tensor in tensors if tensor.width > 1 or tensor.name == "predict_proba"), None)
    single = [tensor for tensor in tensors if tensor.width == 1 and tensor is not spread]
    sure = next((tensor for tensor in single if tensor.name in _CONFIDENCE), None)
    said = next((tensor for tensor in single if tensor is not sure), None)
    rows = tensors[0].rows
    weighed = [_prediction(row, classes) for row in spread.table()] if spread else [Answer(None)] * rows
    return [
        Answer(
            said.values[row] if said else weighed[row].prediction,
            sure.values[row] if sure else weighed[row].confidence,
        )
        for row in range(rows)
    ]


def _document(data: object, what: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise MalformedError(f"the data of an inference {what} must be an object, found {shown(data)}; {_HELP}")
    return data


def _instance(instance: object, names: Sequence[str]) -> dict[str, object] | Rejection:
    if isinstance(instance, dict):
        # TensorFlow Serving writes a value as an array of one.
        return {str(name): _unwrapped(value) for name, value in instance.items()}
    return _in_order(instance if isinstance(instance, list) else [instance], names)


def _in_order(values: Sequence[object], names: Sequence[str]) -> dict[str, object] | Rejection:
    if len(values) != len(names):
        return _wrong_length(len(values), len(names))
    return dict(zip(names, values, strict=True))


@lru_cache(maxsize=100)
def _wrong_length(found: int, features: int) -> Rejection:
    """One object for any number of rows."""
    return Rejection("wrong_length", f"it has {found} values, and the spec {features} features")


def _unwrapped(value: object) -> object:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _prediction(prediction: object, classes: Sequence[str]) -> Answer:
    """A scalar is the answer; as many numbers as there are classes are their probabilities."""
    if isinstance(prediction, dict):
        said = next((prediction[name] for name in _PREDICTION if name in prediction), None)
        sure = next((prediction[name] for name in _CONFIDENCE if name in prediction), None)
        return Answer(_unwrapped(said), _unwrapped(sure))
    if isinstance(prediction, list) and len(prediction) == len(classes) > 1 and all(map(_is_number, prediction)):
        most = max(prediction)
        return Answer(classes[prediction.index(most)], most)
    return Answer(_unwrapped(prediction))


def _is_number(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True, slots=True)
class _Tensor:
    """``values`` are in row-major order, ``rows`` times ``width``."""

    name: str
    rows: int
    width: int
    values: list[object]

    def table(self) -> list[list[object]]:
        return [self.values[at : at + self.width] for at in range(0, len(self.values), self.width)]


def _tensors(found: object, what: str) -> list[_Tensor]:
    """Tensors of one number of rows, at least one."""
    if not isinstance(found, list) or not found:
        raise MalformedError(f"'{what}' must be an array of tensors, found {shown(found)}")
    tensors = [_tensor(tensor, what) for tensor in found]
    if len({tensor.rows for tensor in tensors}) > 1:
        sizes = ", ".join(str(tensor.rows) for tensor in tensors[:20])
        raise MalformedError(f"the tensors of '{what}' differ in their first dimension: {sizes}")
    return tensors


def _tensor(tensor: object, what: str) -> _Tensor:
    if not isinstance(tensor, dict):
        raise MalformedError(f"a tensor of '{what}' must be an object, found {shown(tensor)}")
    name, shape, data = str(tensor.get("name", ""))[:200], tensor.get("shape"), tensor.get("data")
    if not isinstance(shape, list) or not shape or not all(type(size) is int and size > 0 for size in shape):
        raise MalformedError(f"the tensor {name!a} of '{what}' must have a shape such as [2, 4]")
    if not isinstance(data, list):
        raise MalformedError(f"the tensor {name!a} of '{what}' must have an array as its data: {shown(data)}")
    values = _flat(data)
    rows = checked_rows(shape[0])
    width = math.prod(shape[1:])
    if rows * width != len(values):
        # A product of many large sizes has more digits than Python writes.
        wanted = str(rows * width) if width < _MOST_SHOWN else "far more"
        raise MalformedError(f"the tensor {name!a} of '{what}' has {len(values)} values, and its shape is for {wanted}")
    return _Tensor(name, rows, width, values)


def _flat(values: list[Any]) -> list[object]:
    """Data may be nested like the shape or flat already."""
    while values and all(isinstance(value, list) for value in values):
        values = [inner for value in values for inner in value]
    return values
