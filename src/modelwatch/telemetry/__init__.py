"""The telemetry contract: every metric, label, span, attribute and log field, written once."""
