"""schemathesis reads /openapi.json of a running sidecar and sends what it describes, and what it does not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import specs
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from modelwatch.exporters.access import TokenFile
from modelwatch.exporters.connections import GuardedProtocol
from modelwatch.exporters.ingest import ARROW, NDJSON
from modelwatch.exporters.listening import bind
from modelwatch.exporters.server import create_app
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.model import types as t

# Not "negative data is rejected": rows that are wrong are named in a 200 where others are good. Nor "what fits the
# schema is accepted": which names of features there are is the spec's affair.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]


@schemathesis.serializer(*NDJSON, *ARROW)
def as_bytes(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return str(getattr(value, "value", value)).encode("utf-8", "replace")


def _serve(app: Any) -> tuple[uvicorn.Server, socket.socket]:
    bound = bind("127.0.0.1:0")
    server = uvicorn.Server(
        uvicorn.Config(app, http=GuardedProtocol, log_config=None, access_log=False, lifespan="off")
    )
    threading.Thread(target=server.run, args=([bound],), daemon=True).start()
    return server, bound


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """URLs of a sidecar that is open, and of one that asks for a token."""
    folder = tmp_path_factory.mktemp("data")
    reference = specs.write_reference(folder / "reference.csv", 500)
    (folder / "token").write_text("secret\n")
    sidecar = Sidecar(specs.fleet(specs.model(baseline=t.Baseline(data=str(reference)))))
    sidecar.load()
    guarded = create_app(sidecar, tokens=TokenFile(folder / "token"), protect_metrics=True)
    running = {"open": _serve(create_app(sidecar)), "guarded": _serve(guarded)}
    yield {name: f"http://127.0.0.1:{bound.getsockname()[1]}" for name, (_, bound) in running.items()}
    for server, _ in running.values():
        server.should_exit = True


PHASES = [Phase.explicit, Phase.generate]
OPERATIONS = [
    "GET /v1/models",
    "GET /v1/models/{model}",
    "POST /v1/models/{model}/predictions",
    "POST /v1/cloudevents",
    "GET /metrics",
    "GET /healthz",
    "GET /readyz",
]


def _ask(url: str, label: str, examples: int, checks: list[Any], **options: Any) -> None:
    """Send what schemathesis makes of the operation, valid and not, and hold the answers against the description."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    found = {result.ok().label: result.ok() for result in schema.get_all_operations()}
    assert found.keys() - {"GET /openapi.json"} == set(OPERATIONS)
    for mode in GenerationMode:

        @settings(max_examples=examples, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
        @given(found[label].as_strategy(generation_mode=mode), st.booleans())
        def asked(case: schemathesis.Case, known: bool) -> None:
            if known and "model" in (case.path_parameters or {}):
                case.path_parameters["model"] = specs.NAME
            case.call_and_validate(checks=checks, **options)

        try:
            asked()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, "an operation without parameters cannot be asked wrongly"


@pytest.mark.parametrize("label", OPERATIONS)
def test_answers_are_those_that_the_description_names(served: dict[str, str], label: str) -> None:
    _ask(served["open"], label, 40 if label.startswith("POST") else 5, CHECKS)


@pytest.mark.parametrize("label", OPERATIONS)
def test_where_a_token_is_asked_for_the_description_says_so(served: dict[str, str], label: str) -> None:
    bearer = {"Authorization": "Bearer secret"}
    _ask(served["guarded"], label, 5, [*CHECKS, ignored_auth], headers=bearer)
