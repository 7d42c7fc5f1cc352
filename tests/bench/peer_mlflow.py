"""Four functions under MLflow's decorator; run in an environment of its own. Prints JSON.

MLflow sends to the collector that OpenTelemetry's variable names; here the sending itself is made to do nothing. It has
to be told of a tracking server, which is not spoken to: without one it looks for a database at every span.
"""

import os

os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = "http://127.0.0.1:9/v1/traces"
os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf"
os.environ["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:9"

import mlflow
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult
from peer_decorated import decorated, print_cpu

if __name__ == "__main__":
    OTLPSpanExporter.export = lambda self, spans: SpanExportResult.SUCCESS
    print_cpu(decorated(mlflow.trace))
