"""Structured, redacted logs of a service, and rows of its predictions for the sidecar."""
