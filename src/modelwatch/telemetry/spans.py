"""Span names, attributes and resource attributes that the helpers emit and the Collector's config reads.

OpenTelemetry has no convention for classical ML inference, so these live in a namespace of their own;
everything that has a convention (service.*, deployment.*, error.type) uses it.
"""

from __future__ import annotations

from dataclasses import dataclass

# The span of one request; its stages are children named after the stage.
INFERENCE_SPAN = "inference"
# The span of requests that are answered together; it has links to theirs.
BATCH_SPAN = "batch"
# A span of a microsecond in a batch's trace: a request was found to be kept after the batch's own span had gone.
KEPT_SPAN = "kept later"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One span or resource attribute: ``key``, value ``type`` ("string", "double", "int", "boolean") and meaning."""

    key: str
    type: str
    help: str

    @property
    def label(self) -> str:
        """The Prometheus label that the Collector makes of it."""
        return self.key.replace(".", "_")


MODEL_NAME = Attribute("modelwatch.model.name", "string", "metadata.name of the spec")
MODEL_VERSION = Attribute("modelwatch.model.version", "string", "version of the model that answered")
STAGE = Attribute("modelwatch.stage", "string", "preprocessing, predict, postprocessing or a named stage")
OUTCOME = Attribute("modelwatch.outcome", "string", "success or error")
CONFIDENCE = Attribute("modelwatch.confidence", "double", "confidence of the answer, 0 to 1")
LOW_CONFIDENCE = Attribute("modelwatch.low_confidence", "boolean", "the confidence is below tracing.low_confidence")
DRIFTED = Attribute("modelwatch.drifted", "boolean", "the service marks the request: its model has drifted")
BATCH_SIZE = Attribute("modelwatch.batch.size", "int", "rows answered by this request")
BATCH_KEPT = Attribute("modelwatch.batch.kept", "boolean", "the trace of one of the batch's requests is kept")
ERROR_TYPE = Attribute("error.type", "string", "class of the exception, by OpenTelemetry's convention")

# Only on spans of models that have the limit, so it is in the contract but in no list of what every span may have.
OVER_LIMIT = Attribute(
    "modelwatch.over_limit", "boolean", "more than tracing.max_spans_per_second: not kept as one of the share"
)

# Before a feature's name: features that tracing.features of the spec lists, and no others.
FEATURE_PREFIX = "modelwatch.feature."

SPAN_ATTRIBUTES = (
    MODEL_NAME,
    MODEL_VERSION,
    STAGE,
    OUTCOME,
    CONFIDENCE,
    LOW_CONFIDENCE,
    DRIFTED,
    BATCH_SIZE,
    BATCH_KEPT,
    ERROR_TYPE,
)

SERVICE_NAME = Attribute("service.name", "string", "serving.job of the spec")
SERVICE_VERSION = Attribute("service.version", "string", "version of the service")
SERVICE_INSTANCE = Attribute("service.instance.id", "string", "one per process")
ENVIRONMENT = Attribute("deployment.environment.name", "string", "serving.environment of the spec")
RESOURCE_ATTRIBUTES = (SERVICE_NAME, SERVICE_VERSION, SERVICE_INSTANCE, ENVIRONMENT)
CONTRACT = (*SPAN_ATTRIBUTES, OVER_LIMIT, *RESOURCE_ATTRIBUTES)

# What other instrumentation may add to the helpers' spans, by OpenTelemetry's conventions; the rest stays out.
ADDED = ("http.request.method", "http.response.status_code", "http.route")
NAMESPACE = "modelwatch."

# The exemplar label that links a histogram bucket to its trace; Grafana's exemplarTraceIdDestinations names it.
EXEMPLAR_TRACE_ID = "trace_id"
EXEMPLAR_SPAN_ID = "span_id"
